"""Observers: what they show and write of a run, whole, interrupted and resumed."""

from __future__ import annotations

import io
import json
import math
import re
import sys
import types
from collections.abc import Iterable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from told_runs import TOTAL, info, read, train_record, valid_record

from zoo.errors import ZooError
from zoo.run_files.metrics import records_in
from zoo.run_files.metrics_writer import MetricsWriter
from zoo.storage.paths import write_atomically
from zoo_builtin.observers import Console, Plot, TensorBoard, console, plot
from zoo_builtin.observers.bar import Bar

PNG = b"\x89PNG\r\n\x1a\n"


def try_forward(
    observers: Iterable[Any], start: int = 0, stop: int = TOTAL, state: str = "finished"
) -> list[dict[str, Any]]:
    """Sends the events of a run as the loop does, every step logged, an evaluation every fifth."""
    records: list[dict[str, Any]] = []

    def notify(event: str, *given: Any) -> None:
        for observer in observers:
            if hear := getattr(observer, event, None):
                hear(*given)

    def tell(event: str, record: dict[str, Any]) -> None:
        records.append(record)
        notify(event, record)

    def evaluate(step: int) -> None:
        notify("phase_changed", "evaluating")
        tell("eval_ended", valid_record(step))
        notify("phase_changed", "training")

    notify("run_started")
    if start == 0:
        evaluate(0)
    for step in range(start + 1, stop + 1):
        tell("step_ended", train_record(step))
        if step % 5 == 0:
            evaluate(step)
    summary = {"state": state, "step": stop, "total_steps": TOTAL, "seconds": stop * 2.0}
    notify("run_ended", summary)
    return records


# ── jsonl ─────────────────────────────────────────────────────────────────────────────────────────


def test_jsonl_writes_every_record_as_a_line(tmp_path: Path) -> None:
    assert try_forward([MetricsWriter(info(tmp_path))]) == read(tmp_path)


def test_jsonl_lines_are_there_at_once(tmp_path: Path) -> None:
    observer = MetricsWriter(info(tmp_path))
    observer.run_started()
    for step in range(1, 4):
        observer.step_ended(train_record(step))
        assert read(tmp_path)[-1]["step"] == step


@pytest.mark.parametrize("stopped_at", [11, 14, 15, 20])
def test_jsonl_of_a_resumed_run_is_that_of_one_that_never_stopped(
    tmp_path: Path, stopped_at: int
) -> None:
    whole = try_forward([MetricsWriter(info(tmp_path))])
    (tmp_path / "metrics.jsonl").unlink()
    try_forward([MetricsWriter(info(tmp_path))], stop=stopped_at, state="failed")
    try_forward([MetricsWriter(info(tmp_path, start_step=10))], start=10)
    assert read(tmp_path) == whole


def test_jsonl_drops_the_line_that_a_killed_process_left(tmp_path: Path) -> None:
    whole = try_forward([MetricsWriter(info(tmp_path))], stop=10)
    path = tmp_path / "metrics.jsonl"
    write_atomically(path, path.read_bytes() + b'{"event": "train", "st')
    MetricsWriter(info(tmp_path, start_step=15)).run_started()
    assert read(tmp_path) == whole


@pytest.mark.parametrize("spoilt", [b"null", b"[1]", b"5", b'{"a": 1}', b'{"step": "x"}', b"\xff{"])
def test_jsonl_of_a_resumed_run_leaves_out_what_is_no_record(tmp_path: Path, spoilt: bytes) -> None:
    whole = try_forward([MetricsWriter(info(tmp_path))], stop=10)
    path = tmp_path / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    write_atomically(path, b"".join([*lines[:2], spoilt + b"\n", *lines[2:]]))
    assert [*records_in(tmp_path)] == whole
    with pytest.warns(UserWarning, match=r"metrics\.jsonl:3: no record, so it is left out"):
        MetricsWriter(info(tmp_path, start_step=10)).run_started()
    assert read(tmp_path) == whole


def test_jsonl_of_a_resumed_run_says_if_it_is_gone(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="is gone, so it starts again after step 10"):
        try_forward([MetricsWriter(info(tmp_path, start_step=10))], start=10)
    assert read(tmp_path)[0]["step"] == 11


def test_jsonl_of_a_new_run_begins_empty(tmp_path: Path) -> None:
    try_forward([MetricsWriter(info(tmp_path))])
    MetricsWriter(info(tmp_path)).run_started()
    assert read(tmp_path) == []


def test_jsonl_output(tmp_path: Path, snapshot) -> None:
    try_forward([MetricsWriter(info(tmp_path))], stop=5)
    assert (tmp_path / "metrics.jsonl").read_text(encoding="utf-8") == snapshot


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_jsonl_stays_json_where_a_number_is_not_finite(tmp_path: Path, bad: float) -> None:
    observer = MetricsWriter(info(tmp_path))
    observer.run_started()
    observer.eval_ended(valid_record(3, loss=bad))
    (line,) = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    record = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert record == valid_record(3, loss=None)


# ── plot ──────────────────────────────────────────────────────────────────────────────────────────


