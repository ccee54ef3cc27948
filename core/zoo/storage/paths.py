"""The cache folder, and atomic writes of files."""

from __future__ import annotations

import errno
import os
import stat
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from zoo.errors import ZooError


def cache_dir() -> Path:
    """The user's cache folder for zoo, made on demand.

    ``$ZOO_CACHE`` if set, else the platform's convention: ``~/.cache/zoo`` (or below
    ``$XDG_CACHE_HOME``) on Linux, ``~/Library/Caches/zoo`` on macOS, ``%LOCALAPPDATA%\\zoo\\Cache``
    on Windows. Raises ZooError where it can't be made.
    """
    folder = expanded(os.environ.get("ZOO_CACHE") or _platform_cache()).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ZooError(
            f"{folder}: the cache folder can't be made ({error.strerror}); "
            "set ZOO_CACHE to a folder that can be written"
        ) from error
    return folder


def expanded(path: str | Path) -> Path:
    """The path with the user's own folder for a ``~`` in front.

    Raises:
        ZooError: ``~name`` of a user that isn't there.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        told = f"{path}: no such user's folder; for a name that begins with ~ write ./{path}"
        raise ZooError(told) from None


def _platform_cache() -> str:
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or "~/AppData/Local", "zoo", "Cache")
    if sys.platform == "darwin":
        return "~/Library/Caches/zoo"
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "zoo")


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file so that, whatever happens, ``path`` holds all of the old or all of the new."""
    with _in_the_place_of(path) as temporary:
        write_new(temporary, data)


def write_new(path: Path, data: bytes) -> None:
    """Writes a file that isn't there yet, durably but for its name (see ``sync_dir``)."""
    binary = getattr(os, "O_BINARY", 0)  # Windows
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o666)
    try:
        write_all(handle, data)
    finally:
        os.close(handle)


def overwrite(path: Path, data: bytes) -> None:
    """Writes a text over that of a file, which a full disk allows. Spaces fill what was longer.

    After a loss of power in between, the file may hold some of both.
    """
    handle = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    try:
        write_all(handle, data.ljust(os.fstat(handle).st_size))
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes) -> None:
    """Writes to an open file, durably."""
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]
    os.fsync(handle)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yields a file to fill that then takes the place of ``path``, durably.

    After an error all is as before. What the operating system refuses it refuses of ``path``: its
    errors don't name the hidden file beside it.
    """
    with _in_the_place_of(path) as temporary, temporary.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _in_the_place_of(path: Path) -> Iterator[Path]:
    temporary = unique_beside(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if str(error.filename) == str(temporary):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    sync_dir(path.parent)


def unique_beside(path: Path) -> Path:
    """A hidden name in the same folder that nobody else uses: ``.NAME.<random>.tmp``."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it that are missing, durably. One that is there may stay."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync_dir(new.parent)


def sync_dir(folder: Path) -> None:
    """Makes renames inside ``folder`` durable, where the platform can (Windows can't)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_regular(path: Path, *, follow_links: bool = True) -> BinaryIO:
    """Opens a file for reading that is none of pipes, devices and folders, which could wait or end.

    Raises:
        OSError: as ``open`` does, and for what is no regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    if not follow_links:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise
