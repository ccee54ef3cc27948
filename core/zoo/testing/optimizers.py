"""Conformance of optimizers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalog.component import Component
from zoo.contracts import Param
from zoo.recipe.dry_run import uncovered
from zoo.run_files.optimizer_state import flatten_optimizers, restore_optimizers
from zoo.testing.accelerator import DEVICE, Accelerator, elsewhere, tensors_in
from zoo.testing.compare import Complaints, differing

Optimizers = list[torch.optim.Optimizer]


def some_params(**changes: Any) -> list[Param]:
    """Parameters of every role, their values always the same; ``changes`` go to the matrices."""
    generator = torch.Generator().manual_seed(0)

    def param(name: str, role: str, *shape: int, **more: Any) -> Param:
        return Param(name, nn.Parameter(torch.randn(shape, generator=generator)), role, **more)

    return [
        param("embedding.weight", "embedding", 10, 8),
        param("blocks.0.attention.qkv.weight", "matrix", 16, 8, parts=(8, 4, 4), **changes),
        param("blocks.0.attention.out.weight", "matrix", 8, 8, **changes),
        param("blocks.0.feedforward.down.weight", "matrix", 8, 12, **changes),
        param("norm.weight", "vector", 8),
        param("scale", "vector", 1),
        param("head.weight", "head", 10, 8),
    ]


def make(component: Component, params: Sequence[Param]) -> Optimizers:
    made = component(params)
    return made if isinstance(made, list) else [made]


def values(params: Iterable[Param]) -> dict[str, Tensor]:
    return {param.name: param.tensor.detach().clone() for param in params}


def groups(optimizers: Optimizers) -> list[dict[str, Any]]:
    return [group for optimizer in optimizers for group in optimizer.param_groups]


def take_steps(optimizers: Optimizers, params: Sequence[Param], steps: range) -> None:
    """Steps as a run takes them, the gradients a function of the step."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for param in params:
            param.tensor.grad = torch.randn(param.tensor.shape, generator=generator)
        update(optimizers)


def update(optimizers: Optimizers) -> None:
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def made(component: Component) -> Complaints:
    """Given params, it makes a torch.optim.Optimizer or a list of them."""
    for optimizer in make(component, some_params()):
        if not isinstance(optimizer, torch.optim.Optimizer):
            yield f"a {type(optimizer).__name__}"


def options_have_defaults(component: Component) -> Complaints:
    """Every option has a default, so that one optimizer can stand inside another."""
    for name, option in component.entry.options.items():
        if option.required:
            yield f"{name} has none"


def each_parameter_once(component: Component) -> Complaints:
    """Every parameter is in exactly one group, and moves when it has a gradient."""
    params = some_params()
    optimizers = make(component, params)
    flaw = uncovered(optimizers, params)
    if flaw:
        yield flaw
    before = values(params)
    take_steps(optimizers, params, range(3))
    for name, value in values(params).items():
        if torch.equal(value, before[name]):
            yield f"{name} is where it was after 3 steps"


def made_without_weights(component: Component) -> Complaints:
    """It can be made for parameters on the meta device, as a check of a recipe does."""
    params = [
        param._replace(tensor=nn.Parameter(param.tensor.to("meta"))) for param in some_params()
    ]
    if flaw := uncovered(make(component, params), params):
        yield flaw


def lr_obeyed(component: Component) -> Complaints:
    """Each group has "lr", and where a schedule makes it 0, nothing moves."""
    params = some_params()
    optimizers = make(component, params)
    for group in groups(optimizers):
        if "lr" not in group:
            yield f"a group has only {', '.join(group)}"
            return
    if any(getattr(optimizer, "own_schedule", False) for optimizer in optimizers):
        return  # the host leaves its learning rate alone
    before = values(params)
    for group in groups(optimizers):
        group["lr"] = 0.0
    take_steps(optimizers, params, range(3))
    for name, value in values(params).items():
        yield from differing(f"{name} after 3 steps with lr = 0", value, before[name], 0)


