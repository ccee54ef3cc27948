"""Stream the ids of a text, for any tokenizer."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import numpy as np

from zoo.data.text_pieces import pieces
from zoo.errors import ZooError

BATCH = 1 << 18
HELD = 1 << 26  # bytes of text that a tokenizer without encode_iterable is given at once


def id_batches(tokenizer: Any, chunks: Iterable[bytes], **more: Any) -> Iterator[np.ndarray]:
    """The ids of a stream of text in arrays; ``more`` are options of the tokenizer's ``encode``.

    A tokenizer with ``encode_iterable`` never has more than a chunk in memory. To another one, up
    to 64 MiB are given at once; longer text is cut at line ends, with a warning, since ids may
    differ there from those of the text as a whole.
    """
    if takes(getattr(tokenizer, "encode_iterable", None), *more):
        ids = iter(tokenizer.encode_iterable(chunks, **more))
        while batch := list(islice(ids, BATCH)):
            yield within(np.array(batch, dtype=np.int64), tokenizer.vocab_size)
        return
    parts = pieces(chunks, HELD)
    first, second = next(parts, b""), next(parts, None)
    if second is not None:
        warnings.warn(
            f"{type(tokenizer).__name__} can't encode a stream: the text is cut at a line end "
            f"every {HELD >> 20} MiB, where ids may differ from those of the text as a whole",
            stacklevel=2,
        )
    for part in chain([first], [] if second is None else [second], parts):
        yield within(np.asarray(tokenizer.encode(part, **more)), tokenizer.vocab_size)


def within(ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """The same ids, if the vocabulary has them: they might not fit in what they are stored in."""
    if len(ids):
        for extreme in (int(ids.min()), int(ids.max())):
            if not 0 <= extreme < vocab_size:
                raise ZooError(f"the tokenizer made the id {extreme}, outside its vocabulary")
    return ids


def takes(function: Any, *names: str) -> bool:
    """Whether it is a function with parameters of these names."""
    return callable(function) and set(names) <= inspect.signature(function).parameters.keys()
