"""`zoo bench` and `zoo plan`: what they tell, and that nothing stays behind."""

from __future__ import annotations

import json
import re
import signal
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import (  # noqa: F401  (fixtures)
    NORM_FILE,
    error_of,
    fresh_registry,
    inside,
    output_of,
    posix,
    started,
    trained,
)

import zoo
from zoo.api.make import count_parameters
from zoo.cli import main
from zoo.console.progress import track
from zoo.data.prepare import find_prepared
from zoo.overrides import uncompiled
from zoo_measure import bench, plan
from zoo_measure.bench import PHASES, Stopwatch, contender, tokens_to_time
from zoo_measure.part_timing import POSITION_METHODS, capture, place, time_parts

CPU = torch.device("cpu")
QUICK = ("--steps", "2")


def files() -> set[Path]:
    return set(Path().rglob("*"))


@pytest.fixture(name="trainer")
def a_trainer() -> Any:
    recipe = zoo.load_recipe("tiny.toml")
    with tokens_to_time(recipe) as data:
        yield contender(recipe, data, CPU, "float32").trainer


# ── bench ────────────────────────────────────────────────────────────────────────────────────────


def test_bench_tells_speed_and_where_the_time_goes(capsys: pytest.CaptureFixture[str]) -> None:
    before = files()
    told = json.loads(output_of(capsys, "bench", "tiny.toml", "--json", *QUICK))
    assert files() == before
    assert told["tokens_per_s"] == pytest.approx(256 / told["seconds_per_step"])
    assert told["flops_per_s"] == pytest.approx(told["flops"] * told["tokens_per_s"])
    assert 0 < told["share_of_product_rate"] < 1
    assert told["peak_memory"] > 1e7
    assert tuple(told["phase_seconds"]) == PHASES
    assert all(taken > 0 for taken in told["phase_seconds"].values())
    calls = {part["part"]: part["calls"] for part in told["parts"]}
    assert calls["attention_norm"] == calls["feedforward.activation"] == 2
    assert calls["attention.position.rotate"] == 4
    assert calls["loss"] == calls["embedding"] == 1


def test_bench_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    told = output_of(capsys, "bench", "tiny.toml", *QUICK)
    for word in ("tokens/s", "FLOP/s", "peak memory", *PHASES, "RMSNorm", "SwiGLU", "RoPE"):
        assert word in told
    lines = told.partition("parts of the model")[2].splitlines()
    indents = {line.split()[0]: len(line) - len(line.lstrip()) for line in lines if line.strip()}
    nested = ("block", "attention", "attention.position.rotate")
    assert [indents[part] - indents["norm"] for part in nested] == [0, 2, 4]


def test_bench_follows_accumulation(capsys: pytest.CaptureFixture[str]) -> None:
    args = ("bench", "tiny.toml", "--set", "train.micro_batch=2", "--json", *QUICK)
    told = json.loads(output_of(capsys, *args))
    assert (told["micro_batches"], told["micro_batch"]) == (4, 2)
    assert {part["part"]: part["calls"] for part in told["parts"]}["norm"] == 4


@pytest.mark.usefixtures("fresh_registry")
def test_bench_tells_what_a_plug_in_costs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(NORM_FILE, encoding="utf-8")
    plugin = ("--plugin", str(tmp_path / "mine.py"), "--set", "model.norm=mine")
    told = json.loads(output_of(capsys, "bench", "tiny.toml", "--json", *QUICK, *plugin))
    mine = [part for part in told["parts"] if part["type"] == "Mine"]
    assert [part["part"] for part in mine] == ["attention_norm", "feedforward_norm", "norm"]
    assert all(part["forward_seconds"] > 0 and part["backward_seconds"] > 0 for part in mine)


def test_parts_stand_below_what_they_are_called_within(trainer: Any) -> None:
    parts = capture(trainer)
    within: list[list[str]] = [[]]
    for part in parts:
        within = [*within[: part.depth + 1], [*within[part.depth], part.name]]
        for around in within[part.depth]:
            assert around == "block" or part.name.startswith(f"{around}.")
    depths = {part.name: part.depth for part in parts}
    assert {depths[name] for name in ("embedding", "block", "norm", "loss")} == {0}
    assert {depths[name] for name in ("attention_norm", "attention", "feedforward")} == {1}
    assert {depths[name] for name in ("attention.qkv", "attention.position.rotate")} == {2}


