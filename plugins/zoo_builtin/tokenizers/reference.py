"""Byte-pair encoding in plain Python, the reference for the fast one."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from typing import Any

import numpy as np

from zoo_builtin.tokenizers import streams
from zoo_builtin.tokenizers.base import BYTES
from zoo_builtin.tokenizers.byte_pairs import BytePairs, Merge, Rules, Tie, printable_order
from zoo_builtin.tokenizers.patterns import splitter

Pair = tuple[int, int]

COMPLEMENT = bytes(range(255, -1, -1))


class BPEReference(BytePairs):
    __doc__ = f"""For reading, the same in plain Python: {BytePairs.__doc__}"""

    def _last_cut(self, text: bytes, start: int, end: int) -> int:
        return start  # each document whole: the expression may look at any of it

    def _learn(self, pieces: Iterator[bytes], wanted: int) -> Iterator[Merge]:
        split = splitter(self.pattern)
        counts: Counter[str] = Counter()
        for piece in pieces:
            counts.update(split(streams.to_str(piece)))
        return learn_merges(
            {streams.from_str(pre_token): count for pre_token, count in counts.items()},
            min_frequency=self.min_frequency,
            max_token_bytes=self.max_token_bytes,
            tie=self.tie,
        )

    def _prepare(self, byte_ids: list[int], rules: Rules, whole: dict[bytes, int]) -> None:
        self._byte_ids, self._rules, self._whole = byte_ids, rules, whole
        self._split = splitter(self.pattern)

    def _encode_piece(self, piece: bytes) -> np.ndarray:
        pre_tokens = map(streams.from_str, self._split(streams.to_str(piece)))
        ids = map(self._encode_pre_token, pre_tokens)
        return np.fromiter(chain.from_iterable(ids), dtype=np.int32)

    def _encode_pre_token(self, pre_token: bytes) -> list[int]:
        """Merge what was learnt first, from the left, until nothing is left to merge.

        A queue of pairs over a linked list: O(n log n), so that a pre-token of any length will do.
        """
        if pre_token in self._whole:
            return [self._whole[pre_token]]
        ranks, products = self._rules
        ids = [self._byte_ids[byte] for byte in pre_token]
        end = len(ids)
        before, after = list(range(-1, end - 1)), list(range(1, end + 1))
        queue = [(ranks[pair], i) for i, pair in enumerate(pairwise(ids)) if pair in ranks]
        heapq.heapify(queue)
        while queue:
            rank, i = heapq.heappop(queue)
            j = after[i]
            if j == end or ranks.get((ids[i], ids[j])) != rank:
                continue  # one of the two was merged with its other neighbour
            ids[i], ids[j] = products[rank], -1
            after[i] = k = after[j]
            if k < end:
                before[k] = i
                if (ids[i], ids[k]) in ranks:
                    heapq.heappush(queue, (ranks[ids[i], ids[k]], i))
            if before[i] >= 0 and (ids[before[i]], ids[i]) in ranks:
                heapq.heappush(queue, (ranks[ids[before[i]], ids[i]], before[i]))
        return [token for token in ids if token >= 0]


def learn_merges(
    counts: Mapping[bytes, int],
    *,
    min_frequency: int = 1,
    max_token_bytes: int | None = None,
    tie: Tie = "lexical",
) -> Iterator[Merge]:
    """Yield merges in the order learnt, until no pair is left.

    ``counts`` says how often each pre-token occurs. The next merge is always the most frequent
    pair of neighbours; ``tie`` decides between equals, see BytePairs.

    Pairs are counted once. A merge then visits only the pre-tokens it changes, and corrects the
    counts of the pairs around it. Only pairs with the new token gain by that, and those are new,
    so that every other count in the queue is exact or too high: it is put right when it comes up.
    """
    tokens = [*BYTES]
    order: list[Any] = printable_order() if tie == "first" else [*map(descending, tokens)]
    words = [list(word) for word in counts]
    frequencies = list(counts.values())
    pair_counts: dict[Pair, int] = defaultdict(int)
    places: dict[Pair, set[int]] = defaultdict(set)  # which words may hold the pair
    for place, (word, frequency) in enumerate(zip(words, frequencies, strict=True)):
        for pair in pairwise(word):
            pair_counts[pair] += frequency
            places[pair].add(place)

    def entry(pair: Pair) -> tuple[int, Any, Any, Pair]:
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
        if pair_counts[pair] < min_frequency:
            return
        if max_token_bytes and len(tokens[left]) + len(tokens[right]) > max_token_bytes:
            continue
        yield tokens[left], tokens[right]
        new = len(tokens)
        tokens.append(tokens[left] + tokens[right])
        order.append(new if tie == "first" else descending(tokens[new]))
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
