"""A launch that torchrun starts again goes on with its own run, and with no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist
from commands import posix
from small_runs import losses, somewhere, tiny

import zoo
from zoo.errors import ZooError
from zoo.parallel import group as distributed
from zoo.run_files import checkpoint
from zoo.training.trainer import Trainer

__all__ = ["somewhere"]  # a fixture


def test_a_launch_has_one_name_which_no_other_launch_has() -> None:
    first, second = (
        dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False) for _ in range(2)
    )
    again = dist.TCPStore("127.0.0.1", first.port)
    name = distributed.launch_in(first)
    assert distributed.launch_in(again) == distributed.launch_in(first) == name
    assert distributed.launch_in(second) != name


def test_an_environment_without_its_launcher_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "STORE_ANSWERS", distributed.timedelta(seconds=0.1))
    store = {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_MAX_RESTARTS": "1"}
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "RANK": "0", "WORLD_SIZE": "1"}
    for name, value in {**store, **place}.items():
        monkeypatch.setenv(name, value)
    assert distributed.launch_of_one() is None


def attempt(
    launch: str, *overrides: str, out: str | None = None, fails: int | None = None
) -> zoo.Run:
    """What one attempt of a launch trains; it may fail in a step."""
    plain = Trainer.train_step

    def train_step(self: Trainer, stopping: bool = False) -> tuple[dict[str, float], bool]:
        if self.step == fails:
            raise RuntimeError("broken on purpose")
        return plain(self, stopping)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "launch_of_one", lambda: launch)
        patch.setattr(Trainer, "train_step", train_step)
        return zoo.train(tiny(*overrides), out=out)


@pytest.mark.parametrize("out", [None, "mine"])
@pytest.mark.parametrize("fails", [1, 6])
def test_each_attempt_goes_on_with_what_its_own_launch_began(fails: int, out: str | None) -> None:
    undisturbed = attempt("other", "train.seed=1")
    with pytest.raises(RuntimeError, match="on purpose"):
        attempt("this", out=out, fails=fails)
    run = attempt("this", out=out)
    assert run.dir == Path(out or "runs/tiny-2")
    assert json.loads((run.dir / "run.json").read_text())["launch"] == "this"
    assert losses(run.dir) == losses(zoo.train(tiny()).dir)
    assert zoo.open_run(undisturbed.dir).recipe.train.seed == 1


@pytest.mark.parametrize("launch", ["another", None])
def test_another_launch_takes_over_nothing(launch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    with pytest.raises(RuntimeError, match="on purpose"):
        attempt("this", fails=6)
    run = attempt(launch)
    assert run.dir == Path("runs/tiny-2")
    assert checkpoint.all_in(Path("runs/tiny-1/checkpoints"))[-1].name == "step-00000004"
    with pytest.raises(ZooError, match="exists already; go on with"):
        attempt(launch, out="runs/tiny-1")


ONCE = """\
import os, signal, zoo


class Once:
    def __init__(self, run):
        pass

    def step_ended(self, record):
        if record["step"] == 6 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
            os.kill(os.getpid(), signal.SIGKILL)


@zoo.hookimpl
def zoo_register(registry):
    registry.observer("once", Once)
"""


@posix
@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_torchrun_keeps_the_name_over_a_restart(processes: int) -> None:
    zoo.train(tiny())  # a finished run, which is another launch's
    Path("once.py").write_text(ONCE)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={processes}"),
            *("--rdzv_backend=c10d", "--rdzv_endpoint=localhost:0", "--max-restarts=1"),
            *("-m", "zoo", "train", "tiny.toml", "--plugin=once.py"),
            '--set=train.observers=["jsonl", "once"]',
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in Path("runs").iterdir()) == ["tiny-1", "tiny-2"]
    assert losses("runs/tiny-2") == pytest.approx(losses("runs/tiny-1"), abs=1e-5)
