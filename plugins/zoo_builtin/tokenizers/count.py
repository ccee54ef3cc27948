"""Count the pre-tokens of a text; memory grows with the distinct ones only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from zoo_builtin.tokenizers.encode import (
    HALF,
    MASKS,
    NO_BORDERS,
    aligned,
    hash_short,
    hash_words,
)
from zoo_builtin.tokenizers.encode import (
    SHORT_KEY as SHORT,
)
from zoo_builtin.tokenizers.jit import inline, kernel, load64, same_bytes, store64
from zoo_builtin.tokenizers.patterns import border_finder
from zoo_builtin.tokenizers.portions import Piece, in_threads, portions
from zoo_builtin.tokenizers.scan import GIVEN, NUMBERS, PADDING, next_pre_token
from zoo_builtin.tokenizers.unicode import character_classes

# An entry is four numbers: two words of text, length, count. Of a text longer than 16 bytes the
# words are a hash and where its bytes lie in the archive.
ENTRY = 4
LEAST_ENTRIES = 1 << 16
LEAST_ARCHIVE = 1 << 18

# Most pre-tokens are counted in a front table that fits in the processor's cache; one that must
# make room for another there is added to the large table.
FRONT = 1 << 14

# What a kernel remembers when it must stop, since there is no room left.
N_ENTRIES, ARCHIVED, PIECE, AT, BORDER = range(5)


def count_pre_tokens(
    pattern: str, pieces: Iterable[bytes]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct pre-tokens of pieces of text, the commonest first, counted in threads.

    Returns their bytes end to end, where each ends, and how often each occurs.
    """
    number = NUMBERS.get(pattern, GIVEN)
    find_borders = border_finder(pattern) if number == GIVEN else None
    classes = character_classes()
    idle: list[Counts] = []

    def count(portion: Sequence[Piece]) -> None:
        try:
            counts = idle.pop()
        except IndexError:
            counts = Counts()
        these = [piece for piece, _ in portion]
        borders = find_borders(these, None) if find_borders else NO_BORDERS
        counts.add(these, number, classes, borders)
        idle.append(counts)

    for _ in in_threads(count, portions((piece, -1) for piece in pieces)):
        pass
    total = idle.pop() if idle else Counts()
    while idle:
        total.add_all(idle.pop())
    return total.words()


