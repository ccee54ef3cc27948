"""Conformance of tokenizers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.catalog.component import Component
from zoo.testing.compare import Complaints

DOCUMENTS = [
    "The river had been low all summer, so low that the ferryman's boat lay on its side.\n\n"
    "\"It'll rain,\" he said, as he'd said every day; and every day it didn't rain.\n",
    "On day 127 a cloud came over the hill. Then 2, then 30 — the whole sky!  \r\n\tIt rained.",
    "Plötzlich schwamm das Boot; ça flotte, dit-il. 船が浮いた 🚣🏽 ½ e\u0301\u00a0!",
]
UNSEEN = ["Ж & {q} 🦜", "a $ between"]  # characters that DOCUMENTS lack
OTHER_DOCUMENTS = ["zzzz qqqq zzzz qqqq", "xyxyxyxy 0987 xyxyxyxy"]


def trained(component: Component, documents: list[str] | None = None) -> Any:
    tokenizer = component()

    def texts() -> Iterator[bytes]:
        yield from (text.encode() for text in documents or DOCUMENTS)

    tokenizer.train(texts())
    return tokenizer


def table(tokenizer: Any) -> list[bytes]:
    """The bytes that each id stands for."""
    return [tokenizer.decode_bytes([token]) for token in range(tokenizer.vocab_size)]


def made(component: Component) -> Complaints:
    """It trains on an iterator of bytes, and then knows its vocab_size; load is a class method."""
    if not callable(getattr(component.entry.factory, "load", None)):
        yield f"{component.entry.factory!r} has no load(dir)"
    vocab_size = trained(component).vocab_size
    if not isinstance(vocab_size, int) or vocab_size < 1:
        yield f"after training, vocab_size is {vocab_size!r}"


def round_trip(component: Component) -> Complaints:
    """Training text comes back exactly unless ``lossy``, by both decodes, at once or id by id."""
    tokenizer = trained(component)
    if getattr(tokenizer, "lossy", False):
        return
    for text in (*DOCUMENTS, ""):
        ids = tokenizer.encode(text)
        one_by_one = b"".join(tokenizer.decode_bytes([int(token)]) for token in ids)
        for how, back in (
            ("decode", tokenizer.decode(ids)),
            ("decode_bytes", tokenizer.decode_bytes(ids).decode(errors="replace")),
            ("decode_bytes, id by id,", one_by_one.decode(errors="replace")),
        ):
            if back != text:
                yield f"{how} makes {back!r:.60} of {text!r:.60}"


def losses_declared(component: Component) -> Complaints:
    """Text unlike training's is refused, comes back exactly with its size, or ``lossy`` is True."""
    tokenizer = trained(component)
    if getattr(tokenizer, "lossy", False):
        return
    for text in UNSEEN:
        try:
            ids = tokenizer.encode(text)
        except ValueError:
            continue
        if (back := tokenizer.decode(ids)) != text:
            yield f"{text!r} becomes {back!r}"


def text_or_bytes(component: Component) -> Complaints:
    """A text and its UTF-8 bytes have the same ids."""
    tokenizer = trained(component)
    for text in DOCUMENTS:
        if list(tokenizer.encode(text)) != list(tokenizer.encode(text.encode())):
            yield f"not so for {text!r:.60}"


def batches_alike(component: Component) -> Complaints:
    """encode_batch, where there is one, gives what encode gives text by text, and the offsets."""
    tokenizer = trained(component)
    encode_batch = getattr(tokenizer, "encode_batch", None)
    if not callable(encode_batch):
        return
    for texts in ([*DOCUMENTS, "", DOCUMENTS[0]], [text.encode() for text in DOCUMENTS], []):
        each = [list(tokenizer.encode(text)) for text in texts]
        ids, offsets = encode_batch(texts)
        if list(ids) != [token for alone in each for token in alone]:
            yield f"other ids for {len(texts)} texts than one by one"
        ends = np.cumsum([0, *map(len, each)], dtype=np.int64)
        if list(offsets) != ends.tolist():
            yield f"offsets {list(offsets)} for texts that begin, and end, at {ends.tolist()}"


