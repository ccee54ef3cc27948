"""How a model is spread over processes: the interface that the trainer goes through."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

import pytest
import torch
import torch.distributed as dist
from small_runs import losses, somewhere, tiny
from torch import Tensor, nn

import zoo
from zoo.parallel.group import Group
from zoo.parallel.strategy import DDP, Single, strategy_for

__all__ = ["somewhere"]  # fixtures


@pytest.fixture
def group_of_one() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def gradients(strategy: Single, model: nn.Linear, micro_batches: Tensor) -> list[Tensor]:
    """The gradients after each micro-batch."""
    seen = []
    for nth, x in enumerate(micro_batches):
        with strategy.accumulating(last=nth == len(micro_batches) - 1):
            strategy.module(x).square().sum().backward()
        assert model.weight.grad is not None
        seen.append(model.weight.grad.clone())
    return seen


@pytest.mark.usefixtures("group_of_one")
def test_ddp_accumulates_as_single_and_synchronises_with_the_last_micro_batch() -> None:
    torch.manual_seed(0)
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    other.load_state_dict(one.state_dict())
    micro_batches = torch.randn(3, 4, 3)
    ddp = DDP(other, 1)
    reduced: list[int] = []

    def noting(state, bucket):  # type: ignore[no-untyped-def]  # torch compares annotations
        reduced.append(1)
        future: torch.futures.Future[Tensor] = torch.futures.Future()
        future.set_result(bucket.buffer())
        return future

    ddp.module.register_comm_hook(None, noting)
    seen, asked = gradients(ddp, other, micro_batches), gradients(Single(one), one, micro_batches)
    assert all(map(torch.equal, seen, asked))
    assert reduced == [1]
    assert torch.equal(ddp.clip(other.parameters(), 0.1), Single(one).clip(one.parameters(), 0.1))


@pytest.mark.usefixtures("group_of_one")
def test_the_number_of_processes_chooses() -> None:
    model = nn.Linear(3, 2)
    assert strategy_for(Group(), model).module is model
    several = strategy_for(Group(rank=0, world=3), model)
    assert isinstance(several, DDP)
    assert several.averaged_over == 3


class Sharded:
    """A strategy that scales weights while it holds them, in place of one that holds shards."""

    def __init__(self, model: nn.Module) -> None:
        self.module = model
        self.averaged_over = 4
        self.last: list[bool] = []
        self.gathers = 0

    def accumulating(self, *, last: bool) -> AbstractContextManager[None]:
        self.last.append(last)
        return Single(self.module).accumulating(last=last)

    def clip(self, params: Iterable[Tensor], max_norm: float) -> Tensor:
        params = list(params)
        for param in params:
            assert param.grad is not None
            param.grad /= self.averaged_over
        return Single(self.module).clip(params, max_norm)

    def gathered(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self.gathers += 1
        return dict(state)


def test_the_trainer_goes_through_the_interface_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = zoo.train(tiny())
    made: list[Sharded] = []

    def strategy(group: Group, model: nn.Module) -> Sharded:
        made.append(Sharded(model))
        return made[-1]

    monkeypatch.setattr("zoo.training.trainer.strategy_for", strategy)
    run = zoo.train(tiny())
    assert losses(run.dir) == losses(plain.dir)  # a multiple of 2 rounds nothing
    [one] = made
    assert one.last == 12 * [False, False, False, True]
    assert one.gathers == 2 * 3  # the model's state and the optimizer's, for each checkpoint
    assert all(math.isfinite(loss) for loss in losses(run.dir).values())
