"""Public data sets, downloaded at first use and cached."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from zoo.authoring import ZooError, amount, cache_dir, readable
from zoo.contracts import Corpus, Make
from zoo_builtin.corpora.download import UnreachableError, download
from zoo_builtin.corpora.reading import (
    RULES,
    SEPARATOR,
    content_hash,
    plain_size,
    read_documents,
)
from zoo_builtin.corpora.text import check_split, up_to


class PublicCorpus:
    """A data set of two files below one address.

    ``compression`` is how many bytes of text a byte of the files holds at the least.
    """

    title: str
    folder: str
    address: str
    train_file: str
    valid_file: str
    compression: int = 1

    def __init__(
        self, *, max_bytes: int | None = None, offline: Make[Corpus] | None = None
    ) -> None:
        if max_bytes is not None and max_bytes < 1000:
            raise ValueError(f"max_bytes = {max_bytes} must be at least 1000")
        self.max_bytes = max_bytes
        self.offline = offline
        self.notice: str | None = None
        self.label = self.title
        if max_bytes is not None:
            self.label += f" (first {amount(max_bytes, 'B')})"

    def documents(self, split: str) -> Iterator[bytes]:
        """The documents of "train" or "valid". Raises ValueError for any other split."""
        check_split(split)
        if self._stand_in is not None:
            return self._stand_in.documents(split)
        if split == "valid":
            return read_documents(self._path(self.valid_file), SEPARATOR)
        train = read_documents(self._train_path, SEPARATOR, first=self._first)
        return up_to(self.max_bytes, train)

    def fingerprint(self) -> str:
        """Settles where the text comes from, which may download it; then tells by content."""
        if self._stand_in is not None:
            parts = ["stands in for", self.title, self._stand_in.fingerprint()]
        else:
            train = content_hash([self._train_path], first=self._first)
            valid = content_hash([self._path(self.valid_file)])
            parts = [str(RULES), train, valid, str(self.max_bytes)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def size(self, split: str) -> int | None:
        """About the bytes of a split; None where its file is compressed."""
        check_split(split)
        if self._stand_in is not None:
            tell = getattr(self._stand_in, "size", None)
            return tell(split) if callable(tell) else None
        if split == "valid":
            return plain_size([self._path(self.valid_file)])
        return plain_size([self._train_path], first=self._first)

    @property
    def _first(self) -> int | None:
        """The bytes of the training file that are read."""
        return self.max_bytes and -(-self.max_bytes // self.compression)

    @property
    def _train_path(self) -> Path:
        """The whole training file, if it is there; else the beginning that is asked for."""
        whole = self._path(self.train_file)
        if self._first is None or whole.exists():
            return whole
        stem, _, suffixes = self.train_file.partition(".")
        return self._path(f"{stem}.first-{self._first}.{suffixes}")

    def _path(self, name: str) -> Path:
        return cache_dir() / "corpora" / self.folder / name

    @cached_property
    def _stand_in(self) -> Corpus | None:
        """The offline corpus read instead; None once the files are there."""
        try:
            self._fetch()
        except UnreachableError as error:
            if self.offline is None:
                raise ZooError(self._by_hand(error)) from error
            stand_in = self.offline()
            self.label = f"{stand_in.label}, standing in offline for {self.title}"
            self.notice = (
                f"{self.title} could not be downloaded, so {stand_in.label!r} is used instead "
                f"({error})"
            )
            _warn(self.notice)
            if stand_in.notice:
                self.notice += f"; {stand_in.notice}"
            return stand_in
        return None

    def _fetch(self) -> None:
        """Downloads what isn't there yet, the small file first: it tells if there is a way."""
        valid, train = self._path(self.valid_file), self._train_path
        if not valid.exists():
            download(f"{self.address}/{self.valid_file}", valid)
        if not train.exists():
            download(f"{self.address}/{self.train_file}", train, first=self._first)

    def _by_hand(self, error: UnreachableError) -> str:
        files = (
            f"  {self.address}/{name}\n    as {self._path(name)}"
            for name in (self.train_file, self.valid_file)
            if not self._path(name).exists()
        )
        return (
            f"{self.title} can't be downloaded: {error}\n"
            "Get the files by hand and put them where they are looked for:\n"
            + "\n".join(files)
            + '\nor name a corpus that takes its place, with offline = "stories" beside its name.'
        )


class TinyStories(PublicCorpus):
    """Short stories in a small child's words (Eldan & Li 2023, arXiv:2305.07759), GPT-4's part.

    2.2 GB for training and 22 MB for validation. ``max_bytes`` takes only the beginning of the
    training file, up to the last whole story. ``offline`` is the corpus to use where the files
    can't be downloaded.
    """

    title = "TinyStoriesV2-GPT4"
    folder = "tinystories"
    address = "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/main"
    train_file = "TinyStoriesV2-GPT4-train.txt"
    valid_file = "TinyStoriesV2-GPT4-valid.txt"


class OWTSample(PublicCorpus):
    """A sample of OpenWebText (Gokaslan & Cohen 2019), as the Stanford course CS336 uses it.

    12 GB of web pages for training and 290 MB for validation, compressed to less than half.
    ``max_bytes`` takes only the beginning of the training text, up to the last whole page;
    validation stays whole, so that figures can be compared. ``offline`` is the corpus to use
    where the files can't be downloaded.
    """

    title = "owt-sample"
    folder = "owt-sample"
    address = "https://huggingface.co/datasets/stanford-cs336/owt-sample/resolve/main"
    train_file = "owt_train.txt.gz"
    valid_file = "owt_valid.txt.gz"
    compression = 2


def _warn(notice: str) -> None:
    rule = "!" * 80
    print(f"\n{rule}\nWARNING: {readable(notice)}\n{rule}\n", file=sys.stderr, flush=True)
