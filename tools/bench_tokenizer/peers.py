"""Who encodes and decodes: zoo and its peers behind one face, in the ways that they offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from .measure import cores, installed
from .texts import Documents
from .vocabulary import GPT2, Vocabulary

WARM_UP = Documents(["Once upon a time there was a zoo. It had 12 animals!\n"] * 64, Path())


@dataclass(frozen=True)
class Way:
    """A way to encode documents, and how to make one flat array of ids of its result."""

    run: Callable[[Documents], Any]
    ids: Callable[[Any], np.ndarray]
    whole: bool = False
    """Reads the file rather than the documents, so the ids at their borders differ."""


@dataclass(frozen=True)
class Peer:
    ways: dict[str, Way]
    one: Callable[[str], Any]
    """The ids of a short text."""
    decode: dict[str, Callable[[Any], bytes | str]]
    """Ids of a document, as this peer gives them itself, -> its text."""
    array: bool = False
    """Gives and takes ids as numpy arrays, not as lists."""

    def warm(self) -> Peer:
        """Itself, once its code is compiled and its threads have started."""
        for way in self.ways.values():
            if not way.whole:
                way.run(WARM_UP)
        ids = np.asarray(self.one(WARM_UP.texts[0]))
        for call in self.decode.values():
            call(ids if self.array else ids.tolist())
        return self


def flat(lists: Iterable[Sequence[int]]) -> np.ndarray:
    return np.fromiter(chain.from_iterable(lists), dtype=np.int64)


def bpe() -> Any:
    """The class of zoo's tokenizer."""
    import zoo

    return type(zoo.make("tokenizer", "bpe"))


def zoo_bpe(vocabulary: Vocabulary) -> Peer:
    special = list(vocabulary.special_tokens) or None
    tokenizer = bpe().from_vocab(vocabulary.tokens, vocabulary.merges, special)
    threads = cores()

    def to_file(documents: Documents) -> np.ndarray:
        with TemporaryDirectory(dir=vocabulary.folder) as folder:
            out = Path(folder) / "ids.npy"
            tokenizer.encode_file(documents.path, out, threads=threads)
            return np.load(out)

    return Peer(
        ways={
            "encode_batch": Way(
                lambda documents: tokenizer.encode_batch(documents.texts, threads=threads),
                lambda made: made[0],
            ),
            "encode_batch of bytes": Way(
                lambda documents: tokenizer.encode_batch(documents.encoded, threads=threads),
                lambda made: made[0],
            ),
            "encode_file": Way(to_file, lambda made: made, whole=True),
        },
        one=tokenizer.encode,
        decode={"decode_bytes": tokenizer.decode_bytes, "decode": tokenizer.decode},
        array=True,
    )


def tokie(vocabulary: Vocabulary) -> Peer:
    import tokie

    tokenizer = tokie.Tokenizer.from_json(str(vocabulary.tokenizer_json))
    return Peer(
        ways={
            "encode_batch": Way(
                lambda documents: tokenizer.encode_batch(documents.texts, add_special_tokens=False),
                lambda made: flat(encoding.ids for encoding in made),
            ),
            "encode_batch_flat": Way(
                lambda documents: tokenizer.encode_batch_flat(
                    documents.texts, add_special_tokens=False
                ),
                lambda made: made[0],
            ),
            "encode_files": Way(
                lambda documents: tokenizer.encode_files([str(documents.path)]),
                lambda made: made[0],
                whole=True,
            ),
        },
        one=lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        decode={"decode_bytes": tokenizer.decode_bytes},
    )


def splintr(vocabulary: Vocabulary) -> Peer:
    import splintr

    tokenizer = splintr.from_json(str(vocabulary.tokenizer_json))
    return Peer(
        ways={
            "encode_batch": Way(lambda documents: tokenizer.encode_batch(documents.texts), flat),
            "encode_batch_flat": Way(
                lambda documents: tokenizer.encode_batch_flat(documents.texts),
                lambda made: np.frombuffer(made[0], np.uint32),
            ),
        },
        one=tokenizer.encode_ordinary,
        decode={"decode": tokenizer.decode},
    )


def riptoken(vocabulary: Vocabulary) -> Peer:
    import riptoken

    tokenizer = riptoken.CoreBPE(vocabulary.ranks, {}, GPT2)
    return Peer(
        ways={
            "encode_ordinary_batch": Way(
                lambda documents: tokenizer.encode_ordinary_batch(documents.texts), flat
            )
        },
        one=tokenizer.encode_ordinary,
        decode={"decode_bytes": tokenizer.decode_bytes},
    )


def tiktoken(vocabulary: Vocabulary) -> Peer:
    import tiktoken

    tokenizer = tiktoken.Encoding(
        "bench", pat_str=GPT2, mergeable_ranks=vocabulary.ranks, special_tokens={}
    )
    threads = cores()

    def to_numpy(documents: Documents) -> list[Any]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(tokenizer.encode_to_numpy, documents.texts))

    return Peer(
        ways={
            "encode_ordinary_batch": Way(
                lambda documents: tokenizer.encode_ordinary_batch(
                    documents.texts, num_threads=threads
                ),
                flat,
            ),
            "encode_to_numpy": Way(to_numpy, np.concatenate),
        },
        one=tokenizer.encode_ordinary,
        decode={"decode_bytes": tokenizer.decode_bytes, "decode": tokenizer.decode},
    )


def tokenizers(vocabulary: Vocabulary) -> Peer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(vocabulary.tokenizer_json))
    return Peer(
        ways={
            "encode_batch_fast": Way(
                lambda documents: tokenizer.encode_batch_fast(
                    documents.texts, add_special_tokens=False
                ),
                lambda made: flat(encoding.ids for encoding in made),
            )
        },
        one=lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        decode={"decode": lambda ids: tokenizer.decode(ids, skip_special_tokens=False)},
    )


ENCODERS: dict[str, tuple[str, Callable[[Vocabulary], Peer]]] = {
    "zoo": ("zoo-lm", zoo_bpe),
    "tokie": ("tokie", tokie),
    "splintr": ("splintr-rs", splintr),
    "riptoken": ("riptoken", riptoken),
    "tiktoken": ("tiktoken", tiktoken),
    "tokenizers": ("tokenizers", tokenizers),
}
"""Name -> the package it needs, and who makes it; zoo first, as the others are compared to it."""

SLOW = {"tokenizers": 8}
"""Who is timed on one of so many documents, lest they take most of the time there is."""


def encoders(peers: Sequence[str] | None = None) -> dict[str, Callable[[Vocabulary], Peer]]:
    """Those that are installed."""
    return {
        name: make
        for name, (package, make) in ENCODERS.items()
        if installed(package) and (peers is None or name in ("zoo", *peers))
    }
