"""Compare two tokenizers on a text: token counts, speed, where splits differ."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.text_pieces import count_characters
from zoo_tokenizers.id_streams import takes
from zoo_tokenizers.merge_tree import ordinary_ids
from zoo_tokenizers.report import Token, nth_token, token_table

EXAMPLES = 20
MOST_KEPT = 1 << 20  # kinds of differences that are counted at once
LONGEST = 64  # bytes of a span: what is longer tells nothing as an example


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        vocab_size: number of ids.
        tokens: how many the text becomes.
        distinct: how many different ones.
        megabytes_per_second: of encoding in one thread, None where it wasn't measured.
        exact: whether its tokens spell the text, so that its splits can be compared.
    """

    vocab_size: int
    tokens: int
    bytes_per_token: float
    characters_per_token: float
    distinct: int
    megabytes_per_second: float | None
    exact: bool


@dataclass(frozen=True)
class Difference:
    """A span of text between places where both split, and what each makes of it."""

    text: str
    count: int
    a: Sequence[Token]
    b: Sequence[Token]


@dataclass(frozen=True)
class Comparison:
    """Two tokenizers on the same text.

    Attributes:
        bytes, characters, invalid_bytes: the text; bytes that are no UTF-8 were read as U+FFFD.
        a, b: the two.
        shared: ordinary tokens of both vocabularies; only_a, only_b: of one alone.
        same_ids: whether both give the same ids for the whole text.
        compared_bytes: the text whose splits were compared: that of which both spell every byte.
        different_bytes: how much of it lies in spans that are split differently.
        different_spans: how many of those there are.
        most_frequent: the commonest short ones; counts are lower bounds where ``approximate``.
    """

    bytes: int
    characters: int
    invalid_bytes: int
    a: Side
    b: Side
    shared: int
    only_a: int
    only_b: int
    same_ids: bool
    compared_bytes: int
    different_bytes: int
    different_spans: int
    most_frequent: Sequence[Difference]
    approximate: bool


