"""The unigram model: pieces with probabilities; the best segmentation and expected counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo_builtin.tokenizers import unigram_kernels as kernels


def joined(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Texts end to end, (total,) uint8, and where each one ends, (n,) int64."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    return np.frombuffer(b"".join(texts), dtype=np.uint8), np.cumsum(lengths)


def longest(ends: np.ndarray) -> int:
    return int(np.diff(ends, prepend=0).max(initial=0))


def room_for_path(ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the best path through the longest text needs: sums, lengths and numbers of pieces."""
    most = longest(ends)
    return np.empty(most + 1), np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32)


class Model:
    """Sorted, distinct pieces and their log-probabilities, (n,) float64.

    All 256 bytes are among the pieces, so that every text has a segmentation. Texts are given as
    ``joined`` makes them; pieces are told by their numbers.
    """

    def __init__(self, pieces: Sequence[bytes], log_probs: np.ndarray) -> None:
        self.pieces = pieces
        self.log_probs = log_probs
        self._text, self._ends = joined(pieces)
        self.single = np.diff(self._ends, prepend=0) == 1
        self._longest = longest(self._ends)
        n_nodes = kernels.count_nodes(self._text, self._ends)
        if n_nodes > kernels.NODE_MASK:
            raise ValueError(f"{n_nodes} different beginnings of pieces are too many")
        edges = np.zeros(1 << (2 * n_nodes).bit_length(), dtype=np.int64)
        found = np.full(n_nodes, -1, dtype=np.int32)
        kernels.plant(self._text, self._ends, edges, found)
        self._trie = edges, found

    def best(self, text: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """(n,) int32: the most probable segmentation of each text, end to end.

        Of equally probable ones, that whose first piece is longest, then its second, and so on.
        """
        pieces = np.empty(len(text), dtype=np.int32)
        path = room_for_path(ends)
        n_pieces = kernels.best_pieces(text, ends, *self._trie, self.log_probs, *path, pieces)
        return pieces[:n_pieces]

    def drawn(
        self, text: np.ndarray, ends: np.ndarray, alpha: float, draws: np.ndarray
    ) -> np.ndarray:
        """(n,) int32: a segmentation of each text, drawn by its probability to the power of alpha.

        ``draws`` (len(text),) are uniform in [0, 1).
        """
        pieces = np.empty(len(text), dtype=np.int32)
        sums, terms = np.empty(longest(ends) + 1), np.empty(self._longest)
        log_probs = alpha * self.log_probs
        n_pieces = kernels.drawn_pieces(
            text, ends, draws, *self._trie, log_probs, sums, terms, pieces
        )
        return pieces[:n_pieces]

    def expect(
        self, text: np.ndarray, ends: np.ndarray, weights: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """The log-likelihood of texts, each there ``weights`` times, and the expected counts.

        The likelihood sums over all segmentations; the counts (n,) float64 are how often each
        piece occurs on average, where segmentations are drawn by their probability.
        """
        counts = np.zeros(len(self.pieces))
        sums, passes = np.empty((2, longest(ends) + 1))
        terms = np.empty(self._longest)
        likelihood = kernels.expected_counts(
            text, ends, weights, *self._trie, self.log_probs, sums, terms, passes, counts
        )
        return likelihood, counts

    def losses(self, counts: np.ndarray) -> np.ndarray:
        """(n,) float64: how far the log-likelihood falls without a piece; infinite for a byte.

        ``counts`` (n,), all positive, are how often each piece is expected. Those of a piece that
        is gone go to the best segmentation of the piece itself.
        """
        losses = np.full(len(counts), np.inf)
        log_probs = np.log(counts / counts.sum())
        path = room_for_path(self._ends)
        kernels.losses(self._text, self._ends, *self._trie, counts, log_probs, *path, losses)
        return losses
