"""Apply BPE merges to one pre-token.

All merge the pair of the lowest rank first, of equal ones the leftmost, until none is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from zoo_builtin.tokenizers.byte_pairs import Rules
from zoo_builtin.tokenizers.jit import LANES, inline, kernel, load8, lowest

SHORT = 62
PLACE_BITS = 6
NONE = 1 << 24  # no rank: more than any
HASH = np.uint64(0x9E3779B97F4A7C15)

# A rule is one number: left id (21 bits), right id (21 bits), rank (22 bits). Its place is in the
# bucket of four that its ids hash to, or in one behind it while these are full.
RANK_BITS = 22
RANK_MASK = np.uint64((1 << RANK_BITS) - 1)
RANK_SHIFT = np.uint64(RANK_BITS)
ID_SHIFT = np.uint64(21)
NO_ID = (1 << 21) - 1
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
BUCKET = 4


class Tables(NamedTuple):
    """A vocabulary as encoding needs it."""

    byte_ids: np.ndarray
    """(256,) int32: the id of each byte."""
    byte_ranks: np.ndarray
    """(65536,) int32: the rank of each pair of bytes, or NONE."""
    rules: np.ndarray
    """uint64: a hash table of all rules."""
    shift: np.uint64
    """64 less the number of bits of a bucket's number."""
    products: np.ndarray
    """int32: the id that the rule of each rank makes."""
    offset: int
    """What to add to a rank to get that id, where it is the same for all; else -1."""
    lengths: np.ndarray
    """int32: how many bytes each id stands for."""
    proper: bool
    """Whether each token is made by one rule at most, of a higher rank than those of its parts."""


