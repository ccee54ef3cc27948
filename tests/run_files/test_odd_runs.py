"""An odd run folder is listed with what is wrong with it, and the others beside it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import output_of, posix
from small_runs import somewhere, tiny

import zoo
from zoo.cli import main
from zoo.run_files import checkpoint, listing
from zoo.run_files.listing import RunState, runs, state_of
from zoo.run_files.metrics import LONGEST_LINE, lines_in, records_in
from zoo_builtin.observers import Plot

__all__ = ["somewhere"]  # a fixture

resource = pytest.importorskip("resource")  # of POSIX
pytestmark = posix


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"folder": tmp_path_factory.mktemp("trained")}


@pytest.fixture
def pair(trained: dict[str, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Two finished runs under runs/; the first one is to be spoilt."""
    kept = trained["folder"] / "run"
    if not kept.exists():
        zoo.train(tiny("train.steps=4"), out=kept)
    one, other = (Path("runs", name) for name in ("one", "other"))
    for run in (one, other):
        shutil.copytree(kept, run)
    return one, other


def in_summary(**changed: Any) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        path = run / "summary.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))

    return spoil


def last_loss(value: Any) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        with (run / "metrics.jsonl").open("a") as lines:
            lines.write(json.dumps({"event": "valid", "step": 4, "loss": value}) + "\n")

    return spoil


def instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        make(run / name)

    return spoil


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 40 << 30)


ODD = {
    "a word for a loss": (in_summary(valid_loss="x"), "valid_loss: expected a number or null"),
    "a loss that is none": (in_summary(valid_loss=float("nan")), "got nan"),
    "a word for a count": (in_summary(total_steps="x"), "total_steps: expected a whole number"),
    "a huge count": (in_summary(total_steps=10**300), "total_steps: expected a whole number"),
    "a list for a state": (in_summary(state=["failed"]), "state: expected one of running, "),
    "a table for a reason": (in_summary(state="failed", reason={}), "reason: expected a text"),
    "no table": (instead("summary.json", lambda path: path.write_text("[]")), "not a table"),
    "a broken table": (
        instead("summary.json", lambda path: path.write_text('{"state": "run')),
        "summary.json: can't be read: ",
    ),
    "deep": (instead("summary.json", lambda path: path.write_text("[" * 99_999)), "can't be read"),
    "a pipe for a summary": (instead("summary.json", os.mkfifo), "not a regular file"),
    "a huge summary": (instead("summary.json", sparse), "larger than"),
    "a pipe for records": (instead("metrics.jsonl", os.mkfifo), "metrics.jsonl: can't be read"),
    "a folder for records": (instead("metrics.jsonl", Path.mkdir), "metrics.jsonl: can't be read"),
    "a word in the records": (last_loss("x"), "metrics.jsonl: loss: expected a number or null"),
    "a device for records": (
        instead("metrics.jsonl", lambda path: path.symlink_to("/dev/zero")),
        "not a regular file",
    ),
}
FINE: dict[str, Callable[[Path], None]] = {
    "a dangling link": lambda run: (run / "link").symlink_to("nowhere"),
    "a link to itself": lambda run: (run / "loop").symlink_to("loop"),
    "a huge line": instead("metrics.jsonl", sparse),
    "no summary": lambda run: (run / "summary.json").unlink(),
    "a pipe for a lock": lambda run: os.mkfifo(run / ".lock"),
    "a loss that was not finite": last_loss(None),
}


@pytest.fixture(autouse=True)
def little_memory() -> Any:
    """A file that is read whole ends the test, and not the machine."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize(("spoil", "told"), ODD.values(), ids=ODD)
def test_what_is_wrong_with_a_run_is_told_and_hides_no_other(
    spoil: Callable[[Path], None],
    told: str,
    pair: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, other = pair
    spoil(one)
    (problem,) = state_of(one).problems
    assert told in problem
    out = output_of(capsys, "runs")
    assert f"one: {problem}" in out
    assert "\nother  finished " in out
    assert out.count("other") == 1
    listed = json.loads(output_of(capsys, "runs", "list", "--json"))
    problems = {run["dir"]: run["problems"] for run in listed}
    assert problems == {str(one): [problem], str(other): []}


@pytest.mark.parametrize("spoil", FINE.values(), ids=FINE)
def test_what_can_be_done_without_is_no_problem(
    spoil: Callable[[Path], None], pair: tuple[Path, Path]
) -> None:
    one, _ = pair
    spoil(one)
    state = state_of(one)
    assert (state.state, state.step, state.problems) == (
        "finished" if (one / "summary.json").exists() else "killed",
        4,
        (),
    )


def test_a_folder_that_can_not_be_read_at_all_is_listed(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = listing.state_of

    def state_of(run: Path) -> RunState:
        if run.name == "one":
            raise RecursionError("maximum recursion depth exceeded")
        return plain(run)

    monkeypatch.setattr("zoo.run_files.listing.state_of", state_of)
    states = {state.dir.name: (state.state, state.reason) for state in runs()}
    assert states == {
        "one": ("unreadable", "maximum recursion depth exceeded"),
        "other": ("finished", ""),
    }


def test_a_checkpoint_that_may_not_be_read_hides_no_other(
    pair: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, _ = pair
    shutil.copytree(one / "checkpoints/step-00000004", one / "checkpoints/step-00000005")
    plain = checkpoint.verify

    def verify(folder: Path) -> None:
        if folder.name == "step-00000005":
            raise PermissionError(13, "Permission denied", str(folder / "manifest.json"))
        plain(folder)

    monkeypatch.setattr("zoo.run_files.checkpoint.verify", verify)
    assert main(["runs", "check", "one"]) == 1
    out = capsys.readouterr().out
    assert "step-00000004: ok\n" in out
    assert "step-00000005: runs/one/checkpoints/step-00000005/manifest.json: Permission" in out


def test_a_line_of_any_length_takes_little_memory_and_ends_nothing(tmp_path: Path) -> None:
    record = b'{"event": "valid", "step": %d, "loss": 1}\n'
    with (tmp_path / "metrics.jsonl").open("wb") as lines:
        lines.write(record % 1)
        lines.write(b"x" * (3 * LONGEST_LINE) + b"\n")
        lines.write(record % 2)
    assert [each["step"] for each in records_in(tmp_path)] == [1, 2]
    assert max(map(len, lines_in(tmp_path / "metrics.jsonl"))) == LONGEST_LINE
    size = len(record % 2)
    for last, count in ((size, 1), (size - 1, 0), (size + 1, 1), (1 << 40, 3)):
        assert len([*lines_in(tmp_path / "metrics.jsonl", last=last)]) == count


def test_a_picture_takes_a_word_for_no_number(pair: tuple[Path, Path]) -> None:
    one, _ = pair
    last_loss("x")(one)
    info = zoo.RunInfo(
        dir=one,
        name="one",
        recipe=tiny(),
        total_steps=8,
        start_step=4,
        label="stories",
        notices=[],
        lr_at=lambda step: 1e-3,
        params=1,
        device="cpu",
        precision="float32",
    )
    plot = Plot(info)
    plot.run_started()
    plot.run_ended({})
    assert (one / "plots/loss.png").exists()


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_json_is_json_whatever_number_a_run_tells(
    number: str, pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = pair[0] / "summary.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "odd": 0}).replace(": 0}", f": {number}}}")
    )
    out = output_of(capsys, "runs", str(pair[0]), "--json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(out, parse_constant=refuse)["summary"]["odd"] is None
