"""An observer that looks at the model itself."""

from __future__ import annotations

from typing import Any

import pytest
from small_runs import somewhere, tiny

import zoo
from zoo import testing
from zoo.catalog.entries import Registrar, Registry

__all__ = ["somewhere"]  # a fixture


class WeightNorms:
    """The norm of the head's weights after each step that is logged."""

    seen: list[float] = []  # noqa: RUF012

    def __init__(self, run: zoo.RunInfo) -> None:
        assert run.model is not None
        self.weight = run.model.head.weight

    def step_ended(self, record: Any) -> None:
        self.seen.append(self.weight.detach().norm().item())


def test_an_observer_of_weight_norms_sees_them_change() -> None:
    offered = Registrar("mine", "1")
    offered.observer("weight_norms", WeightNorms)
    registry = Registry()
    registry.add([*zoo.registry().entries(), *offered.entries])
    changes = ["train.observers=['weight_norms']", "train.steps=4"]
    run = zoo.train(zoo.load_recipe("tiny.toml", changes, registry))
    assert len(set(WeightNorms.seen)) == 4
    last = run.checkpoint.model["head.weight"].norm().item()
    assert WeightNorms.seen[-1] == pytest.approx(last)
    plain = zoo.train(tiny("train.steps=4")).checkpoint.model
    assert all(plain[name].equal(weight) for name, weight in run.checkpoint.model.items())
    testing.check("observer", WeightNorms)
