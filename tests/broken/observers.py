"""Observers that each break something that the core relies on."""

from __future__ import annotations

from typing import Any

import numpy as np

from broken.case import Case


class Listener:
    def __init__(self, run: Any) -> None:
        self.run = run

    def run_started(self) -> None: ...


class Misnamed:
    def __init__(self, run: Any) -> None: ...

    def on_step_ended(self, record: Any) -> None: ...


class Exact(Listener):
    def step_ended(self, record: Any) -> None:
        assert record["grad_norm"] < 0.1


class LastLoss(Listener):
    def step_ended(self, record: Any) -> None:
        self.loss = record["loss"]

    def run_ended(self, summary: Any) -> None:
        print(self.loss)


class NewFile(Listener):
    def run_started(self) -> None:
        (self.run.dir / "log.txt").open("x").close()


class Takes(Listener):
    def step_ended(self, record: Any) -> None:
        record.pop("loss")


class Draws(Listener):
    def step_ended(self, record: Any) -> None:
        np.random.random()


class Decays(Listener):
    def step_ended(self, record: Any) -> None:
        self.run.model.head.weight.data.mul_(0.9)


CASES = [
    Case("observer", Misnamed, "made", "it has none of run_started, step_ended"),
    Case(
        "observer",
        Exact,
        "hears_a_whole_run",
        "raised AssertionError",
        ("hears_an_early_end", "hears_a_resumed_run", "changes_nothing"),
    ),
    Case("observer", LastLoss, "hears_an_early_end", "has no attribute 'loss'"),
    Case("observer", NewFile, "hears_a_resumed_run", "raised FileExistsError"),
    Case("observer", Takes, "changes_nothing", "step_ended changed what it was given"),
    Case("observer", Decays, "changes_nothing", "it changed head.weight"),
    Case("observer", Draws, "changes_nothing", "step_ended drew from a global generator"),
]
