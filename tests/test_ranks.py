"""Several processes: one that fails stops all or starts all again, and their number may change."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from commands import RECIPE, posix, started
from small_runs import losses

from zoo import checkpoint
from zoo.watchdog import HUNG

pytestmark = [posix, pytest.mark.slow]

PLUGIN = """\
import os, signal, time, torch, zoo, zoo.cli, zoo.watchdog
from torch import nn

zoo.watchdog.LEAST_SECONDS = 8.0
zoo.cli.PATIENCE = 3.0
first = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
done = []
if not first and os.environ["RANK"] == "0":
    time.sleep(1)  # the others find only what the first attempt has left behind


class Breaks(nn.Module):
    \"\"\"A norm that does WHAT at step AT, counted from 1, on one rank, in the first attempt.\"\"\"

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        if self.training:
            self.calls += 1
            here = os.environ.get("RANK", "0") == "1"
            if here and first and not done and int(self.calls) == int(os.environ.get("AT", "-1")):
                done.append(True)
                what = os.environ["WHAT"]
                if what == "loss":
                    x = x * float("nan")
                elif what == "weight":
                    self.weight.data[0] = float("inf")
                elif what == "raise":
                    raise OSError("broken on purpose")
                elif what == "refuse":
                    raise zoo.ZooError("not with this disk")
                elif what == "hang":
                    time.sleep(1000)
                else:
                    os.kill(os.getpid(), getattr(signal, what))
        return self.weight * x


class Stop:
    \"\"\"Asks its process to stop after the step that STOP names.\"\"\"

    def __init__(self, run):
        pass

    def step_ended(self, record):
        if record["step"] == int(os.environ.get("STOP", "-1")):
            os.kill(os.getpid(), signal.SIGTERM)


@zoo.hookimpl
def zoo_register(registry):
    registry.norm("breaks", Breaks)
    registry.observer("stop", Stop)
