"""Plot token frequencies and document lengths of prepared data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.storage.pictures import canvas, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from zoo.contracts import Tokenizer
    from zoo_measure.data_report import Counts

FREQUENCIES = "token-frequency.png"
LENGTHS = "document-lengths.png"

CURVE_POINTS = 2000  # more than a picture has columns of pixels
SPELLED = 7  # tokens along the curve, evenly spaced
SPELLING = 16  # characters
BINS = 60
SKEWED = 10  # times the median's length, for a hundredth, asks for a logarithmic axis
FAR = 3  # times as long as 99 in 100 documents: the few beyond would squash all others


def draw(counts: Counts, tokenizer: Tokenizer, label: str, length: int, folder: Path) -> list[Path]:
    """Draws both pictures into a folder and returns where they are.

    ``label`` says what text it is, ``length`` is the model's context, marked among the documents.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw_frequencies(counts.tokens, tokenizer, label, folder / FREQUENCIES)
    draw_lengths(counts.document_tokens, label, length, folder / LENGTHS)
    return [folder / FREQUENCIES, folder / LENGTHS]


def draw_frequencies(counts: np.ndarray, tokenizer: Tokenizer, label: str, path: Path) -> None:
    """Occurrences over rank, both logarithmic, where Zipf's law is a straight line."""
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    ordered = counts[order]
    ranks = np.arange(1, len(ordered) + 1)
    figure, axes = canvas(
        f"Token frequency: {label}", "rank of the token (1 is the commonest)", "occurrences"
    )
    axes.set(xscale="log", yscale="log")
    some = np.unique(np.geomspace(1, len(ranks), CURVE_POINTS).astype(np.int64)) - 1
    used = f"{len(ordered):,} of {len(counts):,} ids occur"
    axes.plot(ranks[some], ordered[some], color="tab:blue", label=used)
    harmonic = float((1 / ranks).sum())
    axes.plot(
        [1, len(ranks)],
        [ordered.sum() / harmonic, ordered.sum() / harmonic / len(ranks)],
        color="tab:gray",
        linestyle="--",
        linewidth=1,
        label="Zipf's law: occurrences ∝ 1 / rank",
    )
    for rank in np.unique(np.geomspace(1, len(ranks), SPELLED).round().astype(np.int64)).tolist():
        spell(axes, rank, int(ordered[rank - 1]), tokenizer.decode([int(order[rank - 1])]))
    axes.legend(loc="lower left")
    axes.margins(x=0.06, y=0.12)
    save(figure, path)


def spell(axes: Axes, rank: int, count: int, text: str) -> None:
    """Marks a token on the curve with its text, where spaces and line ends can be seen."""
    axes.plot([rank], [count], "o", color="tab:blue", markersize=4)
    shown = text if len(text) <= SPELLING else text[:SPELLING] + "…"
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown.replace(" ", "␣"))
    axes.annotate(
        shown,
        (rank, count),
        xytext=(5, 5),
        textcoords="offset points",
        fontsize=8,
        parse_math=False,
    )


def draw_lengths(lengths: np.ndarray, label: str, context: int, path: Path) -> None:
    """How many documents there are of each length, with the median and the context marked.

    Few that are far longer than all others share a bar at the end.
    """
    from matplotlib.ticker import MaxNLocator

    median = float(np.median(lengths))
    figure, axes = canvas(
        f"Document lengths: {label}",
        "length of the document (tokens, its end not counted)",
        f"documents (of {len(lengths):,})",
    )
    longest = end = max(int(lengths.max()), 1)
    most = max(int(np.quantile(lengths, 0.99, method="lower")), 1)
    skewed = most > SKEWED * max(median, 1)
    if not skewed and longest > FAR * most:
        end = int(1.5 * most)
    if skewed:
        edges = np.unique(np.geomspace(1, end + 1, BINS + 1).round())
        axes.set(xscale="log", yscale="log")
        lengths = np.maximum(lengths, 1)  # the axis has no place for empty ones
    else:
        edges = np.arange(0, end + 1 + width_for(end), width_for(end))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
    axes.hist(lengths, bins=edges.tolist(), color="tab:blue", alpha=0.7)
    beyond, width = int((lengths >= edges[-1]).sum()), float(edges[-1] - edges[-2])
    if beyond:
        told = f"{beyond:,} longer, up to {longest:,} tokens"
        axes.bar(edges[-1], beyond, width, align="edge", color="tab:red", label=told)
    axes.axvline(median, label=f"median: {median:,.0f} tokens", color="tab:orange")
    fits = 100 * float((lengths <= context).mean())
    told = f"max_seq_len: {context:,} tokens; {fits:.3g} % of the documents fit"
    axes.axvline(context, label=told, color="tab:green", linestyle="--")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda tick, _: f"{tick:,.0f}")
    axes.set_xlim(edges[0], edges[-1] + (width if beyond else 0))
    figure.legend(loc="outside lower center", ncols=2)
    save(figure, path)


def width_for(longest: int) -> int:
    """A bin's width in whole tokens, so that no bin holds more lengths than another."""
    return -(-longest // BINS)
