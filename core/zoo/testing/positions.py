"""Conformance of positional encodings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.catalog.component import Component
from zoo.contracts.parts import ACTS_BY
from zoo.model.sequence import Seq
from zoo.testing import decoding
from zoo.testing.bench import DIMS, DTYPES, Bench, named, no_module
from zoo.testing.compare import Complaints, differing, disturbed, not_finite, short

WITH_PADDING = torch.tensor([[-1, -1, 0, 1, 2], [0, 1, 2, 3, 4]])


def make(component: Component) -> Any:
    return component(DIMS)


def run(position: Any, x: Tensor) -> Tensor:
    """Everything that it does with x (B, T, d_model), added up per entry of x."""
    pos = torch.arange(x.shape[1], device=x.device).unsqueeze(0)
    y = x
    if "embedding" in position.acts_on:
        y = y + position.add(x, pos)
    if "qk" in position.acts_on:
        y = y + position.rotate(heads(x), Seq(pos, position), False).transpose(1, 2).flatten(2)
    if "scores" in position.acts_on:
        y = y + position.bias(pos, pos).mean().to(x.dtype)
    return y


def heads(x_BTD: Tensor) -> Tensor:
    """(B, T, d_model) -> (B, n_heads, T, head_dim)."""
    x_BTHD: Tensor = x_BTD.unflatten(-1, (DIMS.n_heads, DIMS.head_dim))
    return x_BTHD.transpose(1, 2)


bench = Bench(make, run)


def made(component: Component) -> Complaints:
    """A torch.nn.Module; acts_on ⊆ {embedding, qk, scores}, with add, rotate and bias to match."""
    position = make(component)
    yield from no_module(position)
    acts_on = getattr(position, "acts_on", None)
    if not isinstance(acts_on, (set, frozenset)) or not acts_on <= ACTS_BY.keys():
        yield f"acts_on is {acts_on!r}"
        return
    for what in sorted(acts_on):
        if not callable(getattr(position, ACTS_BY[what], None)):
            yield f"it acts on {what} and has no method {ACTS_BY[what]}"


def limit_told(component: Component) -> Complaints:
    """limit is None, or how many positions it can tell apart: max_seq_len at least."""
    position = make(component)
    if not hasattr(position, "limit"):
        yield "it has no limit; write limit = None if any position will do"
    elif position.limit is not None and not (
        isinstance(position.limit, int) and position.limit >= DIMS.max_seq_len
    ):
        yield f"limit is {position.limit!r} where max_seq_len is {DIMS.max_seq_len}"


def nothing_new_beyond(component: Component) -> Complaints:
    """Without a limit, what add does beyond max_seq_len it does somewhere before, in training."""
    position = make(component)
    if position.limit is not None or "embedding" not in position.acts_on:
        return
    pos = torch.arange(4 * DIMS.max_seq_len)[None]
    added = position.add(torch.zeros(1, pos.shape[1], DIMS.d_model), pos)[0]
    shown, beyond = added.split([DIMS.max_seq_len, 3 * DIMS.max_seq_len])
    nearest = torch.cdist(beyond, shown).amin(dim=1)
    if nearest.max() > 1e-3 * shown.norm(dim=1).max():
        yield "add has vectors beyond max_seq_len that training never shows: limit = max_seq_len"


def shapes_and_types(component: Component) -> Complaints:
    """add and rotate keep shape and type for any number of heads; bias is (B|1, n_heads, T, S)."""
    position = make(component)
    for dtype in DTYPES:
        position = make(component).to(dtype)
        for pos in (torch.arange(5)[None], WITH_PADDING):
            x = torch.randn(2, 5, DIMS.d_model).to(dtype)
            if "embedding" in position.acts_on:
                yield from unlike("add", position.add(x, pos), x)
            if "qk" in position.acts_on:
                for n in (DIMS.n_heads, 1):
                    for key in (False, True):
                        turned = position.rotate(heads(x)[:, :n], Seq(pos, position), key)
                        yield from unlike("rotate", turned, heads(x)[:, :n])
            if "scores" in position.acts_on:
                bias = position.bias(pos[:, 3:], pos)
                rows, *rest = bias.shape
                if rows not in (1, len(pos)) or rest != [DIMS.n_heads, 2, 5]:
                    yield f"bias of {len(pos)} rows, 2 queries and 5 keys: {tuple(bias.shape)}"


def unlike(method: str, y: Tensor, x: Tensor) -> Complaints:
    if (y.shape, y.dtype) != (x.shape, x.dtype):
        yield (
            f"{method}: {short(x.dtype)} {tuple(x.shape)} in, {short(y.dtype)} {tuple(y.shape)} out"
        )


def finite_everywhere(component: Component) -> Complaints:
    """Padding (position −1) gives finite results, and a bias is finite for every pair."""
    position = make(component)
    x = torch.randn(2, 5, DIMS.d_model)
    if "embedding" in position.acts_on:
        yield from not_finite("add at −1", [position.add(x, WITH_PADDING)])
    if "qk" in position.acts_on:
        turned = position.rotate(heads(x), Seq(WITH_PADDING, position), False)
        yield from not_finite("rotate at −1", [turned])
    if "scores" in position.acts_on:
        every = torch.arange(-1, position.limit or 4 * DIMS.max_seq_len)[None]
        yield from not_finite("bias", [position.bias(every, every)])


def by_pos_alone(component: Component) -> Complaints:
    """What happens to a token depends on its position as given, not on its place in the call."""
    position = disturbed(make(component).double())
    x = torch.randn(2, 5, DIMS.d_model).double()
    pos = torch.tensor([[0, 1, 2, 3, 4], [7, 8, 9, 10, 11]])
    for row, at in ((0, 2), (1, 0), (1, 4)):
        token, its = slice(row, row + 1), slice(at, at + 1)
        x_alone, pos_alone = x[token, its], pos[token, its]
        if "embedding" in position.acts_on:
            among = position.add(x, pos)[token, its]
            yield from differing("add", among, position.add(x_alone, pos_alone))
        if "qk" in position.acts_on:
            for key in (False, True):
                among = position.rotate(heads(x), Seq(pos, position), key)[token, :, its]
                alone = Seq(pos_alone, position, start=at)
                turned = position.rotate(heads(x_alone), alone, key)
                yield from differing("rotate", among, turned)
        if "scores" in position.acts_on:
            among = position.bias(pos, pos)[token, :, its]
            yield from differing("bias", among, position.bias(pos_alone, pos[token]))


def decoding_agrees(component: Component) -> Complaints:
    """Decoding with a cache equals a full forward: in chunks, padded, rows changed, two in turn."""
    model = decoding.decoder(named("attention", "full"), component)
    for way in decoding.EVERY_WAY:
        yield from way(model)


def on_accelerator(component: Component) -> Complaints:
    """On a GPU all that it makes is there too, and nothing waits for a value (item, a mask)."""
    yield from bench.on_accelerator(component)
    yield from decoding.on_accelerator(decoding.decoder(named("attention", "full"), component))


PROPERTIES = (
    made,
    limit_told,
    nothing_new_beyond,
    shapes_and_types,
    finite_everywhere,
    by_pos_alone,
    decoding_agrees,
    on_accelerator,
    bench.finite,
    *bench.of_weights,
)
