"""Plot a run's losses and learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.authoring import canvas, is_number, records_in, save
from zoo.contracts.run_folder import METRICS

if TYPE_CHECKING:
    from zoo.contracts import RunInfo

LR_POINTS = 2000  # more than a picture has columns of pixels
SMOOTHING = 0.02  # of all values, on either side of the one that is smoothed


class Plot:
    """Draws plots/loss.png and plots/lr.png into the run's folder when the run ends.

    The loss of training steps is shown as it is and smoothed, beside the validation loss; the
    learning rate over the whole run. A resumed run takes what came before from metrics.jsonl.
    """

    def __init__(self, run: RunInfo) -> None:
        self.run = run
        self.train: list[tuple[int, float]] = []
        self.valid: list[tuple[int, float]] = []

    def run_started(self) -> None:
        if not self.run.start_step or not (self.run.dir / METRICS).exists():
            return
        for record in records_in(self.run.dir):
            if record["step"] <= self.run.start_step:
                (self.valid if record["event"] == "valid" else self.train).append(point(record))

    def step_ended(self, record: Mapping[str, Any]) -> None:
        self.train.append(point(record))

    def eval_ended(self, record: Mapping[str, Any]) -> None:
        self.valid.append(point(record))

    def run_ended(self, summary: Mapping[str, Any]) -> None:
        folder = self.run.dir / "plots"
        folder.mkdir(exist_ok=True)
        self._draw_losses(folder / "loss.png")
        self._draw_learning_rate(folder / "lr.png")

    def _draw_losses(self, path: Path) -> None:
        figure, axes = canvas(
            f"{self.run.name} on {self.run.label}", "step", "loss (nats per token)"
        )
        if self.train:
            steps, losses = zip(*self.train, strict=True)
            axes.plot(steps, losses, color="tab:blue", alpha=0.3, linewidth=1, label="training")
            axes.plot(steps, smoothed(losses), color="tab:blue", label="training, smoothed")
        if self.valid:
            steps, losses = zip(*self.valid, strict=True)
            axes.plot(steps, losses, "o-", color="tab:orange", markersize=4, label="validation")
        if self.train or self.valid:
            axes.legend()
        save(figure, path)

    def _draw_learning_rate(self, path: Path) -> None:
        total = self.run.total_steps
        steps = range(0, total, max(1, total // LR_POINTS))
        figure, axes = canvas(self.run.name, "step", "learning rate")
        axes.plot(steps, [self.run.lr_at(step) for step in steps], color="tab:green")
        save(figure, path)


def point(record: Mapping[str, Any]) -> tuple[int, float]:
    """(step, loss); what metrics.jsonl has as null, or somebody as a word, is not a number."""
    loss = record.get("loss")
    return record["step"], float(loss) if is_number(loss) else math.nan


def smoothed(values: Sequence[float]) -> list[float]:
    """The mean of each value and its neighbours, as many before as after, so that nothing lags.

    What is not finite is left out of the means.

    >>> smoothed([4.0, 1.0, 1.0, math.nan])
    [4.0, 2.0, 1.0, nan]
    """
    finite = [math.isfinite(value) for value in values]
    counts = [0, *accumulate(finite)]
    sums = [0.0, *accumulate(v if ok else 0.0 for v, ok in zip(values, finite, strict=True))]
    widest = math.ceil(SMOOTHING * len(values))
    means = []
    for at in range(len(values)):
        width = min(at, len(values) - 1 - at, widest)
        first, end = at - width, at + width + 1
        count = counts[end] - counts[first]
        means.append((sums[end] - sums[first]) / count if count else math.nan)
    return means
