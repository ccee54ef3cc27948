"""The byte tokenizer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo_builtin.tokenizers import streams
from zoo_builtin.tokenizers.base import (
    BYTES,
    TableTokenizer,
    expect_special_tokens,
    number_special_tokens,
    offsets_of,
    several,
)


class Byte(TableTokenizer):
    """One token a byte of UTF-8 (as in ByT5, Xue et al. 2021, arXiv:2105.13626).

    Ids 0–255 are the byte values, special tokens follow. Needs no training.
    """

    kind = "byte"

    def __init__(self, *, special_tokens: list[str] | None = None) -> None:
        self.special_tokens = number_special_tokens(special_tokens, first_id=256)
        self._tokens = [*BYTES, *(name.encode() for name in self.special_tokens)]
        self.vocab_size = len(self._tokens)

    def train(
        self,
        texts: Iterable[str | bytes] | None = None,
        *,
        files: Sequence[str | Path] | None = None,
        progress: streams.Progress | None = None,
    ) -> None:
        """Nothing to learn: reads nothing."""

    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        threads: int | None = None,
        allowed_special: bool | Collection[str] = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        if self._special_ids(allowed_special):
            return super().encode_batch(texts, threads=threads, allowed_special=allowed_special)
        each = [streams.to_bytes(text) for text in several(texts)]
        return self._encode_piece(b"".join(each)), offsets_of(map(len, each))

    def _encode_piece(self, piece: bytes) -> np.ndarray:
        return np.frombuffer(piece, dtype=np.uint8).astype(np.int32)

    def _state(self) -> dict[str, Any]:
        return {"special_tokens": list(self.special_tokens)}

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> Byte:
        return cls(special_tokens=expect_special_tokens(state))
