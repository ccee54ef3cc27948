"""Placeholders for components that can't be made, so that the rest can still be checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from zoo.catalog.component import Component, components_in
from zoo.catalog.schema import At
from zoo.contracts import Param
from zoo.model.build import BlockBuild
from zoo.model.sizes import SIZES, size_flaws, width_flaws

STEPS = 1_000_000
"""The length of a run whose length isn't known: hardly any schedule needs a longer one."""


class StandIn(nn.Module):
    """Takes the place of any part of a model whose own can't be made. It is never called."""

    fan_in = 1
    acts_on: frozenset[str] = frozenset()
    accepts = frozenset({"qk", "scores"})
    limit = None


def stand_in(*given: Any, **named: Any) -> StandIn:
    """Makes a StandIn, whatever a host gives; that of a block tries the parts it would have."""
    for build in given:
        if isinstance(build, BlockBuild):
            build.norm(build.dims.d_model)
            build.attention()
            build.feedforward()
    return StandIn()


def with_right_values(model: Component) -> Component | None:
    """The model with other values in place of those that are wrong alone and concern no part.

    The same model if there are none; None if a size is wrong that parts depend on.
    """
    wrong = [name for name, _ in size_flaws(model.options)]
    lists = [len(value) for value in model.options.values() if isinstance(value, list)]
    widths = (model.options[name] for name in ("d_model", "n_heads", "head_dim"))
    if any(name in SIZES and name != "n_layers" for name in wrong) or any(width_flaws(*widths)):
        return None
    if (depth := max([1, model.options["n_layers"], *lists])) != model.options["n_layers"]:
        wrong.append("n_layers")
    others = dict.fromkeys(wrong) | {"residual_scale": 1.0, "n_layers": depth}
    return with_options(model, {name: others[name] for name in wrong}) if wrong else model


def without(model: Component, at: At) -> Component | None:
    """The model with a StandIn for the part in which ``at`` lies; None if it lies in no part."""
    options = {
        name: [put_aside(item, at) for item in value]
        if isinstance(value, list)
        else put_aside(value, at)
        for name, value in model.options.items()
    }
    changed = {name: value for name, value in options.items() if value != model.options[name]}
    return with_options(model, changed) if changed else None


def is_whole(model: nn.Module) -> bool:
    """Whether a model is made of its own parts alone."""
    return not any(isinstance(part, StandIn) for part in model.modules())


def put_aside(value: Any, at: At) -> Any:
    holds_it = any(part.at == at for part in components_in(value))
    return stand_in if holds_it else value


def with_options(model: Component, options: Mapping[str, Any]) -> Component:
    return replace(model, options={**model.options, **options})


def some_params() -> list[Param]:
    """Parameters for an optimizer whose model can't be made: one of each role, without values."""
    shapes = {"embedding": (64, 16), "matrix": (16, 16), "vector": (16,), "head": (64, 16)}
    return [
        Param(f"{role}.weight", nn.Parameter(torch.empty(shape, device="meta")), role)
        for role, shape in shapes.items()
    ]