def ids_in_range(component: Component) -> Complaints:
    """encode gives a flat array of integers, 0 ≤ id < vocab_size; eot is such an id."""
    tokenizer = trained(component)
    if not 0 <= tokenizer.eot < tokenizer.vocab_size:
        yield f"eot is {tokenizer.eot}, vocab_size {tokenizer.vocab_size}"
    for text in (*DOCUMENTS, ""):
        ids = tokenizer.encode(text)
        if not isinstance(ids, np.ndarray) or ids.ndim != 1 or ids.dtype.kind not in "iu":
            yield f"{type(ids).__name__} {getattr(ids, 'dtype', '')} for {text!r:.60}"
        elif ids.size and (ids.min() < 0 or ids.max() >= tokenizer.vocab_size):
            yield f"ids {ids.min()} to {ids.max()}, vocab_size {tokenizer.vocab_size}"


def text_has_no_end(component: Component) -> Complaints:
    """Ordinary text never becomes eot, which the host puts between documents."""
    tokenizer = trained(component)
    for text in DOCUMENTS:
        if tokenizer.eot in tokenizer.encode(text):
            yield f"{text!r:.60} holds id {tokenizer.eot}, which is eot"


def token_bytes_add_up(component: Component) -> Complaints:
    """token_bytes() has a length for each id: unless ``lossy``, the text's in sum; 0 for eot."""
    tokenizer = trained(component)
    lengths = tokenizer.token_bytes()
    if np.shape(lengths) != (tokenizer.vocab_size,):
        yield f"shape {np.shape(lengths)}, vocab_size {tokenizer.vocab_size}"
    for text in DOCUMENTS:
        counted = int(lengths[tokenizer.encode(text)].sum())
        if counted != len(text.encode()) and not getattr(tokenizer, "lossy", False):
            yield f"{counted} for a text of {len(text.encode())} bytes"
    if lengths[tokenizer.eot] != 0:
        yield f"eot counts {lengths[tokenizer.eot]}"


def training_repeats(component: Component) -> Complaints:
    """The same text makes the same tokenizer, and the same fingerprint."""
    one, other = trained(component), trained(component)
    if table(one) != table(other):
        yield "two that were trained alike have other tokens"
    if one.fingerprint != other.fingerprint:
        yield f"fingerprints {one.fingerprint} and {other.fingerprint}"


def fingerprint_tells(component: Component) -> Complaints:
    """Tokenizers that differ have different fingerprints: prepared tokens are found by them."""
    one, other = trained(component), trained(component, OTHER_DOCUMENTS)
    if table(one) != table(other) and one.fingerprint == other.fingerprint:
        yield f"{one.fingerprint} after two trainings that made different tokens"


def saved_and_loaded(component: Component) -> Complaints:
    """load(dir) after save(dir) makes a tokenizer that does everything alike."""
    saved = trained(component)
    factory: Any = component.entry.factory
    with tempfile.TemporaryDirectory() as folder:
        saved.save(Path(folder))
        loaded = factory.load(Path(folder))
    for what in ("vocab_size", "eot", "fingerprint"):
        if getattr(loaded, what) != getattr(saved, what):
            yield f"{what} was {getattr(saved, what)!r} and is {getattr(loaded, what)!r}"
    if table(loaded) != table(saved):
        yield "its ids stand for other bytes"
    for text in DOCUMENTS:
        if list(loaded.encode(text)) != list(saved.encode(text)):
            yield f"other ids for {text!r:.60}"


PROPERTIES = (
    made,
    round_trip,
    losses_declared,
    text_or_bytes,
    batches_alike,
    ids_in_range,
    text_has_no_end,
    token_bytes_add_up,
    training_repeats,
    fingerprint_tells,
    saved_and_loaded,
)
