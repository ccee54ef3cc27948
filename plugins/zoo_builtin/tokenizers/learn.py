"""Learn BPE merges from pre-token counts with a lazily updated priority queue.

Counts of pairs only fall after the merge that made the pair, so that the queue may hold counts
that are too high: a pair that comes up is counted again at the places where it was seen, and goes
back if it has become rarer. So a merge looks at nothing but its own places and their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from zoo_builtin.tokenizers.base import BYTES
from zoo_builtin.tokenizers.byte_pairs import Merge, Tie, printable_order
from zoo_builtin.tokenizers.jit import inline, kernel
from zoo_builtin.tokenizers.ranking import PREFIX, Ranking, sift_down, sift_up

# A cell a byte, and one between pre-tokens: the id of the token (21 bits) that begins or ends
# there, and how often the pre-token occurs (11 bits), or, if it is more, MANY.
ID_BITS = 21
ID = np.uint32((1 << ID_BITS) - 1)
MANY = (1 << 11) - 1
GONE = (1 << ID_BITS) - 1  # the beginning of the right half of a merge
BORDER = GONE - 1

# What a kernel remembers from call to call.
N_TOKENS, N_PAIRS, N_PLACES, N_QUEUED = range(4)

PATIENCE = 1 << 23  # places to look at before a call returns


def learn_merges(
    text: np.ndarray,
    ends: np.ndarray,
    counts: np.ndarray,
    wanted: int,
    *,
    min_frequency: int = 1,
    max_token_bytes: int | None = None,
    tie: Tie = "lexical",
) -> Iterator[Merge]:
    """As ``reference.learn_merges``, for pre-tokens that lie end to end, the commonest first.

    Most pairs occur once and are never merged unless the text is small. So they are left out at
    first, which changes nothing as long as there are others, and taken in if there are too few.
    """
    longest = max_token_bytes or np.iinfo(np.int32).max
    letters = np.zeros(len(text) + len(ends) + 1 + PREFIX, dtype=np.uint8)
    set_apart(text, ends, letters)
    del text
    done = 0
    for floor in sorted({max(2, min_frequency), min_frequency}, reverse=True):
        merges = learn_frequent(letters, ends, counts, wanted, floor, longest, tie)
        for merge in islice(merges, done, None):
            yield merge
            done += 1
        if done == wanted:
            return


def learn_frequent(
    letters: np.ndarray,
    ends: np.ndarray,
    counts: np.ndarray,
    wanted: int,
    min_frequency: int,
    longest: int,
    tie: Tie,
) -> Iterator[Merge]:
    """The merges of pairs that occur at least so often, of at most ``longest`` bytes together.

    ``letters`` is the text with a byte between pre-tokens, so that each has a cell of its own.
    """
    n = len(letters) - PREFIX - 1
    cells = np.empty(n + 1, dtype=np.uint32)
    common = np.searchsorted(-counts, -MANY, side="right")
    starts = ends[:common] + np.arange(common)  # where each of the common ones ends
    fill_cells(letters, ends, counts, cells)

    n_tokens = 256 + wanted
    n_pairs = 2 * n + 65536  # at most: numpy takes memory only for what is used
    order = np.arange(n_tokens)
    order[:256] = printable_order()
    prefixes = np.zeros(n_tokens, dtype=np.uint64)
    prefixes[:256] = np.arange(256, dtype=np.uint64) << np.uint64(56)
    ranking = Ranking(
        counts=np.empty(n_pairs, dtype=np.int64),
        pairs=np.empty((n_pairs, 2), dtype=np.int32),
        lengths=np.ones(n_tokens, dtype=np.int32),
        prefixes=prefixes,
        seen_at=np.zeros(n_tokens, dtype=np.int64),
        letters=letters,
        order=order,
        by_number=tie == "first",
    )
    parts = np.zeros((n_tokens, 2), dtype=np.int32)
    number = np.int32 if 3 * n + 1 < 2**31 else np.int64
    places = np.empty(3 * n + 1, dtype=number)
    spans = np.empty((n_pairs, 2), dtype=number)
    queue = np.empty(n_pairs, dtype=np.int32)
    beside = np.zeros((4, n_tokens), dtype=np.int64)
    touched = np.empty((2, n_tokens), dtype=np.int32)
    state = np.zeros(4, dtype=np.int64)
    state[N_TOKENS] = 256
    tokens = [*BYTES]
    tables = (cells, counts, starts, parts, places, spans, queue, ranking)
    count_byte_pairs(*tables, longest, state)
    done = 256
    while done < n_tokens:
        more = merge_pairs(*tables, beside, touched, longest, min_frequency, state)
        for left, right in parts[done : state[N_TOKENS]].tolist():
            tokens.append(tokens[left] + tokens[right])
            yield tokens[left], tokens[right]
        done = int(state[N_TOKENS])
        if not more:
            return


@kernel
def set_apart(text, ends, letters):
    """Copies pre-tokens with a byte of 0 before each."""
    start = 0
    for word in range(ends.size):
        for k in range(start, ends[word]):
            letters[k + word + 1] = text[k]
        start = ends[word]


@kernel
def fill_cells(letters, ends, counts, cells):
    at = 0
    for word in range(ends.size):
        weight = np.uint32(min(counts[word], MANY)) << ID_BITS
        cells[at] = BORDER
        for k in range(at + 1, ends[word] + word + 1):
            cells[k] = weight | letters[k]
        at = ends[word] + word + 1
    cells[at] = BORDER


@inline
def weight_of(cell, place, counts, starts):
    """How often the pre-token of a cell occurs."""
    weight = np.int64(cell >> ID_BITS)
    if weight < MANY:
        return weight
    low = 0
    high = starts.size
    while low < high:
        middle = (low + high) >> 1
        if starts[middle] < place:
            low = middle + 1
        else:
            high = middle
    return counts[low]


@inline
def id_at(cells, place):
    return np.int64(cells[place] & ID)


# ── Counting and merging ──────────────────────────────────────────────────────────────────────────


@kernel
def count_byte_pairs(
    cells, counts, starts, parts, places, spans, queue, ranking, longest, state,
):  # fmt: skip
    """Puts all pairs of bytes in the queue, with their places."""
    if longest < 2:
        return
    pairs, pair_counts = ranking.pairs, ranking.counts
    number = queue[-65536:]  # of each pair; the far ends of tables aren't used yet
    seen = pair_counts[-65536:]
    seen[:] = 0
    for at in range(1, cells.size - 1):
        right = id_at(cells, at + 1)
        if id_at(cells, at) != BORDER and right != BORDER:
            seen[id_at(cells, at) << 8 | right] += 1
    n = end = 0
    for pair in range(65536):
        number[pair] = n
        if seen[pair] > 0:
            pairs[n, 0] = pair >> 8
            pairs[n, 1] = pair & 255
            spans[n, 0] = spans[n, 1] = end
            pair_counts[n] = 0
            end += seen[pair]
            n += 1
    for at in range(1, cells.size - 1):
        right = id_at(cells, at + 1)
        if id_at(cells, at) != BORDER and right != BORDER:
            pair = number[id_at(cells, at) << 8 | right]
            pair_counts[pair] += weight_of(cells[at], at, counts, starts)
            places[spans[pair, 1]] = at
            spans[pair, 1] += 1
    for pair in range(n):
        sift_up(queue, pair, pair, ranking)
    state[N_PAIRS] = state[N_QUEUED] = n
    state[N_PLACES] = end


@kernel
def merge_pairs(
    cells, counts, starts, parts, places, spans, queue, ranking, beside, touched, longest,
    min_frequency, state,
):  # fmt: skip
    """Merges pair after pair for a while; False when there is nothing left to merge."""
    weights_left, weights_right, numbers_left, numbers_right = (
        beside[0],
        beside[1],
        beside[2],
        beside[3],
    )
    touched_left, touched_right = touched[0], touched[1]
    pairs, pair_counts = ranking.pairs, ranking.counts
    lengths, prefixes = ranking.lengths, ranking.prefixes
    looked_at = 0
    while state[N_TOKENS] < lengths.size:
        if looked_at > PATIENCE:
            return True
        if state[N_QUEUED] == 0:
            return False
        pair = queue[0]
        left = np.int64(pairs[pair, 0])
        right = np.int64(pairs[pair, 1])
        begin = spans[pair, 0]
        end = spans[pair, 1]
        looked_at += end - begin

        # Count it again, and forget where it no longer stands.
        count = 0
        kept = begin
        for k in range(begin, end):
            at = places[k]
            if id_at(cells, at) == left and id_at(cells, at + lengths[left]) == right:
                count += weight_of(cells[at], at, counts, starts)
                places[kept] = at
                kept += 1
        end = spans[pair, 1] = kept
        if count < pair_counts[pair]:
            pair_counts[pair] = count
            if count < min_frequency:
                state[N_QUEUED] -= 1
                queue[0] = queue[state[N_QUEUED]]
            if state[N_QUEUED] > 0:
                sift_down(
                    queue,
                    state[N_QUEUED],
                    ranking,
                )
            continue
        if count < min_frequency:
            return False

        # Merge it.
        new = state[N_TOKENS]
        state[N_TOKENS] = new + 1
        parts[new, 0] = left
        parts[new, 1] = right
        lengths[new] = lengths[left] + lengths[right]
        ranking.seen_at[new] = places[begin]
        prefixes[new] = prefixes[left]
        if lengths[left] < PREFIX:
            prefixes[new] |= prefixes[right] >> np.uint64(8 * lengths[left])
        state[N_QUEUED] -= 1
        queue[0] = queue[state[N_QUEUED]]
        if state[N_QUEUED] > 0:
            sift_down(queue, state[N_QUEUED], ranking)
        kept = begin
        for k in range(begin, end):
            at = places[k]
            middle = at + lengths[left]
            if id_at(cells, at) != left or id_at(cells, middle) != right:
                continue  # in a run of the same token, every other place is lost
            cells[middle] = GONE
            weight = cells[at] & ~ID
            cells[at] = weight | np.uint32(new)
            cells[at + lengths[new] - 1] = weight | np.uint32(new)
            places[kept] = at
            kept += 1
        end = kept

        # Its neighbours: how often each, and at how many places.
        n_left = n_right = 0
        for k in range(begin, end):
            at = places[k]
            weight = weight_of(cells[at], at, counts, starts)
            follows = id_at(cells, at + lengths[new])
            if follows != BORDER:
                if numbers_right[follows] == 0:
                    touched_right[n_right] = follows
                    n_right += 1
                numbers_right[follows] += 1
                weights_right[follows] += weight
            leads = id_at(cells, at - 1)
            if leads != BORDER and leads != new:
                if numbers_left[leads] == 0:
                    touched_left[n_left] = leads
                    n_left += 1
                numbers_left[leads] += 1
                weights_left[leads] += weight

        # New pairs: room for their places, then the places, then into the queue.
        n_pairs = state[N_PAIRS]
        place = state[N_PLACES]
        for side in range(2):
            for t in range(n_right if side else n_left):
                other = touched_right[t] if side else touched_left[t]
                number = numbers_right[other] if side else numbers_left[other]
                count = weights_right[other] if side else weights_left[other]
                weights = weights_right if side else weights_left
                numbers = numbers_right if side else numbers_left
                weights[other] = 0
                if count < min_frequency or lengths[other] + lengths[new] > longest:
                    numbers[other] = -1
                    continue
                pairs[n_pairs, 0] = new if side else other
                pairs[n_pairs, 1] = other if side else new
                pair_counts[n_pairs] = count
                spans[n_pairs, 0] = spans[n_pairs, 1] = place
                place += number
                numbers[other] = n_pairs
                n_pairs += 1
        for k in range(begin, end):
            at = places[k]
            follows = id_at(cells, at + lengths[new])
            if follows != BORDER and numbers_right[follows] >= 0:
                pair = numbers_right[follows]
                places[spans[pair, 1]] = at
                spans[pair, 1] += 1
            leads = id_at(cells, at - 1)
            if leads != BORDER and leads != new and numbers_left[leads] >= 0:
                pair = numbers_left[leads]
                places[spans[pair, 1]] = at - lengths[leads]
                spans[pair, 1] += 1
        for t in range(n_left):
            numbers_left[touched_left[t]] = 0
        for t in range(n_right):
            numbers_right[touched_right[t]] = 0
        for pair in range(state[N_PAIRS], n_pairs):
            sift_up(
                queue,
                state[N_QUEUED],
                pair,
                ranking,
            )
            state[N_QUEUED] += 1
        state[N_PAIRS] = n_pairs
        state[N_PLACES] = place
    return True
