"""Numbers that are not finite: every rank stops at the same step, before they are in a weight."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_runs import interrupt, losses, somewhere, tiny

import zoo
from zoo.api import train as api_train
from zoo.errors import ZooError
from zoo.model.decoder import Scored
from zoo.training.trainer import Trainer

__all__ = ["somewhere"]  # fixtures


def score_times(factor: float, at: Callable[[int], bool]) -> Callable[..., Scored]:
    """``Trainer._score`` whose training loss is multiplied at some steps."""
    plain = Trainer._score

    def score(self: Trainer, model: Any, *given: Any) -> Scored:
        scored = plain(self, model, *given)
        broken = torch.is_grad_enabled() and at(self.step)
        return scored._replace(total=scored.total * factor) if broken else scored

    return score


@pytest.mark.parametrize("factor", [math.inf, math.nan])
def test_stops_before_the_update_and_names_the_step(
    factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "_score", score_times(factor, lambda step: step == 6))
    with pytest.raises(ZooError, match=r"step 7 \(rows 48 to 55.*stopped before the update"):
        zoo.train(tiny())
    run = zoo.open_run("runs/tiny-1")
    assert run.checkpoint.step == 4
    assert all(torch.isfinite(t).all() for t in run.checkpoint.model.values())
    assert max(losses(run.dir)) == 6


def test_a_gradient_that_is_not_finite_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Trainer._score

    def poisoned(self: Trainer, *given: Any) -> Scored:
        if self.step == 3:
            self.model.get_parameter("head.weight").register_hook(lambda g: g * math.nan)
        return plain(self, *given)

    monkeypatch.setattr(Trainer, "_score", poisoned)
    with pytest.raises(ZooError, match=r"gradient norm nan, not finite for head\.weight: "):
        zoo.train(tiny())


def test_skips_the_update_where_the_recipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "_score", score_times(math.nan, lambda step: step in (3, 6)))
    with pytest.warns(UserWarning, match="skipped") as told:
        run = zoo.train(tiny("train.on_nonfinite=skip"))
    assert [re.match(r"step \d+", str(one.message))[0] for one in told] == ["step 4", "step 7"]
    assert run.checkpoint.step == 12
    told_of = [r for r in run.metrics if r["event"] == "train"]
    assert [r["step"] for r in told_of if r["objective"] is None] == [4, 7]
    assert math.isfinite(run.summary["valid_loss"])


@pytest.mark.parametrize("what", ["stop", "skip"])
@pytest.mark.parametrize("wrong", [math.nan, -math.inf])
def test_a_weight_that_is_not_finite_is_told_by_name(
    what: str, wrong: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Trainer.train_step

    def spoiling(self: Trainer, *given: Any) -> Any:
        if self.step == 5:
            self.model.get_parameter("blocks.1.feedforward_norm.weight").data[3] = wrong
        return plain(self, *given)

    monkeypatch.setattr(Trainer, "train_step", spoiling)
    said = r"step 6 \(rows 40 to 47.*, and blocks\.1\.feedforward_norm\.weight not finite: "
    with pytest.raises(ZooError, match=f"{said}stopped before the update"):
        zoo.train(tiny(f"train.on_nonfinite={what}"))
    assert zoo.open_run("runs/tiny-1").checkpoint.step == 4


def test_an_evaluation_that_is_not_finite_is_never_the_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = Trainer.evaluate

    def evaluate(self: Trainer, *given: Any) -> dict[str, float]:
        measured = plain(self, *given)
        assert measured is not None
        return dict.fromkeys(measured, math.nan) if self.step == 4 else measured

    monkeypatch.setattr(Trainer, "evaluate", evaluate)
    run = zoo.train(tiny("train.eval_every=4", "train.steps=4"))
    assert run.checkpoint.state.best is None
    assert math.isnan(run.summary["valid_loss"])
    written = (run.dir / "summary.json").read_text()
    assert json.loads(written, parse_constant=pytest.fail)["valid_loss"] is None
    run = zoo.train(tiny("train.eval_every=4"))
    assert run.checkpoint.state.best["step"] == 12


@pytest.mark.filterwarnings("ignore:step")
def test_steps_skipped_in_a_row_are_counted_on_by_a_resumed_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Trainer, "_score", score_times(math.nan, lambda step: step > 0))
    run = interrupt(lambda: zoo.train(tiny("train.on_nonfinite=skip")), 5)
    with pytest.raises(ZooError, match=r"step 11 .* 10th step in a row"):
        api_train.resume(run)


@pytest.mark.filterwarnings("ignore:step")
def test_does_not_skip_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "_score", score_times(math.nan, lambda step: step > 0))
    with pytest.raises(ZooError, match=r"step 11 .* 10th step in a row"):
        zoo.train(tiny("train.on_nonfinite=skip"))
