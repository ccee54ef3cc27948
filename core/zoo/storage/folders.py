"""Create folders atomically."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.storage.paths import make_folder, sync_dir

UNFINISHED = ".tmp-"
DAY = 86_400.0
WEEK = 7 * DAY


@contextmanager
def whole_folder(
    folder: Path, *, replace: bool = False, abandoned_after: float = DAY
) -> Iterator[Path]:
    """Yields a hidden folder beside ``folder`` to fill; at the end it takes that name, durably.

    Where ``folder`` exists by then, it is replaced, or else stays as it is: of two processes that
    build the same thing at once, both succeed and one result is kept. After an error nothing is
    left. What a killed process left is removed by a later call, ``abandoned_after`` seconds after
    its last write.
    """
    make_folder(folder.parent)
    remove_abandoned(folder.parent, abandoned_after)
    unfinished = _make_hidden(folder)
    try:
        yield unfinished
        sync_tree(unfinished)
        if replace and folder.exists():
            remove_folder(folder)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        sync_dir(folder.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def check_place(folder: Path) -> None:
    """Raises now the OSError that ``whole_folder`` would raise after long work."""
    make_folder(folder.parent)
    _make_hidden(folder).rmdir()


@contextmanager
def resumed_folder(folder: Path) -> Iterator[Path]:
    """Like ``whole_folder``, but what stays unfinished is there to go on with next time.

    The hidden folder's name comes of ``folder``'s, so only one process may be at it (see
    ``zoo.storage.lock``). At the end it takes the place of ``folder``, where there is one. After an
    error it stays as it is; a week after its last write, a later call for another folder removes
    it.
    """
    make_folder(folder.parent)
    unfinished = folder.parent / f"{UNFINISHED}{folder.name}"
    make_folder(unfinished)
    unfinished.touch()  # not abandoned
    remove_abandoned(folder.parent, WEEK)
    yield unfinished
    sync_tree(unfinished)
    if folder.exists():
        remove_folder(folder)
    unfinished.rename(folder)
    sync_dir(folder.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder atomically."""
    doomed = _hidden_name(folder.parent)
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def remove_abandoned(parent: Path, older_than: float) -> None:
    """Remove unfinished folders not written to for ``older_than`` seconds."""
    for folder in parent.glob(f"{UNFINISHED}*"):
        try:
            last_write = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
        except FileNotFoundError:  # its owner is just finishing it
            continue
        if time.time() - last_write >= older_than:
            shutil.rmtree(folder, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Waits until everything in ``folder`` is on disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_dir(path)
        else:
            with path.open("r+b") as file:  # Windows flushes only what may be written
                os.fsync(file.fileno())
    sync_dir(folder)


def _make_hidden(folder: Path) -> Path:
    """A new folder beside this one, which errors name."""
    hidden = _hidden_name(folder.parent)
    try:
        hidden.mkdir()
    except OSError as error:
        error.filename = str(folder)
        raise
    return hidden


def _hidden_name(parent: Path) -> Path:
    return parent / f"{UNFINISHED}{uuid.uuid4().hex[:12]}"
