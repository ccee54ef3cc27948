"""Run a training step on fake tensors, to count operations and memory."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from zoo.compute.device import autocast
from zoo.model.param_groups import named_params
from zoo.overrides import optimizers_without_compiler
from zoo.parallel.clip import clip_grad_norm_
from zoo.recipe.dry_run import unchanged_randomness
from zoo_measure.flops import Flops
from zoo_measure.memory import LiveBytes

if TYPE_CHECKING:
    from zoo.model.decoder import Decoder
    from zoo.recipe.recipe import Recipe

STEPS = 2  # the optimizer makes its state in the first one


@dataclass(frozen=True)
class Rehearsal:
    """What a step takes.

    Attributes:
        parameters: of each part of the model, those of all layers together.
        forward: floating-point operations a token, of each part.
        training: floating-point operations a token of forward, loss and backward.
        weights, gradients, optimizer: bytes.
        activations: bytes that forward keeps for backward, of one micro-batch.
        peak: the most bytes that live at once.
    """

    parameters: dict[str, int]
    forward: dict[str, float]
    training: float
    weights: int
    gradients: int
    optimizer: int
    activations: int
    peak: int

    @property
    def total_parameters(self) -> int:
        return sum(self.parameters.values())

    @property
    def non_embedding(self) -> int:
        return self.total_parameters - self.parameters["embedding"]


def parts_of(model: Decoder) -> dict[str, nn.Module]:
    """The model's parts by path, none inside another."""
    parts = {name: part for name, part in model.named_children() if name != "blocks"}
    for layer, block in enumerate(model.blocks):
        parts |= {f"blocks.{layer}.{name}": part for name, part in block.named_children()}
    return parts


def kind_of_part(path: str) -> str:
    """A part's path without its layer.

    >>> kind_of_part("blocks.3.attention_norm"), kind_of_part("head")
    ('attention_norm', 'head')
    """
    return path.split(".", 2)[2] if path.startswith("blocks.") else path


def rehearse(
    recipe: Recipe, vocab_size: int, rows: int, device: torch.device, precision: str
) -> Rehearsal:
    """Goes through steps with micro-batches of ``rows``, on tensors that have no values.

    A model or an optimizer that needs values gets them, and is tried on a single row.
    """
    found = rehearse_without_values(recipe, vocab_size, rows, device, precision)
    if found is not None:
        return found
    with unchanged_randomness():
        model = recipe.model(vocab_size, recipe.train.seed)
        return try_forward(recipe, model, 1, rows, device, precision)


def rehearse_without_values(
    recipe: Recipe, vocab_size: int, rows: int, device: torch.device, precision: str
) -> Rehearsal | None:
    """``rehearse`` that never takes memory; None where a part needs values."""
    with optimizers_without_compiler(), unchanged_randomness():
        with torch.device("meta"):
            model = recipe.model(vocab_size, recipe.train.seed)
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):
                return try_forward(recipe, model, rows, rows, device, precision)
        except (RuntimeError, TypeError, ValueError):
            return None


def try_forward(
    recipe: Recipe, model: Decoder, rows: int, asked: int, device: torch.device, precision: str
) -> Rehearsal:
    """Steps on ``rows``, and what follows from them for the rows that were asked for."""
    length = model.dims.max_seq_len
    forward, training = Flops(), Flops()
    with LiveBytes() as live:
        put_on(device, model)
        weights = live.now
        params = named_params(model, recipe.params)
        made = recipe.optimizer(params)
        optimizers: list[torch.optim.Optimizer] = made if isinstance(made, list) else [made]
        ids = torch.zeros(rows, length + 1, dtype=torch.long, device=device)
        following = forward.within(parts_of(model))
        with torch.no_grad(), forward, following, autocast(device, precision):
            model(ids[:, :-1])
        resting = live.now
        for _ in range(STEPS):
            before = live.peak = live.now
            with training:
                with autocast(device, precision):
                    total = model(ids[:, :-1], ids[:, 1:]).total
                kept = live.now - before
                total.backward()
            del total
            gradients = sum(p.tensor.grad.nbytes for p in params if p.tensor.grad is not None)
            clip_grad_norm_([p.tensor for p in params], recipe.train.clip or math.inf)
            for optimizer in optimizers:
                optimizer.step()
            for param in params:
                param.tensor.grad = None
        state, peak = live.now - resting, live.peak

    tokens = rows * length
    of_kind: Counter[str] = Counter()
    for path, flops in forward.parts.items():
        of_kind[kind_of_part(path)] += flops
    return Rehearsal(
        parameters=count_by_kind(model),
        forward={kind: flops / tokens for kind, flops in of_kind.items()},
        training=training.total / STEPS / tokens,
        weights=weights,
        gradients=gradients,
        optimizer=state,
        activations=kept * asked // rows,
        peak=peak + kept * (asked - rows) // rows,
    )


def put_on(device: torch.device, model: nn.Module) -> None:
    """Gives a model weights on a device, values only where it has some; shared ones once."""
    moved: dict[Tensor, Tensor] = {}
    for module in model.modules():
        kept: list[dict[str, Any]] = [module._parameters, module._buffers]
        for tensors in kept:
            for name, tensor in tensors.items():
                if tensor is None:
                    continue
                if tensor not in moved:
                    new = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    if not tensor.is_meta:
                        new.copy_(tensor.detach())
                    is_parameter = isinstance(tensor, nn.Parameter)
                    moved[tensor] = nn.Parameter(new, tensor.requires_grad) if is_parameter else new
                tensors[name] = moved[tensor]


def count_by_kind(model: Decoder) -> dict[str, int]:
    """Parameters of each part, all layers together; a shared one counts where it comes first."""
    counted: set[Tensor] = set()
    numbers: dict[str, int] = {}
    for path, part in parts_of(model).items():
        new = [tensor for tensor in part.parameters() if tensor not in counted]
        counted.update(new)
        kind = kind_of_part(path)
        numbers[kind] = numbers.get(kind, 0) + sum(tensor.numel() for tensor in new)
    return numbers
