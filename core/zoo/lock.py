"""One process at a time, whatever becomes of it."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

POLL_SECONDS = 0.2
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)


@contextmanager
def only_one(path: Path, waiting: str) -> Iterator[bool]:
    """Holds a lock on the file ``path`` while the block runs; the system lets go of a dead owner's.

    Who finds it taken says ``waiting`` on standard error and waits. The file is removed in the end.
    Yields False, without having locked anything, on file systems that have no locks.
    """
    handle, said = None, False
    while handle is None:
        found = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            state = _try_lock(found)
            # Its owner may have removed the file since it was opened: then this is nobody's lock.
            if state is None or (state and _is_at(found, path)):
                handle = found
        finally:
            if handle is None:
                os.close(found)
        if handle is None and not state:
            if not said:
                print(waiting, file=sys.stderr, flush=True)
            said = True
            time.sleep(POLL_SECONDS)
    try:
        yield state is not None
    finally:
        if os.name == "posix":
            path.unlink(missing_ok=True)  # while it is held: afterwards it may be someone else's
            os.close(handle)
        else:
            os.close(handle)
            with suppress(OSError):  # someone else has it open
                path.unlink(missing_ok=True)


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
    except FileNotFoundError:
        return False
