"""Stream documents from files of any size in a few hundred kilobytes of memory."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo.authoring import (
    HEAD,
    MARK,
    ZooError,
    cache_dir,
    refuse_other_formats,
    text_only,
    track,
    write_atomically,
)
from zoo_builtin.corpora.files import is_gzip

SEPARATOR = "<|endoftext|>"
LONG = 1 << 16  # a longer document is cut into pieces
PIECE = 1 << 13
RULES = 1  # counts changes of the rules below, for fingerprints

CHUNK = 1 << 18
GZIP = 16 + zlib.MAX_WBITS
SETTLED_SECONDS = 2.0  # some file systems' clocks are as coarse: a change may keep the time stamp


def read_documents(path: Path, separator: str, *, first: int | None = None) -> Iterator[bytes]:
    """The documents of a file, without surrounding line ends and without empty ones.

    Documents stand between separators. One of more than 64 KiB (a book, or a whole file without
    separators) comes in pieces of at most 8 KiB, which end at a blank line if there is one in
    their second half, else at a line end, else at a space. With ``first``, only that many bytes of
    the file are read, as stored; the document that is cut off there is left out.
    """
    return (piece for _, piece in numbered_pieces(path, separator, first=first))


def numbered_pieces(
    path: Path, separator: str, *, first: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """The same, each piece with the number of its document in the file."""
    complete = first is None or path.stat().st_size < first
    chunks = _text(path, first, complete)
    for number, piece in split_documents(chunks, separator.encode(), complete):
        if text := piece.strip(b"\r\n"):
            yield number, text


def begins_with_mark(path: Path) -> bool:
    """Whether a file begins with a byte-order mark. Raises ZooError if it is no text."""
    beginning = next(_as_stored(path, HEAD, complete=False), b"")
    refuse_other_formats(path, beginning)
    return beginning.startswith(MARK)


def _text(path: Path, first: int | None = None, complete: bool = True) -> Iterator[bytes]:
    return text_only(_as_stored(path, first, complete), path)


def _as_stored(path: Path, first: int | None, complete: bool) -> Iterator[bytes]:
    chunks = _stored(path, first)
    return _unzipped(chunks, path, complete) if is_gzip(path) else chunks


def _stored(path: Path, first: int | None) -> Iterator[bytes]:
    left = first
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK if left is None else min(CHUNK, left)):
                yield chunk
                if left is not None:
                    left -= len(chunk)
    except OSError as error:
        raise ZooError(f"{path}: can't be read ({error.strerror})") from error


def _unzipped(chunks: Iterable[bytes], path: Path, complete: bool) -> Iterator[bytes]:
    """Any number of gzip streams one after the other, as ``cat a.gz b.gz`` makes them."""
    stream = zlib.decompressobj(GZIP)
    try:
        for chunk in chunks:
            while chunk:
                if stream.eof:
                    chunk = chunk.lstrip(b"\0")  # padding, as tape drives and some clients leave
                    if not chunk:
                        break
                    stream = zlib.decompressobj(GZIP)
                if text := stream.decompress(chunk, CHUNK):
                    yield text
                chunk = stream.unused_data if stream.eof else stream.unconsumed_tail
        if text := stream.flush():
            yield text
    except zlib.error as error:
        raise ZooError(f"{path}: isn't a whole gzip file ({error})") from error
    if complete and not stream.eof:
        raise ZooError(f"{path}: breaks off in the middle of its gzip stream; fetch it again")


def split_documents(
    chunks: Iterable[bytes], separator: bytes, complete: bool = True
) -> Iterator[tuple[int, bytes]]:
    """Splits a stream at the separators: (number of the document, a piece of it or all).

    The result doesn't depend on the size of the chunks. If the stream isn't ``complete``, what
    follows the last separator is left out, except for the pieces that a long document has already
    come in.
    """
    rest, cutting, number = b"", False, 0
    for chunk in chunks:
        *ended, rest = (rest + chunk).split(separator)
        for document in ended:
            for piece in _split_if_long(document, cutting):
                yield number, piece
            cutting, number = False, number + 1
        while len(rest) > LONG + len(separator):  # it may end in the beginning of a separator
            cutting = True
            piece, rest = cut(rest, PIECE)
            yield number, piece
    if complete:
        for piece in _split_if_long(rest, cutting):
            yield number, piece


def _split_if_long(document: bytes, cutting: bool) -> Iterator[bytes]:
    size = PIECE if cutting or len(document) > LONG else LONG
    while len(document) > size:
        piece, document = cut(document, size)
        yield piece
    yield document


def cut(text: bytes, size: int, least: int | None = None) -> tuple[bytes, bytes]:
    """A piece of at most ``size`` bytes from the front, and the rest.

    It has at least ``least`` of them, half if that isn't said, and depends on no byte after them.
    """
    for end in (b"\n\n", b"\n", b" "):
        at = text.rfind(end, size // 2 if least is None else least, size)
        if at >= 0:
            return text[: at + len(end)], text[at + len(end) :]
    at = size
    while at > size - 4 and text[at] & 0xC0 == 0x80:  # not inside a UTF-8 character
        at -= 1
    return text[:at], text[at:]


def plain_size(files: list[Path], *, first: int | None = None) -> int | None:
    """The bytes of text in files (the ``first`` of each); None if one of them is compressed."""
    if any(map(is_gzip, files)):
        return None
    sizes = (file.stat().st_size for file in files)
    return sum(size if first is None else min(first, size) for size in sizes)


def content_hash(files: list[Path], *, first: int | None = None) -> str:
    """SHA-256 over files (the ``first`` bytes of each), remembered until one of them is touched."""
    stats = [file.stat() for file in files]
    sizes = [stat.st_size if first is None else min(first, stat.st_size) for stat in stats]
    seen = [
        (str(file), stat.st_size, stat.st_mtime_ns, size)
        for file, stat, size in zip(files, stats, sizes, strict=True)
    ]
    key = hashlib.sha256(json.dumps(seen).encode()).hexdigest()
    remembered = cache_dir() / "hashes" / key
    if remembered.exists():
        return remembered.read_text(encoding="ascii")

    digest = hashlib.sha256()
    with track("reading the corpus", total=sum(sizes), unit="B") as advance:
        for file, size in zip(files, sizes, strict=True):
            digest.update(f"{size} ".encode())
            for chunk in _stored(file, first):
                digest.update(chunk)
                advance(len(chunk))
    if time.time() - max(stat.st_mtime for stat in stats) > SETTLED_SECONDS:
        remembered.parent.mkdir(exist_ok=True)
        write_atomically(remembered, digest.hexdigest().encode("ascii"))
    return digest.hexdigest()
