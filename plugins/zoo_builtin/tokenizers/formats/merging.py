"""Derive merges from a table of ranks.

tiktoken has no merges: neighbours merge where their joined bytes are a token, the lowest rank
first. Any such table has a list of merges that does the same. Take the bytes of a token t and merge
them so until two parts are left. In whatever text t arises, its bytes have gone the same way until
then, as nothing was merged across its borders: so these two parts are the only ones that t is ever
made of. A token whose bytes end up in more parts is never made by merging, only found whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from math import inf

Pair = tuple[bytes, bytes]

MOST_WORK = 100_000_000
"""About so many comparisons take a second; a well-known vocabulary of 200,000 needs a tenth."""


def merges_of_ranks(ranks: Mapping[bytes, int]) -> tuple[list[Pair], list[bytes]]:
    """Bytes -> rank: the merges that are equal to it, in order, and the tokens that none makes.

    Raises ValueError where tokens are so long that this would take long.
    """
    check_work(ranks)

    def rank(left: bytes, right: bytes) -> float:
        return ranks.get(left + right, inf)

    merges, unmade = [], []
    for token in sorted(ranks, key=ranks.__getitem__):
        if len(token) > 1:
            pair = last_pair(token, rank)
            if pair is None:
                unmade.append(token)
            else:
                merges.append(pair)
    return merges, unmade


def not_made(tokens: Iterable[bytes], merges: Iterable[Pair]) -> list[bytes]:
    """The tokens that these merges don't make of their bytes. Raises ValueError as above."""
    tokens = list(tokens)
    check_work(tokens)
    order = {pair: index for index, pair in enumerate(merges)}

    def rank(left: bytes, right: bytes) -> float:
        return order.get((left, right), inf)

    pairs = ((token, last_pair(token, rank)) for token in tokens if len(token) > 1)
    return [token for token, pair in pairs if pair is None or pair not in order]


def last_pair(token: bytes, rank: Callable[[bytes, bytes], float]) -> Pair | None:
    """The two parts that remain of a token's bytes; None where more do."""
    parts = [token[i : i + 1] for i in range(len(token))]
    ranks = [rank(left, right) for left, right in pairwise(parts)]
    while len(ranks) > 1:
        lowest = min(ranks)
        if lowest == inf:
            return None
        i = ranks.index(lowest)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
        del ranks[i]
        if i > 0:
            ranks[i - 1] = rank(parts[i - 1], parts[i])
        if i < len(ranks):
            ranks[i] = rank(parts[i], parts[i + 1])
    return parts[0], parts[1]


def check_work(tokens: Iterable[bytes]) -> None:
    if sum(len(token) ** 2 for token in tokens) > MOST_WORK:
        raise ValueError("its tokens are too long to find out what they are made of")