def lr_multiplier_obeyed(component: Component) -> Complaints:
    """A Param's lr multiplies the optimizer's own: 0 freezes it, and it alone."""
    params = some_params(lr=0.0)
    before = values(params)
    take_steps(make(component, params), params, range(3))
    for param in params:
        if param.lr == 0 and not torch.equal(param.tensor, before[param.name]):
            yield f"{param.name} moved with a multiplier of 0"
        if param.lr == 1 and torch.equal(param.tensor, before[param.name]):
            yield f"{param.name} stayed with a multiplier of 1"


def decay_multiplier_obeyed(component: Component) -> Complaints:
    """A Param's weight_decay multiplies the optimizer's own: with 0, no gradient is no move."""
    params = some_params(weight_decay=0.0)
    before = values(params)
    optimizers = make(component, params)
    for _ in range(3):
        for param in params:
            param.tensor.grad = torch.zeros_like(param.tensor)
        update(optimizers)
    for param in params:
        if param.weight_decay == 0:
            moved = param.tensor.detach()
            yield from differing(f"{param.name}, whose gradient is 0", moved, before[param.name], 0)


def state_saved(component: Component) -> Complaints:
    """What a checkpoint keeps of it is all: a restored one goes on bit for bit."""
    straight = some_params()
    take_steps(make(component, straight), straight, range(7))

    params = some_params()
    first = make(component, params)
    take_steps(first, params, range(4))
    names: dict[Tensor, str] = {param.tensor: param.name for param in params}
    tensors, numbers = flatten_optimizers(first, names)
    kept = {name: tensor.clone() for name, tensor in tensors.items()}

    second = make(component, params)
    restore_optimizers(second, names, kept, json.loads(json.dumps(numbers)))
    take_steps(second, params, range(4, 7))
    for name, value in values(params).items():
        asked = values(straight)[name]
        yield from differing(f"{name} after 4 steps, a restart and 3 more", value, asked, 0)


def eval_and_back(component: Component) -> Complaints:
    """Where it has methods eval and train, they swap the weights and swap them back exactly."""
    params = some_params()
    optimizers = make(component, params)
    take_steps(optimizers, params, range(4))
    before = values(params)
    swap(optimizers, "eval")
    swap(optimizers, "train")
    for name, value in values(params).items():
        yield from differing(f"{name} after eval and train", value, before[name], 0)


def swap(optimizers: Optimizers, mode: str) -> None:
    for optimizer in optimizers:
        if callable(method := getattr(optimizer, mode, None)):
            method()


def goes_downhill(component: Component) -> Complaints:
    """100 steps with the options given lower a quadratic, ½ Σ (θ − target)²."""
    params = some_params()
    targets = [3 * value for value in values(params).values()]  # away from 0, where decay leads

    def height() -> Tensor:
        pairs = zip(params, targets, strict=True)
        return torch.stack([(p.tensor - target).square().sum() / 2 for p, target in pairs]).sum()

    optimizers = make(component, params)
    before = height().item()
    for _ in range(100):
        height().backward()
        update(optimizers)
    swap(optimizers, "eval")
    if not (after := height().item()) < before:
        yield f"from {before:.4g} to {after:.4g}"


def on_accelerator(component: Component) -> Complaints:
    """On a GPU all that it makes is there too, and nothing waits for a value (item, a mask)."""
    params = [
        param._replace(tensor=nn.Parameter(param.tensor.detach().to(DEVICE)))
        for param in some_params()
    ]
    with Accelerator():
        optimizers = make(component, params)
        for _ in range(3):
            for param in params:
                param.tensor.grad = torch.empty_like(param.tensor)
            update(optimizers)
        swap(optimizers, "eval")
        swap(optimizers, "train")
    for optimizer in optimizers:
        for state in optimizer.state.values():
            yield from elsewhere("its state", [t for t in tensors_in(dict(state)) if t.ndim])


PROPERTIES = (
    made,
    options_have_defaults,
    each_parameter_once,
    made_without_weights,
    lr_obeyed,
    lr_multiplier_obeyed,
    decay_multiplier_obeyed,
    state_saved,
    eval_and_back,
    goes_downhill,
    on_accelerator,
)
