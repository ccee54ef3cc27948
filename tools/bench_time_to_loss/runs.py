"""Whole runs of `zoo train`, with the time at which each evaluation was there."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch
from bench_tokenizer.measure import say

from zoo.compute.compiling import missing_compiler

SEPARATOR = "<|endoftext|>"
PROBE_STEPS = 60
SPARE = 0.97  # share of the budget to plan for: the machine may slow down


@dataclass(frozen=True)
class Point:
    """An evaluation: what it found and when.

    In seconds since the command was started, and in seconds of training steps alone.
    """

    seconds: float
    training_seconds: float
    step: int
    tokens: int
    loss: float
    bits_per_byte: float


@dataclass(frozen=True)
class Measured:
    """A whole run of ``zoo train`` as its user sees it."""

    seconds: float
    points: list[Point]
    tokens_per_s: float

    @property
    def best(self) -> Point:
        return min(self.points, key=lambda point: point.loss)

    def reaches(self, loss: float) -> Point | None:
        """The first evaluation that found this loss or less."""
        return next((point for point in self.points if point.loss <= loss), None)


def corpus(text: Path, share: float, folder: Path) -> str:
    """The setting that trains on a text but for its end: documents, or characters of a lone one."""
    whole = text.read_text(encoding="utf-8")
    documents = [document for document in whole.split(SEPARATOR) if document.strip()]
    if len(documents) > 1:
        kept = len(documents) - round(share * len(documents))
        parts = [SEPARATOR.join(part) for part in (documents[:kept], documents[kept:])]
    else:
        kept = len(whole) - round(share * len(whole))
        parts = [whole[:kept], whole[kept:]]
    files = [folder / "train.txt", folder / "valid.txt"]
    for file, part in zip(files, parts, strict=True):
        file.write_text(part, encoding="utf-8")
    train, valid = (json.dumps(str(file)) for file in files)
    return f'data.corpus={{name="text", files=[{train}], valid_files=[{valid}]}}'


def train(recipe: Path, settings: list[str], out: Path) -> Measured:
    """Runs the command, and notes when each evaluation is written."""
    command = [sys.executable, "-m", "zoo", "train", str(recipe), "--out", str(out)]
    command += [argument for setting in settings for argument in ("--set", setting)]
    start = time.perf_counter()
    records: list[dict[str, Any]] = []
    times: list[float] = []
    with TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=errors, env=environment()
        )
        try:
            running = True
            while running:
                time.sleep(0.05)
                running = process.poll() is None  # before the last look at its records
                for record in lines(out / "metrics.jsonl", len(records)):
                    records.append(record)
                    times.append(time.perf_counter() - start)
        finally:
            process.kill()
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            errors.seek(0)
            raise SystemExit(errors.read().decode(errors="replace"))
    points = [
        Point(
            at,
            record["seconds"],
            record["step"],
            record["tokens"],
            record["loss"],
            record["bits_per_byte"],
        )
        for at, record in zip(times, records, strict=True)
        if record["event"] == "valid"
    ]
    rates = [record["tokens_per_s"] for record in records if record["event"] == "train"]
    return Measured(seconds, points, statistics.median(rates))


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def lines(path: Path, seen: int) -> Iterator[dict[str, Any]]:
    """The whole records of a file that is being written, but for those already seen."""
    whole = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    for line in whole[seen:]:
        if line.endswith("\n"):
            yield json.loads(line)


def steps_within(seconds: float, recipe: Path, settings: list[str], folder: Path) -> int:
    """How many steps the command makes in this time, start and evaluations included.

    A run of a few steps tells; it evaluates as often as the long one, and is compiled, as the long
    one will be of its own accord. What is compiled for it is found on disk by the next.
    """
    probe = [*settings, f"train.steps={PROBE_STEPS}", "train.log_every=10", "scheduler=none"]
    probe += ["train.compile=true"] if missing_compiler(torch.device("cpu")) is None else []
    train(recipe, probe, folder / "compiling")
    measured = train(recipe, probe, folder / "probe")
    last = measured.points[-1]
    per_step = last.tokens / last.step / measured.tokens_per_s
    fixed = measured.seconds - PROBE_STEPS * per_step
    say(f"{recipe.name}: {1e3 * per_step:.0f} ms a step, {fixed:.1f} s for the rest")
    return max(1, int((SPARE * seconds - fixed) / per_step))
