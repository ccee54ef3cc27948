"""Who learns merges: zoo and its peers, from a file on disk, with all cores."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .measure import installed
from .vocabulary import GPT2, unspelled

CHUNK = 65_536
LONGEST_TOKEN = 1 << 16  # bpeasy wants a limit; no token comes near it

Train = Callable[[Path, int], Any]
Tokens = Callable[[Any], set[bytes]]


def chunks(path: Path) -> Iterator[str]:
    """The file in pieces that end with a line; to those who don't read files themselves."""
    with path.open(encoding="utf-8", newline="") as file:
        while text := file.read(CHUNK):
            yield text + file.readline()


def zoo_bpe(path: Path, vocab_size: int) -> Any:
    import zoo

    tokenizer = zoo.make("tokenizer", "bpe", vocab_size=vocab_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of texts too small for the vocabulary
        tokenizer.train(files=[path])
    return tokenizer


def gigabpe(path: Path, vocab_size: int) -> Any:
    import gigabpe

    return gigabpe.train_bpe([str(path)], vocab_size=vocab_size, pretokenizer="bytelevel")[0]


def rustbpe(path: Path, vocab_size: int) -> Any:
    import rustbpe

    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(chunks(path), vocab_size, buffer_size=256, pattern=GPT2)
    return tokenizer


def bpeasy(path: Path, vocab_size: int) -> Any:
    import bpeasy

    return bpeasy.train_bpe(chunks(path), GPT2, LONGEST_TOKEN, vocab_size, batch_size=64)


def tokenizers(path: Path, vocab_size: int) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(chunks(path), trainer)
    return tokenizer


TRAINERS: dict[str, tuple[str, Train, Tokens]] = {
    "zoo": ("zoo-lm", zoo_bpe, lambda made: {left + right for left, right in made.merges}),
    "gigabpe": ("gigabpe", gigabpe, lambda made: set(map(unspelled, made))),
    "rustbpe": (
        "rustbpe",
        rustbpe,
        lambda made: {bytes(token) for token, _ in made.get_mergeable_ranks()},
    ),
    "bpeasy": ("bpeasy", bpeasy, set),
    "tokenizers": ("tokenizers", tokenizers, lambda made: set(map(unspelled, made.get_vocab()))),
}
"""Name -> the package it needs, how it learns from a file, the tokens of what that gives.

Single bytes needn't be among them."""


def available() -> dict[str, tuple[Train, Tokens]]:
    return {
        name: (train, tokens)
        for name, (package, train, tokens) in TRAINERS.items()
        if installed(package)
    }
