"""Every record of a run as one line of JSON."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from zoo.paths import write_atomically
from zoo.records import METRICS, record_of, speakable

if TYPE_CHECKING:
    from zoo.run import RunInfo


class JSONL:
    """Writes metrics.jsonl into the run's folder: one JSON object a line, flushed each time.

    A resumed run first cuts off what lies after the step it goes on from, so that no step stands
    there twice. A number that is not finite becomes null, since JSON has no word for it.
    """

    def __init__(self, run: RunInfo) -> None:
        self.run = run
        self.path = run.dir / METRICS
        self._file: TextIO | None = None

    def run_started(self) -> None:
        if self.path.exists():
            kept = lines_until(self.path, self.run.start_step)
            write_atomically(self.path, b"".join(kept))
        elif self.run.start_step:
            told = f"{self.path} is gone, so it begins anew after step {self.run.start_step}"
            warnings.warn(told, stacklevel=2)
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
        try:
            self._file.write(json.dumps(speakable(record), allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            error.filename = str(self.path)
            raise


def lines_until(path: Path, step: int) -> list[bytes]:
    """The lines of a metrics.jsonl up to a resumed run's ``step``, none for a run from its start.

    The last line may be no whole record, if the process was killed; it warns of any other.
    """
    lines = path.read_bytes().splitlines() if step else []
    kept: list[bytes] = []
    for number, line in enumerate(lines, start=1):
        record = record_of(line)
        if record is None and number < len(lines):
            warnings.warn(f"{path}:{number}: no record, so it is left out", stacklevel=2)
        elif record is not None and record["step"] <= step:
            kept.append(line + b"\n")
    return kept
