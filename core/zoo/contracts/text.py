"""Interfaces of corpora, tokenizers and samplers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

UNKNOWN_VOCAB = 256
"""A tokenizer that only training tells how many ids it needs counts as one of bytes till then."""


class Tokenizer(Protocol):
    """Text <-> ids. ``vocab_size`` may be None before training, where only the text can tell it.

    ``encode`` adds nothing: the host puts ``eot`` after each document and before each prompt.
    ``train`` may take a keyword ``progress``, to call with ``(doing, done, total)``; a bar is shown
    for each phase whose total isn't None.

    ``encode_batch(texts)`` is optional: the ids of all texts, end to end (n,), and where in them
    each text begins, with n at the end (texts + 1,). Corpora are encoded with it while another
    thread reads on, so it should be fast and let go of the interpreter.

    Optional: ``lossy``, that text may come back changed (bits per byte then counts the text's own
    bytes, and says so); ``closed_vocabulary``, that only what ``train`` has seen can be encoded (it
    then sees validation text too); a class method ``from_file(path, **options)`` for files of other
    programs (``reads`` names which): a tokenizer, None for an unknown format, or ValueError.
    """

    vocab_size: int | None
    eot: int

    @property
    def fingerprint(self) -> str: ...

    def train(self, texts: Iterable[str | bytes]) -> None: ...

    def encode(self, text: str | bytes) -> np.ndarray: ...

    def decode(self, ids: Iterable[int]) -> str: ...

    def decode_bytes(self, ids: Iterable[int]) -> bytes: ...

    def token_bytes(self) -> np.ndarray: ...

    def save(self, dir: Path) -> None: ...

    @classmethod
    def load(cls, dir: Path) -> Tokenizer: ...


class Corpus(Protocol):
    """Documents to train on: ``documents("train" | "valid")`` yields bytes, maybe without end.

    Without end-of-text marks, which the host puts between them as the tokenizer's ``eot``.
    ``label`` says in a few words what text this is; ``notice`` is what a user must know about it
    (that an offline stand-in is used, say), else None. Both are right once the fingerprint was
    asked for, which is cheap and settles where the text comes from.

    ``size(split)`` is optional: about how many bytes the documents have together, so that the time
    left can be told; None where that would take reading them. Asked for after the fingerprint.
    """

    label: str
    notice: str | None

    def documents(self, split: str) -> Iterator[bytes]: ...

    def fingerprint(self) -> str: ...


class Sampler(Protocol):
    """Reshapes the distribution of the next token; the core draws from what the chain leaves.

    ``logits`` (B, V) float32, ``history`` (B, L) ids so far (−1 is padding), ``state`` a dict of
    this sampler's own for the whole generation, tensors in it batch first -> logits (B, V), −inf
    where excluded.
    """

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor: ...
