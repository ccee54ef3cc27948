"""A disk that is full for a while costs no run: what waited is written when there is room."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import posix
from small_runs import losses, somewhere, tiny
from told_runs import info, read, train_record

import zoo
from zoo.console.lasting_streams import lasting_streams
from zoo.errors import ZooError
from zoo.run_files import metrics_writer
from zoo.run_files.metrics_writer import MetricsWriter
from zoo.training.loop import Session

__all__ = ["somewhere"]  # a fixture

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full(*_: Any, **__: Any) -> None:
    raise OSError(*FULL.args)


class Filling(io.FileIO):
    """A file on a disk with ``room`` for so many bytes."""

    room = 0

    def write(self, data: Any) -> int:
        if not Filling.room:
            full()
        written = super().write(bytes(data)[: Filling.room])
        Filling.room -= written
        return written


@pytest.fixture
def filling(monkeypatch: pytest.MonkeyPatch) -> type[Filling]:
    monkeypatch.setattr(metrics_writer, "FileIO", Filling)
    monkeypatch.setattr(Filling, "room", 1 << 30)
    return Filling


@pytest.mark.parametrize("room", [0, 1, 150, 151, 152, 400])
@pytest.mark.parametrize("event", ["step_ended", "checkpoint_saved", "run_ended"])
def test_no_line_is_lost_and_none_stands_twice(
    room: int, event: str, tmp_path: Path, filling: type[Filling]
) -> None:
    observer = MetricsWriter(info(tmp_path))
    observer.run_started()
    records = [train_record(step) for step in range(1, 6)]
    filling.room = room
    failed = []
    for record in records:
        try:
            observer.step_ended(record)
        except OSError as error:
            failed.append(error.filename)
    assert {*failed} == {str(tmp_path / "metrics.jsonl")}
    filling.room = 1 << 30
    if event == "step_ended":
        records.append(train_record(6))
        observer.step_ended(records[-1])
    elif event == "checkpoint_saved":
        observer.checkpoint_saved(tmp_path)
    else:
        observer.run_ended({})
    assert read(tmp_path) == records


def at_steps(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[bool], None], is_full: Callable[[int], bool]
) -> None:
    """Has the disk filled and emptied again as training goes on."""
    plain = Session.notify

    def notify(self: Session, *args: Any, **kwargs: Any) -> None:
        act(is_full(self.trainer.step))
        plain(self, *args, **kwargs)

    monkeypatch.setattr(Session, "notify", notify)


def test_records_of_a_run_are_complete_and_in_order(
    monkeypatch: pytest.MonkeyPatch, filling: type[Filling]
) -> None:
    undisturbed = zoo.train(tiny())

    def act(is_full: bool) -> None:
        filling.room = 10 if is_full else 1 << 30

    at_steps(monkeypatch, act, lambda step: step in (2, 5, 6, 7, 8))
    with pytest.warns(UserWarning, match=r"metrics\.jsonl: can't be written \(No space left"):
        run = zoo.train(tiny())
    assert losses(run.dir) == losses(undisturbed.dir)
    assert losses(run.dir, "valid") == losses(undisturbed.dir, "valid")


def test_what_an_observer_could_not_write_in_the_end_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MetricsWriter, "run_ended", full)
    with pytest.warns(UserWarning, match=r"MetricsWriter: can't be written \(No space left"):
        run = zoo.train(tiny())
    assert run.summary["state"] == "finished"


def told(run: str = "runs/tiny-1") -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(Path(run, "summary.json").read_text())
    return summary


def test_the_summary_of_a_failed_run_says_so_on_a_full_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def act(is_full: bool) -> None:
        if is_full:
            monkeypatch.setattr("zoo.training.loop.write_atomically", full)
            monkeypatch.setattr("zoo.run_files.checkpoint.save", full)

    at_steps(monkeypatch, act, lambda step: step == 12)
    with pytest.raises(ZooError, match="step 12 can't be saved"):
        zoo.train(tiny())
    assert told()["state"] == "failed"
    assert told()["step"] == 12


def test_a_run_that_can_not_begin_does_not_seem_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MetricsWriter, "run_started", full)
    with pytest.raises(OSError, match="No space left"):
        zoo.train(tiny())
    assert told()["state"] == "failed"


@posix
def test_messages_into_a_full_disk_are_lost_and_results_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, open("/dev/full", "w"))  # noqa: SIM115
    with lasting_streams():
        print("a message", file=sys.stderr, flush=True)
        with pytest.raises(OSError, match="No space left"):
            print("a result", flush=True)
        sys.stdout = io.StringIO()
