"""Scan UTF-8 bytes for pre-tokens, eight ASCII letters at a time.

The functions here say for five patterns what ``patterns.PATTERNS`` says as regular expressions.
All take ``data`` (uint8, with at least PADDING bytes of 0 behind its end) and return a position.
Bytes that are not UTF-8 are characters of class OTHER, each alone.
"""

from __future__ import annotations

import numpy as np

from zoo_builtin.tokenizers.jit import inline, kernel, load8, load64, trailing_zeros
from zoo_builtin.tokenizers.unicode import (
    CASELESS,
    LOWER,
    MARK,
    NEWLINE,
    NUMBER,
    OTHER,
    SPACE,
    UPPER,
)

PADDING = 64

GPT2, CL100K, LLAMA3, QWEN2, O200K, GIVEN = range(6)
NUMBERS = {"gpt2": GPT2, "cl100k": CL100K, "llama3": LLAMA3, "qwen2": QWEN2, "o200k": O200K}
"""The patterns that are compiled. GIVEN stands for borders that were found otherwise."""

EVERY_BYTE = np.uint64(0x0101010101010101)
HIGH = np.uint64(0x8080808080808080)
CASE = np.uint64(0x2020202020202020)
UP_TO_A = np.uint64(0x1F1F1F1F1F1F1F1F)  # carries into the high bit from "a" on
PAST_Z = np.uint64(0x0505050505050505)  # carries into the high bit after "z"


# ── Characters ────────────────────────────────────────────────────────────────────────────────────


@inline
def character(data, i, end, classes):
    """The character at ``i < end``: its class and, times 8, its length in bytes."""
    lead = load8(data, i)
    if lead < 0x80:
        return 8 + classes[lead]
    second = load8(data, i + 1) if i + 1 < end else 0
    third = load8(data, i + 2) if i + 2 < end else 0
    fourth = load8(data, i + 3) if i + 3 < end else 0
    return long_character(lead, second, third, fourth, classes)


@kernel  # not inline: it is called in many places, and compiling would take as much longer
def long_character(lead, second, third, fourth, classes):
    """The same for a character that isn't ASCII."""
    if 0xC2 <= lead < 0xF5 and second & 0xC0 == 0x80:
        if lead < 0xE0:
            return np.intp(16 + classes[(lead & 0x1F) << 6 | second & 0x3F])
        if third & 0xC0 == 0x80:
            if lead < 0xF0:
                point = (lead & 0xF) << 12 | (second & 0x3F) << 6 | third & 0x3F
                if point >= 0x800 and not 0xD800 <= point < 0xE000:
                    return np.intp(24 + classes[point])
            elif fourth & 0xC0 == 0x80:
                point = (lead & 7) << 18 | (second & 0x3F) << 12 | (third & 0x3F) << 6
                point |= fourth & 0x3F
                if 0x10000 <= point < 0x110000:
                    return np.intp(32 + classes[point])
    return np.intp(8 + OTHER)


@inline
def is_letter(found):
    return UPPER <= (found & 7) <= CASELESS


@inline
def is_number(found):
    return (found & 7) == NUMBER


@inline
def is_space(found):
    return (found & 7) >= SPACE


@inline
def is_rest(found):
    """Neither letter nor number nor white space."""
    return (found & 7) == OTHER or (found & 7) == MARK


# ── Runs ──────────────────────────────────────────────────────────────────────────────────────────


@inline
def ascii_letters(data, i):
    """The end of the run of ASCII letters that begins at ``i``, be it empty."""
    while True:
        word = load64(data, i)
        lower = (word | CASE) & ~HIGH
        stops = ~((lower + UP_TO_A) & ~(lower + PAST_Z) & ~word) & HIGH
        if stops:
            return i + (trailing_zeros(stops) >> 3)
        i += 8


@inline
def letters(data, i, end, classes):
    while True:
        i = ascii_letters(data, i)
        if i >= end:
            return end
        if load8(data, i) < 0x80:
            return i
        while i < end and load8(data, i) >= 0x80:
            found = character(data, i, end, classes)
            if not is_letter(found):
                return i
            i += found >> 3


@inline
def numbers(data, i, end, most, classes):
    while i < end and most > 0:
        found = character(data, i, end, classes)
        if not is_number(found):
            break
        i += found >> 3
        most -= 1
    return i


@inline
def rest(data, i, end, classes):
    while i < end:
        found = character(data, i, end, classes)
        if not is_rest(found):
            break
        i += found >> 3
    return i


@inline
def newlines(data, i, end, slashes):
    while i < end:
        byte = load8(data, i)
        if byte != 10 and byte != 13 and not (slashes and byte == 47):
            break
        i += 1
    return i


@inline
def contraction(data, i, end, any_case):
    """The end of 's, 't, 're, … at ``i``, else ``i``. In any case, the long s is an s."""
    if i + 1 >= end or load8(data, i) != 39:
        return i
    first = load8(data, i + 1)
    second = load8(data, i + 2) if i + 2 < end else 0
    if any_case:
        if first == 0xC5 and second == 0xBF:
            return i + 3
        if first < 0x80:
            first |= 0x20
        if second < 0x80:
            second |= 0x20
    if first == 115 or first == 100 or first == 109 or first == 116:
        return i + 2
    if (first == 108 and second == 108) or (second == 101 and (first == 118 or first == 114)):
        return i + 3
    return i