class Tally:
    """Counts what one tokenizer does."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.table = token_table(tokenizer)
        self.lengths = np.array([len(token) for token in self.table], dtype=np.int64)
        self.counts = np.zeros(len(self.table), dtype=np.int64)
        self.exact = True

    def encode(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """The ids of a text, and where each token ends in its bytes."""
        ids = np.asarray(self.tokenizer.encode(text))
        self.counts += np.bincount(ids, minlength=len(self.counts))
        return ids, np.cumsum(self.lengths[ids])

    def spells(self, ids: np.ndarray, ends: np.ndarray, text: bytes) -> bool:
        """Whether these tokens joined are the text."""
        found = int(ends[-1]) == len(text) if len(ends) else not text
        found = found and b"".join(map(self.table.__getitem__, ids.tolist())) == text
        self.exact &= found
        return found

    def side(self, n_bytes: int, n_characters: int, speed: float | None) -> Side:
        tokens = int(self.counts.sum())
        return Side(
            vocab_size=len(self.table),
            tokens=tokens,
            bytes_per_token=n_bytes / max(1, tokens),
            characters_per_token=n_characters / max(1, tokens),
            distinct=int((self.counts > 0).sum()),
            megabytes_per_second=speed,
            exact=self.exact,
        )


def compare(
    a: Any,
    b: Any,
    pieces: Iterable[bytes],
    *,
    speeds: tuple[float | None, float | None] = (None, None),
) -> Comparison:
    """Encodes a text with two tokenizers, piece by piece.

    Both are given each piece as a string, with U+FFFD where it is not UTF-8.

    Raises:
        ValueError: one of them can't encode the text.
    """
    tallies = Tally(a), Tally(b)
    differences = Differences()
    n_bytes = n_characters = n_invalid = compared = 0
    same_ids = True
    for piece in pieces:
        n_invalid += count_characters(piece)[1]
        text = piece.decode("utf-8", "replace")
        raw = text.encode("utf-8")
        n_bytes += len(raw)
        n_characters += len(text)
        (ids_a, ends_a), (ids_b, ends_b) = (tally.encode(text) for tally in tallies)
        same_ids = same_ids and np.array_equal(ids_a, ids_b)
        spelled = [
            tallies[0].spells(ids_a, ends_a, raw),
            tallies[1].spells(ids_b, ends_b, raw),
        ]
        if all(spelled):
            compared += len(raw)
            differences.add(ids_a, ends_a, ids_b, ends_b)
    tokens_a, tokens_b = (ordinary_ids(tokenizer).keys() for tokenizer in (a, b))
    return Comparison(
        bytes=n_bytes,
        characters=n_characters,
        invalid_bytes=n_invalid,
        a=tallies[0].side(n_bytes, n_characters, speeds[0]),
        b=tallies[1].side(n_bytes, n_characters, speeds[1]),
        shared=len(tokens_a & tokens_b),
        only_a=len(tokens_a - tokens_b),
        only_b=len(tokens_b - tokens_a),
        same_ids=same_ids,
        compared_bytes=compared,
        different_bytes=differences.bytes,
        different_spans=differences.spans,
        most_frequent=differences.most_frequent(tallies[0].table, tallies[1].table),
        approximate=differences.forgot,
    )


class Differences:
    """Counts the spans between common token ends that two tokenizers split differently."""

    def __init__(self) -> None:
        self.bytes = 0
        self.spans = 0
        self.forgot = False
        self._counts: Counter[tuple[bytes, bytes]] = Counter()

    def add(
        self, ids_a: np.ndarray, ends_a: np.ndarray, ids_b: np.ndarray, ends_b: np.ndarray
    ) -> None:
        """Counts in one text: the ids of both, and where their tokens end."""
        if not len(ends_a):
            return
        is_end = np.zeros((2, int(ends_a[-1]) + 1), dtype=bool)
        is_end[0, ends_a] = is_end[1, ends_b] = True
        at_a, at_b = (
            np.flatnonzero(other[ends]) + 1
            for ends, other in ((ends_a, is_end[1]), (ends_b, is_end[0]))
        )
        common = ends_a[at_a - 1]
        upto_a, upto_b = (np.concatenate([[0], at]) for at in (at_a, at_b))
        differ = np.flatnonzero((np.diff(upto_a) > 1) | (np.diff(upto_b) > 1))
        sizes = np.diff(common, prepend=0)[differ]
        self.spans += len(differ)
        self.bytes += int(sizes.sum())
        ids_a, ids_b = ids_a.astype(np.int32), ids_b.astype(np.int32)
        short = differ[sizes <= LONGEST]
        bounds = (upto_a[short], upto_a[short + 1], upto_b[short], upto_b[short + 1])
        self._counts.update(
            (ids_a[a:a_end].tobytes(), ids_b[b:b_end].tobytes())
            for a, a_end, b, b_end in zip(*(bound.tolist() for bound in bounds), strict=True)
        )
        if len(self._counts) > MOST_KEPT:
            self.forgot = True
            self._counts = Counter(dict(self._counts.most_common(MOST_KEPT // 2)))

    def most_frequent(
        self, table_a: Sequence[bytes], table_b: Sequence[bytes]
    ) -> Sequence[Difference]:
        found = []
        by_count = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        for (ids_a, ids_b), count in by_count[:EXAMPLES]:
            a, b = (
                [nth_token(table, n) for n in np.frombuffer(ids, np.int32).tolist()]
                for table, ids in ((table_a, ids_a), (table_b, ids_b))
            )
            text = b"".join(token.raw for token in a)
            found.append(Difference(text.decode("utf-8", "replace"), count, a, b))
        return found


def one_thread(tokenizer: Any) -> Callable[[str], Any]:
    """What encodes a text in one thread: ``encode`` may use several for a long one."""
    if takes(getattr(tokenizer, "encode_batch", None), "threads"):
        return lambda text: tokenizer.encode_batch([text], threads=1)
    encode: Callable[[str], Any] = tokenizer.encode
    return encode


def encoding_speeds(
    tokenizers: Sequence[Any], pieces: Iterable[bytes], *, rounds: int = 3, patience: float = 20.0
) -> list[float]:
    """MB/s of encoding in one thread: after a warm-up, the best of some rounds over the pieces.

    The tokenizers take turns piece by piece. No further round begins after ``patience`` seconds.
    """
    texts = [piece.decode("utf-8", "replace") for piece in pieces]
    n_bytes = sum(len(text.encode("utf-8")) for text in texts)
    encoders = [one_thread(tokenizer) for tokenizer in tokenizers]
    for encode in encoders:
        encode(texts[0][: 1 << 16] if texts else "")
    best = [float("inf")] * len(encoders)
    started = time.perf_counter()
    for _ in range(rounds):
        spent = [0.0] * len(encoders)
        for nth, text in enumerate(texts):
            for turn in range(len(encoders)):
                which = (turn + nth) % len(encoders)
                before = time.perf_counter()
                encoders[which](text)
                spent[which] += time.perf_counter() - before
        best = [min(pair) for pair in zip(best, spent, strict=True)]
        if time.perf_counter() - started > patience:
            break
    return [n_bytes / 1e6 / max(seconds, 1e-9) for seconds in best]
