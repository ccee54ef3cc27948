"""Time each module of a model alone on its training inputs."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zoo.compute.compiling import compiled, compiling
from zoo.compute.device import autocast
from zoo.overrides import uncompiled
from zoo_measure.flops import synchronize

if TYPE_CHECKING:
    from zoo.training.trainer import Trainer

ROUNDS = 5
WARM_UP = 2
Progress = Callable[[int], AbstractContextManager[Callable[[float], None]]]
POSITION_METHODS = {
    "add": "position",
    "rotate": "attention.position.rotate",
    "bias": "attention.position.bias",
}


@dataclass
class Part:
    """Calls that do the same work: of one module in every layer, or of one method.

    Attributes:
        name: the path without the layer, such as "attention.qkv".
        type: the class.
        depth: how many other parts it is called within, whose times include its own.
        calls: how often it is called in the forward of a micro-batch.
        forward, backward: seconds of a call.
    """

    name: str
    type: str
    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    params: list[nn.Parameter]
    depth: int
    calls: int = 1
    forward: float = 0.0
    backward: float = 0.0


def time_parts(trainer: Trainer, progress: Progress) -> list[Part]:
    """Times every part of the trainer's model alone, forward and backward, in turns.

    The least time of a few is taken: what else the machine does can only lengthen it.

    ``progress(n)`` is entered with how often a part will be timed, and yields what to call then.

    Parts are told apart by what they are and in which place; what a plug-in's part is called makes
    no difference. Where the blocks are compiled, each part is compiled by itself.
    """
    with uncompiled(trainer.model.modules()), compiling(trainer.compiled):
        parts = capture(trainer)
        for part in parts:
            part.call = compiled(part.call)
        times: list[list[tuple[float, float]]] = [[] for _ in parts]
        with progress(len(parts) * (WARM_UP + ROUNDS)) as advance:
            for _ in range(WARM_UP + ROUNDS):
                for part, measured in zip(parts, times, strict=True):
                    measured.append(time_part(part, trainer.device, trainer.precision))
                    advance(1)
    for part, measured in zip(parts, times, strict=True):
        forward, backward = zip(*measured[WARM_UP:], strict=True)
        part.forward, part.backward = min(forward), min(backward)
    return parts


def capture(trainer: Trainer) -> list[Part]:
    """The parts of the model with what they are given in one micro-batch."""
    model = trainer.model
    found: dict[Any, Part] = {}
    running: list[nn.Module] = []

    def note(key: Any, name: str, owner: Any, call: Any, args: Any, kwargs: Any) -> None:
        if key in found:
            found[key].calls += 1
            return
        modules = [owner, *(arg for arg in args if isinstance(arg, nn.Module))]
        params = [
            parameter
            for module in modules
            if isinstance(module, nn.Module)
            for parameter in module.parameters()
        ]
        found[key] = Part(
            name,
            type(owner).__name__,
            call,
            args,
            kwargs,
            list(dict.fromkeys(params)),
            len(running),
        )

    def hook(name: str) -> Callable[..., None]:
        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            note((name, *likeness(module)), name, module, module, args, kwargs)
            running.append(module)

        return before

    def after(module: nn.Module, args: Any, result: Any) -> None:
        running.pop()

    positions: list[Any] = [Heard(position, note) for position in model.positions]
    heard = copy.copy(model)  # the same parts
    heard.positions = positions
    with ExitStack() as stack:
        for path, module in model.named_modules():
            if path and path != "head":  # the loss runs it
                begins = module.register_forward_pre_hook(hook(place(path)), with_kwargs=True)
                stack.callback(begins.remove)
                stack.callback(module.register_forward_hook(after).remove)
        rows = trainer.feed.batch(0)[: trainer.plan.micro_batch]
        with torch.no_grad(), autocast(trainer.device, trainer.precision):
            heard(rows[:, :-1], rows[:, 1:])
    for position in positions:  # what the parts were given refers to them
        position.listening = False
    return list(found.values())


class Heard:
    """Wrap a position and record what its methods are called with."""

    def __init__(self, position: Any, note: Callable[..., None]) -> None:
        self.position = position
        self.note = note
        self.listening = True

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.position, name)
        if name not in POSITION_METHODS or not self.listening:
            return value

        def noted(*args: Any, **kwargs: Any) -> Any:
            part = POSITION_METHODS[name]
            key = (part, id(self.position), *map(shape, args))
            self.note(key, part, self.position, value, args, kwargs)
            return value(*args, **kwargs)

        return noted


def place(path: str) -> str:
    """Where a module stands, whichever layer and whichever of several alike it is.

    >>> place("blocks.3.attention.qkv"), place("blocks.0.feedforward.experts.7.up"), place("norm")
    ('attention.qkv', 'feedforward.experts.*.up', 'norm')
    """
    inside = re.sub(r"^blocks\.\d+(\.|$)", "", path)
    return re.sub(r"\.\d+(?=\.|$)", ".*", inside) or "block"


def likeness(module: nn.Module) -> tuple[Any, ...]:
    """What modules that do the same work have in common: class, sizes and options."""
    plain = (bool, int, float, str)
    options = sorted((k, v) for k, v in vars(module).items() if isinstance(v, plain))
    return (
        type(module),
        tuple(options),
        tuple(parameter.shape for parameter in module.parameters()),
    )


def shape(value: Any) -> Any:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value)


def time_part(part: Part, device: torch.device, precision: str) -> tuple[float, float]:
    """Seconds of one call, forward and backward."""
    args, kwargs = fresh(part.args), fresh(part.kwargs)
    with torch.enable_grad(), autocast(device, precision):
        synchronize(device)
        start = time.perf_counter()
        result = part.call(*args, **kwargs)
        synchronize(device)
        forward = time.perf_counter() - start
    outputs = [t for t in tensors_in(result) if t.requires_grad]
    inputs = [t for t in (*tensors_in(args), *tensors_in(kwargs)) if t.requires_grad]
    inputs += [parameter for parameter in part.params if parameter.requires_grad]
    if not outputs or not inputs:
        return forward, 0.0
    ones = [torch.ones_like(output) for output in outputs]
    synchronize(device)
    start = time.perf_counter()
    torch.autograd.grad(outputs, inputs, ones, allow_unused=True)
    synchronize(device)
    return forward, time.perf_counter() - start


def fresh(value: Any) -> Any:
    """The same arguments, tensors of floating-point numbers asking for a gradient of their own."""
    if isinstance(value, Tensor):
        alone = value.detach()
        return alone.requires_grad_() if alone.is_floating_point() else alone
    if isinstance(value, Mapping):
        return {key: fresh(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(fresh(item) for item in value)
    return value


def tensors_in(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in tensors_in(item)]
    return []
