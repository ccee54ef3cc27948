"""A process that waits in vain ends, and one that doesn't is left alone."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from commands import posix

from zoo.parallel import watchdog

WAITS = """
import sys, time
from contextlib import nullcontext
from zoo.parallel import watchdog
watchdog.LEAST_SECONDS, watchdog.POLL_SECONDS = 0.3, 0.02
with watchdog.Watchdog(1) as dog:
    for _ in range(int(sys.argv[1])):
        with dog.step():
            pass
    with dog.step() if sys.argv[2] == "step" else nullcontext():
        time.sleep(1.5)
"""


@pytest.mark.parametrize(
    ("steps", "then", "code"),
    [
        (watchdog.WARM_UP, "step", watchdog.HUNG),
        (watchdog.WARM_UP, "rest", 0),  # as while a checkpoint is saved
        (1, "step", 0),  # compiling may take its time
    ],
)
def test_a_step_that_does_not_end(steps: int, then: str, code: int) -> None:
    command = [sys.executable, "-c", WAITS, str(steps), then]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert ("rank 1: no step after 3" in done.stderr) == bool(code)


ORPHAN = """
import os, time
if os.fork() == 0:
    from zoo.parallel import watchdog
    with watchdog.Watchdog(0):
        print("born", flush=True)
        time.sleep(60)
os.read(0, 1)
"""


@posix
def test_who_loses_its_launcher_ends() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    launcher = subprocess.Popen([sys.executable, "-c", ORPHAN], **pipes)  # type: ignore[call-overload]
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == b"born\n"
    start = time.monotonic()
    launcher.kill()
    assert launcher.stdout.read() == b""  # its end is closed when the child, too, is gone
    assert time.monotonic() - start < 20
    launcher.wait()
