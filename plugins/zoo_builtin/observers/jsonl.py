"""Every record of a run as one line of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from zoo.paths import write_atomically

if TYPE_CHECKING:
    from zoo.run import RunInfo

FILE_NAME = "metrics.jsonl"


class JSONL:
    """Writes metrics.jsonl into the run's folder: one JSON object a line, flushed each time.

    A resumed run first cuts off what lies after the step it goes on from, so that no step stands
    there twice. A number that is not finite becomes null, since JSON has no word for it.
    """

    def __init__(self, run: RunInfo) -> None:
        self.run = run
        self.path = run.dir / FILE_NAME
        self._file: TextIO | None = None

    def run_started(self) -> None:
        if self.path.exists():
            kept = lines_until(self.path, self.run.start_step)
            write_atomically(self.path, b"".join(kept))
        self._file = self.path.open("a", encoding="utf-8", newline="\n")

    def step_ended(self, record: Mapping[str, Any]) -> None:
        self._write(record)

    def eval_ended(self, record: Mapping[str, Any]) -> None:
        self._write(record)

    def run_ended(self, summary: Mapping[str, Any]) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        assert self._file is not None, "a record before run_started"
        line = {key: None if is_unspeakable(value) else value for key, value in record.items()}
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()


def lines_until(path: Path, step: int) -> list[bytes]:
    """The lines of a metrics.jsonl up to a resumed run's ``step``, none for a run from its start.

    What follows a line that is no whole record is dropped too: a process that was killed left it.
    """
    kept: list[bytes] = []
    for line in path.read_bytes().splitlines(keepends=True) if step else []:
        try:
            record = json.loads(line)
        except ValueError:
            break
        if not line.endswith(b"\n") or record["step"] > step:
            break
        kept.append(line)
    return kept


def is_unspeakable(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
