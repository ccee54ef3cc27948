"""Token ids on disk: ``.npy`` arrays and raw ``.bin`` files, written and read as streams."""

from __future__ import annotations

import inspect
import os
import struct
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from zoo.errors import ZooError
from zoo.paths import sync_dir, unique_beside
from zoo.text_pieces import pieces
from zoo.tokens import dtype_for

SUFFIXES = (".npy", ".bin")
BATCH = 1 << 18
HELD = 1 << 26  # bytes of text that a tokenizer without encode_iterable is given at once
HEADER = 128  # bytes of a .npy file before its numbers


class IdWriter:
    """Writes ids to a file that appears whole or not at all; ``count`` is how many so far.

    ``.npy`` is NumPy's format, ``.bin`` the bare numbers; both little-endian, 16 bits each where
    the vocabulary fits in 65,536, else 32.

    Raises:
        ZooError: an id outside the vocabulary.
    """

    def __init__(self, path: Path, vocab_size: int) -> None:
        self.path = path
        self.vocab_size = vocab_size
        self.count = 0
        self._dtype = dtype_for(vocab_size)
        self._header = HEADER if path.suffix == ".npy" else 0

    def __enter__(self) -> IdWriter:
        self._temporary = unique_beside(self.path)
        self._file: BinaryIO = self._temporary.open("xb")
        self._file.write(bytes(self._header))
        return self

    def add(self, ids: np.ndarray) -> None:
        if len(ids) and not (int(ids.min()) >= 0 and int(ids.max()) < self.vocab_size):
            raise ZooError(f"{self.path}: the tokenizer made an id outside its vocabulary")
        self._file.write(ids.astype(self._dtype).tobytes())
        self.count += len(ids)

    def __exit__(
        self,
        error: type[BaseException] | None,
        _value: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        try:
            with self._file as file:
                if error is None:
                    if self._header:
                        file.seek(0)
                        file.write(npy_header(self._dtype, self.count))
                    file.flush()
                    os.fsync(file.fileno())
            if error is None:
                os.replace(self._temporary, self.path)
        finally:
            self._temporary.unlink(missing_ok=True)
        sync_dir(self.path.parent)


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
            yield np.array(batch, dtype=np.int64)
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
        yield np.asarray(tokenizer.encode(part, **more))


def takes(function: Any, *names: str) -> bool:
    """Whether it is a function with parameters of these names."""
    return callable(function) and set(names) <= inspect.signature(function).parameters.keys()
