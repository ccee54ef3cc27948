"""What torch's compiler complains of, told in a line; what it kept and can't read is made anew.

Torch goes on without what it can't compile or read, with a traceback each time, and leaves damaged
files where they are.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from zoo.console.terminal import say
from zoo.parallel.launcher import is_first_process
from zoo.storage.folders import remove_folder
from zoo.storage.paths import cache_dir

COMPILED = "compiled"  # in zoo's cache folder
UNREADABLE = ("unable to load", "Failed to import")


class Complaints(logging.Filter):
    """Takes the warnings of torch's compiler, and tells each kind once.

    Attributes:
        damage: whether what was compiled earlier couldn't be read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.damage = False
        self.mended = False
        self.told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        error = record.exc_info[1] if record.exc_info else None
        if any(sign in f"{record.getMessage()} {error}" for sign in UNREADABLE):
            self.damage = True
            where = folder()
            remedy = "it is compiled anew" if is_own(where) else "delete that folder"
            self.tell(
                f"{where}: what was compiled earlier is damaged; {remedy}, and losses agree within "
                "rounding alone"
            )
        elif error is not None:
            self.tell(f"not all is compiled, so slower: {first_line(error)}")
        else:
            self.tell(f"compiling: {first_line(record.getMessage())}")
        return False

    def tell(self, line: str) -> None:
        if line not in self.told and is_first_process():
            say(line)
        self.told.add(line)

    def mend(self) -> None:
        """Forgets what is damaged, if anything is, so that it is compiled anew; once a process."""
        if not self.damage or self.mended:
            return
        self.mended = True
        if is_own(folder()):
            with suppress(OSError):  # another process was quicker
                remove_folder(folder())
        torch._dynamo.reset()


complaints = Complaints()


def watch() -> None:
    """From now on, what torch's compiler complains of goes through ``complaints``."""
    for name in ("torch._dynamo.convert_frame", "torch._inductor.codecache"):
        logging.getLogger(name).addFilter(complaints)
    if sys.unraisablehook is not without_half_graphs:
        without_half_graphs.before = sys.unraisablehook
        sys.unraisablehook = without_half_graphs


class _Hook:
    """Leaves out what a graph complains of that was read in part; the rest is told as before."""

    before: Any = sys.__unraisablehook__

    def __call__(self, unraisable: Any) -> None:
        if not getattr(unraisable.object, "__qualname__", "").startswith("CompiledFxGraph."):
            self.before(unraisable)


without_half_graphs = _Hook()


def folder() -> Path:
    """Where torch keeps what it compiled."""
    return Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR") or cache_dir() / COMPILED)


def is_own(folder: Path) -> bool:
    """Whether this is zoo's, and not a folder that the user shares with other programs."""
    return folder == cache_dir() / COMPILED


def first_line(said: object) -> str:
    """The line that tells most, of an error or a message."""
    told = str(getattr(said, "inner_exception", said)).strip().splitlines()
    return told[0] if told else type(said).__name__
