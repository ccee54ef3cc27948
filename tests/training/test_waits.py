"""How often a step waits for the device: once, however its batch is cut, and before the update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_runs import somewhere, tiny
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from zoo.data.prepare import prepare
from zoo.parallel.group import Group
from zoo.testing.accelerator import name_of, waits
from zoo.training import trainer as training
from zoo.training.feed import Feed
from zoo.training.trainer import Trainer

__all__ = ["somewhere"]  # fixtures


class Waits(TorchDispatchMode):
    """Counts what would wait for a device if the tensors were on one."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if waits(func, args, kwargs or {}):
            self.seen.append(name_of(func))
        return func(*args, **(kwargs or {}))


CPU = torch.device("cpu")


def trainer_of(*overrides: str) -> Trainer:
    recipe = tiny(*overrides)
    return Trainer(recipe, prepare(recipe), Group(), CPU, "float32")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Waits:
    waits, plain = Waits(), training.fetched

    def fetched(numbers: list[Tensor]) -> list[float]:
        waits.seen.append("fetched")
        return plain(numbers)

    monkeypatch.setattr(training, "fetched", fetched)
    return waits


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd", "sgd_decay"])
@pytest.mark.parametrize("micro_batch", [1, 4, 8])
def test_a_step_waits_once_however_many_micro_batches_it_has(
    micro_batch: int, optimizer: str, counted: Waits
) -> None:
    trainer = trainer_of(
        f"train.micro_batch={micro_batch}",
        "scheduler=none",
        f'optimizer={{name="{optimizer}", lr=1e-3}}',
    )
    for step in range(2):
        with counted:
            trainer.train_step()
        assert counted.seen == ["fetched"] * (step + 1)


@pytest.mark.parametrize("eval_tokens", [128, 1024])
def test_an_evaluation_waits_once_however_many_windows_it_has(
    eval_tokens: int, counted: Waits
) -> None:
    trainer = trainer_of(f"train.eval_tokens={eval_tokens}")
    with counted:
        trainer.evaluate()
    assert counted.seen == ["fetched"]


@torch.no_grad()
def test_decoding_asks_once_how_far_the_longest_row_has_come() -> None:
    model = trainer_of("model.position=learned").model
    padding = torch.tensor([4, 2, 3])
    state = model.new_state(3, padding=padding)
    ids = torch.zeros(3, 5, dtype=torch.int64)
    with Waits() as seen:
        model.decode(ids, state)
        for _ in range(3):
            model.decode(ids[:, :1], state)
    assert len(seen.seen) == 1
    assert state.longest == 8 - 2
    state.select(torch.tensor([2, 0]))
    assert state.longest == 8 - 3
    fresh = model.new_state(1, padding=torch.tensor([1]))
    state.replace(torch.tensor([0]), fresh)
    assert state.longest == 8 - 1


def test_the_counting_sees_what_waits() -> None:
    x = torch.arange(3.0)
    waiting: list[Callable[[], object]] = [
        lambda: x.sum().item(),
        lambda: bool(x[0]),
        lambda: x[x > 1],
        lambda: x.nonzero(),
        lambda: int(x.max()),
        lambda: x.to("cpu", copy=True),
    ]
    for nth, call in enumerate(waiting):
        with Waits() as seen:
            call()
        assert seen.seen, nth


def test_the_next_batch_is_on_its_way_before_the_step_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer, plain = trainer_of(), trainer_of()
    trainer.feed.ahead = True
    told: list[str] = []

    def telling(owner: Any, name: str, word: str) -> None:
        call = getattr(owner, name)

        def tell(*args: Any, **kwargs: Any) -> Any:
            told.append(word)
            return call(*args, **kwargs)

        monkeypatch.setattr(owner, name, tell)

    telling(trainer.feed, "_copied", "copy")
    telling(training, "fetched", "wait")
    telling(trainer.optimizers[0], "step", "update")
    ours = [trainer.train_step()[0] for _ in range(12)]
    monkeypatch.undo()
    assert told == ["copy", *11 * ["copy", "wait", "update"], "wait", "update"]
    assert ours == [plain.train_step()[0] for _ in range(12)]


def test_a_batch_that_was_prepared_serves_its_own_step_alone() -> None:
    trainer = trainer_of()
    trainer.feed.ahead = True
    trainer.feed.prepare(3)
    assert torch.equal(trainer.feed.batch(5), trainer_of().feed.batch(5))


def test_on_cuda_rows_come_from_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[Tensor] = []
    sent: list[tuple[Any, ...]] = []

    def pin_memory(self: Tensor) -> Tensor:
        pinned.append(self)
        return self

    def to(self: Tensor, device: torch.device, *, non_blocking: bool) -> Tensor:
        sent.append((self, device, non_blocking))
        return self

    cuda = torch.device("cuda", 0)
    feed = Feed(prepare(tiny()).train, trainer_of().plan, seed=0, rank=0, device=cuda)
    assert feed.ahead
    monkeypatch.setattr(Tensor, "pin_memory", pin_memory)
    monkeypatch.setattr(Tensor, "to", to)
    rows = feed.batch(0)
    assert [id(rows)] == [id(one) for one in pinned] == [id(one) for one, _, _ in sent]
    assert sent[0][1:] == (cuda, True)
