"""What the readers of other programs' files share: limits, located errors, bytes as text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

from zoo_builtin.tokenizers.base import END_OF_TEXT

MOST_BYTES = 128 << 20
MOST_VALUES = 3_000_000
"""A vocabulary of half a million has fewer; a hostile file could turn each byte into an object."""
MOST_KEYS = 1_000_000
MOST_DIGITS = 12

T = TypeVar("T")


class Vocabulary(NamedTuple):
    """What a file holds, as BPE.from_vocab takes it."""

    vocab: dict[int, bytes]
    merges: list[tuple[bytes, bytes]] | None
    special_tokens: dict[str, int]
    pattern: str
    ignore_merges: bool


# ── files ─────────────────────────────────────────────────────────────────────────────────────────


class FileError(ValueError):
    """What is wrong with a file, which it names."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Puts a file's name before what is wrong with it, if none is there. Raises FileError."""
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


def read_bytes(path: Path, separators: bytes = b"\n") -> bytes:
    """A file, unless it or what it would become is too large. Raises ValueError."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MB, so no vocabulary")
    if sum(data.count(separators[i : i + 1]) for i in range(len(separators))) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values, so no vocabulary")
    return data


def read_text(path: Path, separators: bytes = b"\n") -> str:
    try:
        return read_bytes(path, separators).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start:,})") from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, no key of which is there twice. Raises ValueError."""
    text = read_text(path, b",[{")
    if text.count(":") > MOST_KEYS:
        raise ValueError(f"more than {MOST_KEYS:,} keys, so no vocabulary")
    try:
        data = json.loads(text, object_pairs_hook=unique, parse_int=integer, parse_constant=refuse)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"not JSON: {error.msg} ({where})") from None
    if not isinstance(data, dict):
        raise ValueError(f"a JSON object is expected, not {shown(data)}")
    return data


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
    """A value of JSON, if it is there and has the right type. Raises ValueError."""
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


# ── vocabularies ──────────────────────────────────────────────────────────────────────────────────

PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
OTHERS = sorted(set(range(256)) - set(PRINTABLE))
SPELLING = {byte: byte for byte in PRINTABLE} | {b: 256 + i for i, b in enumerate(OTHERS)}
"""Byte -> code point: how GPT-2 wrote bytes as text (Radford et al. 2019), and all others since."""
UNSPELLING = {letter: byte for byte, letter in SPELLING.items()}
LETTERS = frozenset(map(chr, UNSPELLING))


def spell(token: bytes) -> str:
    """Bytes in GPT-2's letters.

    >>> spell(b" caf\\xc3\\xa9")
    'ĠcafÃ©'
    """
    return token.decode("latin-1").translate(SPELLING)


def unspell(letters: str) -> bytes:
    """The inverse. Raises ValueError for a letter that stands for no byte."""
    if not letters or not LETTERS.issuperset(letters):
        raise ValueError(f"{shown(letters)} does not spell bytes in GPT-2's letters")
    return letters.translate(UNSPELLING).encode("latin-1")


def check_vocab(vocab: Mapping[str, Any], inside: str) -> None:
    """Raises ValueError for ids that are no ids, or given twice."""
    owners: dict[int, str] = {}
    for token, index in vocab.items():
        if type(index) is not int or index < 0:
            raise ValueError(f"{inside}{shown(token)} has the id {shown(index)}")
        if owners.setdefault(index, token) != token:
            raise ValueError(
                f"{inside}{shown(owners[index])} and {shown(token)} share the id {index}"
            )


def check_gaps(ids: Collection[int], hint: str = "") -> None:
    """Raises ValueError unless the ids are 0, 1, 2 … in whatever order."""
    if ids and max(ids) >= len(ids):
        gap = next(index for index in range(len(ids)) if index not in ids)
        raise ValueError(
            f"no token has the id {gap}, though ids go up to {max(ids)}: they may not have gaps"
            f"{hint}"
        )


def read_merges(
    pairs: Sequence[tuple[str, str]],
    places: Sequence[str],
    ordinary: Mapping[str, bytes],
) -> list[tuple[bytes, bytes]]:
    """Merges in GPT-2's letters -> in bytes.

    Raises ValueError, naming the merge's place, where one is there twice or its parts or its
    product are not among the ordinary tokens.
    """
    merges = []
    seen: dict[tuple[str, str], str] = {}
    for pair, place in zip(pairs, places, strict=True):
        left, right = pair
        for token in (left, right, left + right):
            if token not in ordinary:
                raise ValueError(
                    f"{place}: {shown(token)}, of the merge of {shown(left)} and {shown(right)}, "
                    "is no token of the vocabulary"
                )
        if seen.setdefault(pair, place) != place:
            raise ValueError(
                f"{place}: the merge of {shown(left)} and {shown(right)} is there already "
                f"({seen[pair]})"
            )
        merges.append((ordinary[left], ordinary[right]))
    return merges


def place_specials(
    names: Sequence[str], vocab: Mapping[str, int], pairs: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """Special tokens by name: at their ids in the vocabulary, else after its end.

    What a merge makes, and what is a byte, is an ordinary token: its special namesake is another.
    """
    made = {left + right for left, right in pairs}
    found: dict[str, int] = {}
    next_id = len(vocab)
    for name in names:
        if len(name) > 1 and name in vocab and name not in made:
            found[name] = vocab[name]
        else:
            found[name] = next_id
            next_id += 1
    return found


def check_names(names: object, what: str = "special_tokens") -> list[str]:
    """Raises ValueError unless these are several different texts."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Collection):
        raise ValueError(f"{what} must be a list of strings, not {shown(names)}")
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"{what} must be a list of strings; {shown(name)} is none")
    if len(set(names)) < len(names):
        raise ValueError(f"{what} names one twice")
    return list(names) or [END_OF_TEXT]
