"""Conformance of activations."""

from __future__ import annotations

from typing import Any

import torch

from zoo.catalog.component import Component
from zoo.testing.bench import LEADS, Bench, build, no_tensor
from zoo.testing.compare import Complaints

HIDDEN = 24


def make(component: Component) -> Any:
    return component(build())


bench = Bench(
    make,
    lambda activation, x: activation(x),
    lambda activation: activation.fan_in * HIDDEN,
)


def made(component: Component) -> Complaints:
    """It is callable, returns a tensor, and says in fan_in how many blocks it takes, at least 1."""
    activation = make(component)
    fan_in = getattr(activation, "fan_in", None)
    if not isinstance(fan_in, int) or fan_in < 1:
        yield f"fan_in is {fan_in!r}"
    if not callable(activation):
        yield f"a {type(activation).__name__} can't be called"
    yield from no_tensor(activation(torch.randn(2, 5, activation.fan_in * HIDDEN)))


def blocks_become_one(component: Component) -> Complaints:
    """(…, fan_in · h) -> (…, h), for any leading dimensions."""
    activation = make(component)
    for lead in LEADS:
        x = torch.randn(*lead, activation.fan_in * HIDDEN)
        y = activation(x)
        if y.shape != (*lead, HIDDEN):
            yield f"{tuple(x.shape)} in, {tuple(y.shape)} out, with fan_in {activation.fan_in}"


PROPERTIES = (
    made,
    blocks_become_one,
    bench.type_kept,
    bench.finite,
    bench.tokens_alone,
    bench.on_accelerator,
    *bench.of_weights,
)
