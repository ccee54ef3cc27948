"""Try a recipe's components before training: missing methods, wrong shapes.

They are put to work once, on tensors without values, so that it takes neither memory nor time.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from zoo.catalog.component import Component, noting_made, reason
from zoo.compute.device import autocast, choose_device, choose_precision
from zoo.contracts import Observer, Out, as_out
from zoo.contracts.kinds import KINDS
from zoo.contracts.parts import ACTS_BY
from zoo.errors import ZooError
from zoo.model.decoder import Decoder
from zoo.model.init import SCHEMES
from zoo.model.returned import (
    dropped,
    misnamed,
    unfit_losses,
    unheard_stats,
    unusable,
    unusable_cache,
    unusable_loss,
)
from zoo.model.sequence import Seq

if TYPE_CHECKING:
    from zoo.recipe.recipe import Recipe

Made: TypeAlias = Sequence[tuple[Component, Any]]
"""Components, with what they made."""


EVENTS = tuple(name for name in vars(Observer) if not name.startswith("_"))
LIKE_A_HOOK = re.compile(
    r"(on|before|after)_|.*_(start|begin|end|started|stopped|ended|saved|changed)$"
)
LARGEST = 50_000_000  # parameters of a model that is made with values, where one is needed


class PartError(Exception):
    """A component does otherwise than its kind asks."""

    def __init__(self, component: Component, told: str) -> None:
        self.component = component
        super().__init__(told_of(component, told))


def told_of(component: Component, told: str) -> str:
    """What is wrong with a component: which one, what, and how its author sees more."""
    kind, entry = component.entry.kind, component.entry
    if entry.plugin.builtin:
        return f"{kind} {component.name!r} {told}"
    name = getattr(entry.factory, "__name__", "…")
    test = f'zoo.testing.check("{kind}", {name})'
    return f"{kind} {component.name!r} {told}; {test} tries it alone"


def unfit_init(recipe: Recipe, made: Made) -> str | None:
    """Why ``model.init`` doesn't fit blocks that put a norm after the maps it scales, if so."""
    options = recipe.model.options
    scheme, scale = options["init"], options["residual_scale"]
    name = next(
        (
            component.name
            for component, part in made
            if component.entry.kind == "block" and getattr(part, "norm_ends_branch", False)
        ),
        None,
    )
    factors = [SCHEMES[scheme].residual(layer, 2) for layer in (1, 2)]
    if name is None or (factors == [1.0, 1.0] and scale == 1.0):
        return None
    where = f"the norm that block {name!r} puts after maps that write to the residual stream"
    if not any(factors):
        return f"model.init: {scheme} draws zeros: {where} makes their gradients huge; take glorot"
    what = f"residual_scale = {scale}" if scale != 1.0 else f"the factor of init = {scheme}"
    return f"model: {what} has no effect: {where} divides it out; branch_scale acts"


# ── Without running anything ─────────────────────────────────────────────────────────────────────


def lacks(made: Made) -> Iterator[PartError]:
    """What components lack that is called of them, and parameters without a dimension."""
    seen: set[Tensor] = set()
    for component, part in made:
        kind = component.entry.kind
        parts = part if kind == "optimizer" and isinstance(part, list) else [part]
        methods = KINDS[kind].calls if kind in KINDS else ()
        if kind == "position":
            methods = tuple(name for what, name in ACTS_BY.items() if what in part.acts_on)
        if isinstance(part, nn.Module) and forward_is_missing(part) and "__call__" in methods:
            yield PartError(component, "has no forward")
        for name in methods:
            if not all(callable(getattr(each, name, None)) for each in parts):
                what = f"is {type(part).__name__}, which has no {name}"
                yield PartError(component, "can't be called" if name == "__call__" else what)
        if kind == "optimizer" and not all(hasattr(each, "param_groups") for each in parts):
            yield PartError(component, "is no torch.optim.Optimizer, nor a list of them")
        elif kind == "observer":
            if not any(callable(getattr(part, event, None)) for event in EVENTS):
                yield PartError(component, f"hears nothing: it has none of {', '.join(EVENTS)}")
        elif isinstance(part, nn.Module) and kind in KINDS:
            for name, parameter in part.named_parameters():
                if parameter.ndim == 0 and parameter not in seen:
                    what = f"has a parameter {name} of no dimension: give it the shape (1,)"
                    yield PartError(component, what)
                seen.add(parameter)


