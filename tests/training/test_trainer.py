"""A step of training: what the model's parts return beside their output, and hear afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from minimal import MINIMAL, writer
from torch import Tensor, nn

import zoo
from zoo.data.prepare import prepare
from zoo.parallel.group import Group
from zoo.training.trainer import PHASES, Trainer

BATCH_TOKENS = 64
ROWS = 4
WIDTH = 32


class Counting(nn.Module):
    """A feed-forward part that counts its tokens and adds up what comes in."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.n_calls = 0
        self.heard: list[dict[str, Tensor]] = []

    def forward(self, x: Tensor) -> zoo.Out:
        self.n_calls += 1
        n_tokens = x.new_tensor(x.shape[0] * x.shape[1])
        return zoo.Out(self.inner(x), stats={"tokens": n_tokens, "sum": x.double().sum((0, 1))})

    def after_step(self, stats: dict[str, Tensor]) -> None:
        self.heard.append(stats)


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    corpus = '{ name = "stories", max_bytes = 20_000, valid_bytes = 5_000 }'
    return writer(tmp_path)(MINIMAL.replace('"stories"', corpus))


def counting(recipe: Path, micro_batch: int) -> tuple[Trainer, list[Counting]]:
    """A trainer whose feed-forward parts count."""
    made = zoo.load_recipe(recipe, [f"train.micro_batch={micro_batch}", "optimizer.lr=0.0"])
    trainer = Trainer(made, prepare(made), Group(), torch.device("cpu"), "float32")
    parts = []
    for block in trainer.model.blocks:
        block.feedforward = Counting(block.feedforward)
        parts.append(block.feedforward)
    return trainer, parts


@pytest.mark.parametrize("micro_batch", [1, 2, ROWS])
def test_statistics_are_summed_over_micro_steps_and_handed_back(
    somewhere: Path, micro_batch: int
) -> None:
    whole, expected = counting(somewhere, ROWS)
    trainer, parts = counting(somewhere, micro_batch)
    for nth in (1, 2):
        whole.train_step()
        trainer.train_step()
        for part, at_once in zip(parts, expected, strict=True):
            assert part.n_calls == nth * ROWS / micro_batch
            assert len(part.heard) == nth
            stats = part.heard[-1]
            assert stats["tokens"] == BATCH_TOKENS
            assert stats["sum"].shape == (WIDTH,)
            assert not stats["sum"].requires_grad
            torch.testing.assert_close(stats["sum"], at_once.heard[-1]["sum"], rtol=0, atol=1e-4)


def test_statistics_are_each_parts_own(somewhere: Path) -> None:
    trainer, parts = counting(somewhere, 2)
    trainer.train_step()
    first, second, *_ = (part.heard[0]["sum"] for part in parts)
    assert not torch.allclose(first, second)


def test_an_evaluation_hands_nothing_back(somewhere: Path) -> None:
    trainer, parts = counting(somewhere, 2)
    trainer.evaluate()
    assert all(part.n_calls > 0 and not part.heard for part in parts)


def test_training_and_validation_records_tell_the_same_loss(somewhere: Path) -> None:
    loss = 'model.loss={name="cross_entropy", z_loss=0.1}'
    plain, with_z = (
        Trainer(made, prepare(made), Group(), torch.device("cpu"), "float32").train_step()[0]
        for made in (zoo.load_recipe(somewhere, changes) for changes in ([], [loss]))
    )
    assert with_z["loss"] == pytest.approx(plain["loss"])
    assert plain["objective"] == plain["loss"]
    assert with_z["objective"] > with_z["loss"] + 0.1


@pytest.mark.parametrize("micro_batch", [2, ROWS])
def test_a_step_announces_its_phases_and_takes_the_same(somewhere: Path, micro_batch: int) -> None:
    recipe = zoo.load_recipe(somewhere, [f"train.micro_batch={micro_batch}"])
    heard, plain = (
        Trainer(recipe, prepare(recipe), Group(), torch.device("cpu"), "float32") for _ in range(2)
    )
    told: list[str] = []
    with heard.announcing(told.append):
        seen = heard.train_step()
        a_step, told[:] = list(told), []
        heard.evaluate()
        assert told == []
    accumulated = ["forward", "loss", "backward"] * (ROWS // micro_batch)
    assert a_step == ["data", *accumulated, "clip", "data", "other", "optimizer", "other"]
    assert {*a_step} == {*PHASES}
    assert seen == plain.train_step()
    heard.train_step()
    assert told == []
