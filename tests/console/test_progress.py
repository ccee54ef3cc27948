"""Progress is seen where it helps, files are whole, and the cache is where users expect it."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from zoo.console import progress
from zoo.console.progress import track
from zoo.errors import ZooError
from zoo.storage.paths import cache_dir, write_atomically


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test moves on."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_short_work_leaves_no_trace_in_a_log(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with track("counting", total=1000) as advance:
        for _ in range(1000):
            clock[0] += 0.001
            advance(1)
    assert capsys.readouterr().err == ""


def test_long_work_writes_a_line_now_and_then(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with track("reading", total=40_000_000, unit="B", done=20_000_000) as advance:
        for _ in range(20):
            clock[0] += 0.5
            advance(1_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "reading: 24 MB of 40 MB, 2 MB/s, 8 s left",
        "reading: 34 MB of 40 MB, 2 MB/s, 3 s left",
        "reading: 40 MB in 10 s (2 MB/s)",
    ]


def test_work_of_unknown_size_promises_nothing(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with track("telling", unit="stories") as advance:
        clock[0] += 4
        advance(1200)
    assert capsys.readouterr().err.splitlines() == [
        "telling: 1,200 stories, 300 stories/s",
        "telling: 1,200 stories in 4 s (300 stories/s)",
    ]


def test_failed_work_is_not_reported_as_done(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        with track("reading", total=2):
            clock[0] += 60
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_bars_even_of_nested_work(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "FRAME_SECONDS", 0)
    monkeypatch.setenv("TERM", "xterm")
    with track("outer [work]", total=4, unit="files") as outer:
        outer(1)
        with track("inner", unit="B") as inner:
            inner(5000)
            progress._bars.refresh()
        outer(2)
        progress._bars.refresh()
    shown = terminal.getvalue()
    assert "outer [work]" in shown
    assert "5 kB" in shown
    assert "3 of 4 files" in shown
    assert progress._bars is None


def test_the_cache_folder_is_the_one_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "a" / "b"))
    assert cache_dir() == tmp_path / "a" / "b"
    assert cache_dir().is_dir()


def test_a_cache_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ZooError, match="ZOO_CACHE"):
        cache_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms have other conventions")
def test_the_cache_folder_follows_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZOO_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "zoo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_dir() == tmp_path / "home" / ".cache" / "zoo"


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"

    def fails(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, b"newer")
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]
