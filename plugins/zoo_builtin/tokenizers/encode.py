"""Encode text to ids: look up known pre-tokens in a cache, merge new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from zoo_builtin.tokenizers.byte_pairs import Rules
from zoo_builtin.tokenizers.jit import inline, kernel, load8, load64, prefetch, same_bytes, store64
from zoo_builtin.tokenizers.merge import HASH, make_tables, merge, workspace
from zoo_builtin.tokenizers.patterns import border_finder
from zoo_builtin.tokenizers.scan import GIVEN, NUMBERS, PADDING, next_pre_token
from zoo_builtin.tokenizers.unicode import character_classes

# The memory of pre-tokens: entries of four numbers, two a cache line, which share what hashes to
# it. Two words of text (of one longer than 16 bytes: its hash); then length (8 bits), number of
# ids (3 bits), the first id (21 bits), the second (32 bits); then the third and the fourth.
#
# More than four ids are listed elsewhere, in a ring, the text of a long pre-token behind them. Then
# the number of ids is LISTED, the first is how many there are, and the last word is where, counted
# from the beginning of time: older lists than the ring is long are overwritten.
ENTRIES = 1 << 19
ENTRY = 4
ENTRY_IDS = 4
LISTED = 7
RING = 1 << 20
SHORT_KEY = 16
LONGEST_KEY = 128
LENGTH = np.uint64(0xFF)
COUNT_SHIFT = np.uint64(8)
COUNT = np.uint64(7)
FIRST_SHIFT = np.uint64(11)
FIRST = np.uint64(0x1FFFFF)
SECOND = np.uint64(0xFFFFFFFF00000000)
HALF = np.uint64(32)
HASH_2 = np.uint64(0xC2B2AE3D27D4EB4F)

AHEAD = 32  # pre-tokens that are found before the first of them is looked up, from memory by then

# What to keep of eight bytes, and of eight more, for a pre-token of each length up to 16.
MASKS = np.array(
    [
        [(1 << 8 * min(n, 8)) - 1 for n in range(17)],
        [(1 << 8 * max(n - 8, 0)) - 1 for n in range(17)],
    ],
    dtype=np.uint64,
)


class Whole(NamedTuple):
    """Pre-tokens that are one token though merging would not lead to it."""

    slots: np.ndarray
    """int32: a hash table of their numbers, -1 where empty; of size 0 if there are none."""
    text: np.ndarray
    ends: np.ndarray
    ids: np.ndarray


class Desk(NamedTuple):
    """What one thread needs to work, made once."""

    memory: np.ndarray
    ring: np.ndarray
    listed: np.ndarray
    """(1,) int64: how much was ever put in the ring."""
    found: np.ndarray
    work: np.ndarray
    queue: np.ndarray


class Encoder:
    """Encodes with one vocabulary, in any number of threads at once.

    ``rules`` and ``byte_ids`` as in BytePairs; ``lengths`` is how many bytes each id stands for;
    ``whole`` are pre-tokens that are not merged, with their ids.
    """

    def __init__(
        self,
        pattern: str,
        byte_ids: Sequence[int],
        rules: Rules,
        lengths: np.ndarray,
        whole: dict[bytes, int],
    ) -> None:
        self.pattern = NUMBERS.get(pattern, GIVEN)
        self.find_borders = border_finder(pattern) if self.pattern == GIVEN else None
        self.classes = character_classes()
        self.tables = make_tables(byte_ids, rules, lengths)
        self.desks: list[Desk] = []  # those that no thread works at
        self.whole = table_of_whole({})
        if whole:
            self.whole = table_of_whole(self._misled(whole))
            self.desks.clear()  # they remember what merging gave

    def encode(
        self, pieces: Sequence[bytes], specials: Sequence[int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of pieces, end to end, (n,) int32, and how many each has, int64.

        A piece whose entry in ``specials`` is not negative is that id.
        """
        borders = self.find_borders(pieces, specials) if self.find_borders else NO_BORDERS
        return self._encode(pieces, specials, self.pattern, borders)

    def _encode(
        self,
        pieces: Sequence[bytes],
        specials: Sequence[int] | None,
        pattern: int,
        borders: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        data = np.frombuffer(b"".join((*pieces, bytes(PADDING))), dtype=np.uint8)
        lengths = [len(piece) for piece in pieces]
        ends = np.cumsum(lengths, dtype=np.int64)
        marks = (
            np.full(len(lengths), -1, np.int32)
            if specials is None
            else np.array(specials, np.int32)
        )
        out = np.empty(2 * data.size, dtype=np.int32)  # windows overlap: see merge_long
        counts = np.empty(len(lengths), dtype=np.int64)
        desk = self._desk(max(lengths, default=0))
        n = encode_pieces(
            data,
            ends,
            marks,
            pattern,
            self.classes,
            borders,
            self.tables,
            self.whole,
            *desk,
            out,
            counts,
        )
        self.desks.append(desk)
        return out[:n].copy(), counts

    def _desk(self, longest: int) -> Desk:
        try:
            desk = self.desks.pop()
        except IndexError:
            desk = Desk(
                memory=aligned(ENTRY * ENTRIES),
                ring=np.empty(RING, np.int32),
                listed=np.zeros(1, np.int64),
                found=np.empty((4, AHEAD + 1), np.uint64),
                **workspace(0),
            )
        if desk.queue.size < 3 * longest:
            desk = desk._replace(**workspace(2 * longest))
        return desk

    def _misled(self, whole: dict[bytes, int]) -> dict[bytes, int]:
        """Those of the tokens that merging their bytes doesn't give."""
        ids, counts = self._encode(
            [*whole], None, GIVEN, np.cumsum([*map(len, whole)], dtype=np.int64)
        )
        firsts = ids[np.cumsum(counts) - counts]
        wanted = np.fromiter(whole.values(), dtype=np.int64)
        wrong = ((counts != 1) | (firsts != wanted)).tolist()
        return {
            token: id_
            for (token, id_), is_wrong in zip(whole.items(), wrong, strict=True)
            if is_wrong
        }


NO_BORDERS = np.empty(0, dtype=np.int64)


def aligned(n: int) -> np.ndarray:
    """(n,) uint64 zeros that begin at a cache line."""
    raw = np.zeros(n + 8, dtype=np.uint64)
    skipped = -raw.ctypes.data % 64 // 8
    return raw[skipped : skipped + n]


def table_of_whole(tokens: dict[bytes, int]) -> Whole:
    text = np.frombuffer(b"".join((*tokens, bytes(PADDING))), dtype=np.uint8)
    ends = np.cumsum([*map(len, tokens)], dtype=np.int64)
    ids = np.fromiter(tokens.values(), dtype=np.int32)
    slots = np.full(4 << len(tokens).bit_length() if tokens else 0, -1, dtype=np.int32)
    whole = Whole(slots, text, ends, ids)
    if tokens:
        fill_whole(whole)
    return whole


@inline
def hash_of(data, start, length):
    hashed = np.uint64(length)
    for k in range(length):
        hashed = (hashed ^ np.uint64(load8(data, start + k))) * HASH
        hashed ^= hashed >> HALF
    return hashed


@kernel
def fill_whole(whole):
    slots, text, ends, _ = whole
    start = 0
    for number in range(ends.size):
        length = ends[number] - start
        place = np.int64(hash_of(text, start, length) & np.uint64(slots.size - 1))
        while slots[place] >= 0:
            place = (place + 1) & (slots.size - 1)
        slots[place] = number
        start = ends[number]


@inline
def id_of_whole(data, start, length, whole):
    """The id of a pre-token that stays whole, else -1."""
    slots, text, ends, ids = whole
    place = np.int64(hash_of(data, start, length) & np.uint64(slots.size - 1))
    while slots[place] >= 0:
        number = slots[place]
        first = ends[number - 1] if number > 0 else 0
        if ends[number] - first == length and same_bytes(data, start, text, first, length):
            return ids[number]
        place = (place + 1) & (slots.size - 1)
    return -1


@inline
def is_entry(memory, at, low, high, length):
    """A number rather than a truth, so that nothing branches on it."""
    different = memory[at] ^ low | memory[at + 1] ^ high
    return (different | (memory[at + 2] & LENGTH) ^ np.uint64(length)) == 0


@inline
def recall(memory, at, data, start, length, ring, listed, out, n):
    """Puts the ids of an entry at ``out[n:]`` and returns how many; 0 if they are lost."""
    about = memory[at + 2]
    count = np.int64(about >> COUNT_SHIFT & COUNT)
    if count != LISTED:
        store64(out, 4 * n, about >> FIRST_SHIFT & FIRST | about & SECOND)
        store64(out, 4 * n + 8, memory[at + 3])
        return count
    when = np.int64(memory[at + 3])
    if listed[0] - when > RING:
        return 0
    count = np.int64(about >> FIRST_SHIFT & FIRST)
    where = when & (RING - 1)
    if length > SHORT_KEY and not same_bytes(data, start, ring, 4 * (where + count), length):
        return 0
    for k in range(count):
        out[n + k] = ring[where + k]
    return count


@inline
def remember(memory, at, low, high, data, start, length, ring, listed, out, n, count):
    """Makes an entry of ``count`` ids at ``out[n:]``."""
    memory[at] = low
    memory[at + 1] = high
    if count <= ENTRY_IDS and length <= SHORT_KEY:
        two = load64(out, 4 * n)
        first = (two << HALF >> HALF) << FIRST_SHIFT
        about = np.uint64(count) << COUNT_SHIFT | first | two & SECOND
        memory[at + 3] = load64(out, 4 * n + 8)
    else:
        needed = count + (((length + 7) >> 3 << 1) if length > SHORT_KEY else 0)
        when = listed[0]
        if (when & (RING - 1)) + needed > RING:
            when = (when | (RING - 1)) + 1
        listed[0] = when + needed
        where = when & (RING - 1)
        for k in range(count):
            ring[where + k] = out[n + k]
        if length > SHORT_KEY:
            for k in range((length + 7) >> 3):
                store64(ring, 4 * (where + count) + 8 * k, load64(data, start + 8 * k))
        about = np.uint64(LISTED) << COUNT_SHIFT | np.uint64(count) << FIRST_SHIFT
        memory[at + 3] = np.uint64(when)
    memory[at + 2] = about | np.uint64(length)


@inline
def hash_short(low, high, length):
    """A hash of up to 16 bytes, as two words."""
    hashed = (low ^ high * HASH_2 ^ np.uint64(length)) * HASH
    return hashed ^ hashed >> HALF


@inline
def hash_words(data, start, length):
    """A hash of more than 16 bytes, eight at a time; the last eight may overlap those before."""
    hashed = np.uint64(length)
    for k in range(0, length - 8, 8):
        hashed = (hashed ^ load64(data, start + k)) * HASH
        hashed ^= hashed >> HALF
    return (hashed ^ load64(data, start + length - 8)) * HASH


@kernel
def encode_pieces(
    data,
    ends,
    specials,
    pattern,
    classes,
    borders,
    tables,
    whole,
    memory,
    ring,
    listed,
    found,
    work,
    queue,
    out,
    counts,
):
    """Ids of pieces that lie end to end in ``data``; returns how many there are.

    A piece whose ``specials`` is not negative has that id alone.
    """
    mask = np.uint64(memory.size // (2 * ENTRY) - 1)
    n = i = border = 0
    lows, highs, places, starts = found[0], found[1], found[2], found[3]
    for piece in range(ends.size):
        end = ends[piece]
        first = n
        if specials[piece] >= 0:
            out[n] = specials[piece]
            n += 1
            i = end
        while i < end:
            ahead = 0
            while i < end and ahead < AHEAD:
                if pattern == GIVEN:
                    j = borders[border]
                    border += 1
                else:
                    j = next_pre_token(data, i, end, pattern, classes)
                length = j - i
                if length <= SHORT_KEY:
                    low = load64(data, i) & MASKS[0, length]
                    high = load64(data, i + 8) & MASKS[1, length]
                else:
                    low = hash_words(data, i, min(length, LONGEST_KEY))
                    high = np.uint64(0)
                place = (hash_short(low, high, length) & mask) * np.uint64(2 * ENTRY)
                prefetch(memory, np.int64(place) * 8)
                lows[ahead] = low
                highs[ahead] = high
                places[ahead] = place
                starts[ahead] = i
                ahead += 1
                i = j
            starts[ahead] = i
            for k in range(ahead):
                start = np.int64(starts[k])
                length = np.int64(starts[k + 1]) - start
                low = lows[k]
                high = highs[k]
                at = np.int64(places[k])
                if length <= LONGEST_KEY:
                    one = is_entry(memory, at, low, high, length)
                    other = is_entry(memory, at + ENTRY, low, high, length)
                    if one | other:
                        if other:
                            for t in range(ENTRY):
                                swapped = memory[at + t]
                                memory[at + t] = memory[at + ENTRY + t]
                                memory[at + ENTRY + t] = swapped
                        count = recall(memory, at, data, start, length, ring, listed, out, n)
                        if count > 0:
                            n += count
                            continue
                        memory[at + 2] = 0  # lost: its place is free
                count = 0
                if whole.slots.size > 0:
                    out[n] = id_of_whole(data, start, length, whole)
                    count = out[n] >= 0
                if count == 0:
                    count = merge(data, start, length, tables, work, queue, out, n)
                if length <= LONGEST_KEY:
                    # Where the first place is taken, the second: what came back is in the first.
                    at += ENTRY * (memory[at + 2] != 0)
                    remember(
                        memory, at, low, high, data, start, length, ring, listed, out, n, count
                    )
                n += count
        counts[piece] = n - first
    return n
