"""Find the line of each key in a TOML document."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable

import tomli

from zoo.catalog.schema import At

BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
PLAIN_VALUE = re.compile(r"[^,\]}\n#]*")
STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'", re.DOTALL
)


def key_lines(text: str) -> dict[At, int]:
    """The line (from 1) of every key and list entry of a valid document.

    >>> key_lines("[model]\\nnorm = { name = 'rmsnorm' }")
    {('model',): 1, ('model', 'norm'): 2, ('model', 'norm', 'name'): 2}
    """
    return _Scanner(text).scan()


class _Scanner:
    """Walks over a document that is known to be valid, so it only has to tell its parts apart."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[At, int] = {}
        self.line_ends = [i for i, character in enumerate(text) if character == "\n"]
        self.array_lengths: dict[At, int] = {}

    def scan(self) -> dict[At, int]:
        table: At = ()
        self.skip_blank()
        while self.at < len(self.text):
            if self.takes("[["):
                table = self.array_entry(self.key())
                self.takes("]]")
            elif self.takes("["):
                table = self.header(self.key())
                self.takes("]")
            else:
                self.pair(table)
            self.skip_blank()
        return self.lines

    def header(self, key: list[str]) -> At:
        """The place of ``[key]``: below an array of tables, in its last entry."""
        table: At = ()
        for step in key:
            table = (*table, step)
            self.note(table)
            if table in self.array_lengths:
                table = (*table, self.array_lengths[table] - 1)
        return table

    def array_entry(self, key: list[str]) -> At:
        """The place of a new ``[[key]]``."""
        array = (*self.header(key[:-1]), key[-1])
        self.note(array)
        self.array_lengths[array] = self.array_lengths.get(array, 0) + 1
        entry = (*array, self.array_lengths[array] - 1)
        self.note(entry)
        return entry

    def pair(self, table: At) -> None:
        place = table
        for step in self.key():
            place = (*place, step)
            self.note(place)
        self.takes("=")
        self.value(place)

    def key(self) -> list[str]:
        """A key, dotted or not, up to what follows it."""
        steps = []
        while True:
            self.skip_blank()
            if self.text[self.at] in "\"'":
                steps.append(str(tomli.loads(f"key = {self.match(STRING)}")["key"]))
            else:
                steps.append(self.match(BARE_KEY))
            self.skip_blank()
            if not self.takes("."):
                return steps

    def value(self, place: At) -> None:
        self.skip_blank()
        if self.takes("["):
            self.items("]", lambda i: self.item((*place, i)))
        elif self.takes("{"):
            self.items("}", lambda i: self.pair(place))
        elif self.text[self.at] in "\"'":
            self.match(STRING)
        else:
            self.match(PLAIN_VALUE)

    def item(self, place: At) -> None:
        self.note(place)
        self.value(place)

    def items(self, end: str, read: Callable[[int], None]) -> None:
        """Split the contents of brackets at commas."""
        i = 0
        self.skip_blank()
        while not self.takes(end):
            read(i)
            i += 1
            self.skip_blank()
            self.takes(",")
            self.skip_blank()

    def note(self, place: At) -> None:
        """Remembers the line of a place: where it is first spoken of."""
        self.lines.setdefault(place, bisect_left(self.line_ends, self.at) + 1)

    def takes(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) if found else 0
        return found

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found is not None, "not a valid TOML document"
        self.at = found.end()
        return found.group()

    def skip_blank(self) -> None:
        self.match(BLANK)
