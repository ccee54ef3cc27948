"""How one model is spread over the processes that train it: ``single`` and ``ddp``.

The trainer knows the interface alone, so that one whose processes each hold a shard of the weights
can stand beside these two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from zoo.parallel.clip import clip_grad_norm_
from zoo.parallel.group import Group


class Strategy(Protocol):
    """Wraps a model, synchronises and clips its gradients, and gathers its state.

    Attributes:
        module: the model as a training forward calls it.
        averaged_over: by which number a synchronised gradient, a sum over the processes, is
            divided.
    """

    module: nn.Module
    averaged_over: int

    def accumulating(self, *, last: bool) -> AbstractContextManager[None]:
        """Entered around each micro-batch: gradients are synchronised with the last one alone."""
        ...

    def clip(self, params: Iterable[Tensor], max_norm: float) -> Tensor:
        """As ``clip_grad_norm_``, by the norm over the gradients of the whole model.

        Every process must call it.
        """
        ...

    def gathered(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The whole tensors, by name, of which this process's model or optimizer may hold a shard.

        Every process must call it. Tensors that are whole here are returned as they are, uncopied.
        """
        ...


class Single:
    """One process, which holds everything."""

    averaged_over = 1

    def __init__(self, model: nn.Module) -> None:
        self.module = model

    def accumulating(self, *, last: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def clip(self, params: Iterable[Tensor], max_norm: float) -> Tensor:
        return clip_grad_norm_(params, max_norm)

    def gathered(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return dict(state)


class DDP(Single):
    """Every process holds the whole model; gradients are all-reduced while backward runs."""

    module: DistributedDataParallel

    def __init__(self, model: nn.Module, world: int) -> None:
        super().__init__(DistributedDataParallel(model, gradient_as_bucket_view=True))
        self.averaged_over = world

    def accumulating(self, *, last: bool) -> AbstractContextManager[None]:
        return nullcontext() if last else self.module.no_sync()


def strategy_for(group: Group, model: nn.Module) -> Strategy:
    """``single`` in a process alone, else ``ddp``; the model is on its device by then."""
    return DDP(model, group.world) if group.world > 1 else Single(model)
