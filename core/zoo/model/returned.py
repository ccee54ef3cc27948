"""What is wrong with what a part of a model returned; each with what to write instead.

A complaint has the part as its subject: "returns a tuple instead of a tensor or an Out".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from zoo.contracts import Out, as_out

BESIDE = {"losses": "loss", "stats": "statistic", "carry": "carried value"}
"""The fields of an Out that hold tensors by name, and what each of them is called."""


def unusable(returned: Any) -> Iterator[str]:
    """What is neither a tensor nor an Out of tensors, so that nothing can be done with it."""
    out = as_out(returned)
    if not isinstance(out.y, Tensor):
        where = " as the y of an Out" if isinstance(returned, Out) else ""
        wanted = "a tensor" if where else "a tensor or an Out"
        yield f"returns a {type(out.y).__name__}{where} instead of {wanted}"
    for field, called in BESIDE.items():
        held = getattr(out, field)
        if not isinstance(held, Mapping):
            wanted = f'write {field}={{"name": …}}'
            yield f"returns {field} of type {type(held).__name__}, no mapping: {wanted}"
            continue
        for name, value in held.items():
            if not isinstance(value, Tensor):
                kind = type(value).__name__
                yield f"returns the {called} {name!r} of type {kind}: a tensor is expected"
    if not isinstance(out.of_parts, Mapping):
        wanted = 'write of_parts={"attention": as_out(self.attention(…))}'
        yield f"returns of_parts of type {type(out.of_parts).__name__}, no mapping: {wanted}"
        return
    for name, of_part in out.of_parts.items():
        if not isinstance(of_part, Out):
            wanted = f"an Out is expected, as_out(self.{name}(…))"
            yield f"returns of_parts in which {name!r} is a {type(of_part).__name__}: {wanted}"
        else:
            yield from (f"returns of_parts in which {name!r} {told}" for told in unusable(of_part))


def unfit_sums(part: Any, returned: Any) -> Iterator[str]:
    """Losses that are no single number, and statistics that nobody takes back."""
    yield from unfit_losses(part, returned)
    yield from unheard_stats(part, returned)


def unfit_losses(part: Any, returned: Any) -> Iterator[str]:
    """Losses that are no single number, in ``of_parts`` too."""
    for name, loss in as_out(returned).losses.items():
        if loss.ndim != 0:
            shape = tuple(loss.shape)
            yield f"returns the loss {name!r} of shape {shape}: sum it up to a single number"
    yield from in_parts(unfit_losses, part, returned)


def unheard_stats(part: Any, returned: Any) -> Iterator[str]:
    """Statistics of a part without ``after_step``, in ``of_parts`` too."""
    out = as_out(returned)
    if out.stats and not callable(getattr(part, "after_step", None)):
        names = ", ".join(map(repr, out.stats))
        wanted = "write a method after_step(self, stats), to which their sums are given back"
        yield f"returns statistics ({names}) and has no after_step: {wanted}"
    yield from in_parts(unheard_stats, part, returned)


def in_parts(
    complaints: Callable[[Any, Any], Iterator[str]], part: Any, returned: Any
) -> Iterator[str]:
    """The complaints of what the parts named in ``of_parts`` returned, if there are such parts."""
    for name, of_part in as_out(returned).of_parts.items():
        if (its := part_named(part, name)) is not None:
            told_of_it = complaints(its, of_part)
            yield from (f"returns of_parts in which {name!r} {told}" for told in told_of_it)


def misnamed(part: nn.Module, returned: Any) -> Iterator[str]:
    """Names in ``of_parts`` that are no attribute of the part with a module."""
    for name, of_part in as_out(returned).of_parts.items():
        its = part_named(part, name)
        if its is None:
            known = ", ".join(name for name, _ in part.named_children()) or "none"
            wanted = f"write the name of the attribute that holds the part (it has: {known})"
            yield f"returns of_parts with {name!r}, which is none of its parts: {wanted}"
        else:
            yield from (
                f"returns of_parts in which {name!r} {told}" for told in misnamed(its, of_part)
            )


def dropped(returned: Any, of_parts: Mapping[str, Out]) -> Iterator[str]:
    """What parts returned beside their outputs, each under its name, and the block did not hand on.

    It may return something under that name as its own, as one that changes a part's loss does.
    """
    heard = dict(outs("", as_out(returned)))
    for name, of_part in of_parts.items():
        if f".{name}" in heard:
            continue
        lost = [
            f"the {called} {key!r}"
            for field, called in BESIDE.items()
            for key in getattr(of_part, field)
            if not any(key in getattr(out, field) for out in heard.values())
        ]
        if lost:
            wanted = f'write Out(y, of_parts={{"{name}": as_out(self.{name}(…))}})'
            yield f"drops {' and '.join(lost)} that its part {name!r} returned: {wanted}"


def unusable_loss(returned: Any) -> Iterator[str]:
    """What a loss returned that isn't a sum to minimise and its parts by name, with "nll"."""
    wanted = '(sum to minimise, {"nll": sum of −log p}) is expected, both 0-dimensional tensors'
    if not isinstance(returned, tuple) or len(returned) != 2:
        yield f"returns a {type(returned).__name__}: {wanted}"
        return
    total, parts = returned
    if not isinstance(parts, Mapping):
        yield f"returns parts of type {type(parts).__name__}: {wanted}"
        return
    if "nll" not in parts:
        known = ", ".join(map(repr, parts)) or "none"
        yield f"returns no 'nll' among its parts ({known}): {wanted}"
    for name, value in (("a total", total), *((repr(name), parts[name]) for name in parts)):
        if not isinstance(value, Tensor):
            yield f"returns {name} of type {type(value).__name__}: {wanted}"
        elif value.ndim:
            yield f"returns {name} of shape {tuple(value.shape)}: sum it up to a single number"


def unusable_cache(cache: Any, rows: int) -> Iterator[str]:
    """What a cache for so many rows is, where it is no plain dict of tensors, batch first."""
    wanted = "a plain dict of tensors is expected whose first dimension is the batch"
    if type(cache) is not dict:
        yield f"makes a cache of type {type(cache).__name__}: {wanted}"
        return
    for name, tensor in cache.items():
        if not isinstance(tensor, Tensor):
            yield f"makes a cache in which {name!r} is a {type(tensor).__name__}: {wanted}"
        elif tensor.shape[:1] != (rows,):
            shape = tuple(tensor.shape)
            yield f"makes a cache for {rows} rows in which {name!r} is {shape}: {wanted}"


def outs(path: str, out: Out) -> Iterator[tuple[str, Out]]:
    """What parts returned, each with its path, then what holds them."""
    for name, of_part in out.of_parts.items():
        yield from outs(f"{path}.{name}", of_part)
    yield path, out


def part_named(part: Any, name: str) -> nn.Module | None:
    """The module that is an attribute of that name, or further down where it has dots."""
    try:
        found: nn.Module = part.get_submodule(name)
    except (AttributeError, TypeError):
        return None
    return found if found is not part else None
