"""Escape control codes in text from files and models before a terminal interprets them."""

from __future__ import annotations

import re
import sys

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""The characters that move a cursor, change a title or begin a sequence; not line end and tab."""


def readable(text: str) -> str:
    """The text with what can't be printed as escapes, and its longest words cut short.

    >>> readable("a\\x1bb"), len(readable("x" * 1000))
    ('a\\\\x1bb', 81)
    """
    text = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    return re.sub(r"\S{300,}", lambda word: f"{word[0][:40]}…{word[0][-40:]}", text)


def on_one_line(text: str) -> str:
    """The same for what shall not look like several lines: a label, a notice, a name.

    >>> print(on_one_line("stories\\nvalidation loss 0.1"))
    stories\\nvalidation loss 0.1
    """
    return readable(text).replace("\n", "\\n")


def harmless(text: str) -> str:
    """A text to be read as it is, in any script, but for control characters.

    >>> print(harmless("eins\\tzwei\\x1b[31m"))
    eins	zwei\\x1b[31m
    """
    return CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def say(line: str) -> None:
    """Writes a message to standard error: results alone go to standard output."""
    print(on_one_line(line), file=sys.stderr, flush=True)
