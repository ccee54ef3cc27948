"""The environment of a launch: what is made of it, and what is refused."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import NORM_FILE, RECIPE, fresh_registry  # noqa: F401  (a fixture)

import zoo
from zoo import ZooError
from zoo.api import train as api_train
from zoo.cli import main
from zoo.parallel import group as distributed
from zoo.parallel import launcher

NAMES = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(autouse=True)
def _no_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    for pair in environment.split():
        monkeypatch.setenv(*pair.split("="))


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ("WORLD_SIZE=", "WORLD_SIZE=''.* at least 1 is expected"),
        ("WORLD_SIZE=auto", "WORLD_SIZE='auto'"),
        ("WORLD_SIZE=0", "WORLD_SIZE='0'"),
        ("WORLD_SIZE=2 RANK=-1", "RANK='-1'.* at least 0 is expected"),
        ("RANK=x", "RANK='x'"),
        ("WORLD_SIZE=2", "WORLD_SIZE=2 in the environment, but no RANK, MASTER_ADDR, MASTER_PORT"),
        ("WORLD_SIZE=2 RANK=2 MASTER_ADDR=h MASTER_PORT=1", "RANK=2 .* of 2 processes"),
    ],
)
def test_what_describes_no_launch_is_refused(
    environment: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given(monkeypatch, environment)
    with pytest.raises(ZooError, match=told):
        launcher.check_environment()
    assert main(["list"]) == 2
    assert "torchrun or --nproc" in capsys.readouterr().err


@pytest.mark.parametrize("environment", ["", "WORLD_SIZE=1 RANK=0", "RANK=1", "LOCAL_RANK=3"])
def test_one_process_is_the_first_whatever_is_left_in_the_environment(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, environment)
    launcher.check_environment()
    assert (launcher.launched(), launcher.world_size(), launcher.rank()) == (False, 1, 0)


def test_who_waits_says_for_whom_and_gives_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given(monkeypatch, f"WORLD_SIZE=2 RANK=0 MASTER_ADDR=127.0.0.1 MASTER_PORT={port}")
    monkeypatch.setattr(distributed, "JOINING", timedelta(seconds=1))
    monkeypatch.setattr(distributed, "FIRST_TOLD", 0.1)
    place = f"rank 0 of 2 waits for the others at 127.0.0.1:{port}"
    with (
        pytest.raises(ZooError, match=f"{place}, and they did not come"),
        distributed.process_group(torch.device("cpu")),
    ):
        pass
    assert place in capsys.readouterr().err


@pytest.mark.usefixtures("fresh_registry")
@pytest.mark.parametrize("launch", [launcher.NPROC, "torchrun-s"])
def test_nproc_s_processes_do_not_repeat_what_it_said(
    launch: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(RECIPE, encoding="utf-8")
    Path("old.py").write_text(f"import warnings\n{NORM_FILE}\nwarnings.warn('old')\n")
    args = ("train", "tiny.toml", "--plugin", "old.py", "--nproc", "2")
    monkeypatch.setattr(distributed, "launch", lambda *_: 9)
    assert main(args) == 9
    said = "checking tiny.toml\nwarning: old\n"
    assert capsys.readouterr().err == said

    def trained(*_: Any, **__: Any) -> None:
        raise ZooError("trained")

    zoo.registry.cache_clear()
    monkeypatch.setattr(api_train, "train", trained)
    given(monkeypatch, f"TORCHELASTIC_RUN_ID={launch}")
    assert main(args if launch == launcher.NPROC else args[:-2]) == 2
    told = capsys.readouterr().err
    assert told.startswith("tiny: " if launch == launcher.NPROC else said)
    assert told.endswith("error: trained\n")


@pytest.mark.usefixtures("fresh_registry")
def test_nproc_that_contradicts_torchrun_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(RECIPE, encoding="utf-8")
    given(monkeypatch, "TORCHELASTIC_RUN_ID=a WORLD_SIZE=4 RANK=0 MASTER_ADDR=h MASTER_PORT=1")
    assert main(("train", "tiny.toml", "--nproc", "2")) == 2
    assert "--nproc 2, but torchrun started this process as one of 4" in capsys.readouterr().err
