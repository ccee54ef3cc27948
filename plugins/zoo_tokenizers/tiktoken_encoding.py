"""tiktoken's encodings as tokenizers, for comparison. tiktoken is optional."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import numpy as np

from zoo.errors import ZooError, did_you_mean
from zoo.overrides import tiktoken_offline
from zoo.storage.offline import offline

PREFIX = "tiktoken:"
LONGEST_REASON = 100  # characters


class TiktokenEncoding:
    """What is needed of a tokenizer to encode, to decode and to look at its tokens."""

    kind = "tiktoken"
    merges = None

    def __init__(self, encoding: Any) -> None:
        self._encoding = encoding
        self.vocab_size: int = encoding.n_vocab
        self.pattern: str = encoding._pat_str
        self.special_tokens: dict[str, int] = dict(encoding._special_tokens)
        self.vocab: dict[int, bytes] = {
            number: token for token, number in encoding._mergeable_ranks.items()
        }
        self.vocab |= {number: name.encode() for name, number in self.special_tokens.items()}

    def encode(self, text: str | bytes, *, allowed_special: bool = False) -> np.ndarray:
        """Text -> (n,) uint32 ids; bytes that are not UTF-8 are read as U+FFFD."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        allowed = set(self.special_tokens) if allowed_special else set()
        if hasattr(self._encoding, "encode_to_numpy"):
            ids: np.ndarray = self._encoding.encode_to_numpy(
                text, allowed_special=allowed, disallowed_special=()
            )
            return ids
        listed = self._encoding.encode(text, allowed_special=allowed, disallowed_special=())
        return np.array(listed, dtype=np.uint32)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        numbers = [int(number) for number in ids]
        for number in numbers:
            if number not in self.vocab:
                raise ValueError(f"no token has the id {number}")
        return b"".join(map(self.vocab.__getitem__, numbers))

    def decode(self, ids: Iterable[int]) -> str:
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def token_bytes(self) -> np.ndarray:
        lengths = np.zeros(self.vocab_size, dtype=np.int64)
        for number, token in self.vocab.items():
            lengths[number] = len(token)
        lengths[list(self.special_tokens.values())] = 0
        return lengths


def load_tiktoken(name: str) -> TiktokenEncoding:
    """The encoding that tiktoken has under this name, such as "gpt2" or "o200k_base".

    Raises:
        ZooError: tiktoken isn't installed, has no such encoding, or its data can't be had.
    """
    try:
        import tiktoken
    except ImportError:
        raise ZooError(
            f"{PREFIX}{name}: tiktoken isn't installed; `pip install tiktoken` adds it"
        ) from None
    known = tiktoken.list_encoding_names()
    if name not in known:
        raise ZooError(f"{PREFIX}{name}: no such encoding{did_you_mean(name, known)}")
    try:
        with tiktoken_offline() if offline() else nullcontext():
            return TiktokenEncoding(tiktoken.get_encoding(name))
    except Exception as error:  # whatever its way of fetching raises
        reason = (str(error).splitlines() or [""])[0]
        if len(reason) > LONGEST_REASON or not reason:  # as of one that repeats all it tried
            reason = type(error).__name__
        raise ZooError(
            f"{PREFIX}{name}: its data can't be had ({reason}); tiktoken keeps what it has "
            "fetched once in the folder that TIKTOKEN_CACHE_DIR names"
        ) from error
