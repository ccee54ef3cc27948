"""Tables of Unicode letters, marks, numbers and white space, from the ``regex`` package."""

from __future__ import annotations

from functools import cache

import numpy as np
import regex

OTHER, UPPER, LOWER, CASELESS, MARK, NUMBER, SPACE, NEWLINE = range(8)
"""Classes of characters. All letters are UPPER (title case too), LOWER or CASELESS."""

EXPRESSIONS = {
    UPPER: r"[\p{Lu}\p{Lt}]",
    LOWER: r"\p{Ll}",
    CASELESS: r"[\p{Lm}\p{Lo}]",
    MARK: r"\p{M}",
    NUMBER: r"\p{N}",
    SPACE: r"\s",
    NEWLINE: r"[\r\n]",
}

CODE_POINTS = 0x110000
SURROGATES = slice(0xD800, 0xE000)


@cache
def character_classes() -> np.ndarray:
    """(0x110000,) uint8: the class of each code point."""
    numbers = np.arange(CODE_POINTS, dtype="<u4")
    numbers[SURROGATES] = 0
    every = numbers.tobytes().decode("utf-32-le")
    classes = np.full(CODE_POINTS, OTHER, dtype=np.uint8)
    for number, expression in EXPRESSIONS.items():
        for match in regex.finditer(f"{expression}+", every):
            classes[match.start() : match.end()] = number
    return classes