def test_plot_draws_both_pictures(tmp_path: Path) -> None:
    try_forward([Plot(info(tmp_path, name="$x_1$ 物語", label="<b>\\frac"))])
    for name in ("loss.png", "lr.png"):
        assert (tmp_path / "plots" / name).read_bytes().startswith(PNG)
    assert [p.name for p in sorted((tmp_path / "plots").iterdir())] == ["loss.png", "lr.png"]


def test_plot_shows_what_was_measured(tmp_path: Path, drawn: dict[str, Any]) -> None:
    records = try_forward([Plot(info(tmp_path))])
    raw, smooth, valid = drawn["loss.png"].axes[0].lines
    train = [(r["step"], r["loss"]) for r in records if r["event"] == "train"]
    assert list(zip(*raw.get_data(), strict=True)) == train
    assert list(smooth.get_xdata()) == [step for step, _ in train]
    assert list(zip(*valid.get_data(), strict=True)) == [
        (r["step"], r["loss"]) for r in records if r["event"] == "valid"
    ]
    (lr,) = drawn["lr.png"].axes[0].lines
    assert list(zip(*lr.get_data(), strict=True)) == [
        (step, 1e-3 * (1 - step / TOTAL)) for step in range(TOTAL)
    ]


def test_plot_output(tmp_path: Path, drawn: dict[str, Any], snapshot) -> None:
    """What is drawn, not the pixels, which differ from machine to machine."""
    try_forward([Plot(info(tmp_path))])
    assert {
        name: {
            "title": axes.get_title(),
            "axes": (axes.get_xlabel(), axes.get_ylabel()),
            "lines": {
                line.get_label(): " ".join(f"{x:g}:{y:.5g}" for x, y in line.get_xydata())
                for line in axes.lines
            },
        }
        for name, figure in drawn.items()
        for axes in figure.axes
    } == snapshot


@pytest.mark.parametrize("order", [(MetricsWriter, Plot), (Plot, MetricsWriter)])
def test_plot_of_a_resumed_run_shows_all_of_it(
    tmp_path: Path, order: tuple[type, ...], drawn: dict[str, Any]
) -> None:
    try_forward([make(info(tmp_path)) for make in order], stop=13, state="interrupted")
    try_forward([make(info(tmp_path, start_step=10)) for make in order], start=10)
    raw, _, valid = drawn["loss.png"].axes[0].lines
    assert list(raw.get_xdata()) == list(range(1, TOTAL + 1))
    assert list(valid.get_xdata()) == [0, 5, 10, 15, 20]


def test_plot_of_a_long_run_asks_for_few_learning_rates(tmp_path: Path) -> None:
    asked: list[int] = []
    run = info(tmp_path, total_steps=1_000_000, lr_at=lambda step: asked.append(step) or 0.1)
    try_forward([Plot(run)])
    assert len(asked) <= 2 * plot.LR_POINTS
    assert asked[-1] > 999_000


def test_plot_endures_losses_that_are_no_numbers(tmp_path: Path) -> None:
    observer = Plot(info(tmp_path))
    for step, loss in enumerate([math.nan, 3.0, math.inf, None], start=1):
        observer.step_ended(train_record(step, loss=loss))
    observer.run_ended({})
    assert (tmp_path / "plots/loss.png").exists()


def test_plot_of_a_run_without_records_is_empty(tmp_path: Path) -> None:
    Plot(info(tmp_path)).run_ended({})
    assert (tmp_path / "plots/loss.png").exists()


def test_plot_leaves_pyplot_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it now fails
    try_forward([Plot(info(tmp_path))])


