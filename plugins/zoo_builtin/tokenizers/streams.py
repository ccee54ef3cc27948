"""Stream documents and files of any size as byte strings to tokenise.

All text is UTF-8 here, as bytes. Bytes that are not UTF-8 are kept; where a piece must become a
``str`` they travel as lone surrogates (Python's "surrogateescape"). A lone surrogate that was in a
``str`` to begin with stands for no text at all and becomes U+FFFD, the replacement character.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from zoo.authoring import file_chunks

Progress = Callable[[str, int, "int | None"], None]
"""Called with what is being done, how much of it is done, and of how much (None: unknown)."""

BLOCK = 1 << 20
LONGEST_CHARACTER = 4
SURROGATE = re.compile("[\ud800-\udfff]")


def to_bytes(text: str | bytes, what: str = "text") -> bytes:
    """Text as UTF-8. Raises TypeError for what is neither ``str`` nor ``bytes``."""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise TypeError(f"a {what} is str or bytes, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError:
        return SURROGATE.sub("\ufffd", text).encode()


def to_str(piece: bytes) -> str:
    """A piece as a string from which ``from_str`` makes the same bytes again."""
    return piece.decode("utf-8", "surrogateescape")


def from_str(piece: str) -> bytes:
    return piece.encode("utf-8", "surrogateescape")


def blocks(text: str | bytes) -> Iterator[bytes]:
    """A long text in slices, so that no step over it needs memory in proportion."""
    if not isinstance(text, (str, bytes)):
        to_bytes(text)
    for start in range(0, len(text), BLOCK):
        yield to_bytes(text[start : start + BLOCK])


def file_blocks(path: str | Path) -> Iterator[bytes]:
    """A text file's bytes, but for a byte-order mark. Raises ZooError for another format."""
    return file_chunks(Path(path), BLOCK)


def documents(
    texts: Iterable[str | bytes] | None,
    files: Sequence[str | Path] | None,
    progress: Progress | None = None,
    max_bytes: int | None = None,
) -> Iterator[Iterator[bytes]]:
    """Each text and each file as a stream of blocks, to be read in order.

    Progress counts bytes; the total is known for files alone. After ``max_bytes`` nothing more is
    read: the last document may be cut.
    """
    if texts is None and files is None:
        raise ValueError("nothing to train on: pass texts, files or both")
    if isinstance(texts, (str, bytes)):
        raise TypeError("texts is an iterable of documents; for a single one write [text]")
    if isinstance(files, (str, bytes, Path)):
        raise TypeError("files is a list of paths; for a single one write [path]")
    total = sum(os.path.getsize(path) for path in files or ()) if texts is None else None
    if total is not None and max_bytes is not None:
        total = min(total, max_bytes)
    done = 0

    def counted(chunks: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal done
        for chunk in chunks:
            if max_bytes is not None:
                chunk = chunk[: max_bytes - done]
            yield chunk
            before, done = done, done + len(chunk)
            if progress and before // BLOCK != done // BLOCK:  # documents may be tiny
                progress("reading", done, total)
            if done == max_bytes:
                return

    for chunks in itertools.chain(map(blocks, texts or ()), map(file_blocks, files or ())):
        if done == max_bytes:
            break
        yield counted(chunks)
    if progress:
        progress("reading", done, total)


def split(
    chunks: Iterable[bytes],
    special_tokens: Collection[bytes],
    last_cut: Callable[[bytes, int, int], int],
) -> Iterator[tuple[bytes, bool]]:
    """Cut a stream into pieces that can be tokenised one by one: (piece, is it a special token?).

    Where several special tokens start, the longest is taken. ``last_cut(text, start, end)`` is the
    last place between the two where ordinary text may be cut whatever follows, else ``start``;
    what comes after it waits for the next chunk.
    """
    longest_first = sorted(special_tokens, key=len, reverse=True)
    special = re.compile(b"|".join(map(re.escape, longest_first))) if longest_first else None
    longest = len(longest_first[0]) if longest_first else 1
    undecided = longest + LONGEST_CHARACTER  # at the end of what was looked through already

    held, looked_at = b"", 0
    for chunk in itertools.chain(chunks, [None]):
        held = held + chunk if chunk and held else chunk or held
        last = chunk is None
        # Special tokens that start before this are seen whole.
        decided = len(held) if last else len(held) - longest + 1
        start = 0
        for match in special.finditer(held, looked_at) if special else ():
            if match.start() >= decided:
                break
            if match.start() > start:
                yield held[start : match.start()], False
            yield match.group(), True
            start = match.end()
        cut = len(held) if last else start
        look_from = max(start, looked_at)
        if not last and look_from < decided:
            found = last_cut(held, look_from, decided)
            cut = found if found > look_from else start
        if cut > start:
            yield held[start:cut], False
        held = held[cut:]
        looked_at = max(0, len(held) - undecided)


def last_character(text: bytes, start: int, end: int) -> int:
    """The last border between characters in ``text[start:end]``; ``end`` is one if it ends whole.

    >>> last_character(b"caf\\xc3", 0, 4), last_character(b"caf\\xc3\\xa9", 0, 5)
    (3, 5)
    """
    for back in range(1, min(4, end - start) + 1):
        byte = text[end - back]
        if byte >= 0xC0:  # a character of two, three or four bytes starts here
            needed = 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return end - back if back < needed else end
        if byte < 0x80:
            break
    return end
