"""What is told of prepared tokens."""

from __future__ import annotations

import numpy as np
from preparing import Corpus, Recipe, own_cache, prepare  # noqa: F401  (a fixture)

from zoo import data
from zoo.inspect import inspect, repeated_spans


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
