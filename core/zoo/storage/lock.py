"""File locks that are released when their process ends."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo.console.terminal import say
from zoo.errors import ZooError

POLL_SECONDS = 0.2
TRIES = 3
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)


@contextmanager
def only_one(path: Path, waiting: str) -> Iterator[Lock]:
    """Holds a lock on the file ``path`` while the block runs; the system releases a dead owner's.

    Who finds it taken says ``waiting`` on standard error and waits. The file is removed in the end.
    On file systems that have no locks, what it yields doesn't work, and holds off nobody.
    """
    said = False
    while (lock := take(path)) is None:
        if not said:
            say(waiting)
        said = True
        time.sleep(POLL_SECONDS)
    with lock:
        yield lock


@contextmanager
def only_this(path: Path, what: str) -> Iterator[Lock]:
    """Like ``only_one``, but who finds it taken is refused.

    Raises:
        ZooError: says which process has ``what``.
    """
    for _ in range(TRIES):  # as ``owner_of`` takes it for a moment
        if (lock := take(path)) is not None:
            break
        time.sleep(POLL_SECONDS)
    else:
        raise ZooError(f"{what} is in use by {owner_of(path) or 'another process'}")
    with lock:
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield lock


def owner_of(path: Path) -> str | None:
    """The process that holds a lock made by ``only_this``; None if it is free."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        if _try_lock(handle) is not False:
            return None
        return os.read(handle, 1000).decode(errors="replace").strip() or "another process"
    except OSError:  # Windows lets nobody read what is locked
        return "another process"
    finally:
        os.close(handle)


class Lock:
    """A lock that is held on a file, or would be if the file system had any (see ``works``)."""

    def __init__(self, path: Path, handle: int, works: bool) -> None:
        self.path, self.handle, self.works = path, handle, works

    def write(self, about: bytes) -> None:
        """Says in the file who holds it."""
        os.ftruncate(self.handle, 0)
        os.write(self.handle, about)

    @property
    def is_there(self) -> bool:
        """Whether the locked file is still the one at ``path``, not moved, replaced or removed.

        As it is held open, no other file can have its number. A disk that fails says nothing.
        """
        try:
            return _is_at(self.handle, self.path)
        except OSError:
            return True

    def lost(self) -> str:
        """What became of the file and its folder if they are no longer there, else nothing."""
        if self.is_there:
            return ""
        folder = self.path.parent
        if (owner := owner_of(self.path)) is not None:
            return f"{folder} is another's by now, in use by {owner}"
        if self.path.exists():
            return f"{folder} is another's by now"
        if folder.exists():
            return f"{self.path} is gone, so that another process may write there"
        return f"{folder} was deleted or moved away"

    def close(self) -> None:
        """Lets go of the lock; the file stays."""
        os.close(self.handle)

    def remove(self) -> None:
        """Removes the file, unless it is another's by now, and releases the lock."""
        if os.name == "posix":
            if self.is_there:
                self.path.unlink(missing_ok=True)  # while held: afterwards it may be someone else's
            self.close()
        else:
            self.close()
            with suppress(OSError):  # someone else has it open
                self.path.unlink(missing_ok=True)

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def take(path: Path) -> Lock | None:
    """The lock on a file, which is made where there is none, or None if another holds it."""
    while True:
        binary = getattr(os, "O_BINARY", 0)  # Windows
        handle = os.open(path, os.O_RDWR | os.O_CREAT | binary, 0o666)
        state = _try_lock(handle)
        # Its owner may have removed the file since it was opened: then this is nobody's lock.
        if state is None or (state and _is_at(handle, path)):
            return Lock(path, handle, state is not None)
        os.close(handle)
        if state is False:
            return None


def _try_lock(handle: int) -> bool | None:
    """Whether the lock was free and is now held; None where there are no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in TAKEN else None
    return True


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False