def test_smoothing_neither_lags_nor_shifts() -> None:
    line = [10.0 - 0.5 * t for t in range(200)]
    assert plot.smoothed(line) == pytest.approx(line)
    zigzag = [value + (-1) ** t for t, value in enumerate(line)]
    after = plot.smoothed(zigzag)[10:-10]
    assert max(abs(a - b) for a, b in zip(after, line[10:-10], strict=True)) < 0.2
    assert plot.smoothed([]) == []


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The figures that are saved, by file name."""
    figures: dict[str, Any] = {}
    monkeypatch.setattr(plot, "save", lambda figure, path: figures.update({path.name: figure}))
    return figures


# ── console ───────────────────────────────────────────────────────────────────────────────────────


def test_console_writes_plain_lines_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], steady_clock: None, snapshot
) -> None:
    run = info(tmp_path, notices=["no internet: generated stories"], label="stories [v2]")
    try_forward([Console(run, every_seconds=0)])
    out, err = capsys.readouterr()
    assert out == ""
    assert err == snapshot


def test_console_is_quiet_between_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], steady_clock: None
) -> None:
    try_forward([Console(info(tmp_path), every_seconds=1e6)])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "tiny-1",
        "evaluating",
        *[f"step {step} of 20" for step in range(0, 21, 5)],
        "finished at step 20 of 20, after 40 s of training",
    ]


def test_console_tells_the_time_left_of_a_resumed_run_by_its_own_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    observer = Console(info(tmp_path, start_step=10), every_seconds=0)
    observer.run_started()
    clock[0] += 4
    observer.step_ended(train_record(12))
    assert capsys.readouterr().err.splitlines()[-1].endswith("16 s left")


def test_console_leaves_the_first_evaluation_out_of_the_time_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    observer = Console(info(tmp_path), every_seconds=0)
    observer.run_started()
    clock[0] += 1000
    observer.eval_ended(valid_record(0))
    clock[0] += 10
    observer.step_ended(train_record(10))
    assert capsys.readouterr().err.splitlines()[-1].endswith("10 s left")


def test_console_draws_a_bar_on_a_terminal(tmp_path: Path, terminal: io.StringIO) -> None:
    with redirect_stderr(terminal):
        observer = Console(info(tmp_path, label="stories [v2]"))
        try_forward([observer], stop=15, state="interrupted")
    shown = terminal.getvalue()
    assert "\x1b[" in shown  # it draws over itself
    assert "15/20" in shown
    assert "valid 4.250, 12,346 tokens/s, " in shown
    assert "text: stories [v2]" in shown  # a name is no markup
    assert "step 15 of 20: validation loss 4.2500 (1.3500 bits per byte)" in shown
    assert "interrupted at step 15 of 20, after 30 s of training" in shown
    assert "\x1b[?25h" in shown  # the cursor is given back


def test_console_shows_the_phase_on_the_bar(tmp_path: Path, terminal: io.StringIO) -> None:
    with redirect_stderr(terminal):
        observer = Console(info(tmp_path))
    assert isinstance(observer.display, Bar)
    for phase in ("evaluating", "saving", "training"):
        observer.phase_changed(phase)
        (task,) = observer.display._progress.tasks
        assert task.description == phase


@pytest.mark.parametrize("columns", [40, 60, 70, 80, 120])
def test_console_shows_the_whole_count_in_any_width(
    tmp_path: Path, terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with redirect_stderr(terminal):
        observer = Console(info(tmp_path, total_steps=20_000))
        observer.run_started()
        observer.eval_ended(valid_record(0))
        observer.step_ended(train_record(13_579))
        observer.phase_changed("evaluating")
        terminal.truncate(0)
        observer.display._progress.refresh()  # type: ignore[attr-defined]
        (line,) = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]|[\0\r]", "", terminal.getvalue()).splitlines()
        observer.display.stop()
    assert len(line) <= columns - 2  # room for "^C"
    assert " evaluating " in line
    assert " 13579/20000 " in line
    bar = re.search("evaluating ([━╸╺]+) ", line)
    assert bar
    assert len(bar[1]) == 1 or "…" not in line  # the status is cut last
    assert columns < 120 or line.endswith("left")


def test_console_draws_no_bar_on_a_terminal_that_can_not(
    tmp_path: Path, terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with redirect_stderr(terminal):
        try_forward([Console(info(tmp_path), every_seconds=0)])
    assert "\x1b" not in terminal.getvalue()
    assert "step 20 of 20: validation loss" in terminal.getvalue()


def test_console_refuses_a_negative_interval(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"every_seconds .* -1"):
        Console(info(tmp_path), every_seconds=-1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in a list, for the test to move on."""
    now = [100.0]
    fake = types.SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr(console, "time", fake)
    return now


@pytest.fixture
def steady_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that moves on by half a second whenever it is read."""
    ticks = iter(n / 2 for n in range(10**6))
    fake = types.SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr(console, "time", fake)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What stands in for a terminal, 120 columns wide."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


# ── tensorboard ───────────────────────────────────────────────────────────────────────────────────


class Writer:
    """Stands in for torch's SummaryWriter and remembers what it was told."""

    made: list[Writer]

    def __init__(self, log_dir: str, purge_step: int | None = None) -> None:
        self.log_dir, self.purge_step = log_dir, purge_step
        self.scalars: list[tuple[str, float, int]] = []
        self.closed = False
        self.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Writer]:
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    Writer.made = []
    return Writer.made


def test_tensorboard_writes_every_number(tmp_path: Path, written: list[Writer]) -> None:
    records = try_forward([TensorBoard(info(tmp_path))])
    (writer,) = written
    assert Path(writer.log_dir) == tmp_path / "tensorboard"
    assert writer.closed
    assert writer.purge_step is None
    numbers = {(name, step): value for name, value, step in writer.scalars}
    for record in records:
        for name in record.keys() - {"event", "step"}:
            assert numbers.pop((f"{record['event']}/{name}", record["step"])) == record[name]
    assert not numbers


def test_tensorboard_of_a_resumed_run_hides_what_is_done_again(
    tmp_path: Path, written: list[Writer]
) -> None:
    try_forward([TensorBoard(info(tmp_path, start_step=10))], start=10)
    assert written[0].purge_step == 11


def test_tensorboard_says_how_to_install_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ZooError, match=r"pip install 'zoo-lm\[tensorboard\]'"):
        TensorBoard(info(tmp_path))


def test_tensorboard_reads_back_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    try_forward([TensorBoard(info(tmp_path))])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    losses = [(event.step, event.value) for event in events.Scalars("valid/loss")]
    assert losses == [(step, valid_record(step)["loss"]) for step in range(0, 21, 5)]
