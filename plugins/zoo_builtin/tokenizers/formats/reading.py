"""Shared by the readers: vocabulary, byte alphabet, errors with locations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from zoo_builtin.tokenizers.base import END_OF_TEXT
from zoo_builtin.tokenizers.limited import shown


class Vocabulary(NamedTuple):
    """What a file holds, as BPE.from_vocab takes it."""

    vocab: dict[int, bytes]
    merges: list[tuple[bytes, bytes]] | None
    special_tokens: dict[str, int]
    pattern: str
    ignore_merges: bool


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
