"""Entry point of the command ``zoo`` and of ``python -m zoo``."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress

from zoo.cli import main
from zoo.parallel.interrupts import heeded
from zoo.parallel.launcher import launched


def command() -> int:
    """Runs the command line; one process of a group then ends before Python takes itself apart.

    Meanwhile a thread of Gloo may let go of a tensor, for which Python aborts the process, with
    134 as its exit code and all work done (https://github.com/pytorch/pytorch/pull/179291).
    """
    if not launched():
        return without_signals_at_the_end()
    code = 1  # after an error that nobody catches

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)

    atexit.register(leave)  # the first, which is called last
    try:
        code = without_signals_at_the_end()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
        raise
    return code


def without_signals_at_the_end() -> int:
    """Runs ``main``, after which a signal ends the process, and none of what Python calls then."""
    try:
        return main()
    finally:
        for signum in heeded():
            signal.signal(signum, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(command())
