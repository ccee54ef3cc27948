"""A priority queue of token pairs, the most frequent first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zoo_builtin.tokenizers.jit import inline, load64

PREFIX = 8


class Ranking(NamedTuple):
    """What says which pair is merged first."""

    counts: np.ndarray
    """int64: how often each pair was seen when it was last counted."""
    pairs: np.ndarray
    """(…, 2) int32: its two tokens."""
    lengths: np.ndarray
    """int32: how many bytes each token has."""
    prefixes: np.ndarray
    """uint64: the first PREFIX bytes of each token, the first highest."""
    seen_at: np.ndarray
    """int64: the cell where each longer token was seen."""
    letters: np.ndarray
    """uint8: the byte of each cell."""
    order: np.ndarray
    """int64: the number of each token, for ``tie = "first"``."""
    by_number: bool


@inline
def greater(one, other, ranking):
    """Whether a token's bytes come after another's in the order of dictionaries."""
    if ranking.prefixes[one] != ranking.prefixes[other]:
        return ranking.prefixes[one] > ranking.prefixes[other]
    n = min(ranking.lengths[one], ranking.lengths[other])
    a = ranking.seen_at[one]
    b = ranking.seen_at[other]
    k = PREFIX
    while k + 8 < n and load64(ranking.letters, a + k) == load64(ranking.letters, b + k):
        k += 8
    while k < n:
        if ranking.letters[a + k] != ranking.letters[b + k]:
            return ranking.letters[a + k] > ranking.letters[b + k]
        k += 1
    return ranking.lengths[one] > ranking.lengths[other]


@inline
def before(one, other, ranking):
    """Whether a pair is merged before another: the more frequent one, then as ``tie`` says."""
    if ranking.counts[one] != ranking.counts[other]:
        return ranking.counts[one] > ranking.counts[other]
    for side in range(2):
        a = ranking.pairs[one, side]
        b = ranking.pairs[other, side]
        if a != b:
            if ranking.by_number:
                return ranking.order[a] < ranking.order[b]
            return greater(a, b, ranking)
    return False


@inline
def sift_up(queue, k, added, ranking):
    while k > 0:
        parent = (k - 1) >> 1
        if not before(added, queue[parent], ranking):
            break
        queue[k] = queue[parent]
        k = parent
    queue[k] = added


@inline
def sift_down(queue, size, ranking):
    """Puts the pair at the top where it belongs."""
    moved = queue[0]
    k = 0
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        if child + 1 < size and before(
            queue[child + 1], queue[child], ranking,
        ):  # fmt: skip
            child += 1
        if not before(queue[child], moved, ranking):
            break
        queue[k] = queue[child]
        k = child
    queue[k] = moved
