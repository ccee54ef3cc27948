"""The corpus of local text files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from zoo.authoring import ZooError
from zoo_builtin.corpora.files import described, find_files
from zoo_builtin.corpora.held_out import HeldOut, divided, remembered_survey
from zoo_builtin.corpora.reading import (
    RULES,
    SEPARATOR,
    begins_with_mark,
    content_hash,
    cut,
    numbered_pieces,
    plain_size,
    read_documents,
)

Document = TypeVar("Document")


class TextCorpus:
    """Text files: each a document, or several between separators; ``.gz`` is read transparently.

    ``files`` and ``valid_files`` name files, globs (``**`` goes down any number of folders) or
    folders, which stand for all ``.txt``, ``.text`` and ``.md`` files below them, also with
    ``.gz``, except hidden ones; linked folders are gone into. Files are read in the order of their
    paths, each once, whatever its names are; a file for validation isn't trained on.

    Text is UTF-8. A byte-order mark before it is left out, and files in other formats are refused.
    Documents of more than 64 KiB are cut into pieces of at most 8 KiB that end at a blank line
    where there is one; each piece counts as a document.

    Without ``valid_files``, a document is held out for validation if its hash falls into
    ``valid_share``. So equal documents are always on the same side, and more text never moves
    an old document. Of a document of more than 64 KiB, the end is held out instead, ``valid_share``
    of it: what is validated on then lies beside nothing that was trained on.

    Where so few documents would leave one side empty, the one of the least hash is held out, if it
    isn't more than twice ``valid_share`` of the text; else the end of each document.

    ``max_bytes`` takes only the first documents of ``files``, as many as fit.
    """

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
        valid = find_files(valid_files) if valid_files is not None else None
        found = find_files(files, but=valid.files if valid else ())
        self.valid_files = valid.files if valid else None
        self.files = found.files
        if not self.files:
            raise ValueError("every one of files is among valid_files, so none is left to train on")
        try:
            marks = [begins_with_mark(file) for file in (*self.files, *(self.valid_files or ()))]
        except (ZooError, OSError) as error:
            raise ValueError(str(error)) from error
        self.separator = separator
        self.valid_share = valid_share
        self.max_bytes = max_bytes
        first, more = self.files[0].name, len(self.files) - 1
        self.label = f"{first} and {more} more" if more else first
        self._marked = any(marks)
        self._left_out = [*found.notices(), *(valid.notices() if valid else [])]
        self.notice = "; ".join(self._left_out) or None

    def documents(self, split: str) -> Iterator[bytes]:
        """The documents of "train" or "valid". Raises ValueError for any other split."""
        check_split(split)
        if self.valid_files is None:
            pieces = divided(self._pieces(), self._held_out)
            return (piece for piece, held_out in pieces if held_out == (split == "valid"))
        if split == "train":
            return (piece for _, piece in self._pieces())
        return (
            piece for file in self.valid_files for piece in read_documents(file, self.separator)
        )

    def fingerprint(self) -> str:
        """Tells by content, not by name, what is read; settles how the text is divided."""
        parts = self._content()
        if self.valid_files is not None:
            how = f"validation text: {described(self.valid_files)}, not trained on"
        else:
            how = str(self._held_out)
            if not self._held_out.by_hash_alone:
                parts["held_out"] = 1
        read = f"read: {described(self.files, self.max_bytes)}"
        self.notice = "; ".join([read, how, *self._left_out])
        return name_of(parts)

    def _content(self) -> dict[str, object]:
        parts = {
            "rules": RULES,
            "files": content_hash(self.files),
            "valid_files": content_hash(self.valid_files) if self.valid_files else None,
            "separator": self.separator,
            "valid_share": self.valid_share,
            "max_bytes": self.max_bytes,
            "lone": [1 << 20, 20, 256],  # a rule that is gone: text that it didn't concern
        }  # keeps its name
        return parts | ({"mark": "left out"} if self._marked else {})

    @cached_property
    def _held_out(self) -> HeldOut:
        key = name_of(self._content())
        return remembered_survey(self._pieces(), self.valid_share, key)

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

    def _pieces(self) -> Iterator[tuple[tuple[int, int], bytes]]:
        """What ``files`` hold, each piece with its document: the file's number, and that in it."""
        pieces = (
            ((nth, number), piece)
            for nth, file in enumerate(self.files)
            for number, piece in numbered_pieces(file, self.separator)
        )
        return pieces if self.max_bytes is None else first_pieces(self.max_bytes, pieces)


def name_of(parts: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def first_pieces(
    max_bytes: int, pieces: Iterable[tuple[Document, bytes]]
) -> Iterator[tuple[Document, bytes]]:
    """The first pieces, as many as have at most ``max_bytes`` together; of a lone one its start."""
    left = max_bytes
    for document, piece in pieces:
        if len(piece) > left:
            if left == max_bytes and (start := cut(piece, left)[0].rstrip(b"\r\n")):
                yield document, start
            return
        yield document, piece
        left -= len(piece)


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
