"""Read a run's JSON files and records, tolerating damage."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from zoo.contracts.run_folder import METRICS
from zoo.storage.paths import open_regular

LONGEST_LINE = 1 << 20  # bytes
LARGEST_TABLE = 1 << 24


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
    """The records in a run's metrics.jsonl. Raises OSError where that is no file."""
    yield from filter(None, map(record_of, lines_in(run / METRICS)))


def lines_in(path: Path, last: int | None = None) -> Iterator[bytes]:
    """The lines of a file, with their ends; of one beyond ``LONGEST_LINE``, only the beginning.

    With ``last``, those that begin in the last so many bytes. Raises OSError where it is no file.
    """
    with open_regular(path) as file:
        if last is not None and (skipped := file.seek(0, 2) - last) > 0:
            file.seek(skipped - 1)
            skip_line(file)
        else:
            file.seek(0)
        while line := file.readline(LONGEST_LINE):
            yield line
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                skip_line(file)


def skip_line(file: BinaryIO) -> None:
    """Seek past the next line end without holding the line in memory."""
    while (part := file.readline(LONGEST_LINE)) and not part.endswith(b"\n"):
        pass


def table_in(path: Path) -> dict[str, Any]:
    """The JSON object that is a file's content; empty where there is no whole one."""
    try:
        return read_table(path)
    except (OSError, ValueError, RecursionError):
        return {}


def read_table(path: Path) -> dict[str, Any]:
    """The JSON object that is a file's content. Raises OSError, ValueError or RecursionError."""
    with open_regular(path) as file:
        data = file.read(LARGEST_TABLE + 1)
    if len(data) > LARGEST_TABLE:
        raise ValueError(f"larger than {LARGEST_TABLE:,} bytes")
    table = json.loads(data)
    if not isinstance(table, dict):
        raise ValueError("not a table")
    return table


def jsonable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace non-finite floats by None, since JSON has no number for them.

    >>> jsonable({"step": 3, "loss": math.nan, "all": [math.inf, 1]})
    {'step': 3, 'loss': None, 'all': [None, 1]}
    """
    return {name: jsonable_value(value) for name, value in values.items()}


def jsonable_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return jsonable(value)
    if isinstance(value, (list, tuple)):
        return [jsonable_value(one) for one in value]
    return None if is_non_finite(value) else value


def is_non_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
