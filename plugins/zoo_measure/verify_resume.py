"""Kill and resume a run repeatedly and compare it with an uninterrupted one.

Both are real: ``zoo train`` in processes of their own, killed without warning at random moments,
about half of them while a checkpoint is being saved.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zoo.contracts.run_folder import LOCK
from zoo.errors import ZooError
from zoo.recipe.recipe import Recipe
from zoo.run_files import checkpoint
from zoo.storage.folders import UNFINISHED
from zoo.storage.lock import owner_of
from zoo_measure.compare_runs import Difference, first_difference

STEPS_A_KILL = 5
POLL_SECONDS = 0.002
PATIENCE = 600.0  # seconds without a step, after which a run is said to hang


@dataclass(frozen=True)
class Verdict:
    """How often the run was killed, how often of that in a save, and where it differs."""

    kills: int
    in_saves: int
    difference: Difference | None


@dataclass
class Trial:
    """A recipe to train twice.

    Attributes:
        recipe: with ``changes``, what is trained.
        train: the command ``zoo train``, with all but the recipe and where the run goes.
        begin: the arguments that name the recipe and its changes.
        folder: where the two runs go.
        rng: draws the moments.
        say: is told of progress.
    """

    recipe: Recipe
    train: Sequence[str]
    begin: Sequence[str]
    folder: Path
    rng: random.Random
    say: Callable[[str], None]

    def run(self, kills: int) -> Verdict:
        """Train once undisturbed and once with ``kills`` kills, and compare.

        Raises:
            ZooError: a run fails by itself, or can't be resumed.
        """
        undisturbed, killed = self.folder / "undisturbed", self.folder / "killed"
        self.say("training undisturbed")
        wait_for(self.started(undisturbed), undisturbed)
        done = in_saves = 0
        while done < kills:
            place = self.kill(self.started(killed), killed, in_save=self.rng.random() < 0.5)
            if place is None:
                self.say("the run came to its end")
                break
            done += 1
            in_saves += place == "saving"
            self.say(f"killed {done} of {kills} times, now while {place}")
        else:
            wait_for(self.started(killed), killed)
        return Verdict(done, in_saves, first_difference(undisturbed, killed, self.recipe))

    def started(self, run: Path) -> subprocess.Popen[bytes]:
        """Start a run's process, resuming if a checkpoint exists."""
        if checkpoint.all_in(run / "checkpoints"):
            where = ["--resume", str(run)]
        else:
            shutil.rmtree(run, ignore_errors=True)
            where = [*self.begin, "--out", str(run)]
        with log_of(run).open("wb") as log:
            # In a session of its own, so that whatever it starts can be killed with it.
            return subprocess.Popen(
                [*self.train, *where], stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, process: subprocess.Popen[bytes], run: Path, *, in_save: bool) -> str | None:
        """Kills it at some moment, and says what it was doing; None if it ended before."""
        steps = self.rng.randint(1, STEPS_A_KILL - 1)
        try:
            for taken in progress(process, run):
                if taken >= steps and (saving(run) or not in_save):
                    time.sleep(self.rng.random() * (0.005 if in_save else 0.05))
                    doing = "saving" if saving(run) else "training"
                    return doing if process.poll() is None else None
        finally:
            kill_all(process)
            wait_for_release(run)
        if process.returncode:
            raise failure(process, run)
        return None


def progress(process: subprocess.Popen[bytes], run: Path) -> Iterator[int]:
    """How many checkpoints the process has saved, again and again until it ends."""
    before = saved = len(checkpoint.all_in(run / "checkpoints"))
    changed = time.monotonic()
    while process.poll() is None:
        if (now := len(checkpoint.all_in(run / "checkpoints"))) != saved:
            saved, changed = now, time.monotonic()
        if time.monotonic() - changed > PATIENCE:
            kill_all(process)
            raise ZooError(f"{run}: no step in {PATIENCE:.0f} seconds")
        yield saved - before
        time.sleep(POLL_SECONDS)


def saving(run: Path) -> bool:
    """Whether a checkpoint is being written."""
    return any((run / "checkpoints").glob(f"{UNFINISHED}*"))


def wait_for(process: subprocess.Popen[bytes], run: Path) -> None:
    """Returns once a process has ended well; if this one is interrupted, it ends that too."""
    try:
        if process.wait():
            raise failure(process, run)
    finally:
        kill_all(process)


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and what it has started, at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_release(run: Path) -> None:
    """Returns once no process of the run is left: workers outlive their launcher for a moment."""
    give_up = time.monotonic() + PATIENCE
    while (owner := owner_of(run / LOCK)) is not None:
        if time.monotonic() > give_up:
            raise ZooError(f"{run}: {owner} does not end")
        time.sleep(POLL_SECONDS)


def failure(process: subprocess.Popen[bytes], run: Path) -> ZooError:
    log = log_of(run).read_text(encoding="utf-8", errors="replace").strip()
    return ZooError(f"{run.name}: exit code {process.returncode}\n{log[-2000:]}")


def log_of(run: Path) -> Path:
    """What the processes of a run say."""
    return run.with_name(f"{run.name}.log")
