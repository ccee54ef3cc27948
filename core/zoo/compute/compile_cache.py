"""Verify the files of torch's compile cache before torch loads them.

Torch links libraries where it looks for them, and runs one that a killed process left half linked
or a disk has damaged, which ends the process.
"""

from __future__ import annotations

import atexit
import json
import os
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo.console.terminal import say
from zoo.storage.lock import Lock, only_one, take
from zoo.storage.paths import cache_dir, write_atomically

COMPILED = "compiled"
"""The folder for compiled code in zoo's cache folder."""

LIST = "files.json"
COMPILING = "compiling-"
"""What the names of files begin with that processes lock for as long as they may be compiling."""


class CompileCache:
    """A folder for compiled code that the processes of a user share.

    Every file that was complete when the last of them left is listed with its size and CRC-32.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mine: Lock | None = None

    def enter(self) -> None:
        """Remove files that differ from the list, so that they are compiled again; report damage.

        Nothing is removed while another process may be compiling.
        """
        with suppress(OSError), self._alone():
            if not self._others():
                listed, doomed = self._listed(), self._files()
                damaged = [name for name in listed if self._fingerprint(name) != listed[name]]
                if damaged:
                    say(
                        f"{self.folder}: {len(damaged)} of {len(listed)} files are damaged or "
                        "gone, so everything is compiled again"
                    )
                else:
                    doomed -= listed.keys()  # the others a killed process may have half written
                for name in doomed:
                    (self.folder / name).unlink(missing_ok=True)
            self.mine = take(self.folder / f"{COMPILING}{uuid.uuid4().hex[:12]}")

    def leave(self) -> None:
        """Lists what is there, unless another process may still be writing: then that one does."""
        if self.mine is None:
            return
        with suppress(OSError), self._alone():
            self.mine.remove()
            self.mine = None
            if not self._others():
                listed = {name: self._fingerprint(name) for name in self._files()}
                text = json.dumps(listed, indent=0, sort_keys=True)
                write_atomically(self.folder / LIST, text.encode())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = self.folder.with_name(f"{self.folder.name}.lock")
        with only_one(lock, f"waiting for another process to check {self.folder}"):
            yield

    def _others(self) -> bool:
        """Whether a process may be compiling; forgets those that have ended."""
        found = False
        for path in self.folder.glob(f"{COMPILING}*"):
            if (lock := take(path)) is None:
                found = True
            elif lock.works:
                lock.remove()
            else:  # where there are no locks, nobody can know
                lock.close()
                found = True
        return found

    def _files(self) -> set[str]:
        """The files' names in the folder, but for hidden ones, locks and this module's own."""
        names = set()
        for parent, folders, files in os.walk(self.folder):
            if Path(parent) == self.folder:
                folders[:] = [name for name in folders if name != "locks"]
                files = [n for n in files if n != LIST and not n.startswith(COMPILING)]
            inside = Path(parent).relative_to(self.folder)
            names |= {(inside / name).as_posix() for name in files if not name.startswith(".")}
        return names

    def _fingerprint(self, name: str) -> str:
        return fingerprint(self.folder / name)

    def _listed(self) -> dict[str, str]:
        try:
            listed = json.loads((self.folder / LIST).read_bytes())
        except (OSError, ValueError):
            return {}
        return listed if isinstance(listed, dict) else {}


def folder() -> Path:
    """The folder of torch's compile cache: zoo's own unless the environment names another."""
    return Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR") or cache_dir() / COMPILED)


_entered: CompileCache | None = None


def enter_own() -> None:
    """Compares zoo's own folder with its list, once a process and before torch loads any of it.

    A folder that torch was told of may be other programs' too, and is left alone.
    """
    global _entered
    if _entered is None and folder() == cache_dir() / COMPILED:
        _entered = CompileCache(folder())
        _entered.enter()
        atexit.register(leave_own)


def leave_own() -> None:
    """Lists what was compiled, if anything was; for processes that end without ``atexit`` too."""
    global _entered
    if _entered is not None:
        _entered.leave()
        _entered = None


def fingerprint(path: Path) -> str:
    """A file's size in bytes and its CRC-32, which tell damage but no forgery."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return str(error)
    return f"{len(data)} {zlib.crc32(data):08x}"
