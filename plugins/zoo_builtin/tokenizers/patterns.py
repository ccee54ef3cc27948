"""Pre-tokenizer patterns; no token crosses a pre-token boundary."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import regex

from zoo.authoring import did_you_mean
from zoo_builtin.tokenizers import streams

PATTERNS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "llama3": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "qwen2": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "o200k": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'(?:[sdmt]|ll|ve|re))?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'(?:[sdmt]|ll|ve|re))?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}
"""The patterns of well-known tokenizers by name: GPT-2, GPT-4, Llama 3, Qwen 2, GPT-4o.

They differ in what may lead a word, in how many digits stay together, in whether a word may change
its case, and in where white space is cut.
"""

WORD = regex.compile(r"[\w-]+")
LONGEST = 10_000  # characters; to compile a pattern of megabytes takes minutes and gigabytes


def compiled(pattern: str) -> regex.Pattern[str]:
    """A pattern by name, or a regular expression of the ``regex`` package.

    Raises ValueError for an expression that is none, that can match nothing at all, that is longer
    than any sensible one, or that is a mere word: that was meant as a name.
    """
    if len(pattern) > LONGEST:
        raise ValueError(f"a pattern of {len(pattern):,} characters; at most {LONGEST:,} are read")
    if pattern not in PATTERNS and WORD.fullmatch(pattern):
        raise ValueError(f"no pattern named {pattern!r}{did_you_mean(pattern, PATTERNS)}")
    try:
        expression = regex.compile(PATTERNS.get(pattern, pattern))
    except regex.error as error:
        known = ", ".join(PATTERNS)
        raise ValueError(
            f"pattern {pattern!r} is neither a known name ({known}) nor a regular expression: "
            f"{error}"
        ) from None
    if expression.match("") is not None:
        raise ValueError(f"pattern {pattern!r} matches the empty string")
    return expression


def splitter(pattern: str) -> Callable[[str], list[str]]:
    """A function that splits text into pre-tokens, including text between matches."""
    find = compiled(pattern).finditer

    def split(text: str) -> list[str]:
        pieces, end = [], 0
        for match in find(text):
            start = match.start()
            if start > end:
                pieces.append(text[end:start])
            if match.end() > start:
                pieces.append(match.group())
            end = match.end()
        if end < len(text):
            pieces.append(text[end:])
        return pieces

    return split


def border_finder(
    pattern: str,
) -> Callable[[Sequence[bytes], Sequence[int] | None], np.ndarray]:
    """Pieces of text -> where their pre-tokens end, (n,) int64, the pieces lying end to end.

    A piece whose entry in the second argument is not negative is a special token: it isn't looked
    into, and has no borders.
    """
    split = splitter(pattern)

    def find(pieces: Sequence[bytes], specials: Sequence[int] | None = None) -> np.ndarray:
        borders: list[int] = []
        start = 0
        for number, piece in enumerate(pieces):
            if specials is None or specials[number] < 0:
                end = start
                for pre_token in split(streams.to_str(piece)):
                    end += len(streams.from_str(pre_token))
                    borders.append(end)
            start += len(piece)
        return np.array(borders, dtype=np.int64)

    return find


def last_cut(pattern: str, text: bytes, start: int, end: int) -> int:
    """The last place in ``text[start:end]`` where a pre-token ends for sure, else ``start``."""
    if pattern not in PATTERNS:
        return start  # nobody knows how far the expression looks
    from zoo_builtin.tokenizers import scan, unicode

    classes = unicode.character_classes()
    return int(scan.last_cut(np.frombuffer(text, np.uint8), start, end, classes))
