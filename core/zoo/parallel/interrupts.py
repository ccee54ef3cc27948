"""Handle SIGINT, SIGTERM and SIGHUP: at once if that is safe, otherwise after the current step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from zoo.parallel.launcher import is_first_process

# Ctrl-C's, what systems send, and what a terminal sends that goes away (not on Windows).
ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Interrupted(KeyboardInterrupt):
    """Training was interrupted by a signal; ``exit_code`` is 128 + its number."""

    def __init__(self, signum: int, message: str = "") -> None:
        super().__init__(message)
        self.signum = signum
        self.exit_code = 128 + signum


class Interrupts:
    """Catches the ``ENDING`` signals while it is entered (in the main thread; elsewhere it can't).

    One that is ignored, as nohup has SIGHUP ignored, stays so.

    Outside ``deferred()`` a signal raises Interrupted at once; inside, it is only noted in
    ``pending``, so that a step or a save is finished, and a second Ctrl-C raises. While a module
    is being imported it ends the process: there an exception may be swallowed or do harm.
    """

    def __init__(self) -> None:
        self.pending = 0
        self._deferring = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for signum in heeded():
                self._before[signum] = signal.signal(signum, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    def _caught(self, signum: int, frame: FrameType | None) -> None:
        # Ctrl-C reaches a process that torchrun started twice, from the terminal and from torchrun.
        insisting = self.pending and self.pending == signum == signal.SIGINT
        if self._deferring and not insisting:
            self.pending = signum
            again = "; Ctrl-C again stops at once" if signum == signal.SIGINT else ""
            tell(f"stopping after this step{again}")
            return
        if importing(frame):
            tell("interrupted")
            os._exit(128 + signum)
        raise Interrupted(signum)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Inside, the ``ENDING`` signals end the process, even where it waits in code of C."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {signum: signal.signal(signum, signal.SIG_DFL) for signum in heeded()}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def heeded() -> list[int]:
    """The ``ENDING`` signals, without those that the parent process had set to be ignored."""
    return [signum for signum in ENDING if signal.getsignal(signum) is not signal.SIG_IGN]


def tell(message: str) -> None:
    """Writes a line to standard error from within a signal handler, on the first process alone."""
    if is_first_process():
        above = "\r\x1b[2K" if os.isatty(2) else "\n"  # in place of a progress bar
        with suppress(OSError):  # nobody reads any more
            os.write(2, f"{above}{message}\n".encode())


def importing(frame: FrameType | None) -> bool:
    """Whether the code at this frame runs because a module is being imported."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
