"""A signal at any moment: the process ends soon, and no step that was completed is lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import RECIPE, posix, started
from small_runs import losses

from zoo.parallel.interrupts import Interrupts
from zoo.run_files import checkpoint

COUNT = int(os.environ.get("ZOO_TEST_SIGNALS", "3"))  # tools/check_reliability.py: 50
SECONDS = 10.0
CODES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
LONGEST = 8.0  # seconds in which to send it, from the start on

pytestmark = [posix, pytest.mark.slow]

BPE = ("--set", 'tokenizer={name="bpe", vocab_size=400}')
OFTEN = (
    "--set",
    "train.checkpoint_every=1",
    "--set",
    "train.steps=60",
    "--set",
    "train.log_every=1",
)


def train(*args: str, seconds: float = 200) -> None:
    process = started("train", *args)
    _, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err.decode()


@pytest.mark.parametrize("nproc", [1, 2])
def test_a_signal_at_any_moment(
    nproc: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Path("tiny.toml").write_text(RECIPE, encoding="utf-8")
    arguments = ("tiny.toml", *BPE, *OFTEN, f"--nproc={nproc}")
    train(*arguments, "--out=undisturbed")
    measured = Path(os.environ["ZOO_CACHE"]) / "products"
    rng = random.Random(nproc)
    for n in range(COUNT):
        run = Path(f"run-{n}")
        # Each with a cache of its own, so that the tokenizer is trained in it; but new runs that
        # measure how to multiply may find otherwise.
        cache = tmp_path / f"cache-{n}"
        shutil.copytree(measured, cache / "products")
        monkeypatch.setenv("ZOO_CACHE", str(cache))
        number = rng.choice([*CODES])
        moment = rng.uniform(0, LONGEST)
        process = started("train", *arguments, "--out", str(run), start_new_session=True)
        time.sleep(moment)
        begun = process.poll() is None
        asked = time.monotonic()
        # As Ctrl-C does, to all processes; a system's SIGTERM goes to the first alone.
        if begun and number == signal.SIGINT:
            os.killpg(process.pid, number)
        elif begun:
            process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - asked < SECONDS, (n, number, moment)
        # Ended by the signal itself while Python starts or ends; a shell says the same code.
        code = 128 - process.returncode if process.returncode < 0 else process.returncode
        assert code in (0, CODES[number]), (n, number, moment, err.decode())
        assert b"Traceback" not in err, (n, err.decode())
        done = losses(run)
        saved = checkpoint.newest(run / "checkpoints")
        if saved is not None:
            assert saved.step >= max(done, default=0), (n, number, moment)
            train("--resume", str(run), f"--nproc={nproc}")
            assert losses(run) == losses(Path("undisturbed")), (n, number, moment)
        else:
            assert not done, (n, number, moment)


@pytest.mark.parametrize("nproc", [1, 2])
def test_a_run_goes_on_when_nobody_reads_what_it_says(
    nproc: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(RECIPE, encoding="utf-8")
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "zoo", "train", "tiny.toml", f"--nproc={nproc}", "--out=run"]
    process = subprocess.Popen(command, stdout=writer, stderr=writer)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)  # as `| head -c 1` does
    assert process.wait(timeout=200) == 0
    assert json.loads(Path("run/summary.json").read_text())["state"] == "finished"


def test_nohup_keeps_a_hangup_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts, interrupts.deferred():
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupts.pending
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupts.pending == signal.SIGTERM
    finally:
        signal.signal(signal.SIGHUP, before)
