"""Ranks that were not started alike don't train together, and say what differs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import posix
from small_runs import somewhere

from zoo.training.alike import differences, digest_of

__all__ = ["somewhere"]  # a fixture

NORM = """\
import zoo
from zoo_builtin.norms import RMSNorm


class Mine(RMSNorm):
    pass


@zoo.hookimpl
def zoo_register(registry):
    registry.norm("mine", Mine)
"""


def test_every_difference_is_named_with_the_ranks_that_have_it() -> None:
    facts = [{"a": 1, "b": [2]}, {"a": 1, "b": [3]}, {"a": 1, "b": [2], "c": "x"}]
    assert differences(facts) == [
        "b is [2] on ranks 0, 2, [3] on rank 1",
        "c is not there on ranks 0, 1, x on rank 2",
    ]
    assert differences(facts[:1] * 3) == []


def test_a_digest_sees_every_bit_and_name_and_shape() -> None:
    zero, negative = torch.zeros(2, dtype=torch.bfloat16), -torch.zeros(2, dtype=torch.bfloat16)
    tensors = [
        {"w": zero},
        {"w": negative},
        {"v": zero},
        {"w": zero[None]},
        {"w": torch.zeros(2)},
        {"w": torch.tensor(0)},
    ]
    digests = [digest_of(each) for each in tensors]
    assert len(set(digests)) == len(digests)
    assert digest_of({"w": zero.clone()}) == digests[0]


def two(*ranks: tuple[str, ...]) -> list[tuple[int, str]]:
    """Trains in a process on each of two machines, and so in another folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    launch = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    processes = []
    for rank, args in enumerate(ranks):
        folder = Path(f"machine{rank}")
        folder.mkdir(exist_ok=True)
        here = {"RANK": str(rank), "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "zoo", "train", *args],
            cwd=folder,
            env={**os.environ, **launch, **here},
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
    said = [process.communicate(timeout=120)[1] for process in processes]
    return [(process.returncode, told) for process, told in zip(processes, said, strict=True)]


@posix
@pytest.mark.slow
def test_another_recipe_or_plug_in_on_one_rank_is_refused_on_all() -> None:
    for machine in ("machine0", "machine1"):
        Path(machine).mkdir()
        Path(machine, "mine.py").write_text(NORM)
    with Path("machine1/mine.py").open("a") as file:
        file.write("# a stale copy\n")
    args = ("../tiny.toml", "--plugin=mine.py", "--set=model.norm=mine", "--out=run")
    done = two(args, (*args, "--set=optimizer.lr=0.3", "--set=train.seed=2"))
    for returncode, told in done:
        assert returncode == 2, told
        assert "the ranks were not started alike: " in told
        assert "optimizer.lr is 0.003 on rank 0, 0.3 on rank 1" in told
        assert "train.seed is 1337 on rank 0, 2 on rank 1" in told
        assert "plug-in mine is sha256:" in told
        assert "model.d_model" not in told
        assert "Traceback" not in told
    assert not list(Path().glob("machine*/run"))


@posix
@pytest.mark.slow
def test_an_older_copy_of_the_run_on_one_rank_is_refused_on_all() -> None:
    args = ("../tiny.toml", "--set=train.keep=9", "--out=run")
    subprocess.run([sys.executable, "-m", "zoo", "train", *args], cwd=made("machine0"), check=True)
    shutil.copytree("machine0", "machine1")
    shutil.rmtree("machine1/run/checkpoints/step-00000012")
    before = sorted(Path("machine0").rglob("*"))
    for returncode, told in two(("--resume=run",), ("--resume=run",)):
        assert returncode == 2, told
        assert "checkpoint is step-00000012, " in told
        assert "on rank 0, step-00000008, " in told
    assert sorted(Path("machine0").rglob("*")) == before


def made(folder: str) -> Path:
    Path(folder).mkdir()
    return Path(folder)
