"""Statistics of prepared tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zoo.data.batches import batch

if TYPE_CHECKING:
    from zoo.contracts import Tokenizer
    from zoo.data.shards import Tokens

CHUNK = 2**22
SPAN = 8
MOST_FREQUENT = 20


@dataclass(frozen=True)
class TokenCount:
    """A token, spelled, and how often it occurs."""

    id: int
    text: str
    count: int


@dataclass(frozen=True)
class BatchReport:
    """How different the rows of a training batch are.

    Attributes:
        rows, length: the batch's size, in rows and in tokens a row.
        distinct_rows: how many different ones there are.
        repeated_spans: share of all runs of eight tokens that occur in more than one row; 0 in a
            varied corpus, 1 if all rows are the same.
        shared_vocabulary: mean over all pairs of rows of (tokens in both) / (tokens in either).
        sample: the first row as text.
    """

    rows: int
    length: int
    distinct_rows: int
    repeated_spans: float
    shared_vocabulary: float
    sample: str


@dataclass(frozen=True)
class Report:
    """One split in numbers.

    Attributes:
        tokens, documents, bytes: how much there is; tokens include the end of each document.
        not_utf8: how many of the documents aren't valid UTF-8.
        bytes_per_token: how much text a token stands for.
        document_tokens: shortest, median, mean and longest document, its end not counted.
        vocab_size, never_used: how many tokens there are, and how many of them never occur.
        most_frequent: the commonest tokens, in order.
        special_share: share of the tokens that stand for no text, mostly ends of documents.
        repeated_ends: how often an end of text directly follows another, that is, nothing was
            between them; longest_end_run: the most in a row.
        batch: the first training batch.
    """

    tokens: int
    documents: int
    bytes: int
    not_utf8: int
    bytes_per_token: float
    document_tokens: tuple[int, float, float, int]
    vocab_size: int
    never_used: int
    most_frequent: list[TokenCount]
    special_share: float
    repeated_ends: int
    longest_end_run: int
    batch: BatchReport


class Counts(NamedTuple):
    """How often each id occurs, (vocab_size,), and how long each document is, (documents,).

    The end of a document doesn't count to its length.
    """

    tokens: np.ndarray
    document_tokens: np.ndarray


def count(tokens: Tokens, tokenizer: Tokenizer) -> Counts:
    """Reads a whole split, in pieces."""
    counts = np.zeros(len(tokenizer.token_bytes()), dtype=np.int64)
    ends_in_chunks = [np.array([-1])]
    for start, ids in chunks(tokens):
        counts += np.bincount(ids, minlength=len(counts))
        ends_in_chunks.append(start + np.flatnonzero(ids == tokenizer.eot))
    return Counts(counts, np.diff(np.concatenate(ends_in_chunks)) - 1)


def inspect(
    tokens: Tokens,
    tokenizer: Tokenizer,
    *,
    length: int,
    n_rows: int,
    seed: int,
    counted: Counts | None = None,
) -> Report:
    """Counts a split's tokens and looks at the first batch of ``n_rows`` windows of ``length``.

    ``counted`` is what ``count`` gave, where it was called before.

    Raises:
        ZooError: the split is smaller than one window.
    """
    counts, document_tokens = counted or count(tokens, tokenizer)
    rows = batch(tokens, seed=seed, step=0, n_rows=n_rows, rows=range(n_rows), length=length)
    return Report(
        tokens=len(tokens),
        documents=tokens.documents,
        bytes=tokens.bytes,
        not_utf8=tokens.not_utf8,
        bytes_per_token=tokens.bytes / len(tokens),
        document_tokens=(
            int(document_tokens.min()),
            float(np.median(document_tokens)),
            float(document_tokens.mean()),
            int(document_tokens.max()),
        ),
        vocab_size=len(counts),
        never_used=int((counts == 0).sum()),
        most_frequent=most_frequent(counts, tokenizer),
        special_share=float(counts[tokenizer.token_bytes() == 0].sum() / len(tokens)),
        repeated_ends=int((document_tokens[1:] == 0).sum()),
        longest_end_run=longest_run(document_tokens[1:] == 0) + 1,
        batch=inspect_batch(rows[:, :-1], tokenizer),
    )


def most_frequent(counts: np.ndarray, tokenizer: Tokenizer) -> list[TokenCount]:
    """The MOST_FREQUENT tokens that occur at all, the commonest first, the lower id at a tie."""
    by_count = np.argsort(-counts, kind="stable")[:MOST_FREQUENT].tolist()
    return [
        TokenCount(token, tokenizer.decode([token]), int(counts[token]))
        for token in by_count
        if counts[token]
    ]


def inspect_batch(rows: np.ndarray, tokenizer: Tokenizer) -> BatchReport:
    """How different these rows are: (n_rows, length)."""
    n_rows, length = rows.shape
    present = np.zeros((n_rows, len(tokenizer.token_bytes())), dtype=np.float32)
    np.put_along_axis(present, rows, 1, axis=1)
    both = present @ present.T
    sizes = both.diagonal()
    either = sizes[:, None] + sizes[None, :] - both
    pairs = np.triu_indices(n_rows, k=1)
    return BatchReport(
        rows=n_rows,
        length=length,
        distinct_rows=len(np.unique(rows, axis=0)),
        repeated_spans=repeated_spans(rows),
        shared_vocabulary=float((both / either)[pairs].mean()) if n_rows > 1 else 1.0,
        sample=tokenizer.decode(rows[0].tolist()),
    )


def repeated_spans(rows: np.ndarray) -> float:
    """The share of all spans of SPAN tokens, or of whole shorter rows, found in several rows."""
    n_rows, length = rows.shape
    span = min(SPAN, length)
    spans = np.lib.stride_tricks.sliding_window_view(rows, span, axis=1)
    _, kind = np.unique(spans.reshape(-1, span), axis=0, return_inverse=True)
    row = np.repeat(np.arange(n_rows), spans.shape[1])
    kinds_of_rows = np.unique(np.stack([kind.ravel(), row]), axis=1)[0]
    rows_with = np.bincount(kinds_of_rows)
    return float((rows_with[kind.ravel()] > 1).mean())


def chunks(tokens: Tokens) -> Iterator[tuple[int, np.ndarray]]:
    """All tokens in pieces that fit in memory, each with its position."""
    position = 0
    for shard in tokens.shards:
        for start in range(0, len(shard), CHUNK):
            ids = np.asarray(shard[start : start + CHUNK])
            yield position, ids
            position += len(ids)


def longest_run(flags: np.ndarray) -> int:
    """The most True values in a row.

    >>> longest_run(np.array([True, False, True, True]))
    2
    """
    breaks = np.flatnonzero(np.concatenate([[True], ~flags, [True]]))
    return int(np.diff(breaks).max()) - 1
