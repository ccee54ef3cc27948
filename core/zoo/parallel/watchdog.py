"""Terminate a worker whose step times out or whose launcher died."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

POLL_SECONDS = 0.2
LEAST_SECONDS = 25.0
TIMES_SLOWEST = 30.0  # as long as the slowest step so far
WARM_UP = 3  # steps, in which code may be compiled
LONG_SECONDS = 600.0  # for a batch of an evaluation, which may be compiled too, or a save

ORPHANED = 128 + 9  # as if killed together with the launcher
HUNG = 70  # EX_SOFTWARE


class Watchdog:
    """Looks after one of several processes, while it is entered; else it does nothing.

    The process ends soon after its launcher, which may be killed without a word: else workers would
    go on, unseen, and hold the run. And it ends if a step takes far longer than any before: ranks
    wait for each other, so all of them notice one that hangs. A frozen one is woken by the others,
    and finds that its own time is over.

    Attributes:
        peers: the ids of those on this machine.
    """

    def __init__(self, rank: int = 0) -> None:
        self.rank = rank
        self.peers: list[int] = []
        self.steps = 0
        self._slowest = 0.0
        self._deadline: float | None = None
        self._parent = os.getppid()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @contextmanager
    def step(self) -> Iterator[None]:
        """A step, which shall not take far longer than those before."""
        began = time.monotonic()
        limit = max(LEAST_SECONDS, TIMES_SLOWEST * self._slowest)
        self._deadline = began + limit if self.steps >= WARM_UP else None
        try:
            yield
        finally:
            self._deadline = None
        self.steps += 1
        if self.steps > 1:  # the first one compiles
            self._slowest = max(self._slowest, time.monotonic() - began)

    @contextmanager
    def long(self) -> Iterator[None]:
        """An evaluation or a save, in which each part may take its time."""
        self.goes_on()
        try:
            yield
        finally:
            self._deadline = None

    def goes_on(self) -> None:
        """The next part of an evaluation begins."""
        self._deadline = time.monotonic() + LONG_SECONDS

    def _watch(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            if os.getppid() != self._parent:
                os._exit(ORPHANED)
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                print(
                    f"error: rank {self.rank}: no step after {self.steps}; a process of this run "
                    "has died or hangs",
                    file=sys.stderr,
                    flush=True,
                )
                self._wake_the_frozen()
                os._exit(HUNG)

    def _wake_the_frozen(self) -> None:
        if os.name == "posix":
            for pid in self.peers:
                with suppress(OSError):
                    os.kill(pid, signal.SIGCONT)
