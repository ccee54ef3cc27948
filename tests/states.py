"""The state of a run that is in a checkpoint, made by hand."""

from __future__ import annotations

from typing import Any

from zoo.run_files.train_state import TrainState


def a_state(step: int = 1, **changed: Any) -> TrainState:
    given: dict[str, Any] = {
        "step": step,
        "tokens": step * 64,
        "seconds": step / 2,
        "best": None,
        "valid": {},
        "data": "0" * 32,
        "precision": "float32",
        "optimizer": [],
        "plugins": {"zoo": "0.1.0"},
        "label": "stories",
        "notices": [],
    }
    return TrainState(**given | changed)
