"""What a run says of itself in JSON, some of which a kill or an editor may have spoilt."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"  # a record a line


def record_of(line: bytes) -> dict[str, Any] | None:
    """The record on a line, with an event and a step; None where there is no whole one."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    whole = isinstance(record.get("event"), str) and type(record.get("step")) is int
    return record if whole else None


def records_in(run: Path) -> Iterator[dict[str, Any]]:
    """The records in a run's metrics.jsonl."""
    with (run / METRICS).open("rb") as lines:
        yield from filter(None, map(record_of, lines))


def table_in(path: Path) -> dict[str, Any]:
    """The JSON object that is a file's content; empty where there is no whole one."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def speakable(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with None for a number that is not finite, since JSON has no word for it.

    >>> speakable({"step": 3, "loss": math.nan})
    {'step': 3, 'loss': None}
    """
    return {name: None if is_unspeakable(value) else value for name, value in values.items()}


def is_unspeakable(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
