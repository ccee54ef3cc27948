"""Quote suggested commands so that they can be pasted into a shell."""

from __future__ import annotations

import os
import re
import shlex
import subprocess


def quoted(text: object) -> str:
    """An argument as one may type it: the same in every shell, as far as there is such a form.

    >>> print(quoted("runs/a-1"), quoted("my runs/a-1"))
    runs/a-1 "my runs/a-1"
    """
    argument = str(text)
    if os.name == "posix" and not argument.isprintable():
        return "$'" + "".join(map(escaped, os.fsencode(argument))) + "'"
    if re.fullmatch(r"[\w./:-][\w./:=-]*", argument):
        return argument
    if not re.search(r'["$`\\!%]', argument):
        return f'"{argument}"'
    return shlex.quote(argument) if os.name == "posix" else subprocess.list2cmdline([argument])


def escaped(byte: int) -> str:
    """A byte within $'…', which Bash and others read: what can't be typed, by its number."""
    return chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\\'" else f"\\x{byte:02x}"
