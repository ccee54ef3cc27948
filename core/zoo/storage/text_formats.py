"""Recognise files that are not UTF-8 text by their first bytes, and refuse them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo.errors import ZooError

MARK = codecs.BOM_UTF8
"""The byte-order mark that some editors put before UTF-8: it is no part of the text."""

HEAD = 1 << 10  # bytes that tell

UNPACK = "unpack it first"
EXTRACT = "extract its text first"
RECODE = "save it as UTF-8"

# Longer ones first where one begins another.
FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (codecs.BOM_UTF32_LE, "UTF-32", RECODE),
    (codecs.BOM_UTF32_BE, "UTF-32", RECODE),
    (codecs.BOM_UTF16_LE, "UTF-16", RECODE),
    (codecs.BOM_UTF16_BE, "UTF-16", RECODE),
    (b"\x1f\x8b\x08", "gzip", f"{UNPACK}; a corpus reads it where the name ends in .gz"),
    *((b"BZh%d1AY&SY" % level, "bzip2", UNPACK) for level in range(1, 10)),
    (b"\xfd7zXZ\0", "xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "Zstandard", UNPACK),
    (b"\x04\x22\x4d\x18", "LZ4", UNPACK),
    (b"PK\x03\x04", "a zip archive or an office document", f"{UNPACK}, or save it as plain text"),
    (b"PK\x05\x06", "an empty zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"%PDF-", "PDF", EXTRACT),
    (b"{\\rtf1", "RTF", "save it as plain text"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document", "save it as plain text"),
    (b"PAR1\x15", "Parquet", f"{EXTRACT}, from the column that holds it"),
    (b"ARROW1\0\0", "Arrow", f"{EXTRACT}, from the column that holds it"),
    (b"SQLite format 3\0", "an SQLite database", EXTRACT),
    (b"\x89HDF\r\n\x1a\n", "HDF5", EXTRACT),
    (b"\x93NUMPY", "a NumPy array", "give the text that it was made of"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", "give text"),
    (b"\xff\xd8\xff", "a JPEG image", "give text"),
    (b"\x7fELF", "a program", "give text"),
)
TAR, TAR_AT = b"ustar", 257


def not_text(beginning: bytes) -> str | None:
    """What a file is that begins so, and what to do about it; None for what may be text.

    >>> not_text(b"%PDF-1.7"), not_text(b"Once upon a time")
    ('PDF, not plain text: extract its text first', None)
    """
    for start, name, remedy in FORMATS:
        if beginning.startswith(start):
            return f"{name}, not plain text: {remedy}"
    if beginning[TAR_AT : TAR_AT + len(TAR)] == TAR:
        return f"a tar archive, not plain text: {UNPACK}"
    if is_wide(beginning[:HEAD]):
        return f"UTF-16 or UTF-32, not plain text: {RECODE}"
    return None


def is_wide(beginning: bytes) -> bool:
    """Whether this looks like Latin letters of two or four bytes each, without a mark before them.

    >>> is_wide("Once".encode("utf-16-le")), is_wide(b"Once"), is_wide(bytes(8))
    (True, False, False)
    """
    if len(beginning) < 8:
        return False
    zeros = [beginning[at::2].count(0) / len(beginning[at::2]) for at in (0, 1)]
    return max(zeros) > 0.9 and min(zeros) < 0.6


def refuse_other_formats(path: Path, beginning: bytes) -> None:
    """Raises ZooError, with what to do, if a file that begins so is no text."""
    if told := not_text(beginning):
        raise ZooError(f"{path}: {told}")


def text_only(chunks: Iterable[bytes], path: Path) -> Iterator[bytes]:
    """The chunks of a file without a byte-order mark.

    Raises:
        ZooError: the file is no text.
    """
    chunks = iter(chunks)
    beginning = b""
    for chunk in chunks:
        beginning += chunk
        if len(beginning) >= HEAD:
            break
    refuse_other_formats(path, beginning)
    if text := beginning.removeprefix(MARK):
        yield text
    yield from chunks
