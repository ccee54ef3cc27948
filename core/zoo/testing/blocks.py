"""Conformance of blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalog.component import Component
from zoo.contracts import Out, as_out
from zoo.model.build import BlockBuild
from zoo.model.returned import misnamed, outs, unusable, unusable_cache
from zoo.model.sequence import Seq
from zoo.testing import decoding
from zoo.testing.bench import DIMS, Bench, named, no_module, sums_taken_back
from zoo.testing.compare import Complaints, differing


def make(component: Component, wrap: Callable[[Any], Any] = lambda part: part) -> Any:
    """One of the first layer, around the usual parts; ``wrap`` changes these."""

    def making(kind: str, name: str) -> Callable[..., Any]:
        return lambda build: wrap(named(kind, name)(build))

    return component(
        BlockBuild(
            DIMS,
            attention=making("attention", "full"),
            feedforward=making("feedforward", "mlp"),
            norm=named("norm", "rmsnorm"),
            activation=named("activation", "swiglu"),
            layer=0,
            path="blocks.0",
        )
    )


def seq(length: int, device: torch.device | None = None) -> Seq:
    position = named("position", "rope")(DIMS).to(device)
    return Seq(torch.arange(length, device=device)[None], position)


def run(block: Any, x: Tensor) -> Tensor:
    return as_out(block(x, seq(x.shape[1], x.device))).y


bench = Bench(make, run)


def made(component: Component) -> Complaints:
    """A torch.nn.Module whose new_cache makes a dict of tensors; it returns a tensor or an Out."""
    block = make(component)
    yield from no_module(block)
    if not callable(getattr(block, "new_cache", None)):
        yield "it has no method new_cache"
    cache = block.new_cache(3, DIMS.max_seq_len, torch.device("cpu"), torch.float32)
    yield from unusable_cache(cache, 3)
    yield from unusable(block(torch.randn(2, 5, DIMS.d_model), seq(5)))


class Talking(nn.Module):
    """A part that returns something of every kind beside its output, and hears it back."""

    def __init__(self, part: Any) -> None:
        super().__init__()
        self.part = part
        self.carried: list[Mapping[str, Tensor]] = []

    def forward(self, x: Tensor, *given: Any, **named: Any) -> Out:
        if hasattr(self.part, "new_cache"):
            self.carried.append(named.get("carry", given[2] if len(given) > 2 else {}))
        y = as_out(self.part(x, *given, **named)).y
        beside = {"told": y.sum()}
        return Out(y, losses=beside, stats=beside, carry=beside)

    def after_step(self, stats: Mapping[str, Tensor]) -> None: ...


def parts_are_heard(component: Component) -> Complaints:
    """What a part returns beside its output is handed on, in of_parts by its attribute's name."""
    block = make(component, Talking)
    out = as_out(block(torch.randn(2, 5, DIMS.d_model), seq(5)))
    yield from misnamed(block, out)
    heard = dict(outs("", out))
    for path, part in block.named_modules():
        if isinstance(part, Talking) and f".{path}" not in heard:
            lost = f"{path} returned a loss, statistics and a carried value, which got lost"
            yield f'{lost}: write Out(y, of_parts={{"{path}": as_out(self.{path}(…))}})'


def sums_beside_the_output(component: Component) -> Complaints:
    """Losses in its Out are single numbers, and statistics come back through after_step(stats)."""
    block = make(component)
    yield from sums_taken_back(block, block(torch.randn(2, 5, DIMS.d_model), seq(5)))


def carry_reaches_attention(component: Component) -> Complaints:
    """Attention is called with what earlier layers carried."""
    block = make(component, Talking)
    block(torch.randn(2, 5, DIMS.d_model), seq(5), None, {"told before": torch.zeros(1)})
    for path, part in block.named_modules():
        if isinstance(part, Talking) and not all("told before" in carry for carry in part.carried):
            yield f"{path} is not given it"


def nothing_drawn_in_evaluation(component: Component) -> Complaints:
    """In evaluation, the same input makes the same output."""
    block = bench.precise(component)
    x = bench.input(block)
    yield from differing("the second time", run(block, x), run(block, x), 0)


def decoding_agrees(component: Component) -> Complaints:
    """Decoding with a cache equals a full forward: in chunks, padded, rows selected, replaced."""
    model = decoding.decoder(named("attention", "full"), named("position", "rope"), block=component)
    for way in decoding.EVERY_WAY:
        yield from way(model)


def on_accelerator(component: Component) -> Complaints:
    """On a GPU all that it makes is there too, and nothing waits for a value (item, a mask)."""
    yield from bench.on_accelerator(component)
    usual = named("attention", "full"), named("position", "rope")
    yield from decoding.on_accelerator(decoding.decoder(*usual, block=component))


PROPERTIES = (
    made,
    bench.width_kept,
    bench.type_kept,
    bench.finite,
    bench.causal,
    bench.rows_alone,
    parts_are_heard,
    sums_beside_the_output,
    carry_reaches_attention,
    nothing_drawn_in_evaluation,
    decoding_agrees,
    on_accelerator,
    *bench.of_weights,
)
