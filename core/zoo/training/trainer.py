"""One training step, one evaluation, and the state that a checkpoint stores."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from zoo.compute.compiling import compile_blocks, compiling
from zoo.compute.device import autocast
from zoo.data import batches as token_data
from zoo.errors import ZooError
from zoo.model.build import derived_seed
from zoo.model.decoder import Decoder, Scored
from zoo.model.param_groups import named_params
from zoo.overrides import uncompiled
from zoo.parallel.group import Group
from zoo.parallel.strategy import strategy_for
from zoo.run_files.optimizer_state import flatten_optimizers
from zoo.training.feed import Feed, on_device, plan_batch

if TYPE_CHECKING:
    from zoo.data.prepare import TokenData
    from zoo.recipe.recipe import Recipe

PHASES = ("data", "forward", "loss", "backward", "clip", "optimizer", "other")
"""What a step is made of, as announced; "other" is what belongs to none of the rest."""

SKIPPED_AT_MOST = 10  # steps in a row; weights that are broken make every step so


class SavedTensors(NamedTuple):
    """What a checkpoint holds beside numbers: ``numbers`` are the optimizers', as JSON."""

    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    numbers: list[Any]


class Trainer:
    """A model, its optimizer and where they are in the run.

    Args:
        recipe: what to train and how.
        data: the tokens.
        group: the processes that train together.
        device, precision: where and how to compute.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: TokenData,
        group: Group,
        device: torch.device,
        precision: str,
    ) -> None:
        settings = recipe.train
        self.data = data
        self.group = group
        self.device = device
        self.precision = precision
        self.seed = settings.seed
        self.clip = settings.clip
        self.on_nonfinite = settings.on_nonfinite
        self.skipped_in_a_row = 0
        self.total_steps = recipe.total_steps
        self.step = 0

        self.model: Decoder = recipe.model(data.tokenizer.vocab_size, self.seed).to(device)
        self.plan = plan_batch(
            settings.batch_tokens, self.model.dims.max_seq_len, group.world, settings.micro_batch
        )
        data.train.n_windows(self.plan.length)  # refused now if there is not even one
        self.params = named_params(self.model, recipe.params)
        made = recipe.optimizer(self.params)
        self.optimizers: list[torch.optim.Optimizer] = made if isinstance(made, list) else [made]
        for param_group in self._param_groups():
            param_group.setdefault("initial_lr", param_group["lr"])
        self.multiplier = (
            recipe.scheduler(self.total_steps) if recipe.scheduler else lambda step: 1.0
        )
        self.feed = Feed(data.train, self.plan, seed=self.seed, rank=group.rank, device=device)
        self.phase: Callable[[str], None] = nobody_listens
        self.compiled = False
        self.strategy = strategy_for(group, self.model)
        self._token_bytes = token_data.bytes_of_text(data.valid, data.tokenizer)
        self._valid = token_data.valid_windows(data.valid, settings.eval_tokens, self.plan.length)

    def compile(self, *, forgiving: bool = True) -> None:
        """From now on runs compiled code, made at its first use and kept in zoo's cache folder.

        What can't be compiled runs as it is written, or raises where that isn't to be forgiven.
        """
        compile_blocks(self.model.blocks, self.device, forgiving=forgiving)
        self.compiled = True

    @property
    def operations(self) -> float:
        """About how many operations the whole run takes: 6 a weight and token in its products."""
        weights = sum(p.tensor.numel() for p in self.params if p.role != "embedding")
        return 6.0 * weights * self.total_steps * self.plan.tokens

    @property
    def tokens(self) -> int:
        """Tokens trained on so far."""
        return self.step * self.plan.tokens

    @property
    def names(self) -> dict[Tensor, str]:
        """Each parameter's name, under which its optimizer state is saved."""
        return {p.tensor: p.name for p in self.params}

    def state(self) -> SavedTensors:
        """Weights and optimizer state, whole, for a checkpoint; every rank must ask."""
        tensors, numbers = flatten_optimizers(self.optimizers, self.names)
        gathered = self.strategy.gathered
        return SavedTensors(gathered(self.model.state_dict()), gathered(tensors), numbers)

    def lr_at(self, step: int) -> float:
        """The learning rate of the first parameter group at this step."""
        multiplier = getattr(self.optimizers[0], "lr_multiplier", self.multiplier)
        return float(self._param_groups()[0]["initial_lr"] * multiplier(step))

    def train_step(self, stopping: bool = False) -> tuple[dict[str, float], bool]:
        """One update. Returns what was measured, and whether any rank was asked to stop.

        ``loss`` is the mean −log p of the targets in nats, as in validation; ``objective`` is what
        was minimised: that with what the loss and the model's parts add to it (z-loss, balance).

        An objective or gradient norm that is not finite on any rank updates nothing on all. So the
        step waits for the device once, after the gradients and before the update: whatever is read
        comes in that one transfer, and the next batch is on its way by then. What the update and
        the statistics take is done while the host prepares the next step.

        Raises:
            ZooError: there was one, and the recipe does not skip such steps, or too many in a row.
        """
        step = self.step
        # Whatever a component draws in a step is a function of (seed, step, rank): nothing to save.
        torch.manual_seed(derived_seed(self.seed, "step", step, self.group.rank))
        for param_group in self._param_groups():
            param_group["lr"] = param_group["initial_lr"] * self.multiplier(step)

        sums: list[Tensor] = []  # two a micro-batch, left on the device
        stats: dict[str, dict[str, Tensor]] = {}
        self.phase("data")
        micro_batches = self.feed.batch(step).split(self.plan.micro_batch)
        for nth, rows in enumerate(micro_batches):
            with self.strategy.accumulating(last=nth == len(micro_batches) - 1):
                self.phase("forward")
                scored = self._score(self.strategy.module, rows[:, :-1], rows[:, 1:], self.compiled)
                self.phase("backward")
                # The gradient is that of the mean over the tokens of all ranks.
                (scored.total * (self.strategy.averaged_over / self.plan.tokens)).backward()
            sums += (scored.total.detach(), scored.parts["nll"].detach())
            add_stats(stats, scored.stats)
        self.phase("clip")
        if step == 0:
            self._check_every_parameter_took_part()
        total_norm = self.strategy.clip([p.tensor for p in self.params], self.clip or math.inf)
        self.phase("data")
        if step + 1 < self.total_steps:
            self.feed.prepare(step + 1)
        self.phase("other")

        *here, norm = fetched([*sums, total_norm])
        objective, loss, stopped = self._over_all_ranks(here[::2], here[1::2], [stopping])
        objective, loss = objective / self.plan.tokens, loss / self.plan.tokens
        if math.isfinite(objective) and math.isfinite(norm):
            self._update(stats)
            self.skipped_in_a_row = 0
        else:
            self._skip(objective, norm)
        self.step += 1
        return {"loss": loss, "objective": objective, "grad_norm": norm}, bool(stopped)

    def _over_all_ranks(self, *numbers: Sequence[float]) -> list[float]:
        """The sum of each list of numbers, over all ranks."""
        sums = torch.tensor([added(each) for each in numbers], dtype=torch.float64)
        summed: list[float] = self.group.sum_(sums).tolist()
        return summed

    @contextmanager
    def announcing(self, listener: Callable[[str], None]) -> Iterator[None]:
        """Inside, ``listener(phase)`` is called where one of ``PHASES`` begins in a training step.

        It lasts until the next begins; with several micro-batches, each comes several times. All
        are announced outside the blocks, which may be compiled. A loss that is no module counts as
        forward.
        """

        def loss_begins(*_: object) -> None:
            if self.model.training:
                listener("loss")

        with ExitStack() as stack:
            if isinstance(self.model.loss, nn.Module):
                stack.callback(self.model.loss.register_forward_pre_hook(loss_begins).remove)
            self.phase = listener
            stack.callback(setattr, self, "phase", nobody_listens)
            yield

    def _update(self, stats: dict[str, dict[str, Tensor]]) -> None:
        self.phase("optimizer")
        with compiling(self.compiled):
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
        self.phase("other")
        self._hand_back(stats)

    def _skip(self, objective: float, norm: float) -> None:
        """Skip the update, or raise. Inputs are all-reduced, so all ranks take the same branch."""
        self.skipped_in_a_row += 1
        number = self.step + 1  # as in metrics.jsonl
        first, last = self.step * self.plan.rows, number * self.plan.rows - 1
        told = (
            f"step {number} (rows {first} to {last} of the text's order): "
            f"loss {objective}, gradient norm {norm}"
        )
        if broken := self._not_finite(lambda param: param.detach()):
            raise ZooError(
                f"{told}, and {broken} not finite: stopped before the update; what is saved is "
                "finite. If this comes again from the last checkpoint, train again, with a lower "
                "learning rate (--set optimizer.lr=…); if not, the machine may be at fault"
            )
        if bad := self._not_finite(lambda param: param.grad):
            told += f", not finite for {bad}"
        if self.on_nonfinite == "stop":
            raise ZooError(
                f"{told}: stopped before the update. A run keeps its recipe; in a new one, a lower "
                "learning rate (--set optimizer.lr=…), a longer warm-up or train.clip may help, "
                'and train.on_nonfinite = "skip" goes on without such steps'
            )
        if self.skipped_in_a_row >= SKIPPED_AT_MOST:
            raise ZooError(
                f"{told}: the {self.skipped_in_a_row}th step in a row; the run will not recover. "
                "Train again, with a lower learning rate (--set optimizer.lr=…)"
            )
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        if self.group.is_first:
            warnings.warn(f"{told}: skipped", stacklevel=2)

    def _not_finite(self, tensor_of: Callable[[Tensor], Tensor | None]) -> str:
        """The names of the parameters of which this is not finite, on any rank."""
        tensors = [tensor_of(param.tensor) for param in self.params]
        here = [tensor is not None and not tensor.isfinite().all() for tensor in tensors]
        anywhere = self.group.sum_(torch.tensor(here, dtype=torch.int64))
        names = [self.params[index].name for index in anywhere.nonzero().flatten().tolist()]
        return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")

    @torch.no_grad()
    def evaluate(self, stopping: Callable[[], bool] = lambda: False) -> dict[str, float] | None:
        """Mean −log p of the validation tokens in nats, and bits per byte of their text.

        None if any rank was asked to stop before it was done.
        """
        world, micro_batch = self.group.world, self.plan.micro_batch
        mine = self._valid[self.group.rank :: world]
        sums: list[tuple[Tensor, int, float]] = []  # the first left on the device
        self._swap("eval")
        self.model.eval()
        # The first time, training waits: that is over before compiled code is loaded, or made.
        compiled = self.compiled and self.step > 0
        try:
            for at in range(0, -(-len(self._valid) // world), micro_batch):
                if self.group.any(stopping()):
                    return None
                if at < len(mine):
                    sums.append(self._sums_of(mine[at : at + micro_batch], compiled))
        finally:
            self.model.train()
            self._swap("train")
        nlls, tokens_of, bytes_of = zip(*sums, strict=True) if sums else ((), (), ())
        nll, n_tokens, n_bytes = self._over_all_ranks(fetched(nlls), tokens_of, bytes_of)
        return {"loss": nll / n_tokens, "bits_per_byte": nll / math.log(2) / n_bytes}

    def _sums_of(self, windows: np.ndarray, compiled: bool) -> tuple[Tensor, int, float]:
        """Of some validation windows: −log p, number of tokens, bytes of their text."""
        stored = token_data.windows(self.data.valid, windows, self.plan.length)
        n_bytes = self._token_bytes[stored[:, 1:]].sum()
        rows = on_device(stored, self.device)
        ids, targets = rows[:, :-1], rows[:, 1:]
        # As many rows as in training, so that no code is compiled for the last few.
        lacking = (0, 0, 0, self.plan.micro_batch - len(rows))
        padded = pad(ids, lacking), pad(targets, lacking, value=-1)
        scored = self._score(self.model, *padded, compiled)
        return scored.parts["nll"], targets.numel(), float(n_bytes)

    def _score(self, model: nn.Module, ids: Tensor, targets: Tensor, compiled: bool) -> Scored:
        blocks = (
            uncompiled(self.model.modules()) if self.compiled and not compiled else nullcontext()
        )
        with blocks, compiling(compiled), autocast(self.device, self.precision):
            scored: Scored = model(ids, targets)
        return scored

    def _param_groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _swap(self, mode: str) -> None:
        """Optimizers that evaluate other weights than they train (schedule-free ones) swap them."""
        for optimizer in self.optimizers:
            if callable(swap := getattr(optimizer, mode, None)):
                swap()

    def _check_every_parameter_took_part(self) -> None:
        idle = [p.name for p in self.params if p.tensor.grad is None]
        if idle:
            raise ZooError(
                f"no gradient reached {', '.join(idle)}: every parameter of a component must take "
                "part in every training forward, as zoo.testing.check tells of each component"
            )

    def _hand_back(self, stats: dict[str, dict[str, Tensor]]) -> None:
        for path, values in stats.items():
            summed = {name: self.group.sum_(value) for name, value in values.items()}
            if callable(hear := getattr(self.model.get_submodule(path), "after_step", None)):
                hear(summed)


def add_stats(into: dict[str, dict[str, Tensor]], new: Mapping[str, Mapping[str, Tensor]]) -> None:
    for path, values in new.items():
        sums = into.setdefault(path, {})
        for name, value in values.items():
            sums[name] = sums[name] + value.detach() if name in sums else value.detach().clone()


def nobody_listens(phase: str) -> None:
    pass


def fetched(numbers: Sequence[Tensor]) -> list[float]:
    """Numbers, 0-dim tensors of one device, read together: training waits for a device here alone.

    They come as they are and are added on the host, since not every device has float64.
    """
    values: list[float] = torch.stack(list(numbers)).tolist() if numbers else []
    return values


def added(numbers: Iterable[float]) -> float:
    """One after the other; ``sum`` compensates for roundings from Python 3.12 on, not before."""
    total = 0.0
    for number in numbers:
        total += number
    return total
