"""Conformance of feed-forward parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.catalog.component import Component
from zoo.contracts import as_out
from zoo.model.returned import unusable
from zoo.testing.bench import DIMS, Bench, build, no_module, sums_taken_back
from zoo.testing.compare import Complaints


def make(component: Component) -> Any:
    return component(build("blocks.0.feedforward"))


def run(feedforward: Any, x: Tensor) -> Tensor:
    return as_out(feedforward(x)).y


bench = Bench(make, run)


def made(component: Component) -> Complaints:
    """Given build, it makes a torch.nn.Module, which returns a tensor or an Out of tensors."""
    feedforward = make(component)
    yield from no_module(feedforward)
    yield from unusable(feedforward(torch.randn(2, 5, DIMS.d_model)))


def sums_beside_the_output(component: Component) -> Complaints:
    """Losses in an Out are single numbers, and statistics come back through after_step(stats)."""
    feedforward = make(component)
    yield from sums_taken_back(feedforward, feedforward(torch.randn(2, 5, DIMS.d_model)))


PROPERTIES = (
    made,
    bench.width_kept,
    bench.type_kept,
    bench.finite,
    bench.tokens_alone,
    bench.on_accelerator,
    sums_beside_the_output,
    *bench.of_weights,
)
