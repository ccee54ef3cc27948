"""Read text files in chunks of a few megabytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.storage.text_formats import HEAD, MARK, refuse_other_formats, text_only

PIECE = 1 << 20
SURROGATES = re.compile("[\ud800-\udfff]")


def file_chunks(path: Path, size: int = PIECE) -> Iterator[bytes]:
    """A text file's bytes, but for a byte-order mark. Raises ZooError for another format."""
    return text_only(stored_chunks(path, size), path)


def stored_chunks(path: Path, size: int = PIECE) -> Iterator[bytes]:
    """A file as it lies on disk."""
    with path.open("rb") as file:
        while chunk := file.read(size):
            yield chunk


def pieces(chunks: Iterable[bytes], size: int = PIECE) -> Iterator[bytes]:
    """The same text in pieces of at most ``size`` bytes, wherever the chunks were cut.

    Pieces end at a line end if there is one, else at a space, else between two characters.

    >>> list(pieces([b"one\\ntwo", b" three"], size=6))
    [b'one\\n', b'two ', b'three']
    """
    held: list[bytes] = []
    length = 0
    for chunk in chunks:
        held.append(chunk)
        length += len(chunk)
        if length <= size:
            continue
        text, start = b"".join(held), 0
        while len(text) - start > size:
            end = cut(text, start, start + size)
            yield text[start:end]
            start = end
        held, length = [text[start:]], len(text) - start
    if length:
        yield b"".join(held)


def cut(text: bytes, start: int, most: int) -> int:
    """Where a piece of ``text`` that begins at ``start`` ends, at ``most`` or before it."""
    for end in (b"\n", b" "):
        at = text.rfind(end, start, most)
        if at >= 0:
            return at + 1
    at = most
    while at > max(start, most - 4) and at < len(text) and text[at] & 0xC0 == 0x80:
        at -= 1
    return at if at > start else most


class Sample:
    """A file's text in pieces, or, where it is longer than ``most`` bytes, a part of it.

    The part is spread evenly over the file, in blocks that begin and end at line ends where they
    have any. Can be read any number of times.

    Attributes:
        size: bytes of the file.
        expected: bytes to read, at most.
        whole: whether that is all of it.

    Raises:
        ZooError: the file is no text.
    """

    def __init__(self, path: Path, most: int | None) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.whole = most is None or self.size <= most
        self.n_blocks = 0 if most is None else max(1, most // PIECE)
        self.expected = self.size if self.whole else min(self.size, self.n_blocks * PIECE)

    def __iter__(self) -> Iterator[bytes]:
        if self.whole:
            yield from pieces(file_chunks(self.path))
            return
        with self.path.open("rb") as file:
            refuse_other_formats(self.path, file.read(HEAD))
            for block in range(self.n_blocks):
                start = block * (self.size - PIECE) // max(1, self.n_blocks - 1)
                file.seek(max(0, start))
                text = file.read(PIECE)
                if start <= 0:
                    text = text.removeprefix(MARK)
                if text := whole_lines(text, at_start=start <= 0):
                    yield text


def whole_lines(block: bytes, at_start: bool) -> bytes:
    """A block of a text without the lines it has only a part of; whole characters, if no line."""
    first, last = (0 if at_start else block.find(b"\n") + 1), block.rfind(b"\n") + 1
    if last > first:
        return block[first:last]
    start = 0
    while start < min(3, len(block)) and block[start] & 0xC0 == 0x80:
        start += 1
    return block[start : len(block) - unfinished(block)]


# ── UTF-8 ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class TextCount:
    """How much text there is; ``invalid`` are the bytes that are not UTF-8.

    ``characters`` counts each of those as one.
    """

    n_bytes: int = 0
    characters: int = 0
    invalid: int = 0

    def add(self, text: bytes) -> None:
        """Counts a text that begins and ends between characters."""
        characters, invalid = count_characters(text)
        self.n_bytes += len(text)
        self.characters += characters
        self.invalid += invalid


def count_characters(text: bytes) -> tuple[int, int]:
    """Characters, bytes that are not UTF-8 included, and the number of the latter.

    >>> count_characters("né".encode() + b"\\xff")
    (3, 1)
    """
    try:
        return len(text.decode("utf-8")), 0
    except UnicodeDecodeError:
        read = text.decode("utf-8", "surrogateescape")
        return len(read), len(SURROGATES.findall(read))


def count_text(chunks: Iterable[bytes]) -> TextCount:
    """Counts a stream, wherever its chunks were cut."""
    count, held = TextCount(), b""
    for chunk in chunks:
        held += chunk
        end = len(held) - unfinished(held)
        count.add(held[:end])
        held = held[end:]
    count.add(held)
    return count


def unfinished(text: bytes) -> int:
    """How many bytes at the end begin a character that isn't complete.

    >>> unfinished("né".encode()[:-1]), unfinished(b"n\\xff")
    (1, 0)
    """
    tail = text[-3:]  # a character has at most four
    _, read = codecs.utf_8_decode(tail, "surrogateescape", False)
    return len(tail) - read
