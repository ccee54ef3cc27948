"""Learning byte pairs (Sennrich et al. 2016, arXiv:1508.07909) from counted pre-tokens."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

Pair = tuple[int, int]

COMPLEMENT = bytes(range(255, -1, -1))


def learn_merges(counts: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """Merges in the order in which they are learnt, until every pre-token is one token.

    ``counts`` says how often each pre-token occurs. The next merge is always the most frequent
    pair of neighbours; between equals, the lexicographically greater pair of byte strings.

    Pairs are counted once. A merge then visits only the pre-tokens it changes, and corrects the
    counts of the pairs around it. Only pairs with the new token gain by that, and those are new,
    so that every other count in the queue is exact or too high: it is put right when it comes up.
    """
    tokens = [bytes([value]) for value in range(256)]
    order = [descending(token) for token in tokens]
    words = [list(word) for word in counts]
    frequencies = list(counts.values())
    pair_counts: dict[Pair, int] = defaultdict(int)
    places: dict[Pair, set[int]] = defaultdict(set)  # which words may hold the pair
    for place, (word, frequency) in enumerate(zip(words, frequencies, strict=True)):
        for pair in pairwise(word):
            pair_counts[pair] += frequency
            places[pair].add(place)

    def entry(pair: Pair) -> tuple[int, str, str, Pair]:
        return -pair_counts[pair], order[pair[0]], order[pair[1]], pair

    queue = [entry(pair) for pair in pair_counts]
    heapq.heapify(queue)
    while queue:
        negative_count, _, _, pair = heapq.heappop(queue)
        if -negative_count != pair_counts[pair]:
            if pair_counts[pair] > 0:
                heapq.heappush(queue, entry(pair))
            continue
        left, right = pair
        yield tokens[left], tokens[right]
        new = len(tokens)
        tokens.append(tokens[left] + tokens[right])
        order.append(descending(tokens[new]))
        born: set[Pair] = set()
        for place in places.pop(pair):
            frequency = frequencies[place]
            gone, come = merge(words[place], pair, new)
            for changed in gone:
                pair_counts[changed] -= frequency
            for changed in come:
                pair_counts[changed] += frequency
                places[changed].add(place)
            born.update(come)
        del pair_counts[pair]
        for changed in born:
            if pair_counts[changed] > 0:
                heapq.heappush(queue, entry(changed))


def merge(word: list[int], pair: Pair, new: int) -> tuple[list[Pair], list[Pair]]:
    """Put ``new`` for each ``pair`` in ``word``, from the left; the pairs that go and come so.

    A pair that comes and goes again, between two merges side by side, is listed in both.
    """
    left, right = pair
    gone: list[Pair] = []
    come: list[Pair] = []
    i = 0
    while i < len(word) - 1:
        if word[i] == left and word[i + 1] == right:
            if i > 0:
                gone.append((word[i - 1], left))
                come.append((word[i - 1], new))
            if i + 2 < len(word):
                gone.append((right, word[i + 2]))
                come.append((new, word[i + 2]))
            word[i : i + 2] = [new]
        i += 1
    return gone, come


def descending(token: bytes) -> str:
    """A sort key that puts the greater byte string first: complements, then a greatest character.

    >>> sorted([b"a", b"b", b"ab"], key=descending)
    [b'b', b'ab', b'a']
    """
    return token.translate(COMPLEMENT).decode("latin-1") + "\u0100"
