"""Token ids on disk: ``.npy`` arrays and raw ``.bin`` files, written and read as streams."""

from __future__ import annotations

import inspect
import os
import struct
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.paths import sync_dir, unique_beside
from zoo.text_pieces import pieces
from zoo.tokens import dtype_for

SUFFIXES = (".npy", ".bin")
BATCH = 1 << 18
HELD = 1 << 26  # bytes of text that a tokenizer without encode_iterable is given at once
HEADER = 128  # bytes of a .npy file before its numbers


def write_ids(path: Path, arrays: Iterable[np.ndarray], vocab_size: int) -> int:
    """Writes ids to a file that appears whole or not at all; returns how many.

    ``.npy`` is NumPy's format, ``.bin`` the bare numbers; both little-endian, 16 bits each where
    the vocabulary fits in 65,536, else 32.
    """
    dtype = dtype_for(vocab_size)
    header = path.suffix == ".npy"
    temporary = unique_beside(path)
    count = 0
    try:
        with temporary.open("xb") as file:
            if header:
                file.write(npy_header(dtype, 0))
            for ids in arrays:
                file.write(ids.astype(dtype).tobytes())
                count += len(ids)
            if header:
                file.seek(0)
                file.write(npy_header(dtype, count))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_dir(path.parent)
    return count


def npy_header(dtype: np.dtype[Any], count: int) -> bytes:
    """What stands before the numbers in a .npy file of version 1.0, always HEADER bytes long."""
    about = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': ({count},), }}"
    text = about.encode("ascii").ljust(HEADER - 11) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def read_ids(path: Path, vocab_size: int) -> np.ndarray:
    """The ids of a file, memory-mapped: (n,) integers.

    A ``.bin`` file has numbers of 16 bits where the vocabulary fits in 65,536, else of 32.

    Raises:
        ZooError: no file of ids.
    """
    if path.suffix == ".bin":
        dtype = dtype_for(vocab_size)
        size = path.stat().st_size
        if size % dtype.itemsize:
            raise ZooError(
                f"{path}: {size:,} bytes are no whole number of ids of {dtype.itemsize} bytes, as "
                f"a vocabulary of {vocab_size:,} has them"
            )
        return np.memmap(path, dtype, "r") if size else np.empty(0, dtype)
    try:
        ids: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):
        raise ZooError(f"{path}: no .npy file of ids") from None
    if getattr(ids, "ndim", 0) != 1 or ids.dtype.kind not in "iu":
        raise ZooError(f"{path}: no .npy file of ids, which is a flat array of integers")
    return ids


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
