"""Memory-mapped token files and the splits of a corpus."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from zoo.errors import ZooError
from zoo.storage.paths import replacing

SUFFIXES = (".npy", ".bin")
SHARD_TOKENS = 2**26


def dtype_for(vocab_size: int) -> np.dtype[Any]:
    """The smallest type that holds every id; little-endian, so that shards can travel."""
    return np.dtype("<u2" if vocab_size <= 2**16 else "<u4")


def shard_path(dir: Path, split: str, number: int) -> Path:
    return dir / f"{split}-{number:05d}.bin"


def write_ids(path: Path, arrays: Iterable[np.ndarray], vocab_size: int) -> int:
    """Writes arrays of ids, end to end, as one file; returns how many ids there are.

    ``.npy`` is NumPy's format, ``.bin`` the bare numbers; both little-endian, 16 bits each where
    the vocabulary fits in 65,536, else 32. The file appears when it is complete.

    Raises:
        ValueError: the path has another ending.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: the name must end in .npy or .bin")
    dtype = dtype_for(vocab_size)
    count = 0

    def header() -> bytes:
        """Of the same length whatever the count, so that it can be put right at the end."""
        form = {"descr": dtype.str, "fortran_order": False, "shape": (count,)}
        text = f"{form!r:<117}\n".encode()
        return np.lib.format.magic(1, 0) + len(text).to_bytes(2, "little") + text

    with replacing(path) as file:
        file.write(header() if path.suffix == ".npy" else b"")
        for array in arrays:
            file.write(array.astype(dtype).data)
            count += len(array)
        if path.suffix == ".npy":
            file.seek(0)
            file.write(header())
    return count


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