def forward_is_missing(module: nn.Module) -> bool:
    return getattr(module.forward, "__func__", None) is nn.Module.forward


def unheard(observer: Any) -> Iterator[str]:
    """Methods of an observer that resemble events but aren't any."""
    for name in dir(type(observer)):
        if name.startswith("_") or name in EVENTS or not callable(getattr(observer, name, None)):
            continue
        near = difflib.get_close_matches(name.removeprefix("on_"), EVENTS, 1, 0.7)
        if near or LIKE_A_HOOK.match(name):
            meant = f"did you mean {near[0]}?" if near else f"the events are {', '.join(EVENTS)}"
            yield f"{name}, which nobody calls; {meant}"


# ── A forward pass ───────────────────────────────────────────────────────────────────────────────


def first_flaw(recipe: Recipe, vocab_size: int, model: Decoder, made: Made) -> PartError | None:
    """The first flaw that shows in a forward pass of a model, made on the meta device.

    A model of zoo's own parts is not tried: tests do that, and it takes a second. What fails
    without values may only have needed some. It counts if it fails with them too, on the device and
    in the precision of training, unless the model is large: then training tells.
    """
    if all(component.entry.plugin.builtin for component, _ in made):
        return None
    try:
        with torch.device("meta"):
            try_forward(model, made, [])
    except PartError as flaw:
        return flaw
    except Exception:
        if sum(parameter.numel() for parameter in model.parameters()) > LARGEST:
            return None
    else:
        return None
    try:
        device = choose_device(recipe.train.device)
    except ZooError:  # told elsewhere
        return None
    with noting_made() as made:
        model = recipe.model(vocab_size, recipe.train.seed).to(device)
    carried: list[list[str]] = []
    try:
        with autocast(device, choose_precision(recipe.train.precision, device)):
            try_forward(model, made, carried)
    except PartError as flaw:
        return flaw
    except Exception as error:
        if (found := at_fault(error, made)) is not None:
            component, part = found
            told = f"{in_layer(paths(model).get(id(part), ''))}fails: {reason(error)}"
            if isinstance(error, KeyError) and carried:
                names = ", ".join(map(repr, carried[-1])) or "nothing"
                told += f" (carried to layer {len(carried) - 1}: {names})"
            return PartError(component, told)
    return None


def try_forward(model: Decoder, made: Made, carried: list[list[str]]) -> None:
    """One window through a model. Raises PartError, or whatever a component raises.

    ``carried`` gets the names of what was carried to each layer that was called.
    """
    device = model.embedding.weight.device
    path_of = paths(model)
    beside: dict[str, Out] = {}
    for component, part in made:
        kind = component.entry.kind
        if isinstance(part, nn.Module) and kind in SHAPES:
            path = path_of.get(id(part), "")
            part.register_forward_hook(watching(component, path, SHAPES[kind]))
            if kind in MAY_ADD:
                part.register_forward_hook(listening(component, path, beside))
        if kind == "position":
            try_position(component, part, model, device)
        elif kind == "loss":
            try_loss(component, part, model)
        elif callable(getattr(part, "new_cache", None)):
            cache = part.new_cache(2, model.dims.max_seq_len, device, model.embedding.weight.dtype)
            for told in unusable_cache(cache, 2):
                raise PartError(component, f"{in_layer(path_of.get(id(part), ''))}{told}")
    for block in model.blocks:
        block.register_forward_pre_hook(lambda _, given: carried.append([*given[3]]))
    ids = torch.zeros(1, model.dims.max_seq_len, dtype=torch.long, device=device)
    with torch.no_grad():
        model(ids, ids)


def paths(model: nn.Module) -> dict[int, str]:
    """Where each module of a model is in it, by its ``id``."""
    return {id(module): path for path, module in model.named_modules()}


def same(part: Any, x: Tensor) -> tuple[int, ...]:
    return tuple(x.shape)


