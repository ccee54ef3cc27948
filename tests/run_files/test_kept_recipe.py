"""A run keeps its recipe: what is said to whoever wants another, and that what is said works."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from commands import error_of, inside, output_of, trained  # noqa: F401

import zoo
from zoo.cli import main
from zoo.run_files.kept_recipe import retrain_command
from zoo.training import start as runner


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the finished run."""
    shutil.copytree("runs/tiny-1", tmp_path / "copy")
    return tmp_path / "copy"


def resumed(run: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is said on standard error."""
    capsys.readouterr()
    assert main(["train", "--resume", str(run)]) == 0
    return capsys.readouterr().err.splitlines()


def test_a_finished_run_says_so_and_what_can_be_done(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (told,) = (line for line in resumed(copy, capsys) if "is finished" in line)
    assert told.startswith(f"{copy} is finished: it has taken all 30 steps of its recipe")
    _, _, command = told.partition("begin with new weights: ")
    assert command.endswith("--set train.steps=60")
    longer = tmp_path / "longer"
    output_of(capsys, *shlex.split(command)[1:], "--out", str(longer))
    assert zoo.open_run(longer).checkpoint.step == 60


def test_a_recipe_of_so_many_tokens_is_told_of_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    changes = ("--set", "train.steps=none", "--set", "train.tokens=512", "--out", str(run))
    assert main(["train", "tiny.toml", *changes]) == 0
    assert any(line.endswith("--set train.tokens=1024") for line in resumed(run, capsys))


def test_a_run_that_is_not_finished_goes_on_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    changes = ("--set", "train.checkpoint_every=15", "--out", str(run))
    assert main(["train", "tiny.toml", *changes]) == 0
    shutil.rmtree(run / "checkpoints/step-00000030")
    (run / "checkpoints/LATEST").write_text("step-00000015\n")
    assert not any("finished" in line or "edited" in line for line in resumed(run, capsys))


@pytest.mark.parametrize("old", [False, True], ids=["now", "0.1.0"])
@pytest.mark.parametrize(
    "files", [["resolved.toml"], ["recipe.toml"], ["recipe.toml", "resolved.toml"], []]
)
def test_an_edited_copy_of_the_recipe_is_not_passed_over_silently(
    files: list[str], old: bool, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if old:  # which recorded nothing of recipe.toml
        forget_digests(copy)
    began = {name: (copy / name).read_text(encoding="utf-8") for name in files}
    for name, text in began.items():
        assert "steps = 30" in text
        (copy / name).write_text(text.replace("steps = 30", "steps = 60"), encoding="utf-8")
    noticed = [name for name in files if not old or name == "resolved.toml"]
    for _ in range(2):  # and again the next time
        told = edits_told(copy, capsys)
        if not noticed:
            assert told == []
            continue
        (line,) = told
        assert line.startswith(f"warning: {' and '.join(str(copy / name) for name in noticed)}: ")
        command = (
            retrain_command(copy, ())
            if "resolved.toml" in noticed
            else retrain_command(copy, ["PATH=VALUE"])
        )
        assert line.endswith(f"begin with new weights: {command}")
    assert zoo.open_run(copy).checkpoint.step == 30
    for name in noticed:
        (copy / name).write_text(began[name], encoding="utf-8")
    assert edits_told(copy, capsys) == []


def test_what_a_run_of_0_1_0_holds_counts_from_when_it_is_gone_on_with(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Later checkpoints hold options that its own version didn't know, its files never."""
    recorded = forget_digests(copy)
    assert edits_told(copy, capsys) == []
    assert json.loads((copy / "run.json").read_text())["recipe_files"] == recorded
    (copy / "recipe.toml").write_text("", encoding="utf-8")
    assert len(edits_told(copy, capsys)) == 1


def forget_digests(run: Path) -> dict[str, str]:
    """Has run.json say no more than that of zoo 0.1.0; returns what it said."""
    about = json.loads((run / "run.json").read_text())
    recorded: dict[str, str] = about.pop("recipe_files")
    (run / "run.json").write_text(json.dumps(about))
    return recorded


def edits_told(run: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in resumed(run, capsys) if "edited since the run began" in line]


def test_a_copy_that_is_no_recipe_any_more_is_told_too(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = json.loads((copy / "run.json").read_text())
    for recorded in (about.pop("recipe_files"), None):
        (copy / "resolved.toml").write_bytes(b"\xff = [")
        (copy / "run.json").write_text(json.dumps(about | {"recipe_files": recorded}))
        assert len(edits_told(copy, capsys)) == 1


def test_a_run_without_a_checkpoint_names_the_command_that_trains_it(copy: Path) -> None:
    shutil.rmtree(copy / "checkpoints")
    with pytest.raises(zoo.ZooError) as raised:
        zoo.open_run(copy)
    assert str(raised.value).endswith(f"Train it again: {retrain_command(copy, ())}")


def test_a_recipe_that_does_not_fit_here_tells_what_a_resumed_run_can_do(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a new run it says what to write, which a resumed one can't."""
    kept = (
        "But a resumed run keeps its recipe: go on with it on a machine, and with a number of "
        f"processes, that it fits, or train with a change from new weights: {retrain_command(copy)}"
    )
    here = ("--resume", str(copy))
    uneven = "3 processes can't share evenly: write a multiple of 96"
    assert f"{uneven}. {kept}\n" in error_of(capsys, "train", *here, "--nproc", "3")
    assert error_of(capsys, "train", "tiny.toml", "--nproc", "3").endswith(f"{uneven}\n")

    choose = runner.choose_device
    monkeypatch.setattr(runner, "choose_device", lambda _: choose("meta"))
    said = error_of(capsys, "train", *here)
    assert said.endswith(
        f'can\'t be used here (it holds no numbers); write "auto" or "cpu". {kept}\n'
    )


@pytest.mark.parametrize("name", ["runs/tiny-1", "tiny-1", "runs/tiny-1/checkpoints/step-00000030"])
def test_a_finished_run_where_a_recipe_belongs_is_not_to_be_gone_on_with(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path("runs/tiny-1")
    told = f"{run} is a finished run; to train it again, name its recipe, "
    assert f"{told}{run / 'resolved.toml'}\n" in error_of(capsys, "train", name)


def test_a_checkpoint_is_of_its_run(capsys: pytest.CaptureFixture[str]) -> None:
    said = error_of(capsys, "train", "--resume", "tiny-1/checkpoints/step-00000030", "--set", "a=b")
    assert said.endswith(f"zoo train {Path('runs/tiny-1/resolved.toml')} --set a=b\n")
