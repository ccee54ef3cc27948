"""The character tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo_builtin.tokenizers import streams
from zoo_builtin.tokenizers.base import (
    TableTokenizer,
    expect,
    expect_special_tokens,
    number_special_tokens,
)

REPLACEMENT = "\ufffd"


class Char(TableTokenizer):
    """One token a character of the text.

    Special tokens come first, then the characters in the order of Unicode. A recipe's validation
    text counts too, so that it can be encoded. Any other character is an error that names it.

    With ``unknown``, the characters are those of the training text alone, and every other one
    becomes U+FFFD, the replacement character; bytes that are not UTF-8 likewise.
    """

    kind = "char"

    @property
    def closed_vocabulary(self) -> bool:
        """Whether only characters that ``train`` has seen can be encoded."""
        return not self.unknown

    @property
    def lossy(self) -> bool:
        """Whether some text comes back changed."""
        return self.unknown

    def __init__(self, *, unknown: bool = False, special_tokens: list[str] | None = None) -> None:
        self.unknown = unknown
        self.special_tokens = number_special_tokens(special_tokens, first_id=0)
        self.vocab_size: int | None = None  # only the text can tell

    def train(
        self,
        texts: Iterable[str | bytes] | None = None,
        *,
        files: Sequence[str | Path] | None = None,
        progress: streams.Progress | None = None,
    ) -> None:
        """Collect the characters of documents and files, none of them ever held whole."""
        characters: set[str] = set()
        for text in self._ordinary_text(texts, files, progress):
            characters.update(streams.to_str(text))
        if self.unknown:
            characters = {c for c in characters if not streams.SURROGATE.match(c)} | {REPLACEMENT}
        self._install("".join(sorted(characters)))

    def _install(self, characters: str) -> None:
        for character in characters:
            if streams.SURROGATE.match(character):
                raise ValueError(f"{named(character)} can't be learnt as a character")
        self._characters = characters
        first = len(self.special_tokens)
        self._ids = {character: first + index for index, character in enumerate(characters)}
        self._tokens = [text.encode() for text in (*self.special_tokens, *characters)]
        self.vocab_size = len(self._tokens)

    def _last_cut(self, text: bytes, start: int, end: int) -> int:
        return streams.last_character(text, start, end)

    def _encode_piece(self, piece: bytes) -> np.ndarray:
        text = streams.to_str(piece)
        try:
            return np.fromiter(map(self._ids.__getitem__, text), dtype=np.int32, count=len(text))
        except KeyError as error:
            if not self.unknown:
                raise ValueError(
                    f"{named(error.args[0])} is not in the vocabulary of {len(self._ids)} "
                    "characters; train on text that has it, or set unknown = true"
                ) from None
        stand_in = self._ids[REPLACEMENT]
        return np.array([self._ids.get(character, stand_in) for character in text], dtype=np.int32)

    def _state(self) -> dict[str, Any]:
        return {
            "unknown": self.unknown,
            "special_tokens": list(self.special_tokens),
            "characters": self._characters,
        }

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> Char:
        unknown = expect(state, "unknown", bool)
        characters = expect(state, "characters", str)
        if len(set(characters)) < len(characters) or (unknown and REPLACEMENT not in characters):
            raise ValueError("'characters' must be distinct, with U+FFFD where 'unknown' is true")
        tokenizer = cls(unknown=unknown, special_tokens=expect_special_tokens(state))
        tokenizer._install(characters)
        return tokenizer


def named(character: str) -> str:
    """A character for an error message; a lone surrogate stands for a byte that is not UTF-8."""
    if streams.SURROGATE.match(character):
        return f"the byte 0x{ord(character) & 0xFF:02x}, which is not UTF-8,"
    return f"the character {character!r} (U+{ord(character):04X})"
