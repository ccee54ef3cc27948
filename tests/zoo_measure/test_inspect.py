"""What is told of prepared tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from preparing import TRAIN, Corpus, Recipe, own_cache, prepare  # noqa: F401  (a fixture)

from zoo.data import batches as data
from zoo_builtin.tokenizers import Byte
from zoo_measure import data_plots as inspect_plots
from zoo_measure.data_report import Counts, count, inspect, repeated_spans

RED = to_rgba("tab:red")  # of the bar that longer documents share


def test_a_report_counts_what_is_there() -> None:
    documents = [b"aab", b"", b"", b"b" * 25]
    found = prepare(Recipe(Corpus(train=documents), "byte"))
    report = inspect(found.train, found.tokenizer, length=4, n_rows=6, seed=0)
    assert (report.tokens, report.documents, report.bytes) == (32, 4, 28)
    assert report.bytes_per_token == 28 / 32
    assert report.document_tokens == (0, 1.5, 7.0, 25)
    assert (report.vocab_size, report.never_used) == (257, 254)
    counted = [(token.id, token.text, token.count) for token in report.most_frequent]
    assert counted == [(98, "b", 26), (256, "<|endoftext|>", 4), (97, "a", 2)]
    assert report.special_share == 4 / 32
    assert (report.repeated_ends, report.longest_end_run) == (2, 3)
    assert (report.batch.rows, report.batch.length) == (6, 4)
    rows = data.batch(found.train, seed=0, step=0, n_rows=6, rows=range(6), length=4)
    assert report.batch.sample == found.tokenizer.decode(rows[0, :-1])
    assert report.batch.distinct_rows == len({tuple(row) for row in rows[:, :-1].tolist()})


def test_repeated_spans_tell_equal_rows_from_different_ones() -> None:
    different = np.arange(64).reshape(4, 16)
    assert repeated_spans(different) == 0
    assert repeated_spans(np.tile(different[:1], (4, 1))) == 1
    assert repeated_spans(np.concatenate([different, different[:1]])) == 2 / 5
    within = np.zeros((1, 16), dtype=np.int64)
    assert repeated_spans(within) == 0


def test_what_was_counted_before_makes_the_same_report() -> None:
    found = prepare(Recipe(Corpus(), "byte"))
    settings: dict[str, Any] = {"length": 4, "n_rows": 6, "seed": 0}
    counted = count(found.train, found.tokenizer)
    assert counted.tokens.sum() == len(found.train)
    assert counted.document_tokens.tolist() == [len(text) for text in TRAIN]
    again = inspect(found.train, found.tokenizer, counted=counted, **settings)
    assert again == inspect(found.train, found.tokenizer, **settings)


# ── Pictures ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The axes of each picture, by file name."""
    axes: dict[str, Any] = {}
    monkeypatch.setattr(
        inspect_plots, "save", lambda figure, path: axes.update({path.name: figure.axes[0]})
    )
    return axes


def counts(tokens: dict[int, int], lengths: list[int]) -> Counts:
    of_all = np.zeros(257, dtype=np.int64)
    for token, times in tokens.items():
        of_all[token] = times
    return Counts(of_all, np.array(lengths))


def test_frequencies_fall_with_the_rank_and_leave_out_what_never_occurs(
    tmp_path: Path, drawn: dict[str, Any]
) -> None:
    inspect_plots.draw(counts({97: 7, 32: 70, 10: 1}, [5]), Byte(), "$x$", 8, tmp_path)
    axes = drawn["token-frequency.png"]
    assert axes.lines[0].get_xydata().tolist() == [[1, 70], [2, 7], [3, 1]]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in axes.texts] == ["␣", "a", "\\n"]
    assert axes.get_legend().texts[0].get_text() == "3 of 257 ids occur"
    assert "$x$" in axes.get_title()
    assert (axes.get_xlabel()[:4], axes.get_ylabel()) == ("rank", "occurrences")


@pytest.mark.parametrize(
    "lengths",
    [
        [3],
        [0, 0],
        [5] * 90 + [20] * 10,
        [1, 2, 3, 4, 9000],
        [2500],
        [0] * 99 + [7],
        [3] * 60 + [9000] * 40,
        [*range(1, 2000, 7), *range(10_000, 11_000, 300)],
    ],
)
def test_every_document_is_in_a_bar_of_its_length(
    tmp_path: Path, drawn: dict[str, Any], lengths: list[int]
) -> None:
    inspect_plots.draw(counts({97: 1}, lengths), Byte(), "texts", 8, tmp_path)
    axes = drawn["document-lengths.png"]
    assert sum(bar.get_height() for bar in axes.patches) == len(lengths)
    least = 1 if axes.get_xscale() == "log" else 0
    for bar in axes.patches:
        first, end = bar.get_x(), bar.get_x() + bar.get_width()
        if bar.get_facecolor() == RED:
            end = np.inf
        inside = [n for n in lengths if first <= max(n, least) < end]
        assert bar.get_height() == len(inside)
    told = [line.get_label() for line in axes.lines]
    assert told[0] == f"median: {np.median(lengths):,.0f} tokens"
    share = 100 * np.mean(np.array(lengths) <= 8)
    assert told[1] == f"max_seq_len: 8 tokens; {share:.3g} % of the documents fit"


def test_few_long_documents_squash_no_others(tmp_path: Path, drawn: dict[str, Any]) -> None:
    lengths = np.random.default_rng(0).normal(200, 40, 2000).clip(1).astype(int).tolist()
    inspect_plots.draw(counts({97: 1}, lengths), Byte(), "texts", 8, tmp_path)
    n_bars = sum(bar.get_height() > 0 for bar in drawn["document-lengths.png"].patches)
    for outliers in ([900], [5000], [40_000, 100_000]):
        inspect_plots.draw(counts({97: 1}, lengths + outliers), Byte(), "texts", 8, tmp_path)
        axes = drawn["document-lengths.png"]
        bars = [bar for bar in axes.patches if bar.get_height() > 0]
        assert len(bars) > n_bars / 2
        _, told = axes.get_legend_handles_labels()
        assert f"{len(outliers)} longer, up to {outliers[-1]:,} tokens" in told
        assert bars[-1].get_x() + bars[-1].get_width() == axes.get_xlim()[1]


def test_both_pictures_are_written_as_png(tmp_path: Path) -> None:
    paths = inspect_plots.draw(
        counts({0xFF: 3, 0: 9, 256: 1}, [1, 2, 700]), Byte(), "名前 " * 40, 8, tmp_path / "new"
    )
    assert [path.read_bytes()[:8] for path in paths] == [b"\x89PNG\r\n\x1a\n"] * 2
    assert sorted(paths) == sorted((tmp_path / "new").iterdir())
