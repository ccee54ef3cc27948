"""Pictures of a run: its losses and its learning rate."""

from __future__ import annotations

import io
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.paths import write_atomically
from zoo_builtin.observers.jsonl import FILE_NAME, lines_until

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from zoo.run import RunInfo

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
        metrics = self.run.dir / FILE_NAME
        if not metrics.exists():
            return
        for line in lines_until(metrics, self.run.start_step):
            record = json.loads(line)
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
        figure, axes = canvas(f"{self.run.name} on {self.run.label}", "loss (nats per token)")
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
        figure, axes = canvas(self.run.name, "learning rate")
        axes.plot(steps, [self.run.lr_at(step) for step in steps], color="tab:green")
        save(figure, path)


def canvas(title: str, what: str) -> tuple[Figure, Axes]:
    """An empty plot of ``what`` over the steps.

    Uses matplotlib's Agg renderer directly: no display, and none of pyplot's global state.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_title(title, parse_math=False)  # a dollar sign in a name begins no formula
    axes.set_xlabel("step")
    axes.set_ylabel(what)
    axes.grid(alpha=0.3)
    return figure, axes


def save(figure: Figure, path: Path) -> None:
    png = io.BytesIO()
    with warnings.catch_warnings():
        # A name in letters that the font lacks is no reason to disturb.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(png, format="png")
    write_atomically(path, png.getvalue())


def point(record: Mapping[str, Any]) -> tuple[int, float]:
    """(step, loss); a loss that metrics.jsonl has as null is not a number."""
    loss = record["loss"]
    return record["step"], math.nan if loss is None else loss


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
