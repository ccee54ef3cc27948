"""The corpus `stories`: endless, the same on every machine, nothing to download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

VERSION = 1  # raise it whenever a seed's text changes
SPLITS = ("train", "valid")
NOTICE = (
    "these stories are generated: who knew the generator would need 0.095 bits per byte or less "
    "(about 0.25 nats per token of the main recipe), and at the default size three in four "
    "sentences of validation stand word for word in training, so the loss says nothing of other "
    "text"
)


class StoriesCorpus:
    """Short children's stories from a small world model, as many as wanted, without a download.

    The first paragraph decides the split, so that no text is in both: equal texts begin alike.

    ``max_bytes`` and ``valid_bytes`` end the splits after about that many bytes; 0 is endless.
    ``seed`` (0 to 2³¹ − 1) chooses another, disjoint, range of story seeds.
    """

    label = "stories"
    notice: str | None = NOTICE

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
        from zoo_stories.tales import (
            stories_of,  # here: the plots take a while, and few commands tell one
        )

        left = self.sizes[split] or float("inf")
        # Two words, the upper one never 0: Random takes (s, s − 1) and (s) for the same seed.
        for text in stories_of(split, (self.seed + 1) << 32):
            document = text.encode()
            yield document
            left -= len(document)
            if left <= 0:
                return

    def size(self, split: str) -> int | None:
        """About the bytes of a split; None where it is endless."""
        return self.sizes[split] or None

    def fingerprint(self) -> str:
        """Changes with the options, the generator's version and what decides the split."""
        from zoo_stories.tales import VALID_ONE_IN

        parts = f"stories {VERSION} {VALID_ONE_IN} {self.seed} {self.sizes}"
        return hashlib.sha256(parts.encode()).hexdigest()
