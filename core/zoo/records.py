"""metrics.jsonl: a record a line, some of which a kill or an editor may have spoilt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"


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
