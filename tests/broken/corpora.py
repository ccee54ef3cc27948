"""Corpora that each break something that the core relies on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from broken.case import Case


class Numbers:
    """Documents that are numbers, even ones for training; what the others change."""

    label = "numbers"
    notice: str | None = None

    def documents(self, split: str) -> Iterator[bytes]:
        first = {"train": 0, "valid": 1}.get(split)
        if first is None:
            raise ValueError(f"no split {split!r}")
        return (f"{number}".encode() for number in range(first, 1000, 2))

    def fingerprint(self) -> str:
        return "numbers"


class Leaking(Numbers):
    def documents(self, split: str) -> Iterator[bytes]:
        return super().documents("train" if split == "valid" else split)


class Strings(Numbers):
    def documents(self, split: str) -> Any:
        return map(bytes.decode, super().documents(split))


class Wasteful(Numbers):
    def documents(self, split: str) -> Iterator[bytes]:
        random.random()
        return super().documents(split)


class NoValidation(Numbers):
    def documents(self, split: str) -> Iterator[bytes]:
        return iter(()) if split == "valid" else super().documents(split)


class Drawn(Numbers):
    def documents(self, split: str) -> Iterator[bytes]:
        documents = list(super().documents(split))
        random.shuffle(documents)
        return iter(documents)


class Rewound(Numbers):
    """One reading at a time: a second one ends the first."""

    def __init__(self) -> None:
        self.reading = 0

    def documents(self, split: str) -> Iterator[bytes]:
        documents = super().documents(split)
        self.reading = reading = self.reading + 1
        return (document for document in documents if reading == self.reading)


class AnySplit(Numbers):
    def documents(self, split: str) -> Iterator[bytes]:
        return super().documents("valid" if split == "valid" else "train")


class Timed(Numbers):
    made = 0

    def fingerprint(self) -> str:
        Timed.made += 1
        return f"numbers {Timed.made}"


class Anonymous(Numbers):
    label = ""


class Immeasurable(Numbers):
    def size(self, split: str) -> float:
        return float("nan")


CASES = [
    Case("corpus", Leaking, "splits_disjoint", "300 documents in both, such as b'0'"),
    Case("corpus", Strings, "made", "train: '0', a str"),
    Case("corpus", NoValidation, "made", "valid: nothing"),
    Case(
        "corpus",
        Drawn,
        "reading_repeats",
        "two readers see different documents",
        ("readers_apart", "draws_of_its_own"),
    ),
    Case("corpus", Rewound, "readers_apart", "train: other documents than when it is read alone"),
    Case("corpus", Wasteful, "draws_of_its_own", "one of them was used"),
    Case("corpus", AnySplit, "other_splits_refused", 'documents("test") gives something'),
    Case("corpus", Timed, "fingerprint_stays", ", and after reading numbers "),
    Case("corpus", Anonymous, "describes_itself", "label is ''"),
    Case("corpus", Immeasurable, "size_told", "train: nan"),
]
