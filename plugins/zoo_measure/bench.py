"""Real steps of the real trainer, timed: how fast, and which part of a step the time goes to."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zoo.compute.device import choose_device, choose_precision, prepare_device
from zoo.console.progress import track
from zoo.contracts import UNKNOWN_VOCAB
from zoo.data.prepare import TokenData, find_prepared
from zoo.data.shards import Tokens, TokenWriter
from zoo.parallel.group import Group
from zoo.training.loop import Session
from zoo.training.start import trainer_for
from zoo.training.trainer import PHASES as STEP_PHASES
from zoo.training.trainer import Trainer
from zoo_measure.flops import product_rate, synchronize
from zoo_measure.memory import peak_bytes
from zoo_measure.part_timing import Part, time_parts
from zoo_measure.rehearsal import rehearse

if TYPE_CHECKING:
    from zoo.recipe.recipe import Recipe

RANDOM_TOKENS = 2**20
WARM_UP = 3  # steps: compilation, first allocations, the optimizer's state
PHASES = (*STEP_PHASES[:-1], "observers", STEP_PHASES[-1])


@contextmanager
def tokens_to_time(recipe: Recipe) -> Iterator[TokenData]:
    """The recipe's tokens if they are prepared, else random ones, which are gone afterwards.

    What a step costs doesn't depend on what the tokens say.
    """
    prepared = find_prepared(recipe)
    if prepared is not None:
        yield prepared
        return
    vocab_size = recipe.tokenizer().vocab_size or UNKNOWN_VOCAB
    n_tokens = max(RANDOM_TOKENS, 4 * (recipe.model.options["max_seq_len"] + 1))
    ids = np.random.default_rng(0).integers(0, vocab_size, n_tokens, dtype=np.int32)
    with tempfile.TemporaryDirectory() as folder:
        label = "random tokens, since the recipe's are not prepared"
        yield data_of(ids, vocab_size, Path(folder), label)


def data_of(ids: np.ndarray, vocab_size: int, folder: Path, label: str) -> TokenData:
    """Ids (n,) written to a folder, as training and as validation tokens."""
    splits = {}
    for split in ("train", "valid"):
        with TokenWriter(folder, split, vocab_size=vocab_size, eot=0) as writer:
            writer.add_batch(ids, np.array([0, len(ids)]), len(ids))
        splits[split] = Tokens(folder, split, writer.meta)
    tokenizer: Any = RandomIds(vocab_size)
    return TokenData(
        **splits, tokenizer=tokenizer, label=label, notice=None, dir=folder, key="random"
    )


@dataclass(frozen=True)
class RandomIds:
    """In a tokenizer's place where there is no text."""

    vocab_size: int
    eot: int = 0

    def token_bytes(self) -> np.ndarray:
        return np.ones(self.vocab_size, dtype=np.int64)


class Stopwatch:
    """Seconds by phase; one phase lasts until the next begins."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._phase = "other"
        self._since = time.perf_counter()

    def begin(self, phase: str) -> None:
        synchronize(self.device)
        now = time.perf_counter()
        self.seconds[self._phase] += now - self._since
        self._phase, self._since = phase, now


@dataclass
class Contender:
    """A recipe's trainer and the times of its steps."""

    recipe: Recipe
    trainer: Trainer
    first_step: float = 0.0
    steps: list[dict[str, float]] = field(default_factory=list)

    def step(self) -> float:
        """One step; how many seconds it took."""
        trainer = self.trainer
        trainer.step %= trainer.total_steps
        synchronize(trainer.device)
        start = time.perf_counter()
        trainer.train_step()
        synchronize(trainer.device)
        return time.perf_counter() - start

    def watched_step(self) -> None:
        watch = Stopwatch(self.trainer.device)
        with self.trainer.announcing(watch.begin):
            self.step()
            watch.begin("other")
        self.steps.append(watch.seconds)

    @property
    def seconds(self) -> float:
        """Of a step: the median."""
        return statistics.median(sum(step.values()) for step in self.steps)

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.trainer.plan.tokens / self.seconds

    @property
    def parameters(self) -> int:
        return sum(p.tensor.numel() for p in self.trainer.params)

    def phases(self) -> dict[str, float]:
        """Seconds of each phase of a step: the mean of the middle half of the steps."""
        steps = sorted(self.steps, key=lambda step: sum(step.values()))
        aside = len(steps) // 4
        middle = steps[aside : len(steps) - aside]
        return {phase: statistics.fmean(step[phase] for step in middle) for phase in PHASES}


def contender(recipe: Recipe, data: TokenData, device: torch.device, precision: str) -> Contender:
    return Contender(recipe, trainer_for(recipe, data, Group(), device, precision))


