"""Split text into training and validation: whole documents, or the end of long ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain, groupby
from operator import itemgetter
from typing import TypeVar

from zoo.authoring import cache_dir, write_atomically
from zoo_builtin.corpora.reading import cut

LEAST = 256  # bytes: less is hardly a text
DRAWN = 2**64  # numbers that a document's hash can be

Document = TypeVar("Document")


@dataclass
class HeldOut:
    """How a text is divided: the same for equal documents, so that none is on both sides.

    Attributes:
        share: of the text, about, for validation.
        below: a document whose hash is below this is held out.
        ends: the end of every document is held out instead, since they are too few to choose from.
        long: the bytes of each document that comes in pieces: of those it is always the end.
        documents: how many there are.
    """

    share: float
    below: int
    ends: bool = False
    long: list[int] = field(default_factory=list)
    documents: int = 0

    @property
    def by_hash_alone(self) -> bool:
        """Whether documents stay where they are when more text comes."""
        return self.below == by_chance(self.share) and not self.ends and not self.long

    def __str__(self) -> str:
        share = f"{100 * self.share:g} %"
        if self.documents == 1:
            return f"for validation, the last {share} of the text are held out"
        if self.ends or len(self.long) == self.documents:
            return f"for validation, the last {share} of each document are held out"
        if self.long:
            return (
                f"for validation, {share} of the documents are held out, chosen by hash, and of "
                f"{len(self.long):,} of more than 64 KiB the last {share}"
            )
        if not self.by_hash_alone:
            return "for validation, one document is held out"
        return f"for validation, {share} of the documents are held out, chosen by hash"


def by_document(
    pieces: Iterable[tuple[Document, bytes]],
) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """The first piece of each document, and the others, which must be read before the next."""
    for _, document in groupby(pieces, key=itemgetter(0)):
        texts = map(itemgetter(1), document)
        yield next(texts), texts


def by_chance(share: float) -> int:
    return int(share * DRAWN)


def number_of(document: bytes) -> int:
    """A number of 64 bits that only the content decides."""
    return int.from_bytes(hashlib.sha256(document).digest()[:8], "big")


def survey(pieces: Iterable[tuple[Document, bytes]], share: float) -> HeldOut:
    """Reads a text once to see how to divide it, so that both sides have some of it.

    ``pieces`` come with the document they belong to. The memory it takes grows with the number of
    long documents alone: eight bytes or so each.
    """
    held_out = HeldOut(share, by_chance(share))
    some_in = some_out = False
    total = least_bytes = 0
    least = DRAWN
    for first, others in by_document(pieces):
        rest = sum(map(len, others))
        held_out.documents += 1
        total += len(first) + rest
        if rest:
            held_out.long.append(len(first) + rest)
            continue
        number = number_of(first)
        some_in, some_out = some_in or number < held_out.below, some_out or number >= held_out.below
        if number <= least:
            least_bytes = len(first) + (least_bytes if number == least else 0)
            least = number
    if held_out.long or (some_in and some_out):
        return held_out
    if some_out and least_bytes <= 2 * share * total and least_bytes < total:
        held_out.below = least + 1
    else:
        held_out.ends = True
    return held_out


def remembered_survey(pieces: Iterable[tuple[Document, bytes]], share: float, key: str) -> HeldOut:
    """The same, read only once for each ``key``, which names the text and the share."""
    path = cache_dir() / "hashes" / f"{key}.held-out"
    try:
        return HeldOut(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        held_out = survey(pieces, share)
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, json.dumps(asdict(held_out)).encode())
        return held_out


def divided(
    pieces: Iterable[tuple[Document, bytes]], held_out: HeldOut
) -> Iterator[tuple[bytes, bool]]:
    """Each piece, with whether it is held out; the one where the end begins is cut in two."""
    long = iter(held_out.long)
    for first, others in by_document(pieces):
        more = next(others, b"")
        if not more and not held_out.ends:
            yield first, number_of(first) < held_out.below
            continue
        size = next(long) if more else len(first)
        end = min(size - 1, round(max(held_out.share * size, min(LEAST, size / 5), 1)))
        left = size - end
        for piece in chain([first], [more] if more else [], others):
            if 0 < left < len(piece):
                start, rest = cut(piece, left, max(left - end, left // 2))
                for part, side in ((start.rstrip(b"\r\n"), False), (rest.lstrip(b"\r\n"), True)):
                    if part:
                        yield part, side
            else:
                yield piece, left <= 0
            left -= len(piece)
