"""What observers are told of a made-up run, and what one writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zoo.contracts import RunInfo

TOTAL = 20


def info(folder: Path, start_step: int = 0, **changed: Any) -> RunInfo:
    given: dict[str, Any] = {
        "dir": folder,
        "name": "tiny-1",
        "recipe": None,
        "total_steps": TOTAL,
        "start_step": start_step,
        "label": "stories",
        "notices": [],
        "lr_at": lambda step: 1e-3 * (1 - step / TOTAL),
        "params": 1_234_567,
        "device": "cpu",
        "precision": "float32",
    }
    return RunInfo(**given | changed)


def train_record(step: int, **changed: Any) -> dict[str, Any]:
    return {
        "event": "train",
        "step": step,
        "loss": 8.0 - step / 4,
        "grad_norm": 0.5,
        "lr": 1e-3,
        "tokens": step * 64,
        "tokens_per_s": 12_345.6,
        "seconds": step * 2.0,
    } | changed


def valid_record(step: int, **changed: Any) -> dict[str, Any]:
    return train_record(step) | {"event": "valid", "bits_per_byte": 1.5 - step / 100} | changed


def read(folder: Path) -> list[dict[str, Any]]:
    with (folder / "metrics.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
