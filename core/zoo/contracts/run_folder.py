"""Every file name of a run's folder.

Observers are given the folder and may write beside these; tools read them.
"""

from __future__ import annotations

from pathlib import Path

RUNS = Path("runs")
"""Where runs lie unless they are told otherwise, in the current folder."""

# ── In a run's folder ────────────────────────────────────────────────────────────────────────────

LOCK = ".lock"  # held by the process that trains
RECIPE = "recipe.toml"  # as its author wrote it; in a checkpoint: with every default written out
RESOLVED = "resolved.toml"  # with every default written out
RUN_INFO = "run.json"  # where, with what and on which text it was trained
SUMMARY = "summary.json"  # how far it is, and how it ended
METRICS = "metrics.jsonl"  # a record a line
CHECKPOINTS = "checkpoints"  # step-00000100, … and LATEST
SAMPLES = "samples"
PLOTS = "plots"

# ── In a checkpoint's folder ─────────────────────────────────────────────────────────────────────

MANIFEST = "manifest.json"  # size and SHA-256 of all the others
STATE = "state.json"  # all that are no tensors
MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
TOKENIZER = "tokenizer"  # a folder

# ── Beside the checkpoints ───────────────────────────────────────────────────────────────────────

LATEST = "LATEST"  # the name of the newest


def run_of(folder: Path) -> Path:
    """The folder of a run, given that or the folder of one of its checkpoints."""
    saved = folder.parent.name == CHECKPOINTS and (folder / MANIFEST).is_file()
    return folder.parent.parent if saved else folder


def is_run(path: Path) -> bool:
    """Whether this is the folder of a run."""
    return path.is_dir() and any(
        (path / name).exists() for name in (RESOLVED, CHECKPOINTS, SUMMARY)
    )
