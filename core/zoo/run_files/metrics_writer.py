"""Write metrics.jsonl: one line of JSON per record."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.contracts.run_folder import METRICS
from zoo.run_files.metrics import jsonable, lines_in, record_of
from zoo.storage.paths import write_atomically

if TYPE_CHECKING:
    from zoo.contracts import RunInfo


class MetricsWriter:
    """Writes metrics.jsonl into the run's folder: one JSON object a line, flushed each time.

    Hears of a run as an observer does, before all others.

    A resumed run first cuts off what lies after the step it goes on from, so that no step stands
    there twice. A number that is not finite becomes null, since JSON has no word for it. What a
    full disk has no room for is kept, and written before the next line or after the next save.
    """

    def __init__(self, run: RunInfo) -> None:
        self.run = run
        self.path = run.dir / METRICS
        self._file: FileIO | None = None
        self._unwritten = b""

    def run_started(self) -> None:
        if self.path.exists():
            kept = lines_until(self.path, self.run.start_step)
            write_atomically(self.path, b"".join(kept))
        elif self.run.start_step:
            told = f"{self.path} is gone, so it starts again after step {self.run.start_step}"
            warnings.warn(told, stacklevel=2)
        self._file = FileIO(self.path, "a")

    def step_ended(self, record: Mapping[str, Any]) -> None:
        self._write(record)

    def phase_changed(self, name: str) -> None: ...

    def eval_ended(self, record: Mapping[str, Any]) -> None:
        self._write(record)

    def checkpoint_saved(self, path: Path) -> None:
        self._write_out()  # so there is room again

    def run_ended(self, summary: Mapping[str, Any]) -> None:
        if self._file is not None:
            with self._file:
                self._write_out()

    def _write(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(jsonable(record), allow_nan=False)
        self._unwritten += f"{line}\n".encode()
        self._write_out()

    def _write_out(self) -> None:
        assert self._file is not None, "a record before run_started"
        try:
            while self._unwritten:  # a disk that fills up may take the first part of a line
                self._unwritten = self._unwritten[self._file.write(self._unwritten) :]
        except OSError as error:
            error.filename = str(self.path)
            raise


def lines_until(path: Path, step: int) -> list[bytes]:
    """The lines of a metrics.jsonl up to a resumed run's ``step``, none for a run from its start.

    The last line may be no whole record, if the process was killed; it warns of any other.
    """
    lines = list(lines_in(path)) if step else []
    kept: list[bytes] = []
    for number, line in enumerate(lines, start=1):
        record = record_of(line)
        if record is None and number < len(lines):
            warnings.warn(f"{path}:{number}: no record, so it is left out", stacklevel=2)
        elif record is not None and record["step"] <= step:
            kept.append(line.rstrip(b"\r\n") + b"\n")
    return kept
