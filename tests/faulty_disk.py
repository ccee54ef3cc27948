"""A disk that fails, a process that dies and a machine that loses power, at any operation."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

Fault = Literal["killed", "ENOSPC", "EIO", "short write", "power lost"]
OPERATIONS = ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir")


class Killed(BaseException):
    """The process is gone: no operation reaches the disk any more."""


@dataclass
class Disk:
    """Counts the operations below ``root`` that change something, and fails at one of them.

    Attributes:
        fault, at: what happens instead of which operation, counted from 0.
        log: the operations so far, by name.
    """

    root: Path
    fault: Fault | None = None
    at: int = -1
    log: list[str] = field(default_factory=list)
    dead: bool = False
    durable: Durable | None = None

    @contextmanager
    def mounted(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
        """Inside, the functions of ``os`` go through this disk."""
        with monkeypatch.context() as patch:
            for name in OPERATIONS:
                patch.setattr(os, name, self._through(name, getattr(os, name)))
            with suppress(Killed):
                yield self

    def _through(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return plain(*args, **kwargs)
            if self.dead:
                raise Killed
            number = len(self.log)
            self.log.append(name)
            if number == self.at:
                if self.fault in ("killed", "power lost"):
                    self.dead = True
                    raise Killed
                if self.fault == "short write" and name == "write":
                    handle, data = args
                    return plain(handle, data[: len(data) // 2 or 1])
                if self.fault == "ENOSPC" and name in ("open", "write", "fsync", "mkdir"):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if self.fault == "EIO":
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
            done = plain(*args, **kwargs)
            if self.durable is not None and name == "fsync":
                self.durable.synced(args[0])
            return done

        return call


class Durable:
    """What a disk still holds after the power was lost, if nothing counts that wasn't synced.

    A file's content is that of its last fsync, a folder's entries are those of the folder's.
    ``after_loss`` with ``names=True`` is the other extreme: all names and sizes survive, and where
    contents don't, there are zeros.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.contents: dict[int, bytes] = {}
        self.entries: dict[int, dict[str, int]] = {}
        self.folders: set[int] = set()
        self.held: list[int] = []  # open, so that no new file takes the number of one that is gone
        for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
            self._folder_synced(folder)
        for path in root.rglob("*"):
            if path.is_file():
                self._file_synced(path)

    def synced(self, handle: int) -> None:
        """A file or folder below the root was synced."""
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if path.is_dir():
            self._folder_synced(path)
        else:
            self._file_synced(path)

    def _file_synced(self, path: Path) -> None:
        self.held.append(os.open(path, os.O_RDONLY))
        self.contents[path.stat().st_ino] = path.read_bytes()

    def _folder_synced(self, folder: Path) -> None:
        inode = folder.stat().st_ino
        self.held.append(os.open(folder, os.O_RDONLY))
        self.folders.add(inode)
        self.entries[inode] = {path.name: path.stat().st_ino for path in folder.iterdir()}
        inside = [path for path in folder.iterdir() if path.is_dir()]
        self.held += [os.open(path, os.O_RDONLY) for path in inside]
        self.folders |= {path.stat().st_ino for path in inside}

    def after_loss(self, copy: Path, *, names: bool) -> None:
        """Writes into ``copy`` what is there when the machine starts again."""
        if names:
            shutil.copytree(self.root, copy)
            for path in self.root.rglob("*"):
                if path.is_file():
                    there, kept = path.stat(), self.contents.get(path.stat().st_ino, b"")
                    kept = kept[: there.st_size].ljust(there.st_size, b"\0")
                    (copy / path.relative_to(self.root)).write_bytes(kept)
        else:
            self._write(self.root.stat().st_ino, copy)
        while self.held:
            os.close(self.held.pop())

    def _write(self, inode: int, to: Path) -> None:
        if inode in self.folders:
            to.mkdir(parents=True)
            for name, child in self.entries.get(inode, {}).items():
                self._write(child, to / name)
        else:
            to.write_bytes(self.contents.get(inode, b""))


def after_power_loss(
    root: Path,
    act: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
    *,
    at: int = -1,
    names: bool = False,
) -> tuple[Path, bool]:
    """What a disk holds if power is lost at an operation, or after all; whether all was done."""
    durable = Durable(root)
    done = False
    with Disk(root, "power lost", at, durable=durable).mounted(monkeypatch):
        act()
        done = True
    after = root.with_name(f"{root.name}-after")
    durable.after_loss(after, names=names)
    return after, done