def make_tables(byte_ids: Sequence[int], rules: Rules, lengths: np.ndarray) -> Tables:
    pairs = np.array([*rules.ranks], dtype=np.uint64).reshape(-1, 2)
    ranks = np.array([*rules.ranks.values()], dtype=np.int64)
    products = np.array(rules.products, dtype=np.int32)
    keys = pairs[:, 0] << ID_SHIFT | pairs[:, 1]
    bits = max(1, (len(keys) // 2).bit_length())
    table = np.full(BUCKET << bits, EMPTY)
    shift = np.uint64(64 - bits)
    fill_rules(keys, ranks, table, shift)
    ids = np.array(byte_ids, dtype=np.int32)
    byte_ranks = np.empty(1 << 16, dtype=np.int32)
    fill_byte_ranks(ids, table, shift, byte_ranks)
    made_at = np.full(len(lengths), -1)
    made_at[products[ranks]] = ranks
    proper = (
        len(ranks) == len(products) == len({*rules.products})
        and bool((made_at[pairs.astype(np.int64)] < ranks[:, None]).all())
        and not np.isin(ids, products).any()
    )
    offset = int(products[0]) if len(products) else -1
    if (products != offset + np.arange(len(products))).any():
        offset = -1
    return Tables(ids, byte_ranks, table, shift, products, offset, lengths.astype(np.int32), proper)


def workspace(longest: int) -> dict[str, np.ndarray]:
    """What merging a pre-token of up to so many bytes writes to; memory is taken as it is used."""
    n = max(longest, SHORT) + LANES
    return {"work": np.empty((4, n), dtype=np.int32), "queue": np.empty(3 * n, dtype=np.int64)}


@kernel
def fill_rules(keys, ranks, table, shift):
    for k in range(keys.size):
        place = np.int64((keys[k] * HASH) >> shift) * BUCKET
        while table[place] != EMPTY:
            place = (place + 1) & (table.size - 1)
        table[place] = keys[k] << RANK_SHIFT | np.uint64(ranks[k])


@kernel
def fill_byte_ranks(byte_ids, table, shift, byte_ranks):
    for left in range(256):
        for right in range(256):
            byte_ranks[left << 8 | right] = rank_of(byte_ids[left], byte_ids[right], table, shift)


@inline
def rank_of(left, right, rules, shift):
    """The rank at which two neighbours merge, or NONE. Branches little: most guesses would fail."""
    key = np.uint64(left) << ID_SHIFT | np.uint64(right)
    place = np.int64((key * HASH) >> shift) * BUCKET
    while True:
        rank = NONE
        for k in range(BUCKET):
            rule = rules[place + k]
            if rule >> RANK_SHIFT == key:
                rank = np.int64(rule & RANK_MASK)
        if rank != NONE or rules[place + BUCKET - 1] == EMPTY:
            return rank
        place = (place + BUCKET) & (rules.size - 1)


@inline
def merge(data, start, n, tables, work, queue, out, at):
    """Puts the ids of ``data[start:start + n]`` at ``out[at:]``; returns how many.

    ``tables`` are Tables; ``work`` and ``queue`` are as ``workspace`` makes them.
    """
    if n <= SHORT:
        return merge_short(data, start, n, tables, work, out, at)
    return merge_long(data, start, n, tables, work, queue, out, at)


@inline
def merge_short(data, start, n, tables, work, out, at):
    """For up to SHORT bytes: looks through all ranks for the lowest, which are few."""
    byte_ids, byte_ranks, rules, shift, products, offset, _, _ = tables
    ranks, ids, after, before = work[0], work[1], work[2], work[3]
    # Places count from 1: before and behind the bytes stand ids that merge with nothing.
    blocks = (n + LANES) // LANES
    for k in range(blocks * LANES):
        ranks[k] = NONE << PLACE_BITS
    byte = load8(data, start)
    for k in range(1, n + 1):
        ids[k] = byte_ids[byte]
        after[k] = k + 1
        before[k] = k - 1
        follows = load8(data, start + k)
        ranks[k] = byte_ranks[byte << 8 | follows] << PLACE_BITS | k
        byte = follows
    ids[0] = ids[n + 1] = NO_ID
    ranks[0] = ranks[n] = NONE << PLACE_BITS
    while True:
        best = lowest(ranks, 0)
        for block in range(1, blocks):
            best = min(best, lowest(ranks, block * LANES * 4))
        if best >= NONE << PLACE_BITS:
            break
        k = best & ((1 << PLACE_BITS) - 1)
        gone = after[k]
        follows = after[gone]
        leads = before[k]
        rank = best >> PLACE_BITS
        ids[k] = rank + offset if offset >= 0 else products[rank]
        after[k] = follows
        before[follows] = k
        ranks[gone] = NONE << PLACE_BITS
        ranks[k] = rank_of(ids[k], ids[follows], rules, shift) << PLACE_BITS | k
        ranks[leads] = rank_of(ids[leads], ids[k], rules, shift) << PLACE_BITS | leads
    count = 0
    k = 1
    while k <= n:
        out[at + count] = ids[k]
        count += 1
        k = after[k]
    return count


@kernel
def merge_queue(data, start, n, tables, work, queue, out, at):
    """For any number of bytes: a binary heap of (rank, place), some of them out of date."""
    byte_ids, byte_ranks, rules, shift, products, _, _, _ = tables
    ranks, ids, after, before = work[0], work[1], work[2], work[3]
    size = 0
    for k in range(n):
        byte = load8(data, start + k)
        ids[k] = byte_ids[byte]
        after[k] = k + 1
        before[k] = k - 1
        ranks[k] = byte_ranks[byte << 8 | load8(data, start + k + 1)] if k + 1 < n else NONE
        if ranks[k] < NONE:
            queue[size] = np.int64(ranks[k]) << 32 | k
            size += 1
    for k in range(size // 2 - 1, -1, -1):
        sift_down(queue, k, size)
    while size > 0:
        top = queue[0]
        size -= 1
        queue[0] = queue[size]
        sift_down(queue, 0, size)
        k = top & 0xFFFFFFFF
        rank = top >> 32
        if ranks[k] != rank:
            continue  # one of the two was merged with its other neighbour
        gone = after[k]
        follows = after[gone]
        ids[k] = products[rank]
        after[k] = follows
        ranks[gone] = ranks[k] = NONE
        if follows < n:
            before[follows] = k
            ranks[k] = rank_of(ids[k], ids[follows], rules, shift)
            if ranks[k] < NONE:
                sift_up(queue, size, np.int64(ranks[k]) << 32 | k)
                size += 1
        leads = before[k]
        if leads >= 0:
            ranks[leads] = rank_of(ids[leads], ids[k], rules, shift)
            if ranks[leads] < NONE:
                sift_up(queue, size, np.int64(ranks[leads]) << 32 | leads)
                size += 1
    count = k = 0
    while k < n:
        out[at + count] = ids[k]
        count += 1
        k = after[k]
    return count


@inline
def sift_down(queue, k, size):
    if size == 0:
        return
    moved = queue[k]
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        if child + 1 < size and queue[child + 1] < queue[child]:
            child += 1
        if queue[child] >= moved:
            break
        queue[k] = queue[child]
        k = child
    queue[k] = moved


@inline
def sift_up(queue, k, added):
    while k > 0:
        parent = (k - 1) >> 1
        if queue[parent] <= added:
            break
        queue[k] = queue[parent]
        k = parent
    queue[k] = added


@kernel
def merge_long(data, start, n, tables, work, queue, out, at):
    """For any number of bytes in linear time, where the rules are of one kind of tree only.

    A sequence of tokens is what merging makes of its bytes if and only if that holds for every two
    neighbours in it. So what was found for the bytes so far goes on with a window that is merged on
    its own: it begins at a token a little before their end, and joins at a place where both have
    the same token. Up to there the pairs are the old ones, from there on those of the window. Where
    the two never agree, a larger window is tried, which begins further back.
    """
    lengths = tables[6]
    proper = tables[7]
    window = SHORT if proper else n
    count = done = 0  # tokens, and the bytes that they are made of
    while done < n:
        first = count
        border = done
        while first > 0 and done - border < window // 4:
            first -= 1
            border -= lengths[out[at + first]]
        width = min(max(window, 2 * (done - border)), n - border)
        ahead = at + count
        if width <= SHORT:
            found = merge_short(data, start + border, width, tables, work, out, ahead)
        else:
            found = merge_queue(data, start + border, width, tables, work, queue, out, ahead)
        # Walk through both until they have the same token at the same place.
        i = first
        j = 0
        if border > 0:
            one = other = border
            while i < count and j < found and not (one == other and out[at + i] == out[ahead + j]):
                if one <= other:
                    one += lengths[out[at + i]]
                    i += 1
                else:
                    other += lengths[out[ahead + j]]
                    j += 1
            if i == count or j == found:
                window *= 2
                continue
        for k in range(j, found):
            out[at + i + k - j] = out[ahead + k]
        count = i + found - j
        done = border + width
    return count
