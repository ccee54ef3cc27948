"""Shorten errors of torch's compiler to one line.

Torch goes on without what it can't compile or read, with a traceback each time.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from zoo.compute.compile_cache import folder
from zoo.console.terminal import say
from zoo.parallel.launcher import is_first_process

UNREADABLE = ("unable to load", "Failed to import")


class Complaints(logging.Filter):
    """Collect the warnings of torch's compiler and print each kind once."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        error = record.exc_info[1] if record.exc_info else None
        if any(sign in f"{record.getMessage()} {error}" for sign in UNREADABLE):
            self.tell(
                f"{folder()}: what was compiled earlier is damaged, so not all is compiled: "
                "delete that folder"
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


def first_line(said: object) -> str:
    """The line that tells most, of an error or a message."""
    told = str(getattr(said, "inner_exception", said)).strip().splitlines()
    return told[0] if told else type(said).__name__
