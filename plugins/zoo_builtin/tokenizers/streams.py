"""Text in pieces: documents and files of any size become strings that are tokenised one by one.

Bytes that are not UTF-8 travel through strings as lone surrogates (Python's "surrogateescape"),
so every byte string survives. A lone surrogate that was in a ``str`` already stands for no text at
all and becomes U+FFFD, the replacement character.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from pathlib import Path

Progress = Callable[[str, int, "int | None"], None]
"""Called with what is being done, how much of it is done, and of how much (None: unknown)."""

BLOCK = 1 << 20
SURROGATE = re.compile("[\ud800-\udfff]")


def blocks(text: str | bytes) -> Iterator[str | bytes]:
    """A long text in slices, so that no step over it needs memory in proportion."""
    if not isinstance(text, (str, bytes)):
        raise TypeError(f"a text is str or bytes, not {type(text).__name__}")
    for start in range(0, len(text), BLOCK):
        yield text[start : start + BLOCK]


def file_blocks(path: str | Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            yield block


def documents(
    texts: Iterable[str | bytes] | None,
    files: Sequence[str | Path] | None,
    progress: Progress | None = None,
) -> Iterator[Iterator[str | bytes]]:
    """Each text and each file as a stream of chunks, to be read in order.

    Progress counts bytes of files and of byte strings, characters of strings; the total is known
    for files alone.
    """
    if texts is None and files is None:
        raise ValueError("nothing to train on: pass texts, files or both")
    if isinstance(texts, (str, bytes)):
        raise TypeError("texts is an iterable of documents; for a single one write [text]")
    total = sum(os.path.getsize(path) for path in files or ()) if texts is None else None
    done = 0

    def counted(chunks: Iterator[str | bytes]) -> Iterator[str | bytes]:
        nonlocal done
        for chunk in chunks:
            yield chunk
            before, done = done, done + len(chunk)
            if progress and before // BLOCK != done // BLOCK:  # documents may be tiny
                progress("reading", done, total)

    for text in texts or ():
        yield counted(blocks(text))
    for path in files or ():
        yield counted(file_blocks(path))
    if progress:
        progress("reading", done, total)


def as_strings(chunks: Iterable[str | bytes]) -> Iterator[str]:
    """Decode chunks as UTF-8, whose characters may lie across their borders."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for chunk in chunks:
        if isinstance(chunk, bytes):
            yield decoder.decode(chunk)
        elif isinstance(chunk, str):
            yield decoder.decode(b"", final=True) + without_surrogates(chunk)
        else:
            raise TypeError(f"a chunk of text is str or bytes, not {type(chunk).__name__}")
    yield decoder.decode(b"", final=True)


def without_surrogates(text: str) -> str:
    try:
        text.encode("utf-8")  # several times as fast as looking for surrogates
    except UnicodeEncodeError:
        return SURROGATE.sub("\ufffd", text)
    return text


def to_bytes(text: str) -> bytes:
    """Undo ``as_strings``."""
    return text.encode("utf-8", "surrogateescape")


def split(
    chunks: Iterable[str],
    special_tokens: Collection[str],
    last_cut: Callable[[str, int, int], int],
) -> Iterator[tuple[str, bool]]:
    """Cut a stream into pieces that can be tokenised one by one: (piece, is it a special token?).

    Where several special tokens start, the longest is taken. ``last_cut(text, start, end)`` is the
    last place between the two where ordinary text may be cut whatever follows, else ``start``;
    what comes after it waits for the next chunk.
    """
    longest_first = sorted(special_tokens, key=len, reverse=True)
    special = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
    longest = len(longest_first[0]) if longest_first else 1

    def through_specials(text: str, end: int) -> Generator[tuple[str, bool], None, int]:
        """Pieces up to the last special token that starts before ``end``; returns where it ends."""
        start = 0
        for match in special.finditer(text) if special else ():
            if match.start() >= end:
                break
            if match.start() > start:
                yield text[start : match.start()], False
            yield match.group(), True
            start = match.end()
        return start

    held = ""
    for chunk in chunks:
        held += chunk
        decided = len(held) - longest + 1  # a special token that starts before this is seen whole
        start = yield from through_specials(held, decided)
        cut = last_cut(held, start, decided) if start < decided else start
        if cut > start:
            yield held[start:cut], False
        held = held[cut:]
    start = yield from through_specials(held, len(held))
    if start < len(held):
        yield held[start:], False
