"""Tokenizers that each break something that the core relies on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from broken.case import Case
from zoo_builtin.tokenizers import Byte


class Plain(Byte):
    """Breaks nothing: the others change one method of it each."""

    encode_batch = None


class LowerCase(Plain):
    def encode(self, text: str | bytes) -> np.ndarray:
        return super().encode(text.lower())


class Replacing(Plain):
    """Puts another character in the place of those it doesn't know, and says nothing of it."""

    def encode(self, text: str | bytes) -> np.ndarray:
        raw = text if isinstance(text, bytes) else text.encode()
        return super().encode(raw.replace(b"$", b"?"))


class Trimming(Plain):
    """Drops what is at the ends of each token's text, seen only where tokens come one by one."""

    def decode_bytes(self, ids: Any) -> bytes:
        return super().decode_bytes(ids).strip() or b" "


class OneIdShort(Plain):
    @property
    def eot(self) -> int:
        return 257


class EndsInText(Plain):
    @property
    def eot(self) -> int:
        return 32


class OfBytes(Plain):
    def encode(self, text: str | bytes) -> np.ndarray:
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        return super().encode(text)


class EndCounts(Plain):
    def token_bytes(self) -> np.ndarray:
        return np.ones(257, dtype=np.int64)


class Unloadable:
    """Everything but load."""

    def __init__(self) -> None:
        self.byte = Byte()
        self.train = self.byte.train
        self.vocab_size = 257


class Shuffled(Plain):
    """Ids in an order that depends on the text, which the fingerprint doesn't tell."""

    order: np.ndarray

    def train(self, texts: Any) -> None:
        seed = len(b"".join(texts))
        self.order = np.random.default_rng(seed).permutation(256)

    def encode(self, text: str | bytes) -> np.ndarray:
        return self.order[super().encode(text)]

    def decode_bytes(self, ids: Any) -> bytes:
        back = np.append(np.argsort(self.order), 256)
        return super().decode_bytes(back[np.asarray(ids, dtype=np.int64)])


class Lucky(Plain):
    """Special tokens by the toss of a coin."""

    def train(self, texts: Any) -> None:
        list(texts)
        self.special_tokens = {f"<|{random.random()}|>": 256}


class Forgetful(Plain):
    @classmethod
    def load(cls, dir: Path) -> Forgetful:
        return cls(special_tokens=["<|endoftext|>", "<|pad|>"])


class Misaligned(Plain):
    """Ends each text where the next one ends."""

    def encode_batch(self, texts: Any) -> tuple[np.ndarray, np.ndarray]:
        each = [self.encode(text) for text in texts]
        ids = np.concatenate([np.empty(0, dtype=np.int64), *each])
        return ids, np.cumsum([*map(len, each), 0])


CASES = [
    Case("tokenizer", LowerCase, "round_trip", "decode makes 'the river", ("losses_declared",)),
    Case("tokenizer", Replacing, "losses_declared", "'a $ between' becomes 'a ? between'"),
    Case(
        "tokenizer",
        OneIdShort,
        "ids_in_range",
        "eot is 257, vocab_size 257",
        ("token_bytes_add_up",),
    ),
    Case(
        "tokenizer",
        EndsInText,
        "text_has_no_end",
        "holds id 32, which is eot",
        ("token_bytes_add_up",),
    ),
    Case("tokenizer", OfBytes, "text_or_bytes", "not so for 'On day 127"),
    Case("tokenizer", Misaligned, "batches_alike", "for texts that begin, and end, at [0, "),
    Case("tokenizer", EndCounts, "token_bytes_add_up", "eot counts 1"),
    Case("tokenizer", Unloadable, "made", "has no load(dir)"),
    Case(
        "tokenizer",
        Shuffled,
        "fingerprint_tells",
        "that made different tokens",
        ("saved_and_loaded",),
    ),
    Case("tokenizer", Lucky, "training_repeats", "fingerprints ", ("saved_and_loaded",)),
    Case("tokenizer", Forgetful, "saved_and_loaded", "vocab_size was 257 and is 258"),
]
