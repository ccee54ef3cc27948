"""Conformance of corpora."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from zoo.catalog.component import Component
from zoo.testing.compare import Complaints, luck, reseed_all

SPLITS = ("train", "valid")
MOST_DOCUMENTS = 300
MOST_BYTES = 2**20


def beginning(documents: Iterator[bytes]) -> list[bytes]:
    """The first documents of a split, which may have no end."""
    taken: list[bytes] = []
    size = 0
    for document in islice(documents, MOST_DOCUMENTS):
        taken.append(document)
        size += len(document)
        if size > MOST_BYTES:
            break
    return taken


def made(component: Component) -> Complaints:
    """documents("train") and documents("valid") yield bytes, each split at least one document."""
    corpus = component()
    for split in SPLITS:
        documents = beginning(corpus.documents(split))
        if not documents:
            yield f"{split}: nothing"
        for document in documents:
            if not isinstance(document, bytes):
                yield f"{split}: {document!r:.40}, a {type(document).__name__}"


def splits_disjoint(component: Component) -> Complaints:
    """No document of validation is trained on."""
    corpus = component()
    train, valid = (set(beginning(corpus.documents(split))) for split in SPLITS)
    if both := train & valid:
        yield f"{len(both)} documents in both, such as {min(both)!r:.60}"


def reading_repeats(component: Component) -> Complaints:
    """The documents are the same every time, whatever was drawn before and by whom."""
    corpus = component()
    for split in SPLITS:
        readings = []
        for number, reader in enumerate((corpus, component())):
            reseed_all(number)
            readings.append(beginning(reader.documents(split)))
        if readings[0] != readings[1]:
            yield f"{split}: two readers see different documents"


def readers_apart(component: Component) -> Complaints:
    """Splits that are read by turns don't disturb each other."""
    corpus = component()
    asked = [list(islice(corpus.documents(split), 20)) for split in SPLITS]
    train, valid = (corpus.documents(split) for split in SPLITS)
    seen: tuple[list[bytes], list[bytes]] = ([], [])
    for _ in range(20):
        for reading, documents in zip(seen, (train, valid), strict=True):
            reading.extend(islice(documents, 1))
    for split, reading, before in zip(SPLITS, seen, asked, strict=True):
        if reading != before:
            yield f"{split}: other documents than when it is read alone"


def other_splits_refused(component: Component) -> Complaints:
    """A split that doesn't exist is a ValueError."""
    try:
        documents: Any = component().documents("test")
        next(iter(documents), None)
    except ValueError:
        return
    yield 'documents("test") gives something'


def fingerprint_stays(component: Component) -> Complaints:
    """The fingerprint is a text, the same before reading and after, and for another alike."""
    corpus = component()
    before = corpus.fingerprint()
    if not isinstance(before, str) or not before:
        yield repr(before)
    beginning(corpus.documents("train"))
    for when, seen in (("after reading", corpus), ("of another", component())):
        if seen.fingerprint() != before:
            yield f"{before}, and {when} {seen.fingerprint()}"


def describes_itself(component: Component) -> Complaints:
    """label says in a line what text this is; notice is None or what a user must know."""
    corpus = component()
    corpus.fingerprint()  # settles both
    label, notice = getattr(corpus, "label", None), getattr(corpus, "notice", "missing")
    if not isinstance(label, str) or not label.strip() or "\n" in label:
        yield f"label is {label!r}"
    if not hasattr(corpus, "notice"):
        yield "it has no notice; write notice = None"
    elif notice is not None and not isinstance(notice, str):
        yield f"notice is {notice!r}"


def size_told(component: Component) -> Complaints:
    """size(split), where there is one, is about the bytes of a split, or None: no time to read."""
    corpus = component()
    corpus.fingerprint()  # settles it
    tell = getattr(corpus, "size", None)
    if not callable(tell):
        return
    for split in SPLITS:
        size = tell(split)
        if size is not None and (not isinstance(size, int) or size < 0):
            yield f"{split}: {size!r}"


def draws_of_its_own(component: Component) -> Complaints:
    """Reading leaves the global generators of random numbers as they were."""
    before = luck()
    beginning(component().documents("train"))
    if luck() != before:
        yield "one of them was used"


PROPERTIES = (
    made,
    splits_disjoint,
    reading_repeats,
    readers_apart,
    other_splits_refused,
    fingerprint_stays,
    describes_itself,
    size_told,
    draws_of_its_own,
)
