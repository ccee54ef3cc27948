"""Tokens on disk: a split of a corpus as shards of numbers, memory-mapped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.paths import sync_dir, unique_beside

SHARD_TOKENS = 2**26
BUFFERED_TOKENS = 2**18


def dtype_for(vocab_size: int) -> np.dtype[Any]:
    """The smallest type that holds every id; little-endian, so that shards can travel."""
    return np.dtype("<u2" if vocab_size <= 2**16 else "<u4")


def shard_path(dir: Path, split: str, number: int) -> Path:
    return dir / f"{split}-{number:05d}.bin"


def write_ids(path: Path, arrays: Iterable[np.ndarray], vocab_size: int) -> int:
    """Writes arrays of ids, end to end, as one ``.npy`` or ``.bin`` file; returns their number.

    The file appears when it is complete. ``.bin`` has the bare numbers.

    Raises:
        ValueError: the path has another ending.
    """
    if path.suffix not in (".npy", ".bin"):
        raise ValueError(f"{path}: the name must end in .npy or .bin")
    dtype = dtype_for(vocab_size)
    temporary = unique_beside(path)
    count = 0

    def header() -> bytes:
        """Of the same length whatever the count, so that it can be put right at the end."""
        form = {"descr": dtype.str, "fortran_order": False, "shape": (count,)}
        text = f"{form!r:<117}\n".encode()
        return np.lib.format.magic(1, 0) + len(text).to_bytes(2, "little") + text

    try:
        with temporary.open("xb") as file:
            file.write(header() if path.suffix == ".npy" else b"")
            for array in arrays:
                file.write(array.astype(dtype).tobytes())
                count += len(array)
            if path.suffix == ".npy":
                file.seek(0)
                file.write(header())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_dir(path.parent)
    return count


class Tokens:
    """The tokens of one split, end to end, each document followed by the end-of-text id.

    Nothing is read until it is asked for. ``shards`` are the tokens in order, as they lie on disk;
    ``bytes`` and ``documents`` count the text behind them.

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

    Raises:
        ZooError: an id outside the vocabulary.
    """

    def __init__(self, dir: Path, split: str, *, vocab_size: int, eot: int) -> None:
        self.dir = dir
        self.split = split
        self.vocab_size = vocab_size
        self.dtype = dtype_for(vocab_size)
        self.eot = np.array([eot], dtype=np.int64)
        self.documents = 0
        self.bytes = 0
        self.shards: list[int] = []
        self._buffer: list[np.ndarray] = []
        self._buffered = 0

    def __enter__(self) -> TokenWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush()

    def add(self, ids: np.ndarray, n_bytes: int) -> None:
        """Appends a document of ``n_bytes`` bytes: (n,) ids, to which the end of text is added."""
        self._buffer += (np.asarray(ids), self.eot)
        self._buffered += len(ids) + 1
        self.documents += 1
        self.bytes += n_bytes
        if self._buffered >= BUFFERED_TOKENS:
            self._flush()

    @property
    def meta(self) -> dict[str, Any]:
        return {
            "tokens": sum(self.shards),
            "documents": self.documents,
            "bytes": self.bytes,
            "dtype": self.dtype.str,
            "shards": self.shards,
        }

    def _flush(self) -> None:
        if not self._buffer:
            return
        ids = np.concatenate(self._buffer)
        self._buffer, self._buffered = [], 0
        if ids.min() < 0 or ids.max() >= self.vocab_size:
            wrong = ids[(ids < 0) | (ids >= self.vocab_size)][0]
            raise ZooError(
                f"the tokenizer gave the id {wrong}, but has a vocabulary of {self.vocab_size}"
            )
        narrow = ids.astype(self.dtype)
        while narrow.size:
            if not self.shards or self.shards[-1] == SHARD_TOKENS:
                self.shards.append(0)
            fits = narrow[: SHARD_TOKENS - self.shards[-1]]
            with shard_path(self.dir, self.split, len(self.shards) - 1).open("ab") as file:
                file.write(fits.tobytes())
            self.shards[-1] += len(fits)
            narrow = narrow[len(fits) :]