@inline
def white_space(data, i, end, classes, to_newline, end_whole):
    """White space before a word is left to it, all but one character of the run.

    With ``to_newline`` a run is cut after its last line end; ``end_whole`` spares the run that ends
    the text.
    """
    start = last = i
    after_newline = -1
    while i < end:
        found = character(data, i, end, classes)
        if not is_space(found):
            break
        last = i
        i += found >> 3
        if (found & 7) == NEWLINE:
            after_newline = i
    if i == end and end_whole:
        return i
    if to_newline and after_newline >= 0:
        return after_newline
    if i == end or last == start:
        return i
    return last


# ── The patterns ──────────────────────────────────────────────────────────────────────────────────


@inline
def next_gpt2(data, i, end, classes):
    found = character(data, i, end, classes)
    j = i
    if load8(data, i) == 32 and i + 1 < end:
        j += 1
        found = character(data, j, end, classes)
    elif load8(data, i) == 39:
        after = contraction(data, i, end, False)
        if after > i:
            return after
    if is_letter(found):
        return letters(data, j + (found >> 3), end, classes)
    if is_rest(found):
        return rest(data, j + (found >> 3), end, classes)
    if is_number(found):
        return numbers(data, j + (found >> 3), end, end, classes)
    return white_space(data, i, end, classes, False, False)


@inline
def next_cl100k(data, i, end, classes, most_digits, end_whole):
    found = character(data, i, end, classes)
    j = i + (found >> 3)
    if is_letter(found):
        return letters(data, j, end, classes)
    if is_number(found):
        return numbers(data, j, end, most_digits - 1, classes)
    if load8(data, i) == 39:
        after = contraction(data, i, end, True)
        if after > i:
            return after
    after = character(data, j, end, classes) if j < end else SPACE
    if is_letter(after) and (found & 7) != NEWLINE:
        return letters(data, j + (after >> 3), end, classes)
    if is_rest(found) or (load8(data, i) == 32 and is_rest(after)):
        return newlines(data, rest(data, j, end, classes), end, False)
    return white_space(data, i, end, classes, True, end_whole)


@inline
def cased(data, i, end, classes):
    """A word of o200k at ``i``: upper case then at least one of lower; ``i`` if there is none.

    Letters without case and marks count as both.
    """
    after_both = i
    while i < end:
        found = character(data, i, end, classes)
        kind = found & 7
        if kind == UPPER:
            i += found >> 3
        elif kind in (CASELESS, MARK):
            i += found >> 3
            after_both = i
        else:
            break
    after = lower(data, i, end, classes)
    return after if after > i else after_both


@inline
def lower(data, i, end, classes):
    while i < end:
        found = character(data, i, end, classes)
        kind = found & 7
        if kind != LOWER and kind != CASELESS and kind != MARK:
            break
        i += found >> 3
    return i


@inline
def upper(data, i, end, classes):
    while i < end:
        found = character(data, i, end, classes)
        kind = found & 7
        if kind != UPPER and kind != CASELESS and kind != MARK:
            break
        i += found >> 3
    return i


@inline
def next_o200k(data, i, end, classes):
    found = character(data, i, end, classes)
    kind = found & 7
    j = i + (found >> 3)
    if kind != NEWLINE and kind != NUMBER:
        # A word may be led by one character that is no letter.
        start = i if is_letter(found) else j
        after = cased(data, start, end, classes)
        if after == start and start > i and kind == MARK:
            after = cased(data, i, end, classes)
            start = i
        if after == start:
            start = i if is_letter(found) else j
            after = upper(data, start, end, classes)
        if after > start:
            return contraction(data, after, end, True)
    if kind == NUMBER:
        return numbers(data, j, end, 2, classes)
    if is_rest(found) or (
        load8(data, i) == 32 and j < end and is_rest(character(data, j, end, classes))
    ):
        return newlines(data, rest(data, j, end, classes), end, True)
    return white_space(data, i, end, classes, True, False)


@inline
def next_pre_token(data, i, end, pattern, classes):
    """The end of the pre-token that begins at ``i < end``."""
    if pattern == GPT2:
        return next_gpt2(data, i, end, classes)
    if pattern == O200K:
        return next_o200k(data, i, end, classes)
    return next_cl100k(data, i, end, classes, 1 if pattern == QWEN2 else 3, pattern == CL100K)


@kernel
def pre_token_ends(data, end, pattern, classes, ends):
    """Fills ``ends`` with the ends of the pre-tokens of ``data[:end]``; returns their number."""
    i = count = 0
    while i < end:
        i = next_pre_token(data, i, end, pattern, classes)
        ends[count] = i
        count += 1
    return count


# ── Cuts ──────────────────────────────────────────────────────────────────────────────────────────


@kernel
def last_cut(data, start, end, classes):
    """The last place in ``data[start:end]`` where all five patterns cut whatever stands around it.

    That is after a letter or number and before what can't belong to its word, or before a space
    that no white space precedes. Returns ``start`` if there is none.
    """
    for at in range(end - 1, start, -1):
        lead = load8(data, at)
        if lead & 0xC0 == 0x80:
            continue
        found = character(data, at, end, classes)
        kind = found & 7
        if lead >= 0x80 and found >> 3 == 1:
            continue  # not UTF-8, or not whole
        before = at - 1
        while before > 0 and before > at - 4 and load8(data, before) & 0xC0 == 0x80:
            before -= 1
        led = character(data, before, at, classes)
        if before + (led >> 3) != at:
            led = 8 + OTHER
        if lead == 32 and not is_space(led):
            return at
        in_word = UPPER <= (led & 7) <= NUMBER and (led & 7) != MARK
        if in_word and lead != 39 and not UPPER <= kind <= NUMBER:
            return at
    return start
