"""Resolve file names, folders and patterns to text files, each once."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from zoo.authoring import amount

SUFFIXES = (".txt", ".text", ".md")


@dataclass
class Found:
    """Files, in the order of their paths, and what was there beside them.

    ``skipped`` counts by folder or pattern, then by reason: "hidden", ".pdf", …
    """

    files: list[Path]
    skipped: dict[str, Counter[str]] = field(default_factory=dict)

    def notices(self) -> list[str]:
        """A sentence for each folder or pattern of which something was left out."""
        rule = f"a folder stands for its {', '.join(SUFFIXES)} files, also .gz; name others"
        return [
            f"not read of {name}: "
            + ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items()))
            + f" ({rule})"
            for name, reasons in self.skipped.items()
        ]


def find_files(paths: list[Path], but: Iterable[Path] = ()) -> Found:
    """Expand paths, patterns and folders to files, each once.

    Those among ``but``, under whatever name, are left out.

    Raises:
        ValueError: no paths, or one that stands for no file.
    """
    if not paths:
        raise ValueError("no files are named")
    found = Found([])
    named: set[Path] = set()
    for path in paths:
        absolute = Path(os.path.abspath(path))  # one spelling for each file
        skipped: Counter[str] = Counter()
        named.update(_matches(absolute, skipped))
        if skipped:
            found.skipped[f"{absolute.name}/" if absolute.is_dir() else absolute.name] = skipped
    taken = {_identity(path) for path in but}
    # A file that has several names goes by one that is no link.
    for path in sorted(named, key=lambda path: (path != Path(os.path.realpath(path)), path)):
        if (identity := _identity(path)) not in taken:
            taken.add(identity)
            found.files.append(path)
    found.files.sort(key=Path.as_posix)
    return found


def described(files: list[Path], first_bytes: int | None = None) -> str:
    """Files in a few words: the first name, how many more, and their size on disk."""
    size = amount(sum(file.stat().st_size for file in files), "B")
    names = files[0].name + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    if any(map(is_gzip, files)):
        size += ", compressed"
    if first_bytes is not None:
        size = f"first {amount(first_bytes, 'B')} of {size}"
    return f"{names} ({size})"


def is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _identity(path: Path) -> tuple[object, ...]:
    """The same for all names of a file or folder."""
    stat = path.stat()
    return (stat.st_dev, stat.st_ino) if stat.st_ino else (os.path.realpath(path),)


def _matches(path: Path, skipped: Counter[str]) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        found = _below(path, skipped)
        if not found:
            there = ", ".join(f"{n:,} {reason}" for reason, n in sorted(skipped.items()))
            raise ValueError(
                f"{path}: no {', '.join(SUFFIXES)} files (or .gz of them) below it"
                + (f", but {there}: name them themselves" if there else "")
            )
        return found
    if glob.has_magic(str(path)):
        matched = list(map(Path, glob.glob(_pattern(path), recursive=True)))
        if found := [file for file in matched if file.is_file()]:
            folders = sum(file.is_dir() for file in matched)
            if folders and "**" not in path.parts:
                skipped["folders" if folders > 1 else "folder"] = folders
            return found
        raise ValueError(f"{path}: no file matches")
    raise ValueError(f"{path}: no such file or folder")


def _pattern(path: Path) -> str:
    """A pattern in which folders that are there, whatever their names, stand for themselves."""
    parts = list(path.parts)
    there = Path(parts.pop(0))
    while parts and (there / parts[0]).exists():
        there /= parts.pop(0)
    return os.path.join(glob.escape(str(there)), *parts)


def _below(folder: Path, skipped: Counter[str]) -> list[Path]:
    """All text below a folder. Linked folders are gone into, each folder once."""
    found: list[Path] = []
    waiting, seen = [folder], set()
    while waiting:
        for root, folders, names in os.walk(waiting.pop(0), onerror=_refuse):
            here = Path(root)
            if (identity := _identity(here)) in seen:
                folders.clear()
                continue
            seen.add(identity)
            shown = sorted(name for name in folders if not name.startswith("."))
            skipped["hidden"] += len(folders) - len(shown)
            waiting += [here / name for name in shown if (here / name).is_symlink()]
            folders[:] = shown
            for name in names:
                path = here / name
                if reason := _why_not(path):
                    skipped[reason] += 1
                else:
                    found.append(path)
    for reason in [reason for reason, n in skipped.items() if not n]:
        del skipped[reason]
    return found


def _why_not(path: Path) -> str | None:
    """Why a file below a folder isn't read; None if it is."""
    if path.name.startswith("."):
        return "hidden"
    if not path.exists():
        return "broken links"
    if not path.is_file():
        return "no files"
    ending = Path(path.stem).suffix if is_gzip(path) else path.suffix
    if ending.lower() in SUFFIXES:
        return None
    return path.suffix.lower() or "without an ending"


def _refuse(error: OSError) -> NoReturn:
    raise ValueError(f"{error.filename}: can't be read ({error.strerror})") from error
