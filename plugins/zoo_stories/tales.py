"""Which story is told when: each by its seed, for one of the splits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from zlib import crc32

from zoo_stories.plots import PLOTS
from zoo_stories.story import Story

VALID_ONE_IN = 4  # stories; the more are for validation, the fewer are begun in vain


def story(seed: int) -> str:
    """The story of this seed: paragraphs separated by an empty line.

    >>> story(1) == story(1) != story(2)
    True
    """
    return told(Story(seed))


def told(telling: Story) -> str:
    telling.pick(PLOTS)(telling)
    return telling.text()


def split_of(opening: str) -> str:
    """Which split a story belongs to: a function of its first paragraph, so no text is in both."""
    return "valid" if crc32(opening.encode()) % VALID_ONE_IN == 0 else "train"


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


def stories_of(split: str, first_seed: int) -> Iterator[str]:
    """The stories of a split, without end, from this seed on."""
    for seed in count(first_seed):
        try:
            yield told(StoryOf(seed, split))
        except OtherSplit:
            continue
