"""Print tokens readably: visible spaces, escaped bytes."""

from __future__ import annotations

import re

from zoo.errors import ZooError

MARKS = {" ": "·", "\n": "⏎", "\t": "→", "\r": "␍"}
SURROGATE = re.compile("[\udc80-\udcff]")
INVISIBLE = re.compile("[\udc80-\udcff]+|.", re.DOTALL)


def visible(token: bytes) -> str:
    """A token in visible characters; bytes that are not UTF-8 in hexadecimal.

    >>> visible(b" the\\n"), visible(b" \\xf0\\x9f"), visible("\\u200b".encode())
    ('·the⏎', '·<f0 9f>', '<U+200B>')
    """
    text = token.decode("utf-8", "surrogateescape")
    return INVISIBLE.sub(lambda found: spelled(found[0]), text)


def spelled(invisible: str) -> str:
    """A character that can't be seen, or bytes that are not UTF-8, as lone surrogates."""
    if SURROGATE.match(invisible):
        return f"<{invisible.encode('utf-8', 'surrogateescape').hex(' ')}>"
    if invisible in MARKS:
        return MARKS[invisible]
    return invisible if invisible.isprintable() else f"<U+{ord(invisible):04X}>"


def unescaped(text: str) -> bytes:
    r"""The bytes that a text with escapes (\n, \xe2, \u00e9) stands for.

    Raises:
        ZooError: a backslash without one of them.
    """
    characters = {"n": b"\n", "t": b"\t", "r": b"\r", "0": b"\0", "\\": b"\\"}

    def replace(found: re.Match[bytes]) -> bytes:
        code = found[1].decode("utf-8", "replace")
        if code in characters:
            return characters[code]
        if len(code) == 3 and code[0] == "x":
            return bytes([int(code[1:], 16)])
        if len(code) == 5 and code[0] == "u":
            return chr(int(code[1:], 16)).encode("utf-8", "replace")
        raise ZooError(f"\\{code}: no escape; known: \\n \\t \\r \\0 \\\\ \\xHH \\uHHHH")

    pattern = rb"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.?)"
    return re.sub(pattern, replace, text.encode("utf-8", "surrogateescape"), flags=re.DOTALL)
