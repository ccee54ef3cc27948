"""The command line: its help, its mistakes, and how it ends."""

from __future__ import annotations

import errno
import glob
import os
import shlex
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from commands import error_of, inside, output_of, posix, started, trained  # noqa: F401  (fixtures)

import zoo
from zoo.api import train as api_train
from zoo.cli import check, main
from zoo.cli.commands import load_commands

# ── Help ──────────────────────────────────────────────────────────────────────────────────────────

SUBCOMMANDS = (
    ("tokenizer", "train"),
    ("tokenizer", "encode"),
    ("tokenizer", "decode"),
    ("tokenizer", "show"),
    ("tokenizer", "inspect"),
    ("tokenizer", "compare"),
    ("tokenizer", "export"),
    ("data", "prepare"),
    ("data", "inspect"),
    ("runs", "list"),
    ("runs", "show"),
    ("runs", "check"),
)


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in load_commands().modules), *SUBCOMMANDS], ids=" ".join
)
def test_help(
    command: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    snapshot: Any,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    assert capsys.readouterr().out == snapshot


@pytest.mark.parametrize("command", [[], ["tokenizer"], ["data"]])
def test_a_command_alone_prints_its_help(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    alone = output_of(capsys, *command)
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert alone == capsys.readouterr().out


def test_help_needs_no_heavy_package() -> None:
    code = (
        "import sys, zoo.cli\n"
        "try: zoo.cli.main(['--help'])\n"
        "finally: print(sorted({'torch', 'numpy', 'rich', 'zoo_builtin'} & {*sys.modules}))"
    )
    out, _ = started(code=code).communicate()
    assert out.decode().splitlines()[-1] == "[]"


def test_version_through_python_m() -> None:
    out, _ = started("--version").communicate()
    assert out.decode().split() == ["zoo", zoo.__version__]


def test_the_examples_of_check_are_right(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    for line in check.EXAMPLES.splitlines()[1:]:
        words = shlex.split(line.strip().removeprefix("zoo "))
        args = [name for word in words for name in sorted(glob.glob(word)) or [word]]
        assert ": ok, " in output_of(capsys, *args)


@posix
@pytest.mark.parametrize("args", ["list", "tokenizer decode 97 --tokenizer runs/tiny-1"])
def test_a_closed_output_is_met_quietly(args: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m zoo {args} >&-"
    done = subprocess.run(command, shell=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


# ── Mistakes ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("trian", "no command 'trian'; did you mean 'train'?"),
        ("train", "name either a recipe or, with --resume, a run"),
        ("train nowhere.toml", "nowhere.toml"),
        ("train tiny.toml --resume runs/tiny-1", "name either a recipe or"),
        (
            "train --resume runs/tiny-1 --set train.steps=9",
            "leave out --set. What it was trained on is trained with a change from new weights "
            "alone: zoo train runs/tiny-1/resolved.toml --set train.steps=9",
        ),
        ("train --resume tiny-1 --set a=b", ": zoo train runs/tiny-1/resolved.toml --set a=b"),
        ("train --resume nowhere --set a=b", "nowhere: no such run (in runs/: tiny-1)"),
        ("train --resume runs/tiny-1 --out b", "leave out --out, or copy the folder and resume"),
        ("train --resume nowhere", "nowhere: no such run (in runs/: tiny-1)"),
        ("train --resume stillborn", "no checkpoint there; was it stopped before its first one?"),
        ("train tiny.toml --out stillborn", "no checkpoint to go on from: choose another --out"),
        ("train tiny.toml --out tiny.toml", "tiny.toml: a file; a run needs a folder"),
        ("train tiny.toml --temperature 3", "no option --temperature (if it is none, write it"),
        ("train tiny.toml --nproc 0", "--nproc: 0 is less than 1"),
        ("train tiny.toml --out runs/tiny-1", "exists already; go on with `--resume runs/tiny-1`"),
        ("train tiny.toml --sett a=b", "--sett"),
        ("train tiny.toml --set train.device=cuda:99", "train.device: 'cuda:99' can't be used"),
        ("check", "RECIPE"),
        ("check tiny.toml --plugin nowhere.py", "--plugin: nowhere.py: no such file"),
        ("list nrom", "no kind 'nrom'; did you mean 'norm'?"),
        ("describe nrom", "no kind 'nrom'; did you mean 'norm'?"),
        ("describe none", "several kinds have a 'none': write `zoo describe norm none` or `zoo"),
        ("describe norm rmsnrom", "no norm named 'rmsnrom'; did you mean 'rmsnorm'?"),
        ("generate nowhere", "nowhere: no such run (in runs/: tiny-1)"),
        (
            "generate --top-q 1",
            "no option --top-q; did you mean --top-p?; see `zoo generate --help`",
        ),
        ("generate --max-new-tokens 0", "--max-new-tokens: 0 is less than 1"),
        ("generate --temperature hot", "--temperature: 'hot' is no finite number"),
        ("generate --prompt a --top-p 2", "p must be above 0 and at most 1"),
        ("generate --prompt a --device cuda:99", "device = 'cuda:99' can't be used here (t"),
        ("generate --prompt a --device meta", "can't be used here (it holds no numbers); write"),
        ("generate --prompt a --device gpu", 'here (there are "cpu", "cuda", "cuda:1", "mps")'),
        ("generate nowhere --device gpu", "device = 'gpu' can't be used here"),
        ("tokenizer encod", "encod"),
        ("tokenizer encode x", "--tokenizer"),
        ("tokenizer encode x --tokenizer nowhere", "nowhere: no such file or folder"),
        ("tokenizer encode x --tokenizer runs", "no tokenizer"),
        ("tokenizer encode x --tokenizer runs/tiny-1 --file tiny.toml", "not both"),
        ("tokenizer encode x --tokenizer runs/tiny-1 --out ids.txt", "must end in .npy"),
        ("tokenizer decode --tokenizer runs/tiny-1", "either ids or --file"),
        ("tokenizer decode 257 --tokenizer runs/tiny-1", "no token has the id 257"),
        ("tokenizer decode --file tiny.toml --tokenizer runs/tiny-1", "no .npy file of ids"),
        ("tokenizer train nowhere.txt --out new", "nowhere.txt: no such file or folder"),
        ("tokenizer train tiny.toml --out runs", "runs: exists already"),
        ("tokenizer train tiny.toml --vocab-size 3 --out new", "vocab_size = 3 is too small"),
        ("tokenizer train tiny.toml --name bep --out new", "did you mean 'bpe'?"),
    ],
)
def test_a_mistake_is_one_clear_line(
    args: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("stillborn/checkpoints").mkdir(parents=True, exist_ok=True)
    said = error_of(capsys, *args.split())
    assert expected in said.splitlines()[-1] or said.endswith("1 problem\n")
    assert expected in said
    assert "Traceback" not in said
    assert not Path("new").exists()


@pytest.mark.parametrize("prompt", ["Once upon a time", "Once\nupon " * 1000])
def test_a_prompt_where_the_run_belongs(prompt: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = error_of(capsys, "generate", prompt)
    assert "no such run; give a text to continue after --prompt" in said


def test_all_problems_of_a_recipe_one_a_line_then_their_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.toml").write_text(
        'extends = "tiny.toml"\nmodel.norm = "rmsnrom"\ntrain.stesp = 3\noptimizer.lr = "high"\n'
    )
    *problems, number = error_of(capsys, "check", "bad.toml").splitlines()
    assert [line.split(": ")[:2] for line in problems] == [
        ["bad.toml:2", "model.norm"],
        ["bad.toml:3", "train.stesp"],
        ["bad.toml:4", "optimizer.lr"],
    ]
    assert number == "bad.toml: 3 problems"
    assert error_of(capsys, "train", "bad.toml").splitlines()[1:] == [*problems, "3 problems"]


@pytest.mark.parametrize("named", [["runs/tiny-2/metrics.jsonl"], []])
def test_what_the_operating_system_refuses_is_one_line(
    named: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", *named)

    monkeypatch.setattr(api_train, "train", full)
    said = error_of(capsys, "train", "tiny.toml").splitlines()[-1]
    if named:
        assert said == "error: runs/tiny-2/metrics.jsonl: No space left on device"
    else:  # which disk it was isn't known
        assert said.startswith("error: No space left on device (")
        assert f"B free in {os.environ['ZOO_CACHE']}, " in said
        assert said.endswith(f"B free in {Path.cwd()})")


@pytest.mark.parametrize("name", ["", "a\nb", "a\udcff"])
def test_a_folder_s_name_can_be_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = error_of(capsys, "train", "tiny.toml", "--out", name)
    assert f"{name!a} is no name for a file or a folder" in said


def test_a_device_that_holds_no_numbers_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    said = error_of(capsys, "train", "tiny.toml", "--set", "train.device=meta")
    assert "train.device: 'meta' can't be used here (it holds no numbers)" in said


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_train, "train", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["train", "tiny.toml"])


def test_warnings_are_plain(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def warning(*_: Any, **__: Any) -> None:
        warnings.warn("the corpus is cut", stacklevel=1)
        raise zoo.ZooError("no more")

    monkeypatch.setattr(api_train, "train", warning)
    said = error_of(capsys, "train", "tiny.toml").splitlines()
    assert said[-2:] == ["warning: the corpus is cut", "error: no more"]


def test_another_process_than_the_first_speaks_only_if_that_has_not_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class EndedByTorchrun(BaseException):
        pass

    def waiting(seconds: float) -> None:
        assert not capsys.readouterr().err
        if ended:
            raise EndedByTorchrun

    monkeypatch.setattr("zoo.cli.time.sleep", waiting)
    for name, value in {
        "WORLD_SIZE": "2",
        "RANK": "1",
        "MASTER_ADDR": "h",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    wrong = ("train", "tiny.toml", "--set", "model.norm=nope")
    ended = False
    assert error_of(capsys, *wrong).startswith("on rank 1: --set model.norm=nope: ")
    ended = True
    with pytest.raises(EndedByTorchrun):
        main(wrong)
    assert not capsys.readouterr().err