def folded(part: Any, x: Tensor) -> tuple[int, ...]:
    return (*x.shape[:-1], x.shape[-1] // part.fan_in)


SHAPES: dict[str, Callable[[Any, Tensor], tuple[int, ...]]] = {
    "norm": same,
    "activation": folded,
    "attention": same,
    "feedforward": same,
    "block": same,
}
"""The shape of what each kind of part makes of x."""

MAY_ADD = ("attention", "feedforward", "block")
"""The kinds that may return an Out."""


def watching(
    component: Component, path: str, shape: Callable[[Any, Tensor], tuple[int, ...]]
) -> Callable[..., None]:
    """A hook that raises PartError where the part returns what its host can't use."""
    where = in_layer(path)

    def hook(part: nn.Module, given: tuple[Any, ...], returned: Any) -> None:
        if component.entry.kind in MAY_ADD:
            for told in unusable(returned):
                raise PartError(component, f"{where}{told}")
        elif not isinstance(returned, Tensor):
            told = f"returns a {type(returned).__name__} instead of a tensor"
            raise PartError(component, f"{where}{told}")
        if given and isinstance(given[0], Tensor):
            y = as_out(returned).y
            expect(component, f"{where}makes", given[0], y, shape(part, given[0]))

    return hook


def listening(component: Component, path: str, beside: dict[str, Out]) -> Callable[..., None]:
    """A hook that raises PartError where what is beside an output can't be used, or is lost.

    ``beside`` collects what a layer's parts return until its block hands it on, by their paths.
    """
    where = in_layer(path)

    def hook(part: nn.Module, given: tuple[Any, ...], returned: Any) -> None:
        for told in unheard_stats(part, returned):  # zoo 0.1.0 trained with such
            warnings.warn(told_of(component, told), stacklevel=2)
        flaws = [*misnamed(part, returned), *unfit_losses(part, returned)]
        if component.entry.kind == "block":
            inside = {
                inner.removeprefix(f"{path}."): beside.pop(inner)
                for inner in [*beside]
                if inner.startswith(f"{path}.")
            }
            flaws += dropped(returned, inside)
        else:
            for inner in [inner for inner in beside if inner.startswith(f"{path}.")]:
                del beside[inner]  # a part of this one, which may do with it what it likes
            beside[path] = as_out(returned)
        for told in flaws:
            raise PartError(component, f"{where}{told}")

    return hook


def in_layer(path: str) -> str:
    """ "in layer 2 " for what belongs to that one."""
    found = re.match(r"blocks\.(\d+)(\.|$)", path)
    return f"in layer {found[1]} " if found else ""


def expect(component: Component, does: str, x: Tensor, y: Any, shape: tuple[int, ...]) -> None:
    found = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
    if found != shape:
        told = f"{does} {found} of {tuple(x.shape)} instead of {shape}"
        raise PartError(component, told)


def try_position(component: Component, position: Any, model: Decoder, device: Any) -> None:
    """A position's methods, each with what an attention or the model hands it."""
    dims, length = model.dims, model.dims.max_seq_len
    seq = Seq.of_length(length, device).seen_by(position)
    if callable(prepare := getattr(position, "prepare", None)):
        prepare(seq)
    if "embedding" in position.acts_on:
        x = torch.zeros(1, length, dims.d_model, device=device)
        expect(component, "add makes", x, position.add(x, seq.pos), tuple(x.shape))
    if "qk" in position.acts_on:
        x = torch.zeros(1, dims.n_heads, length, dims.head_dim, device=device)
        for key in (False, True):
            expect(component, "rotate makes", x, seq.rotate(x, key=key), tuple(x.shape))
    if "scores" in position.acts_on:
        bias = position.bias(seq.pos, seq.pos)
        expect(component, "bias makes", seq.pos, bias, (1, dims.n_heads, length, length))


def try_loss(component: Component, loss: Any, model: Decoder) -> None:
    """A loss with a window of hidden states, of which every token is to be predicted."""
    weight, length = model.embedding.weight, model.dims.max_seq_len
    hidden = torch.zeros(1, length, model.dims.d_model, device=weight.device)
    targets = torch.zeros(1, length, dtype=torch.long, device=weight.device)
    with torch.no_grad():
        returned = loss(hidden, model.head, targets, Seq.of_length(length, weight.device))
    for told in unusable_loss(returned):
        raise PartError(component, told)


def at_fault(error: BaseException, made: Made) -> tuple[Component, Any] | None:
    """The innermost component from outside in whose code an error came up, and what it made."""
    found_by_id = {
        id(part): (component, part)
        for component, part in made
        if not component.entry.plugin.builtin
    }
    found, at = None, error.__traceback__
    while at is not None:
        found = found_by_id.get(id(at.tb_frame.f_locals.get("self")), found)
        at = at.tb_next
    return found
