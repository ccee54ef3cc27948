"""Observers: display and record a run."""

from __future__ import annotations

from zoo_builtin.observers.console import Console
from zoo_builtin.observers.jsonl import JSONL
from zoo_builtin.observers.plot import Plot
from zoo_builtin.observers.tensorboard import TensorBoard

COMPONENTS = {"console": Console, "jsonl": JSONL, "plot": Plot, "tensorboard": TensorBoard}

__all__ = ["COMPONENTS", "JSONL", "Console", "Plot", "TensorBoard"]