"""

SETTINGS = (
    "--plugin=plugin.py",
    "--set=model.norm=breaks",
    "--set=model.n_layers=1",
    "--set=train.steps=12",
    "--set=train.log_every=1",
    "--set=train.checkpoint_every=2",
    '--set=train.observers=["jsonl", "stop"]',
)


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    yield
    for pid in processes_here():  # of a test that failed
        os.kill(pid, signal.SIGKILL)


def write_inputs(folder: Path) -> None:
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")


def command(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def zoo_train(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return command("-m", "zoo", "train", *args, **environment)


def torchrun(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return command(
        *("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--max-restarts=1"),
        *("-m", "zoo", "train", "tiny.toml", *SETTINGS, *args),
        **environment,
    )


def digest(run: str | Path) -> str:
    """Of the final weights."""
    newest = checkpoint.newest(Path(run) / "checkpoints")
    assert newest is not None
    assert newest.step == 12
    return checkpoint.sha256(newest.folder / "model.safetensors")


def processes_here() -> dict[int, str]:
    """The processes that work in this folder, with their command lines."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):  # on Linux
        with suppress(OSError):
            if os.readlink(path / "cwd") == os.getcwd() and path.name != str(os.getpid()):
                found[int(path.name)] = (
                    (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                )
    return found


def no_orphans() -> None:
    give_up = time.monotonic() + 10
    while left := processes_here():
        assert time.monotonic() < give_up, left
        time.sleep(0.1)


@pytest.mark.parametrize("what", ["loss", "weight"])
def test_what_is_not_finite_on_one_rank_stops_all_before_the_update(what: str) -> None:
    done = zoo_train("tiny.toml", *SETTINGS, "--nproc=2", "--out=run", AT="5", WHAT=what)
    assert done.returncode == 2, done.stderr
    assert "step 5 (rows 32 to 39" in done.stderr
    assert "stopped before the update" in done.stderr
    named = re.search(r", and (\S+) not finite", done.stderr)
    assert (named and named[1]) == ("blocks.0.attention_norm.weight" if what == "weight" else None)
    newest = checkpoint.newest(Path("run/checkpoints"))
    assert newest is not None
    assert newest.step == 4
    no_orphans()


WAITING = """
if os.environ.get("RANK") == "0":
    open("waits", "w").close()
elif "RANK" in os.environ:
    time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_waits_for_the_others_ends_at_once_too(number: int) -> None:
    Path("plugin.py").write_text(PLUGIN + WAITING)
    process = started("train", "tiny.toml", *SETTINGS, "--nproc=2", start_new_session=True)
    while not Path("waits").exists():
        time.sleep(0.1)
    time.sleep(3)  # it has come to where all meet
    asked = time.monotonic()
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - asked < 10
    assert process.returncode == 128 + number, err.decode()
    assert b"Traceback" not in err, err.decode()
    no_orphans()


GOODBYE = """
import atexit, sys


class Last:
    def __del__(self, write=os.write):
        write(1, b"taken apart, ")


sys.last_of_all = Last()
atexit.register(os.write, 1, b"goodbye, ")
"""


def test_processes_of_a_group_end_before_python_takes_itself_apart(tmp_path: Path) -> None:
    Path("plugin.py").write_text(PLUGIN + GOODBYE)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = zoo_train("tiny.toml", *SETTINGS, "--nproc=2", TMPDIR=str(temporary))
    assert [path.name for path in temporary.iterdir() if "torchelastic" in path.name] == []
    assert list(temporary.glob("zoo-*")) == []
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("goodbye") == 3
    assert done.stdout.count("taken apart") == 1  # the one that started the two


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run of two processes to which nothing happened."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_inputs(folder)
        done = zoo_train("tiny.toml", *SETTINGS, "--nproc=2", "--out=run")
    assert done.returncode == 0, done.stderr
    return str(folder / "run")


@pytest.mark.parametrize("what", ["SIGKILL", "raise", "hang", "SIGSTOP"])
def test_a_rank_that_fails_is_started_again_with_the_same_result(
    what: str, undisturbed: str
) -> None:
    start = time.monotonic()
    done = torchrun("--out=run", AT="8", WHAT=what)
    assert time.monotonic() - start < 60
    assert done.returncode == 0, done.stderr
    assert losses("run") == losses(undisturbed)
    assert digest("run") == digest(undisturbed)
    no_orphans()


def test_what_fails_before_the_first_checkpoint_begins_again_in_its_folder() -> None:
    done = torchrun(AT="2", WHAT="raise")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in Path("runs").iterdir()] == ["tiny-1"]
    assert sorted(losses("runs/tiny-1")) == list(range(1, 13))


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("SIGKILL", 128 + signal.SIGKILL, "another process of this run has ended"),
        ("raise", 1, "broken on purpose"),
        ("refuse", 2, "on rank 1: error: not with this disk"),
        ("SIGSTOP", HUNG, "rank 0: no step after 7; a process of this run has died or hangs"),
    ],
)
def test_a_rank_that_fails_without_restarts_ends_all(what: str, code: int, said: str) -> None:
    start = time.monotonic()
    done = zoo_train("tiny.toml", *SETTINGS, "--nproc=2", "--out=run", AT="8", WHAT=what)
    assert time.monotonic() - start < 60
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    newest = checkpoint.newest(Path("run/checkpoints"))
    assert newest is not None
    assert newest.step == 6
    no_orphans()


def test_the_number_of_processes_may_change_and_losses_stay(tmp_path: Path) -> None:
    whole = zoo_train("tiny.toml", *SETTINGS, "--out=whole")
    assert whole.returncode == 0, whole.stderr
    first = zoo_train("tiny.toml", *SETTINGS, "--out=run", STOP="4")
    assert first.returncode == 128 + signal.SIGTERM, first.stderr
    resumed = ("--resume=run", "--plugin=plugin.py")
    second = zoo_train(*resumed, "--nproc=2", STOP="8")
    assert second.returncode == 128 + signal.SIGTERM, second.stderr
    assert "run was trained with processes 1, now 2: losses will agree within r" in second.stderr
    third = zoo_train(*resumed)
    assert third.returncode == 0, third.stderr
    assert losses("run") == pytest.approx(losses("whole"), abs=1e-5)


def test_machines_need_not_share_the_folder_of_runs() -> None:
    """A process a machine, each in a folder of its own, with the cache folder alone in common."""
    machines = [Path("first"), Path("second")]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = []
    for number, folder in enumerate(machines):
        folder.mkdir()
        write_inputs(folder)
        group = {"RANK": str(number), "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
        environment = {**os.environ, **group, **place}
        given = ("train", "tiny.toml", *SETTINGS, "--out=run")
        processes.append(started(*given, cwd=folder, env=environment))
    Path("second/run").mkdir()
    Path("second/run/notes.txt").write_text("of another run")  # which is not to be written to
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert digest("first/run")
    assert [path.name for path in Path("second/run").iterdir()] == ["notes.txt"]
    assert said[1] == (b"", b"")
