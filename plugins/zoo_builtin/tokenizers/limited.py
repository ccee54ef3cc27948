"""Parse untrusted JSON within limits, with errors that name the location."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

MOST_BYTES = 128 << 20
MOST_TOKENS = 1_000_000  # lines of a file, or keys
MOST_VALUES = 3_000_000
"""A vocabulary of half a million has fewer; a hostile file could turn each byte into an object."""
MOST_DIGITS = 12
BLOCK = 1 << 20

T = TypeVar("T")


class FileError(ValueError):
    """What is wrong with a file, which it names."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Prefix errors with the file's name. Raises FileError."""
    try:
        yield
    except FileError:
        raise
    except RecursionError:
        raise FileError(f"{path}: nested too deeply") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise FileError(f"{path}: {error}") from error


def read_lines(path: Path) -> bytes:
    """A file with a token on each line, unless it has too many. Raises ValueError."""
    data = read_bytes(path)
    if data.count(b"\n") > MOST_TOKENS:
        raise ValueError(f"more than {MOST_TOKENS:,} lines, so no vocabulary")
    return data


def read_bytes(path: Path) -> bytes:
    """A file, unless it is too large. Raises ValueError."""
    data = bytearray()
    with path.open("rb") as file:
        while block := file.read(BLOCK):  # one read of the most takes that much, whatever the size
            data += block
            if len(data) > MOST_BYTES:
                raise ValueError(f"larger than {MOST_BYTES >> 20} MB, so no vocabulary")
    return bytes(data)


def as_text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start:,})") from None


def read_json(path: Path) -> dict[str, Any]:
    """Parse a JSON object with unique keys. Raises ValueError."""
    data = read_bytes(path)
    if sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values, so no vocabulary")
    text = as_text(data)
    if text.count(":") > MOST_TOKENS:
        raise ValueError(f"more than {MOST_TOKENS:,} keys, so no vocabulary")
    try:
        found = json.loads(text, object_pairs_hook=unique, parse_int=integer, parse_constant=refuse)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"not JSON: {error.msg} ({where})") from None
    if not isinstance(found, dict):
        raise ValueError(f"a JSON object is expected, not {shown(found)}")
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {shown(key)} is there twice")
            seen.add(key)
    return data


def integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"the number {digits:.20}… has {len(digits):,} digits")
    return int(digits)


def refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")


def field(data: Mapping[str, Any], key: str, kind: type[T], inside: str = "") -> T:
    """A field of a JSON object with the right type, if present. Raises ValueError."""
    value = data.get(key)
    if type(value) is not kind:
        raise ValueError(f"{inside}{key} must be {TYPES[kind]}, not {shown(value)}")
    return value


TYPES = {dict: "an object", list: "a list", str: "a string", int: "an integer", bool: "a boolean"}


def shown(value: object) -> str:
    """A value in an error, short whatever it is.

    >>> shown([1, 2]), shown("abc")
    ('a list of 2', "'abc'")
    """
    if isinstance(value, (list, dict)):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    if isinstance(value, (str, bytes)) and len(value) > 60:
        return f"{value[:60]!r}…"
    return "null" if value is None else f"{value!r:.80}"
