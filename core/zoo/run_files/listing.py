"""List the runs in a folder with progress, state and checkpoint health."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.contracts.run_folder import CHECKPOINTS, LOCK, METRICS, RUNS, SUMMARY, is_run
from zoo.errors import ZooError
from zoo.run_files import checkpoint
from zoo.run_files.metrics import lines_in, read_table, record_of
from zoo.run_files.train_state import COUNT, LINE, Rule, is_number, shown
from zoo.storage.lock import owner_of

STATES = ("running", "finished", "interrupted", "failed")
TAIL = 1 << 24  # bytes of metrics.jsonl in which the last validation is looked for


@dataclass(frozen=True)
class RunState:
    """The state of a run, read without loading tensors.

    Attributes:
        state: "running", "finished", "interrupted", "failed"; "killed" where it ended without a
            word; "empty" without a checkpoint; "unreadable" where the system refuses.
        step, total_steps: how far its newest checkpoint, or a running one itself, is.
        valid_loss: the last one, in nats per token.
        bytes: of all its files.
        owner: the process that trains it now.
        reason: why it failed, or can't be read.
        problems: what is wrong with its files, beside checkpoints, and so isn't told here.
    """

    dir: Path
    state: str
    step: int
    total_steps: int | None
    valid_loss: float | None
    bytes: int
    owner: str | None
    reason: str
    problems: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<RunState {str(self.dir)!r}, {self.state}, step {self.step:,}>"

    @property
    def resumable(self) -> bool:
        """Whether the run can and should be resumed."""
        return self.state in ("interrupted", "failed", "killed") and self.step > 0


def runs(dir: str | Path = RUNS) -> list[RunState]:
    """All runs in a folder, the one that was written to last at the end.

    Raises:
        ZooError: no such folder, unless it is ``runs/``, which is made with the first run.
    """
    folder = Path(dir)
    if not folder.is_dir():
        if folder == RUNS:
            return []
        raise ZooError(f"{folder}: no such folder")
    states = []
    for path in sorted(folder.iterdir()):
        try:
            if is_run(path):
                states.append((last_written(path), state_of(path)))
        except (OSError, ValueError, RecursionError) as error:
            reason = str(getattr(error, "strerror", None) or error)
            unread = RunState(path, "unreadable", 0, None, None, 0, None, reason)
            states.append((0.0, unread))
    return [state for _, state in sorted(states, key=lambda each: each[0])]


def last_written(path: Path) -> float:
    times = [path.stat().st_mtime]
    for file in path.iterdir():
        with suppress(FileNotFoundError):  # a running one removes files
            times.append(file.lstat().st_mtime)
    return max(times)


def state_of(run: Path) -> RunState:
    """The state of the run in this folder."""
    problems: list[str] = []
    told = summary_of(run, problems)
    owner = owner_of(run / LOCK)
    saved = checkpoint.all_in(run / CHECKPOINTS)
    step = (checkpoint.step_of(saved[-1]) or 0) if saved else 0
    if owner is not None:
        state = "running"
    elif not saved:
        state = "empty"
    else:
        state = told.get("state", "killed")
        if state in ("running", "killed"):
            state = "finished" if step == told.get("total_steps") else "killed"
    last = last_validation(run, problems)
    loss = told.get("valid_loss") if state not in ("running", "killed") else last.get("loss")
    return RunState(
        dir=run,
        state=state,
        step=max(step, last.get("step", 0)) if owner is not None else step,
        total_steps=told.get("total_steps"),
        valid_loss=loss,
        bytes=sum(size_of(path) for path in run.rglob("*")),
        owner=owner,
        reason=told.get("reason", "") if state == "failed" else "",
        problems=tuple(problems),
    )


LOSS = Rule("a number or null", lambda value: value is None or is_finite(value))
RULES = {
    "state": Rule(f"one of {', '.join(STATES)}", lambda value: value in STATES),
    "total_steps": COUNT,
    "valid_loss": LOSS,
    "reason": LINE,
}


def is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def summary_of(run: Path, problems: list[str]) -> dict[str, Any]:
    """What summary.json says and can be relied on; adds to ``problems`` what can't."""
    try:
        told = read_table(run / SUMMARY)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        problems.append(f"{SUMMARY}: can't be read: {reason}")
        return {}
    return {name: told[name] for name in RULES if holds(RULES[name], name, told, SUMMARY, problems)}


def holds(rule: Rule, name: str, values: dict[str, Any], file: str, problems: list[str]) -> bool:
    """Validate a value if it is present; record a problem otherwise."""
    if name not in values or rule.holds(values[name]):
        return name in values
    problems.append(f"{file}: {name}: expected {rule.expected}, got {shown(values[name])}")
    return False


def last_validation(run: Path, problems: list[str]) -> dict[str, Any]:
    """The last validation near the end of metrics.jsonl; adds to ``problems`` what is wrong."""
    found: dict[str, Any] = {}
    try:
        for record in filter(None, map(record_of, lines_in(run / METRICS, last=TAIL))):
            found = record if record["event"] == "valid" else found
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(f"{METRICS}: can't be read: {error.strerror}")
    rules = {"step": COUNT, "loss": LOSS}
    return {n: found[n] for n in rules if holds(rules[n], n, found, METRICS, problems)}


def size_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # a running one removes files
        return 0


def check(run: Path) -> Iterator[tuple[Path, ZooError | None]]:
    """Verifies every checkpoint of a run; yields each with what is wrong with it, if anything."""
    for folder in checkpoint.all_in(run / CHECKPOINTS):
        try:
            checkpoint.verify(folder)
        except (ZooError, OSError) as error:
            if not os.path.lexists(folder):  # training has removed it meanwhile
                continue
            if isinstance(error, OSError):
                error = ZooError(f"{error.filename or folder}: {error.strerror}")
            yield folder, error
        else:
            yield folder, None
