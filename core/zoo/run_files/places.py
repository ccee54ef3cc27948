"""Find a run's folder, and create the folder of a new run."""

from __future__ import annotations

import os
import re
from pathlib import Path

from zoo.console.shell import quoted
from zoo.contracts.run_folder import CHECKPOINTS, LOCK, RUN_INFO, RUNS
from zoo.errors import ZooError
from zoo.run_files.metrics import table_in
from zoo.storage.lock import owner_of
from zoo.storage.paths import expanded, make_folder, sync_dir


def find_run(path: str | Path) -> Path:
    """The folder at a path, which may leave out ``runs/``. Raises ZooError where there is none."""
    for folder in (expanded(path), RUNS / path):
        if os.path.isdir(folder):  # unlike Path.is_dir, lets any text be asked for
            return folder
    if os.path.isfile(path):
        told = f"; to train a recipe, write zoo train {quoted(path)}"
        raise ZooError(f"{path}: a file, no run{told if Path(path).suffix == '.toml' else ''}")
    known = sorted(p.name for p in RUNS.glob("*/")) if RUNS.is_dir() else []
    hint = f" (in {RUNS}/: {', '.join(known)})" if known else ""
    raise ZooError(f"{path}: no such run{hint}")


def newest_run() -> Path:
    """The run under ``runs/`` whose checkpoints are the most recent."""
    runs = [p.parent for p in RUNS.glob(f"*/{CHECKPOINTS}") if any(p.glob("step-*"))]
    if not runs:
        raise ZooError(
            f"no run with a checkpoint under {RUNS.resolve()}: train one with "
            "`zoo train recipes/tinystories.toml`, or name a run"
        )
    return max(runs, key=lambda run: (run / CHECKPOINTS).stat().st_mtime_ns)


def run_of_launch(launch: str | None, out: Path | None) -> Path | None:
    """The run at ``out``, else under ``runs/``, if an earlier attempt of this launch began it."""
    if launch is None:
        return None
    for path in [out / RUN_INFO] if out is not None else RUNS.glob(f"*/{RUN_INFO}"):
        if table_in(path).get("launch") == launch:
            return path.parent
    return None


def refuse_used(out: Path, *, locked: bool = False) -> None:
    """Raises ZooError if something is at ``out`` already, or someone, unless we have it locked."""
    if out.exists() and not out.is_dir():
        raise ZooError(f"{out}: a file; a run needs a folder of its own: choose another --out")
    if not locked and (owner := owner_of(out / LOCK)) is not None:
        raise ZooError(f"{out} is in use by {owner}: choose another --out")
    if not out.exists() or all(path.name == LOCK for path in out.iterdir()):
        return
    if any(out.glob(f"{CHECKPOINTS}/step-*")):
        remedy = f"go on with `--resume {quoted(out)}`, or start with another --out"
    else:
        remedy = "it has no checkpoint to go on from: choose another --out, or delete it"
    raise ZooError(f"{out}: exists already; {remedy}")


def new_run_dir(recipe_name: str, out: Path | None) -> Path:
    """Makes the folder of a new run: ``out``, else the next free ``runs/<recipe>-<number>``.

    Raises:
        ZooError: ``out`` holds something already.
    """
    if out is not None:
        refuse_used(out)
        make_folder(out)
        return out
    make_folder(RUNS)
    pattern = re.compile(re.escape(recipe_name) + r"-(\d+)")
    numbers = [int(m[1]) for p in RUNS.iterdir() if (m := pattern.fullmatch(p.name))]
    number = max(numbers, default=0) + 1
    while True:
        folder = RUNS / f"{recipe_name}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:  # another run began in between
            number += 1
        else:
            sync_dir(RUNS)
            return folder
