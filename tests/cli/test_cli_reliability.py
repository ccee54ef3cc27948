"""zoo runs, zoo doctor, zoo verify-resume, and two processes that want one run."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from commands import RECIPE, error_of, inside, output_of, posix, started, trained
from small_runs import losses

import zoo
from zoo.cli import main
from zoo.contracts.run_folder import LOCK
from zoo.errors import ZooError
from zoo.run_files import checkpoint
from zoo.run_files import listing as run_states
from zoo.run_files.places import refuse_used
from zoo.storage.lock import only_this
from zoo_measure.compare_runs import component_of, first_difference

__all__ = ["inside", "trained"]  # fixtures

# tools/check_reliability.py: 25 rounds of 8
ROUNDS = int(os.environ.get("ZOO_TEST_ROUNDS", "1"))
STARTERS = 4 if ROUNDS == 1 else 8


# ── zoo runs ──────────────────────────────────────────────────────────────────────────────────────


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    return {run["dir"]: run for run in json.loads(output_of(capsys, "runs", "list", "--json"))}


def test_runs_are_listed_with_their_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert output_of(capsys, "runs").startswith("no runs in runs/")
    Path("tiny.toml").write_text(RECIPE, encoding="utf-8")
    changes = ("--set", "train.steps=6", "--set", "train.checkpoint_every=3")
    assert main(["train", "tiny.toml", *changes]) == 0
    run = listed(capsys)["runs/tiny-1"]
    assert (run["state"], run["step"], run["total_steps"]) == ("finished", 6, 6)
    assert run["bytes"] > 10_000

    with only_this(Path("runs/tiny-1") / LOCK, "it"):
        run = listed(capsys)["runs/tiny-1"]
        assert run["state"] == "running"
        assert run["owner"].startswith(f"process {os.getpid()} on ")

    summary = Path("runs/tiny-1/summary.json")
    told = json.loads(summary.read_text())
    for state, shown in (("interrupted",) * 2, ("failed",) * 2, ("running", "finished")):
        summary.write_text(json.dumps({**told, "state": state, "reason": "why"}))
        assert listed(capsys)["runs/tiny-1"]["state"] == shown
    summary.write_text(json.dumps({**told, "state": "running", "total_steps": 9}))
    out = output_of(capsys, "runs")
    assert re.search(r"^tiny-1 +killed +6 +9 ", out, re.MULTILINE)
    assert "go on with tiny-1: zoo train --resume runs/tiny-1" in out


def test_one_strange_run_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(RECIPE, encoding="utf-8")
    for name in ("one", "two"):
        assert main(["train", "tiny.toml", "--set", "train.steps=2", "--out", f"runs/{name}"]) == 0
    with Path("runs/one/metrics.jsonl").open("a") as metrics:
        metrics.write("null\n[1]\n")
    Path("runs/one/summary.json").write_text("[]")
    assert {run["step"] for run in listed(capsys).values()} == {2}

    plain = run_states.state_of

    def state_of(run: Path) -> Any:
        if run.name == "one":
            raise PermissionError(errno.EACCES, "Permission denied", str(run))
        return plain(run)

    monkeypatch.setattr("zoo.run_files.listing.state_of", state_of)
    states = {name: run["state"] for name, run in listed(capsys).items()}
    assert states == {"runs/one": "unreadable", "runs/two": "finished"}
    assert "one: Permission denied" in output_of(capsys, "runs")
    assert "nowhere: no such folder" in error_of(capsys, "runs", "list", "nowhere")


GARBLED = {"parameters": "\x1b[2J", "corpus": "\x1b[2J", "plugins": [1], "notices": 1}


def test_one_run_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(RECIPE, encoding="utf-8")
    changes = ("--set", "train.steps=6", "--set", "train.checkpoint_every=3")
    assert main(["train", "tiny.toml", *changes]) == 0
    told = json.loads(output_of(capsys, "runs", "--json"))
    assert told == json.loads(output_of(capsys, "runs", "list", "--json"))
    assert told == json.loads(output_of(capsys, "runs", "--json", "list", "runs"))
    for args in (("tiny-1", "--json"), ("--json", "runs/tiny-1"), ("show", "tiny-1", "--json")):
        one = json.loads(output_of(capsys, "runs", *args))
        assert one.items() >= told[0].items()
        assert one["checkpoints"] == ["step-00000003", "step-00000006"]
        assert one["about"]["zoo"] == zoo.__version__
        assert one["summary"]["tokens"] == 6 * 256
    out = output_of(capsys, "runs", "tiny-1")
    assert re.search(r"^state +finished\nstep +6 of 6\ntokens +1,536$", out, re.MULTILINE)
    assert f"{told[0]['valid_loss']:.4f} nats per token, " in out
    assert f"note: {one['about']['notices'][0]}\n" in out
    assert "zoo generate runs/tiny-1" in out

    summary = Path("runs/tiny-1/summary.json")
    summary.write_text(json.dumps({"state": "failed", "reason": "why", "total_steps": 9}))
    Path("runs/tiny-1/run.json").write_text(json.dumps(GARBLED))
    out = output_of(capsys, "runs", "tiny-1")
    assert re.search(r"^step +6 of 9$", out, re.MULTILINE)
    assert "tiny-1: why" in out
    assert "go on with tiny-1: zoo train --resume runs/tiny-1" in out
    assert "\x1b" not in out
    assert "runs: no run; list its runs by `zoo runs list runs`" in error_of(capsys, "runs", "runs")
    assert "nothing: no such run (in runs/: tiny-1)" in error_of(capsys, "runs", "nothing")
    assert "no option --jsn; did you mean --json?" in error_of(capsys, "runs", "--jsn")


def test_every_checkpoint_of_a_run_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(RECIPE, encoding="utf-8")
    changes = ("--set", "train.steps=6", "--set", "train.checkpoint_every=3")
    assert main(["train", "tiny.toml", *changes]) == 0
    assert output_of(capsys, "runs", "check", "tiny-1").splitlines() == [
        "step-00000003: ok",
        "step-00000006: ok",
        "2 checkpoints whole, 0 damaged",
    ]
    damaged = Path("runs/tiny-1/checkpoints/step-00000003/optimizer.safetensors")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    assert main(["runs", "check", "tiny-1"]) == 1
    said = capsys.readouterr().out
    assert "optimizer.safetensors: damaged: its SHA-256 is" in said
    assert "1 checkpoint whole, 1 damaged" in said


# ── zoo doctor ────────────────────────────────────────────────────────────────────────────────────


def test_a_healthy_installation(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "doctor")
    for said in (f"{zoo.__version__}, ", "torch", "writes, syncs, locks", "all is well"):
        assert said in out


def test_what_is_wrong_is_marked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "zoo_measure.doctor.only_this", lambda *_: (_ for _ in ()).throw(OSError("no"))
    )
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^! +here", out, re.MULTILINE)
    assert "all is well" not in out


# ── zoo verify-resume ─────────────────────────────────────────────────────────────────────────────

NORMS = str(Path(__file__).parents[1].joinpath("stateful_norms.py"))


@posix
@pytest.mark.slow
@pytest.mark.parametrize("nproc", [1, 2])
def test_a_run_that_is_killed_comes_out_the_same(nproc: int) -> None:
    process = started(
        *("verify-resume", "tiny.toml", "--kills", "2", "--seed", "4", f"--nproc={nproc}"),
        *("--plugin", NORMS, "--set", "model.norm=remembering", "--set", "train.micro_batch=2"),
    )
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err.decode()
    assert b"killed 2 times" in out
    assert b"bit-identical" in out


@posix
@pytest.mark.slow
def test_a_component_that_forgets_is_told_by_name() -> None:
    process = started(
        *("verify-resume", "tiny.toml", "--kills", "2", "--seed", "4", "--keep", "kept"),
        *("--plugin", NORMS, "--set", "model.norm=forgetting"),
    )
    out, err = process.communicate(timeout=500)
    assert process.returncode == 1, err.decode()
    assert b"the runs differ\nfirst after step " in out
    assert {path.name for path in Path("kept").iterdir()} >= {"undisturbed", "killed"}


def test_the_first_tensor_that_differs_is_named(tmp_path: Path) -> None:
    recipe = zoo.load_recipe("tiny.toml", ["train.steps=2", "train.checkpoint_every=1"])
    one, other = tmp_path / "one", tmp_path / "other"
    zoo.train(recipe, out=one)
    zoo.train(recipe, out=other)
    assert first_difference(one, other, recipe) is None
    saved = checkpoint.open_checkpoint(checkpoint.step_dir(other / "checkpoints", 2))
    model = dict(saved.model)
    model["blocks.1.attention_norm.weight"] = model["blocks.1.attention_norm.weight"] + 1
    checkpoint.save(
        other / "checkpoints",
        model=model,
        optimizer=saved.optimizer,
        state=saved.state,
        tokenizer=zoo.open_run(one).tokenizer,
        recipe_toml=saved.recipe_toml,
    )
    found = str(first_difference(one, other, recipe))
    told = "after step 2, blocks.1.attention_norm.weight (norm = rmsnorm): "
    assert found.startswith(told)

    metrics = other / "metrics.jsonl"
    metrics.write_text(metrics.read_text().replace('"grad_norm": ', '"grad_norm": 1', 1))
    found = str(first_difference(one, other, recipe))
    assert found.startswith("after step 2, the grad_norm of train: ")
    assert f"\nand {told}" in found


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("blocks.0.attention.qkv.weight", "attention = full"),
        ("blocks.10.feedforward_norm.weight", "norm = rmsnorm"),
        ("position_0.table", "position = rope"),
        ("blocks.0.feedforward.gate_up.weight", "feedforward = mlp"),
        ("embedding.weight", "the decoder"),
    ],
)
def test_a_tensor_belongs_to_a_component(name: str, component: str) -> None:
    assert component_of(name, zoo.load_recipe("tiny.toml")) == component


# ── One writer ────────────────────────────────────────────────────────────────────────────────────


@posix
@pytest.mark.slow
def test_of_several_starters_on_one_run_exactly_one_wins(tmp_path: Path) -> None:
    changes = ("train.steps=1_000_000", "train.checkpoint_every=5", "train.compile=false")
    endless = [part for change in changes for part in ("--set", change)]
    for n in range(ROUNDS):
        out = tmp_path / f"run-{n}"
        checkpoints = out / "checkpoints"
        reached = 0
        for arguments in (("tiny.toml", "--out", str(out), *endless), ("--resume", str(out))):
            starters = [started("train", *arguments) for _ in range(STARTERS)]
            while len(going := [each for each in starters if each.poll() is None]) > 1:
                time.sleep(0.01)
            (winner,) = going
            for refused in starters:
                if refused is not winner:
                    _, err = refused.communicate()
                    assert refused.returncode == 2, (n, arguments, err)
                    assert re.search(rb"error: .*run-\d+(: exists already| is in use by pro)", err)
            while max(losses(out), default=0) <= reached or not checkpoint.all_in(checkpoints):
                assert winner.poll() is None, (n, arguments)
                time.sleep(0.01)
            winner.send_signal(signal.SIGTERM)
            _, err = winner.communicate()
            assert winner.returncode == 143, (n, arguments, err)
            assert not (out / LOCK).exists()
            reached = max(losses(out))
            assert checkpoint.open_checkpoint(checkpoint.all_in(checkpoints)[-1]).step == reached


@pytest.mark.slow
@posix
def test_a_killed_run_is_nobody_s_and_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    changes = ("--set", "train.steps=2000", "--set", "train.checkpoint_every=5")
    process = started("train", "tiny.toml", "--out", str(out), *changes)
    owned = b"is in use by process %d on " % process.pid
    while not (out / LOCK).exists() or not (out / LOCK).read_bytes():
        assert process.poll() is None
        time.sleep(0.01)
    with pytest.raises(ZooError, match=owned.decode()):  # before its first checkpoint, too
        refuse_used(out)
    while not checkpoint.all_in(out / "checkpoints"):
        assert process.poll() is None
        time.sleep(0.01)
    refused = subprocess.run(
        [sys.executable, "-m", "zoo", "train", "--resume", str(out)], capture_output=True
    )
    assert refused.returncode == 2
    assert owned in refused.stderr
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (lines,) = [json.loads(output) for output in [_runs(out.parent)]]
    assert lines[0]["state"] == "killed"
    with only_this(out / LOCK, "it"):
        pass


def _runs(folder: Path) -> str:
    command = [sys.executable, "-m", "zoo", "runs", "list", str(folder), "--json"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