class Tokens:
    """The tokens of one split, end to end, each document followed by the end-of-text id.

    Nothing is read until it is asked for. ``shards`` are the tokens in order, as they lie on disk;
    ``bytes`` and ``documents`` count the text behind them, ``not_utf8`` those of the documents that
    aren't valid UTF-8.

    Args:
        dir, split: where the shards ``<split>-00000.bin``, … lie.
        meta: what TokenWriter counted.

    Raises:
        ZooError: a shard is missing or has another size than it was written with.
    """

    def __init__(self, dir: Path, split: str, meta: Mapping[str, Any]) -> None:
        self.split = split
        self.bytes: int = meta["bytes"]
        self.documents: int = meta["documents"]
        self.not_utf8: int = meta.get("not_utf8_documents", 0)
        dtype = np.dtype(meta["dtype"])
        self.shards: list[np.ndarray] = []
        for number, count in enumerate(meta["shards"]):
            path = shard_path(dir, split, number)
            size = path.stat().st_size if path.exists() else 0
            if size != count * dtype.itemsize:
                raise ZooError(
                    f"{path}: {size} bytes where {count * dtype.itemsize} were written; "
                    f"delete {dir}, and it is built again"
                )
            self.shards.append(np.memmap(path, dtype=dtype, mode="r"))
        self._ends = np.cumsum(meta["shards"], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def rows(self, starts: np.ndarray, width: int) -> np.ndarray:
        """(n,) positions -> (n, width) int64: the tokens from each position on."""
        out = np.empty((len(starts), width), dtype=np.int64)
        for row, start in zip(out, starts.tolist(), strict=True):
            self._copy(row, start)
        return out

    def n_windows(self, length: int) -> int:
        """How many windows of ``length`` tokens follow each other, each with the token after it.

        Raises:
            ZooError: not even one.
        """
        if len(self) <= length:
            raise ZooError(
                f"the {self.split} split has {len(self)} tokens, too few for a window of "
                f"{length} and the token after it: use more text, or a shorter model.max_seq_len"
            )
        return (len(self) - 1) // length

    def window(self, index: int, length: int) -> np.ndarray:
        """(length + 1,) int64: the tokens of a window and the one after it."""
        row: np.ndarray = self.rows(np.array([index * length]), length + 1)[0]
        return row

    def _copy(self, row: np.ndarray, start: int) -> None:
        """Fills a row from ``start`` on, over the borders of shards."""
        number = int(np.searchsorted(self._ends, start, side="right"))
        filled = 0
        while filled < len(row):
            shard = self.shards[number]
            at = start + filled - (int(self._ends[number]) - len(shard))
            piece = shard[at : at + len(row) - filled]
            row[filled : filled + len(piece)] = piece
            filled += len(piece)
            number += 1


class TokenWriter:
    """Appends documents to the shards of one split; ``meta`` then describes them.

    Args:
        dir, split: where the shards go.
        vocab_size, eot: the tokenizer's; ``eot`` follows each document.
        after: the ``meta`` of a writer that was interrupted after ``sync``: goes on from there, and
            drops what was written later. None starts over.

    Raises:
        ZooError: an id outside the vocabulary, offsets that fit no ids, or less on disk than
            ``after`` says.
    """

    def __init__(
        self,
        dir: Path,
        split: str,
        *,
        vocab_size: int,
        eot: int,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        self.dir = dir
        self.split = split
        self.vocab_size = vocab_size
        self.dtype = dtype_for(vocab_size)
        self.eot = eot
        self.documents: int = after["documents"] if after else 0
        self.bytes: int = after["bytes"] if after else 0
        self.not_utf8: int = after["not_utf8_documents"] if after else 0
        self.shards: list[int] = list(after["shards"]) if after else []
        self._check_id(eot)
        drop_after(dir, split, self.shards, self.dtype)
        self._opened = ExitStack()
        self._file: BinaryIO | None = None

    def __enter__(self) -> TokenWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def add_batch(
        self, ids: np.ndarray, offsets: np.ndarray, n_bytes: int, *, not_utf8: int = 0
    ) -> None:
        """Appends documents, each with the end of text after it.

        Args:
            ids: (n,) of all documents, end to end.
            offsets: (documents + 1,) where in ``ids`` each begins, then n.
            n_bytes, not_utf8: the size of their text, and how many of them aren't UTF-8.
        """
        n_documents = len(offsets) - 1
        if offsets[0] != 0 or offsets[-1] != len(ids) or (np.diff(offsets) < 0).any():
            raise ZooError(
                f"the tokenizer gave {len(ids)} ids for {n_documents} documents, but offsets that "
                "don't divide them"
            )
        if len(ids):
            self._check_id(int(ids.min()))
            self._check_id(int(ids.max()))
        ends = np.asarray(offsets[1:], dtype=np.int64) + np.arange(n_documents)
        is_text = np.ones(len(ids) + n_documents, dtype=bool)
        is_text[ends] = False
        stored = np.empty(len(is_text), dtype=self.dtype)
        stored[ends] = self.eot
        stored[is_text] = ids
        self._write(stored)
        self.documents += n_documents
        self.bytes += n_bytes
        self.not_utf8 += not_utf8

    def sync(self) -> None:
        """Waits until all that was added is on disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    @property
    def meta(self) -> dict[str, Any]:
        return {
            "tokens": sum(self.shards),
            "documents": self.documents,
            "bytes": self.bytes,
            "not_utf8_documents": self.not_utf8,
            "dtype": self.dtype.str,
            "shards": list(self.shards),
        }

    def _check_id(self, token: int) -> None:
        if not 0 <= token < self.vocab_size:
            raise ZooError(
                f"the tokenizer gave the id {token}, but has a vocabulary of {self.vocab_size}"
            )

    def _write(self, stored: np.ndarray) -> None:
        while stored.size:
            if not self.shards or self.shards[-1] >= SHARD_TOKENS:
                self.sync()
                self._close()
                self.shards.append(0)
            if self._file is None:
                path = shard_path(self.dir, self.split, len(self.shards) - 1)
                self._file = self._opened.enter_context(path.open("ab"))
            fits = stored[: SHARD_TOKENS - self.shards[-1]]
            self._file.write(fits.data)
            self.shards[-1] += len(fits)
            stored = stored[len(fits) :]

    def _close(self) -> None:
        self._opened.close()
        self._file = None


def drop_after(dir: Path, split: str, shards: list[int], dtype: np.dtype[Any]) -> None:
    """Cuts the shards of a split back to these numbers of tokens.

    Raises:
        ZooError: one of them is shorter, or missing.
    """
    wanted = {
        shard_path(dir, split, number): count * dtype.itemsize
        for number, count in enumerate(shards)
    }
    for path, size in wanted.items():
        there = path.stat().st_size if path.exists() else 0
        if there < size:
            raise ZooError(f"{path}: {there} bytes where {size} were written")
    for path in dir.glob(f"{split}-*.bin"):
        if path in wanted:
            os.truncate(path, wanted[path])
        else:
            path.unlink()
