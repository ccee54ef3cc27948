"""The corpus `stories`: endless, the same on every machine, nothing to download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import count
from zlib import crc32

from .plots import PLOTS
from .story import Story

VERSION = 1  # raise it whenever a seed's text changes
SPLITS = ("train", "valid")
VALID_ONE_IN = 4  # stories; the more are for validation, the fewer are begun in vain


def story(seed: int) -> str:
    """The story of this seed: paragraphs separated by an empty line.

    >>> story(1) == story(1) != story(2)
    True
    """
    telling = Story(seed)
    telling.pick(PLOTS)(telling)
    return telling.text()


def split_of(opening: str) -> str:
    """Which split a story belongs to: a function of its first paragraph, so no text is in both."""
    return SPLITS[crc32(opening.encode()) % VALID_ONE_IN == 0]


class OtherSplit(Exception):  # noqa: N818 - no error
    """The story just begun belongs to the other split: the rest of it needn't be told."""


class StoryOf(Story):
    """A story of one split; raises OtherSplit after the first paragraph if it isn't."""

    def __init__(self, seed: int, split: str) -> None:
        super().__init__(seed)
        self.split = split

    def paragraph(self) -> None:
        if len(self.paragraphs) == 1 and split_of(" ".join(self.paragraphs[0])) != self.split:
            raise OtherSplit
        super().paragraph()


class StoriesCorpus:
    """Short children's stories from a small world model, as many as wanted, without a download.

    The first paragraph decides the split, so that no text is in both: equal texts begin alike.

    ``max_bytes`` and ``valid_bytes`` end the splits after about that many bytes; 0 is endless.
    ``seed`` (0 to 2³¹ − 1) chooses another, disjoint, range of story seeds.
    """

    label = "stories"
    notice: str | None = None

    def __init__(
        self, *, seed: int = 0, max_bytes: int = 24_000_000, valid_bytes: int = 500_000
    ) -> None:
        if not 0 <= seed < 2**31:
            raise ValueError(f"seed must be between 0 and 2147483647, not {seed}")
        for name, size in (("max_bytes", max_bytes), ("valid_bytes", valid_bytes)):
            if size < 0:
                raise ValueError(f"{name} must be 0 (endless) or more, not {size}")
        self.seed = seed
        self.sizes = {"train": max_bytes, "valid": valid_bytes}

    def documents(self, split: str) -> Iterator[bytes]:
        """Each story as UTF-8. Raises ValueError for a split other than "train" and "valid"."""
        if split not in SPLITS:
            raise ValueError(f"no split named {split!r}; the splits are 'train' and 'valid'")
        return self._documents(split)

    def _documents(self, split: str) -> Iterator[bytes]:
        left = self.sizes[split] or float("inf")
        # Two words, the upper one never 0: Random takes (s, s − 1) and (s) for the same seed.
        for seed in count((self.seed + 1) << 32):
            telling = StoryOf(seed, split)
            try:
                telling.pick(PLOTS)(telling)
            except OtherSplit:
                continue
            document = telling.text().encode()
            yield document
            left -= len(document)
            if left <= 0:
                return

    def size(self, split: str) -> int | None:
        """About the bytes of a split; None where it is endless."""
        return self.sizes[split] or None

    def fingerprint(self) -> str:
        """Changes with the options, the generator's version and what decides the split."""
        parts = f"stories {VERSION} {VALID_ONE_IN} {self.seed} {self.sizes}"
        return hashlib.sha256(parts.encode()).hexdigest()
