"""Conformance of norms."""

from __future__ import annotations

from typing import Any

import torch

from zoo.catalog.component import Component
from zoo.testing.bench import DIMS, LEADS, Bench, build, no_module, no_tensor
from zoo.testing.compare import Complaints


def make(component: Component) -> Any:
    return component(DIMS.d_model, build())


bench = Bench(make, lambda norm, x: norm(x))


def made(component: Component) -> Complaints:
    """Given dim and build, it makes a torch.nn.Module, which returns a tensor."""
    norm = make(component)
    yield from no_module(norm)
    yield from no_tensor(norm(torch.randn(2, 5, DIMS.d_model)))


def shape_kept(component: Component) -> Complaints:
    """(…, dim) -> (…, dim), for any leading dimensions."""
    norm = make(component)
    for lead in LEADS:
        y = norm(torch.randn(*lead, DIMS.d_model))
        if y.shape != (*lead, DIMS.d_model):
            yield f"{(*lead, DIMS.d_model)} in, {tuple(y.shape)} out"


PROPERTIES = (
    made,
    shape_kept,
    bench.type_kept,
    bench.finite,
    bench.tokens_alone,
    bench.on_accelerator,
    *bench.of_weights,
)