def run_steps(
    contenders: Sequence[Contender], steps: int, advance: Callable[[float], None]
) -> None:
    """Times steps of the contenders, who take turns."""
    for one in contenders:
        one.first_step = one.step()
        advance(1)
    for nth in range(1, WARM_UP + steps):
        for one in contenders:
            if nth < WARM_UP:
                one.step()
            else:
                one.watched_step()
            advance(1)


def observers_seconds(one: Contender, calls: int) -> float:
    """What the recipe's observers take of a step, writing to a folder that is gone afterwards."""
    silent = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(silent), redirect_stdout(silent):
        session = Session(one.recipe, one.trainer, Path(folder))
        session.notify("run_started")
        start = time.perf_counter()
        for _ in range(calls):
            session.record("train", "step_ended", lr=1.0, loss=1.0, grad_norm=1.0)
        seconds = time.perf_counter() - start
        session.notify("run_ended", session.summary("finished"))
    return seconds / calls / one.recipe.train.log_every


@dataclass
class Report:
    """What ``measure`` found out; seconds and bytes, all of one step unless it says otherwise.

    ``flops`` counts matrix products a token, forward, loss and backward; ``product_rate`` is the
    most that square products reached in this run. ``parts`` are those of the model, each timed
    alone.
    """

    name: str
    data: str
    device: str
    precision: str
    compiled: bool
    threads: int
    parameters: int
    step_tokens: int
    micro_batch: int
    micro_batches: int
    steps: int
    first_step: float
    step: float
    phases: dict[str, float]
    flops: float
    product_rate: float
    peak_memory: int | None
    parts: list[Part]

    @property
    def tokens_per_s(self) -> float:
        return self.step_tokens / self.step

    @property
    def flops_per_s(self) -> float:
        return self.flops * self.tokens_per_s

    def seconds_of(self, part: Part) -> tuple[float, float]:
        """Of all calls of a part in a step, forward and backward."""
        calls = part.calls * self.micro_batches
        return calls * part.forward, calls * part.backward

    @property
    def excess(self) -> float:
        """The longest part alone, over forward, loss and backward of real steps.

        Above 1 the parts were timed on another machine, as it were: one with more else to do.
        """
        within = sum(self.phases[phase] for phase in ("forward", "loss", "backward"))
        return max((sum(self.seconds_of(part)) for part in self.parts), default=0.0) / within


def measure(recipe: Recipe, steps: int, say: Callable[[str], None] = lambda doing: None) -> Report:
    """Trains some steps and times them, then every part of the model alone; keeps nothing.

    Raises:
        ZooError: what the recipe asks for can't be had here.
    """
    device = choose_device(recipe.train.device)
    prepare_device(device)
    precision = choose_precision(recipe.train.precision, device)
    with tokens_to_time(recipe) as data:
        say(data.label)
        one = contender(recipe, data, device, precision)
        rate = product_rate(device, precision)
        with track("training", WARM_UP + steps, "steps") as advance:
            run_steps([one], steps, advance)
        peak = peak_bytes(device)
        rate = max(rate, product_rate(device, precision))
        watching = observers_seconds(one, steps)
        parts = time_parts(one.trainer, lambda n: track("timing parts", n))
        plan, model = one.trainer.plan, one.trainer.model
        rehearsal = rehearse(recipe, model.dims.vocab_size, plan.micro_batch, device, precision)
    return Report(
        name=recipe.name,
        data=data.label,
        device=str(device),
        precision=precision,
        compiled=one.trainer.compiled,
        threads=torch.get_num_threads(),
        parameters=one.parameters,
        step_tokens=plan.tokens,
        micro_batch=plan.micro_batch,
        micro_batches=plan.rows_per_rank // plan.micro_batch,
        steps=steps,
        first_step=one.first_step,
        step=one.seconds,
        phases={**one.phases(), "observers": watching},
        flops=rehearsal.training,
        product_rate=rate,
        peak_memory=peak,
        parts=parts,
    )


def compare(
    recipes: Sequence[Recipe], steps: int, say: Callable[[str], None] = lambda doing: None
) -> list[Contender]:
    """Times the steps of several recipes, who take turns, on tokens of the first one."""
    device = choose_device(recipes[0].train.device)
    prepare_device(device)
    with tokens_to_time(recipes[0]) as data:
        say(data.label)
        contenders = [
            contender(recipe, data, device, choose_precision(recipe.train.precision, device))
            for recipe in recipes
        ]
        with track("training", len(recipes) * (WARM_UP + steps), "steps") as advance:
            run_steps(contenders, steps, advance)
    return contenders
