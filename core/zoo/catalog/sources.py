"""Digests of Python source files, to detect a plug-in that has changed."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def digest(data: bytes) -> str:
    """12 hexadecimal digits of a SHA-256."""
    return hashlib.sha256(data).hexdigest()[:12]


def digest_of_file(path: Path) -> str:
    """Of one file: ``sha256:…``."""
    return f"sha256:{digest(path.read_bytes())}"


def digest_of_module(name: str) -> str:
    """Of an imported module, or of all modules of a package; "" where there is none to read.

    A module of one file has the digest of that file.
    """
    digests = digests_of_module(name)
    if not digests or not hasattr(sys.modules[name], "__path__"):
        return "".join(digests)
    listed = sorted((path, of_file) for of_file, path in digests.items())
    return f"sha256:{digest(repr(listed).encode())}"


def digests_of_module(name: str) -> dict[str, str]:
    """The digest of each file of an imported module or package, with its path in the package."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    try:
        if folders := getattr(module, "__path__", None):
            return {
                digest_of_file(path): path.relative_to(folder).as_posix()
                for folder in folders
                for path in sorted(Path(folder).rglob("*.py"))
            }
        return {digest_of_file(Path(file)): ""} if file else {}
    except OSError:  # in an archive, say
        return {}
