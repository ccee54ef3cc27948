"""Ends a process that waits in vain: for a rank that hangs, or for a launcher that was killed."""

from __future__ import annotations

import os
import sys
import threading
import time

POLL_SECONDS = 0.2
LEAST_SECONDS = 25.0  # torchrun takes up to 30 more to end the others
TIMES_SLOWEST = 30.0  # as long as the slowest step so far
WARM_UP = 3  # steps, in which code may be compiled
EVALUATION_SECONDS = 600.0  # for a batch of it, which may be compiled too

ORPHANED = 128 + 9  # as if killed together with the launcher
HUNG = 70  # EX_SOFTWARE


class Watchdog:
    """Looks after one of several processes, while it is entered.

    The process ends soon after its launcher, which may be killed without a word: else workers would
    go on, unseen, and hold the run. And it ends if a step takes far longer than any before: ranks
    wait for each other, so all of them notice one that hangs. A frozen process can't end itself;
    whoever started it does when the others have gone.
    """

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.steps = 0
        self._slowest = 0.0
        self._began = 0.0
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

    def step_begins(self) -> None:
        """From now on a step runs."""
        self._began = time.monotonic()
        limit = max(LEAST_SECONDS, TIMES_SLOWEST * self._slowest)
        self._deadline = self._began + limit if self.steps >= WARM_UP else None

    def step_ended(self) -> None:
        """Whatever comes now may take its time."""
        self._deadline = None
        self.steps += 1
        if self.steps > 1:  # the first one compiles
            self._slowest = max(self._slowest, time.monotonic() - self._began)

    def evaluates(self) -> None:
        """A batch of an evaluation begins."""
        self._deadline = time.monotonic() + EVALUATION_SECONDS

    def rests(self) -> None:
        """Nothing is expected, as while a checkpoint is saved."""
        self._deadline = None

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
                os._exit(HUNG)