class Counts:
    """Distinct pre-tokens and their counts; one thread at a time adds to it."""

    def __init__(self) -> None:
        self.front = aligned(FRONT * ENTRY)
        self.entries = np.zeros(LEAST_ENTRIES * ENTRY, dtype=np.uint64)
        self.slots = np.full(2 * LEAST_ENTRIES, -1, dtype=np.int32)
        self.archive = np.zeros(LEAST_ARCHIVE, dtype=np.uint8)
        self.state = np.zeros(5, dtype=np.int64)

    def add(
        self,
        pieces: Sequence[bytes],
        pattern: int,
        classes: np.ndarray,
        borders: np.ndarray,
    ) -> None:
        """Counts the pre-tokens of pieces; ``borders`` are theirs where the pattern is GIVEN."""
        data = np.frombuffer(b"".join((*pieces, bytes(PADDING))), dtype=np.uint8)
        ends = np.cumsum([*map(len, pieces)], dtype=np.int64)
        self.state[PIECE:] = 0
        while not count_pieces(data, ends, pattern, classes, borders, *self._tables()):
            self._grow()

    def add_all(self, other: Counts) -> None:
        """Adds what another one counted."""
        other.settle()
        self.state[AT] = 0
        while not add_entries(
            other.entries, other.state[N_ENTRIES], other.archive, *self._tables()
        ):
            self._grow()

    def settle(self) -> None:
        """Adds up what is in the front table."""
        self.state[AT] = 0
        while not add_front(*self._tables()):
            self._grow()

    def words(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bytes of all pre-tokens end to end, where each ends, and counts, the highest first."""
        self.settle()
        entries = self.entries[: ENTRY * self.state[N_ENTRIES]].reshape(-1, ENTRY)
        order = np.argsort(entries[:, 3])[::-1]
        ends = np.cumsum(entries[order, 2], dtype=np.int64)
        text = np.empty(ends[-1] + PADDING if len(ends) else PADDING, dtype=np.uint8)
        spell(entries, order, self.archive, ends, text)
        return text[:-PADDING], ends, entries[order, 3].astype(np.int64)

    def _tables(self) -> tuple[np.ndarray, ...]:
        return self.front, self.entries, self.slots, self.archive, self.state

    def _grow(self) -> None:
        """Doubles what is full."""
        n = int(self.state[N_ENTRIES])
        if ENTRY * n == self.entries.size:
            self.entries = np.concatenate([self.entries, np.zeros_like(self.entries)])
            self.slots = np.full(2 * self.slots.size, -1, dtype=np.int32)
            fill_slots(self.entries, n, self.slots)
        else:
            self.archive = np.concatenate([self.archive, np.zeros_like(self.archive)])


@inline
def hash_entry(entries, at):
    if entries[at + 2] > SHORT:
        return entries[at]
    return hash_short(entries[at], entries[at + 1], entries[at + 2])


@kernel
def fill_slots(entries, n, slots):
    mask = np.uint64(slots.size - 1)
    for k in range(n):
        place = hash_entry(entries, k * ENTRY) & mask
        while slots[place] >= 0:
            place = (place + np.uint64(1)) & mask
        slots[place] = k


@inline
def add_short(low, high, length, count, entries, slots, state):
    """Adds to the count of up to 16 bytes. False, and nothing done, where there is no room."""
    mask = np.uint64(slots.size - 1)
    place = hash_short(low, high, np.uint64(length)) & mask
    while slots[place] >= 0:
        at = slots[place] * ENTRY
        if entries[at] == low and entries[at + 1] == high and entries[at + 2] == np.uint64(length):
            entries[at + 3] += np.uint64(count)
            return True
        place = (place + np.uint64(1)) & mask
    n = state[N_ENTRIES]
    if n * ENTRY == entries.size:
        return False
    slots[place] = n
    state[N_ENTRIES] = n + 1
    entries[n * ENTRY] = low
    entries[n * ENTRY + 1] = high
    entries[n * ENTRY + 2] = np.uint64(length)
    entries[n * ENTRY + 3] = np.uint64(count)
    return True


@inline
def add_long(data, start, length, count, entries, slots, archive, state):
    """The same for more than 16 bytes."""
    hashed = hash_words(data, start, length)
    mask = np.uint64(slots.size - 1)
    place = hashed & mask
    while slots[place] >= 0:
        at = slots[place] * ENTRY
        if entries[at] == hashed and entries[at + 2] == np.uint64(length):
            kept = np.int64(entries[at + 1])
            if same_bytes(archive, kept, data, start, length):
                entries[at + 3] += np.uint64(count)
                return True
        place = (place + np.uint64(1)) & mask
    n = state[N_ENTRIES]
    kept = state[ARCHIVED]
    if n * ENTRY == entries.size or kept + length > archive.size:
        return False
    for k in range(length):
        archive[kept + k] = data[start + k]
    slots[place] = n
    state[N_ENTRIES] = n + 1
    state[ARCHIVED] = kept + length
    entries[n * ENTRY] = hashed
    entries[n * ENTRY + 1] = np.uint64(kept)
    entries[n * ENTRY + 2] = np.uint64(length)
    entries[n * ENTRY + 3] = np.uint64(count)
    return True


@kernel
def count_pieces(data, ends, pattern, classes, borders, front, entries, slots, archive, state):
    """Counts the pre-tokens of pieces that lie end to end; False where there is no room left."""
    mask = np.uint64(FRONT - 1)
    i = state[AT]
    border = state[BORDER]
    for piece in range(state[PIECE], ends.size):
        end = ends[piece]
        while i < end:
            j = (
                borders[border]
                if pattern == GIVEN
                else next_pre_token(data, i, end, pattern, classes)
            )
            length = j - i
            done = True
            if length > SHORT:
                done = add_long(data, i, length, 1, entries, slots, archive, state)
            else:
                low = load64(data, i) & MASKS[0, length]
                high = load64(data, i + 8) & MASKS[1, length]
                at = np.int64(hash_short(low, high, np.uint64(length)) >> HALF & mask) * ENTRY
                if (
                    front[at] == low
                    and front[at + 1] == high
                    and front[at + 2] == np.uint64(length)
                ):
                    front[at + 3] += np.uint64(1)
                else:
                    if front[at + 3] > 0:
                        done = add_short(
                            front[at], front[at + 1], front[at + 2], front[at + 3],
                            entries, slots, state,
                        )  # fmt: skip
                    if done:
                        front[at] = low
                        front[at + 1] = high
                        front[at + 2] = np.uint64(length)
                        front[at + 3] = np.uint64(1)
            if not done:
                state[PIECE] = piece
                state[AT] = i
                state[BORDER] = border
                return False
            border += 1
            i = j
    return True


@kernel
def add_front(front, entries, slots, archive, state):
    for k in range(state[AT], FRONT):
        at = k * ENTRY
        if front[at + 3] > 0 and not add_short(
            front[at], front[at + 1], front[at + 2], front[at + 3], entries, slots, state
        ):
            state[AT] = k
            return False
        front[at + 3] = 0
    return True


@kernel
def add_entries(others, n, other_archive, front, entries, slots, archive, state):
    for k in range(state[AT], n):
        at = k * ENTRY
        length = np.int64(others[at + 2])
        count = others[at + 3]
        if length <= SHORT:
            done = add_short(others[at], others[at + 1], length, count, entries, slots, state)
        else:
            kept = np.int64(others[at + 1])
            done = add_long(other_archive, kept, length, count, entries, slots, archive, state)
        if not done:
            state[AT] = k
            return False
    return True


@kernel
def spell(entries, order, archive, ends, text):
    """Puts the bytes of entries end to end, in an order."""
    start = 0
    for number in range(order.size):
        k = order[number]
        length = ends[number] - start
        if length <= SHORT:
            store64(text, start, entries[k, 0])
            store64(text, start + 8, entries[k, 1])
        else:
            kept = np.int64(entries[k, 1])
            for t in range(length):
                text[start + t] = archive[kept + t]
        start = ends[number]
