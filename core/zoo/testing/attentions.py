"""Conformance of attentions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from zoo.catalog.component import Component
from zoo.contracts import Dims, as_out
from zoo.model.returned import unusable, unusable_cache
from zoo.model.sequence import Seq
from zoo.testing import decoding
from zoo.testing.bench import DIMS, Bench, build, named, no_module, sums_taken_back
from zoo.testing.compare import Complaints, differing, not_finite

ACCEPTABLE = {"qk", "scores"}
POSITIONS = {"none": set(), "learned": set(), "rope": {"qk"}, "alibi": {"scores"}}
"""Registered positions that attention is tried with, and what each acts on within attention."""

LONGER = 40
WINDOWED = "keep dims.max_seq_len tokens, or a window, and give it to seq.visible as window="
PAST_THE_END = ([10, *30 * [1]], [14, 9, *17 * [1]], [25, *15 * [1]])


def make(component: Component, dims: Dims = DIMS) -> Any:
    return component(build("blocks.0.attention", dims))


def positions_for(attention: Any) -> list[str]:
    return [name for name, acts_on in POSITIONS.items() if acts_on <= attention.accepts]


def seq(
    length: int, position: str | None = None, first: int = 0, device: torch.device | None = None
) -> Seq:
    """A call of its own, whose positions begin at ``first``."""
    made = named("position", position)(DIMS).to(device) if position else None
    return Seq(torch.arange(first, first + length, device=device)[None], made)


def run(attention: Any, x: Tensor) -> Tensor:
    its = seq(x.shape[1], positions_for(attention)[-1], device=x.device)
    return as_out(attention(x, its)).y


bench = Bench(make, run)


def made(component: Component) -> Complaints:
    """A torch.nn.Module with accepts (of qk, scores), new_cache; it returns a tensor or an Out."""
    attention = make(component)
    yield from no_module(attention)
    accepts = getattr(attention, "accepts", None)
    if not isinstance(accepts, (set, frozenset)) or not accepts <= ACCEPTABLE:
        yield f"accepts is {accepts!r}"
    if not callable(getattr(attention, "new_cache", None)):
        yield "it has no method new_cache"
    yield from unusable(attention(torch.randn(2, 5, DIMS.d_model), seq(5)))


def sums_beside_the_output(component: Component) -> Complaints:
    """Losses in an Out are single numbers, and statistics come back through after_step(stats)."""
    attention = make(component)
    yield from sums_taken_back(attention, attention(torch.randn(2, 5, DIMS.d_model), seq(5)))


class _Asked:
    """A position that changes nothing and remembers what it was asked."""

    acts_on = frozenset(ACCEPTABLE)
    limit: int | None = None

    def __init__(self) -> None:
        self.calls: set[str] = set()

    def rotate(self, x_BHTD: Tensor, seq: Seq, key: bool) -> Tensor:
        self.calls.add("seq.rotate(keys, key=True)" if key else "seq.rotate(queries)")
        return x_BHTD

    def bias(self, q_pos: Tensor, k_pos: Tensor) -> Tensor:
        self.calls.add("seq.bias(k_pos)")
        return torch.zeros(1, DIMS.n_heads, q_pos.shape[1], k_pos.shape[1])


def accepted_is_used(component: Component) -> Complaints:
    """A position can act on all that is accepted: queries and keys are rotated, scores biased."""
    attention, position = make(component), _Asked()
    attention(torch.randn(2, 5, DIMS.d_model), Seq(torch.arange(5)[None], position))
    needed = set()
    if "qk" in attention.accepts:
        needed |= {"seq.rotate(queries)", "seq.rotate(keys, key=True)"}
    if "scores" in attention.accepts:
        needed |= {"seq.bias(k_pos)"}
    for call in sorted(needed - position.calls):
        yield f"accepts is {set(attention.accepts)}, but it never calls {call}"


def cache_is_batch_first(component: Component) -> Complaints:
    """new_cache makes a plain dict of tensors, batch first, and forward leaves it so."""
    attention = make(component)
    cache = attention.new_cache(3, DIMS.max_seq_len, torch.device("cpu"), torch.float32)
    for when in ("empty", "after 5 tokens"):
        yield from (f"{when}: {told}" for told in unusable_cache(cache, 3))
        with torch.no_grad():
            attention(torch.randn(3, 5, DIMS.d_model), seq(5), cache)


def padding_stays_finite(component: Component) -> Complaints:
    """Outputs at padding (position −1) are finite, or they would spread."""
    attention = make(component)
    pos = torch.tensor([[-1, -1, -1, 0, 1], [0, 1, 2, 3, 4]])
    for name in positions_for(attention):
        cache = attention.new_cache(2, DIMS.max_seq_len, torch.device("cpu"), torch.float32)
        its = Seq(pos, named("position", name)(DIMS), ragged=True)
        with torch.no_grad():
            y = as_out(attention(torch.randn(2, 5, DIMS.d_model), its, cache)).y
        yield from not_finite(f"with position {name!r}", [y])


def decoding_agrees(component: Component) -> Complaints:
    """Decoding with a cache equals a full forward: in chunks, padded, rows changed, two in turn."""
    for name in positions_for(make(component)):
        model = decoding.decoder(component, named("position", name))
        for way in decoding.EVERY_WAY:
            yield from (f"position {name!r}, {what}" for what in way(model))


@torch.no_grad()
def past_the_end(component: Component) -> Complaints:
    """Past max_seq_len a cache forgets the oldest token, or as a recurrent one, forgets nothing."""
    attention = bench.precise(component)
    x = bench.input(attention, 2, LONGER)
    for name in positions_for(attention):
        last = last_tokens(attention, x, name)
        for chunks in PAST_THE_END:
            seen = in_chunks(attention, x, chunks, name)
            how = f"position {name!r}, {chunks[0]}, {chunks[1]}, … tokens a call"
            forgotten = list(differing(how, seen, last))
            if forgotten and any(differing(how, seen, all_tokens(component, attention, x, name))):
                yield f"{forgotten[0]}; {WINDOWED}"


def in_chunks(attention: Any, x: Tensor, chunks: Sequence[int], position: str) -> Tensor:
    """Outputs (B, T, d_model) with a cache of max_seq_len columns, some tokens a call."""
    cache = attention.new_cache(len(x), DIMS.max_seq_len, x.device, x.dtype)
    made, start, outputs = named("position", position)(DIMS), 0, []
    for part in x.split(list(chunks), dim=1):
        its = Seq(torch.arange(start, start + part.shape[1])[None], made, start=start)
        outputs.append(as_out(attention(part, its, cache)).y)
        start += part.shape[1]
    return torch.cat(outputs, dim=1)


def last_tokens(attention: Any, x: Tensor, position: str) -> Tensor:
    """What each token would get from a full forward over the last max_seq_len tokens."""
    outputs = []
    for end in range(1, x.shape[1] + 1):
        first = max(0, end - DIMS.max_seq_len)
        its = seq(end - first, position, first)
        outputs.append(as_out(attention(x[:, first:end], its)).y[:, -1])
    return torch.stack(outputs, dim=1)


def all_tokens(component: Component, attention: Any, x: Tensor, position: str) -> Tensor:
    """What each token would get in a model whose max_seq_len holds them all."""
    longer = make(component, replace(DIMS, max_seq_len=LONGER)).double().eval()
    longer.load_state_dict(attention.state_dict())
    return as_out(longer(x, seq(x.shape[1], position))).y


def on_accelerator(component: Component) -> Complaints:
    """On a GPU all that it makes is there too, and nothing waits for a value (item, a mask)."""
    yield from bench.on_accelerator(component)
    for name in positions_for(make(component)):
        yield from decoding.on_accelerator(decoding.decoder(component, named("position", name)))


PROPERTIES = (
    made,
    bench.width_kept,
    bench.type_kept,
    bench.finite,
    bench.causal,
    bench.rows_alone,
    accepted_is_used,
    sums_beside_the_output,
    cache_is_batch_first,
    padding_stays_finite,
    decoding_agrees,
    past_the_end,
    on_accelerator,
    *bench.of_weights,
)
