"""The runs in a folder: how far each is, how it ended, and whether its checkpoints are whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import checkpoint
from zoo.errors import ZooError
from zoo.lock import owner_of
from zoo.records import records_in, table_in
from zoo.run import LOCK, RUNS, SUMMARY


@dataclass(frozen=True)
class RunState:
    """What can be told of a run without reading its tensors.

    Attributes:
        state: "running", "finished", "interrupted", "failed"; "killed" where it ended without a
            word; "empty" without a checkpoint; "unreadable" where the system refuses.
        step, total_steps: how far its newest checkpoint, or a running one itself, is.
        valid_loss: the last one, in nats per token.
        bytes: of all its files.
        owner: the process that trains it now.
        reason: why it failed, or can't be read.
    """

    dir: Path
    state: str
    step: int
    total_steps: int | None
    valid_loss: float | None
    bytes: int
    owner: str | None
    reason: str

    def __repr__(self) -> str:
        return f"<RunState {str(self.dir)!r}, {self.state}, step {self.step:,}>"

    @property
    def resumable(self) -> bool:
        """Whether it can and should be gone on with."""
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
        except OSError as error:
            unread = RunState(path, "unreadable", 0, None, None, 0, None, str(error.strerror))
            states.append((0.0, unread))
    return [state for _, state in sorted(states, key=lambda each: each[0])]


def is_run(path: Path) -> bool:
    """Whether this is the folder of a run."""
    return path.is_dir() and any(
        (path / name).exists() for name in ("resolved.toml", "checkpoints", SUMMARY)
    )


def last_written(path: Path) -> float:
    times = [file.stat().st_mtime for file in path.iterdir()]
    return max(times, default=path.stat().st_mtime)


def state_of(run: Path) -> RunState:
    """The state of the run in this folder."""
    told = table_in(run / SUMMARY)
    owner = owner_of(run / LOCK)
    saved = checkpoint.all_in(run / "checkpoints")
    step = (checkpoint.step_of(saved[-1]) or 0) if saved else 0
    if owner is not None:
        state = "running"
    elif not saved:
        state = "empty"
    else:
        state = told.get("state", "killed")
        if state in ("running", "killed"):
            state = "finished" if step == told.get("total_steps") else "killed"
    last = last_record(run)
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
    )


def last_record(run: Path) -> dict[str, Any]:
    """The last validation in metrics.jsonl."""
    found: dict[str, Any] = {}
    with suppress(OSError):
        for record in records_in(run):
            found = record if record.get("event") == "valid" else found
    return found


def size_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # a running one removes files
        return 0


def check(run: Path) -> Iterator[tuple[Path, ZooError | None]]:
    """Verifies every checkpoint of a run; yields each with what is wrong with it, if anything."""
    for folder in checkpoint.all_in(run / "checkpoints"):
        try:
            checkpoint.verify(folder)
        except ZooError as error:
            if folder.exists():  # else training has removed it meanwhile
                yield folder, error
        else:
            yield folder, None