@pytest.mark.parametrize(
    ("position", "part"),
    [
        ("alibi", "attention.position.bias"),
        ("learned", "position"),
        ("rope", "attention.position.rotate"),
    ],
)
def test_positions_are_timed_by_what_they_do(position: str, part: str) -> None:
    recipe = zoo.load_recipe("tiny.toml", [f"model.position={position}"])
    with tokens_to_time(recipe) as data:
        trainer = contender(recipe, data, CPU, "float32").trainer
        parts = {p.name for p in capture(trainer)}
        assert parts & {*POSITION_METHODS.values()} == {part}
        assert type(trainer.model.positions[0]).__module__ == "zoo_builtin.positions"


def test_bench_compares(capsys: pytest.CaptureFixture[str]) -> None:
    args = ("bench", "tiny.toml", "--compare", "model.norm=layernorm", "--json", *QUICK)
    told = json.loads(output_of(capsys, *args))
    assert told["changes"] == ["model.norm=layernorm"]
    assert told["time_ratio"] > 0
    table = output_of(capsys, *args[:-3], *QUICK)
    assert "model.norm=layernorm" in table.splitlines()[0]
    assert error_of(capsys, "bench", "tiny.toml", "--compare", "model.norm=nrom")


def test_bench_takes_the_recipe_s_text_where_it_is_prepared(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = zoo.load_recipe("tiny.toml")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    assert find_prepared(recipe) is None
    with tokens_to_time(recipe) as data:
        assert data.label.startswith("random tokens")
        random = data.dir
    assert not random.exists()
    assert main(["data", "prepare", "tiny.toml"]) == 0
    with tokens_to_time(recipe) as data:
        assert data.dir.parent == tmp_path / "tokens"
        assert data.label == "stories"


def test_a_watched_step_is_a_plain_step(trainer: Any) -> None:
    recipe = zoo.load_recipe("tiny.toml")
    with tokens_to_time(recipe) as data:
        plain = contender(recipe, data, CPU, "float32").trainer
        for _ in range(2):
            watch = Stopwatch(CPU)
            with trainer.announcing(watch.begin):
                seen, _ = trainer.train_step()
                watch.begin("other")
            assert seen == plain.train_step()[0]
            assert watch.seconds["optimizer"] > 0
    assert type(trainer.model).forward is trainer.model.forward.__func__


def test_compiled_blocks_are_put_back(trainer: Any) -> None:
    def compiled() -> None:
        raise AssertionError

    for block in trainer.model.blocks:
        block._compiled_call_impl = compiled
    with uncompiled(trainer.model.modules()):
        capture(trainer)
    assert all(block._compiled_call_impl is compiled for block in trainer.model.blocks)


def test_parts_alike_are_one(trainer: Any) -> None:
    with track("timing", 1):
        parts = time_parts(trainer, lambda n: track("timing", n))
    assert len({part.name for part in parts}) == len(parts)
    assert all(part.forward > 0 and part.backward > 0 for part in parts)
    assert place("blocks.3") == "block"


def test_training_begins_before_evaluation_is_compiled(
    trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.training.trainer.compiling", lambda active: nullcontext())
    plain = trainer.evaluate()
    calls = []

    def counted(block: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(block)
            return block._call_impl(*args, **kwargs)

        return call

    for block in trainer.model.blocks:
        block._compiled_call_impl = counted(block)
    trainer.compiled = True
    assert trainer.evaluate() == plain
    assert not calls
    trainer.step = 1
    assert trainer.evaluate() == plain
    assert {*calls} == {*trainer.model.blocks}


@posix
def test_bench_can_be_interrupted() -> None:
    before = files()
    process = started("bench", "tiny.toml", "--steps", "100000")
    assert process.stderr is not None
    assert b"training on" in process.stderr.readline()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert files() == before


@pytest.mark.parametrize("slower", [1, 50])
def test_no_part_takes_more_than_the_step(
    slower: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they seem to, as on a machine that was busier then, that is told instead."""
    plain = bench.time_parts

    def busier(*given: Any) -> Any:
        parts = plain(*given)
        for part in parts:
            part.forward *= slower
        return parts

    monkeypatch.setattr(bench, "time_parts", busier)
    told = output_of(capsys, "bench", "tiny.toml", *QUICK)
    _, parts = told.split("parts of the model")
    shares = [float(share) for share in re.findall(r"([\d.]+) %", parts)]
    assert all(share <= 100 for share in shares)
    assert bool(shares) == ("the machine was busier" not in parts)
    if slower > 1:
        assert not shares
        assert re.search(r"took \d+\.\d\d times as long alone", parts)


def test_the_least_time_of_a_part_counts(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(10_000, 0, -1))
    monkeypatch.setattr("zoo_measure.part_timing.time_part", lambda *_: (next(times), next(times)))
    parts = time_parts(trainer, lambda n: track("timing", n))
    last = next(times) + 1
    assert parts[-1].backward == last
    assert parts[0].forward == last + 2 * len(parts) - 1


def test_no_share_of_the_fastest_product_is_above_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "product_rate", lambda *_: 1000.0)
    told = output_of(capsys, "bench", "tiny.toml", *QUICK)
    assert "more than the 1 kFLOP/s of the fastest square product here" in told


# ── plan ─────────────────────────────────────────────────────────────────────────────────────────


def test_plan_counts(capsys: pytest.CaptureFixture[str]) -> None:
    before = files()
    told = json.loads(output_of(capsys, "plan", "tiny.toml", "--json"))
    assert files() == before
    parameters = told["parameters"]
    recipe = zoo.load_recipe("tiny.toml")
    assert parameters["total"] == sum(parameters["parts"].values()) == count_parameters(recipe)
    assert parameters["non_embedding"] == parameters["total"] - 257 * 16
    assert told["tokens"] == told["steps"] * told["batch_tokens"] == 30 * 256
    assert told["seconds"] == pytest.approx(30 * told["seconds_per_step"])
    assert told["bytes"]["weights"] == 4 * parameters["total"]
    assert told["bytes"]["peak"] < told["bytes"]["process"]
    assert 0 < told["epochs"] < 10  # its tokens were prepared for the run


def test_plan_without_a_probe_trains_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "Trainer", None)
    told = json.loads(output_of(capsys, "plan", "tiny.toml", "--json", "--no-probe"))
    assert told["seconds"] is None
    table = output_of(capsys, "plan", "tiny.toml", "--no-probe")
    assert "optimizer state" in table
    assert "tokens/s" not in table


def test_plan_for_several_processes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "Trainer", None)  # one process would tell another time
    args = ("plan", "tiny.toml", "--json", "--no-probe")
    alone = json.loads(output_of(capsys, *args))
    args = ("plan", "tiny.toml", "--nproc", "4")
    told = json.loads(output_of(capsys, *args, "--json"))
    assert (told["processes"], told["micro_batch"], told["batch_tokens"]) == (4, 2, 256)
    assert told["seconds"] is None
    assert told["tokens"] == alone["tokens"]
    a_quarter = pytest.approx(alone["bytes"]["activations"] / 4, rel=0.1)
    assert told["bytes"]["activations"] == a_quarter
    assert told["bytes"]["weights"] == alone["bytes"]["weights"]
    table = output_of(capsys, *args)
    assert "2 rows of 32 at once in each of 4 processes" in table
    assert "all 4 of them" in table
    assert "3 processes can't share evenly" in error_of(capsys, *args[:-1], "3")
    needed = told["bytes"]["process"]
    monkeypatch.setattr(plan, "available", lambda device: 3 * needed)  # on a CPU they share it
    assert main(args) == 0
    assert "warning: training will need about" in capsys.readouterr().err


def test_plan_knows_no_vocabulary_before_the_tokenizer_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    args = ("plan", "tiny.toml", "--set", "tokenizer=char", "--no-probe")
    assert "counted with 256 ids" in output_of(capsys, *args)


@pytest.mark.parametrize("command", ["plan", "train"])
def test_a_run_that_does_not_fit_is_warned_of(
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(plan, "available", lambda device: 400_000_000)
    args = [command, "tiny.toml", "--set", "train.steps=3"]
    args += ["--out", str(tmp_path / "run")] if command == "train" else []
    assert main(args) == 0
    told = capsys.readouterr().err
    assert "warning: training will need about" in told
    assert "400 MB are free: try --set train.micro_batch=4, or" in told
    monkeypatch.setattr(plan, "available", lambda device: 4_000_000_000)
    monkeypatch.setattr(plan, "rehearse_without_values", None)  # not needed
    plan.warn_if_too_large(zoo.load_recipe("tiny.toml"))
    assert "training will need" not in capsys.readouterr().err
