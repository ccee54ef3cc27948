"""Runs of seconds in a folder of their own, and what they left behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import zoo
from zoo.parallel.interrupts import Interrupted
from zoo.training.trainer import Trainer

RECIPE = """\
zoo = 1
data.corpus = { name = "stories", max_bytes = 60_000, valid_bytes = 15_000 }
tokenizer = { name = "byte" }
optimizer = { name = "adamw", lr = 3e-3 }
scheduler = { name = "cosine", warmup = 2 }

[model]
d_model = 16
n_layers = 2
n_heads = 2
max_seq_len = 32

[train]
steps = 12
batch_tokens = 256
micro_batch = 2
eval_every = 4
eval_tokens = 512
checkpoint_every = 4
log_every = 1
precision = "float32"
device = "cpu"
observers = ["jsonl"]
"""


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(RECIPE)


def tiny(*overrides: str) -> zoo.Recipe:
    return zoo.load_recipe("tiny.toml", overrides)


def losses(run: Path | str, event: str = "train") -> dict[int, float]:
    """The loss after each step in metrics.jsonl, where no step may stand twice."""
    path = Path(run, "metrics.jsonl")
    records = [json.loads(line) for line in path.open()] if path.exists() else []
    steps = [r["step"] for r in records if r["event"] == event]
    assert steps == sorted(set(steps)), "a step stands twice"
    return {r["step"]: r["loss"] for r in records if r["event"] == event}


def weights(run: Path | str) -> dict[str, torch.Tensor]:
    return zoo.open_run(run).checkpoint.model


def interrupt(train: Callable[[], object], step: int) -> Path:
    """Sends SIGTERM in the middle of a step and returns the folder of the run, which was saved."""
    plain = Trainer.train_step

    def train_step(self: Trainer, stopping: bool = False) -> tuple[dict[str, float], bool]:
        if self.step == step:
            signal.raise_signal(signal.SIGTERM)
        return plain(self, stopping)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", train_step)
        with pytest.raises(Interrupted, match=r"zoo train --resume") as stopped:
            train()
    assert stopped.value.exit_code == 143
    return max(Path("runs").iterdir(), key=lambda run: run.stat().st_mtime_ns)
