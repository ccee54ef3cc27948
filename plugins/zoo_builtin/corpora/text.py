"""Text of one's own."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo_builtin.corpora.reading import (
    PIECE,
    RULES,
    SEPARATOR,
    SHORT,
    content_hash,
    cut,
    lone_document,
    plain_size,
    read_documents,
)

LEAST_PIECE = 256  # bytes: less is hardly a text
LONE_PIECES = 20  # at least, out of a lone document that isn't tiny
SUFFIXES = (".txt", ".text", ".md")


class TextCorpus:
    """Text files: each a document, or several between separators; ``.gz`` is read transparently.

    ``files`` and ``valid_files`` name files, globs (``**`` goes down any number of folders) or
    folders, which stand for all ``.txt``, ``.text`` and ``.md`` files below them, also with
    ``.gz``, except hidden ones. Files are read in the order of their paths, each once; a file for
    validation isn't trained on.

    Documents of more than 64 KiB are cut into pieces of at most 8 KiB that end at a blank line
    where there is one; each piece counts as a document.

    Without ``valid_files``, a document is held out for validation if its hash falls into
    ``valid_share``. So equal documents are always on the same side, and more text never moves
    an old document.

    A lone document of at most 1 MiB (a file without separators, say) would leave that to luck. It
    is cut into pieces of at most a 20th of it, of ``valid_share`` of it and of 8 KiB (but not below
    256 bytes), and of these, ``valid_share`` is held out, evenly spaced.

    ``max_bytes`` takes only the first documents of ``files``, as many as fit.
    """

    notice: str | None = None

    def __init__(
        self,
        *,
        files: list[Path],
        valid_files: list[Path] | None = None,
        separator: str = SEPARATOR,
        valid_share: float = 0.05,
        max_bytes: int | None = None,
    ) -> None:
        if not separator:
            raise ValueError("separator is empty; a file without separators is one document")
        if not 0 < valid_share < 1:
            raise ValueError(f"valid_share = {valid_share} must lie between 0 and 1")
        if max_bytes is not None and max_bytes < 1:
            raise ValueError(f"max_bytes = {max_bytes} must be at least 1")
        self.valid_files = find_files(valid_files) if valid_files is not None else None
        own = set(self.valid_files or ())
        self.files = [file for file in find_files(files) if file not in own]
        if not self.files:
            raise ValueError("every one of files is among valid_files, so none is left to train on")
        self.separator = separator
        self.valid_share = valid_share
        self.max_bytes = max_bytes
        first, more = self.files[0].name, len(self.files) - 1
        self.label = f"{first} and {more} more" if more else first

    def documents(self, split: str) -> Iterator[bytes]:
        """The documents of "train" or "valid". Raises ValueError for any other split."""
        check_split(split)
        if self.valid_files is not None:
            return self._read() if split == "train" else self._all(self.valid_files)
        wanted = split == "valid"
        return (document for document, held_out in self._divided() if held_out == wanted)

    def fingerprint(self) -> str:
        """Tells by content, not by name, what is read."""
        parts = {
            "rules": RULES,
            "files": content_hash(self.files),
            "valid_files": content_hash(self.valid_files) if self.valid_files else None,
            "separator": self.separator,
            "valid_share": self.valid_share,
            "max_bytes": self.max_bytes,
            "lone": [SHORT, LONE_PIECES, LEAST_PIECE],
        }
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def size(self, split: str) -> int | None:
        """About the bytes of a split, separators included; None where files are compressed."""
        check_split(split)
        if self.valid_files is not None and split == "valid":
            return plain_size(self.valid_files)
        size = plain_size(self.files)
        if size is None:
            return None
        size = size if self.max_bytes is None else min(size, self.max_bytes)
        if self.valid_files is not None:
            return size
        return round(size * (self.valid_share if split == "valid" else 1 - self.valid_share))

    def _divided(self) -> Iterator[tuple[bytes, bool]]:
        """The documents, each with whether it is held out."""
        lone = lone_document(self.files[0], self.separator) if len(self.files) == 1 else None
        if lone is None:
            yield from ((document, self._is_held_out(document)) for document in self._read())
            return
        size = int(len(lone) * min(self.valid_share, 1 / LONE_PIECES))
        pieces = cut(lone, min(max(size, LEAST_PIECE), PIECE))
        for nth, piece in enumerate(up_to(self.max_bytes, pieces)):
            yield piece, self._is_nth_held_out(nth)

    def _read(self) -> Iterator[bytes]:
        return up_to(self.max_bytes, self._all(self.files))

    def _all(self, files: Iterable[Path]) -> Iterator[bytes]:
        for file in files:
            yield from read_documents(file, self.separator)

    def _is_held_out(self, document: bytes) -> bool:
        drawn = int.from_bytes(hashlib.sha256(document).digest()[:8], "big")
        return drawn < self.valid_share * 2**64

    def _is_nth_held_out(self, nth: int) -> bool:
        """Evenly spaced, beginning in the middle of the first ``1 / valid_share`` pieces."""
        return int((nth + 1) * self.valid_share + 0.5) > int(nth * self.valid_share + 0.5)


def check_split(split: str) -> None:
    if split not in ("train", "valid"):
        raise ValueError(f"no split named {split!r} (known: train, valid)")


def up_to(max_bytes: int | None, documents: Iterable[bytes]) -> Iterator[bytes]:
    """The first documents, as many as have at most ``max_bytes`` together."""
    taken = 0
    for document in documents:
        taken += len(document)
        if max_bytes is not None and taken > max_bytes:
            return
        yield document


def find_files(paths: list[Path]) -> list[Path]:
    """The files that paths, globs and folders stand for, sorted, each once."""
    if not paths:
        raise ValueError("no files are named")
    absolute = (Path(os.path.abspath(path)) for path in paths)  # one spelling for each file
    return sorted({file for path in absolute for file in _matches(path)}, key=Path.as_posix)


def _matches(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in path.rglob("*") if _is_text(file.relative_to(path))]
        if not any(file.is_file() for file in found):
            raise ValueError(f"{path}: no {', '.join(SUFFIXES)} files (or .gz of them) below it")
        return [file for file in found if file.is_file()]
    if glob.has_magic(str(path)):
        matched = map(Path, glob.glob(str(path), recursive=True))
        if found := [file for file in matched if file.is_file()]:
            return found
        raise ValueError(f"{path}: no file matches")
    raise ValueError(f"{path}: no such file or folder")


def _is_text(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.name.removesuffix(".gz").endswith(SUFFIXES)
