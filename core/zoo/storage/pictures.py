"""Write plots as PNG files; import matplotlib at first use."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from zoo.storage.paths import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE_COLUMNS = 80


def canvas(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """An empty plot of what ``y`` says over what ``x`` says.

    Uses matplotlib's Agg renderer directly: no display, and none of pyplot's global state.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_title(
        fill(title, TITLE_COLUMNS), parse_math=False
    )  # a dollar sign in a name begins no formula
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    return figure, axes


def save(figure: Figure, path: Path) -> None:
    png = io.BytesIO()
    with warnings.catch_warnings():
        # A name in letters that the font lacks is no reason to disturb.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(png, format="png")
    write_atomically(path, png.getvalue())
