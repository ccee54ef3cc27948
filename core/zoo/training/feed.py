"""How a step's batch is spread over processes and time, and how it comes to the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zoo.data.batches import batch
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.data.shards import Tokens

# Tokens that one process puts through the model at once, unless the recipe says otherwise.
MICRO_BATCH_TOKENS = 16_384


@dataclass(frozen=True)
class BatchPlan:
    """How the global batch, in rows of ``length`` tokens, is spread over processes and time."""

    length: int
    rows: int
    rows_per_rank: int
    micro_batch: int

    @property
    def tokens(self) -> int:
        return self.rows * self.length


def plan_batch(batch_tokens: int, length: int, world: int, micro_batch: int | None) -> BatchPlan:
    """Derives accumulation from the global batch.

    Raises:
        ZooError: a batch that doesn't divide evenly, with the numbers.
    """
    rows = batch_tokens // length
    if rows % world:
        raise ZooError(
            f"train.batch_tokens = {batch_tokens} makes {rows} rows of {length} tokens, which "
            f"{world} processes can't share evenly: write a multiple of {world * length}"
        )
    per_rank = rows // world
    if micro_batch is None:
        most = max(1, MICRO_BATCH_TOKENS // length)
        micro_batch = max(n for n in range(1, min(most, per_rank) + 1) if per_rank % n == 0)
    if per_rank % micro_batch:
        raise ZooError(
            f"train.micro_batch = {micro_batch} does not divide the {per_rank} rows of a process "
            f"({rows} rows over {world} processes)"
        )
    return BatchPlan(length, rows, per_rank, micro_batch)


class Feed:
    """One rank's share of each step's batch, on the device.

    Attributes:
        ahead: whether ``prepare`` copies the next batch while the device still computes. On CUDA
            it does, from pinned memory, so that neither the copy nor the reading waits.
    """

    def __init__(
        self, tokens: Tokens, plan: BatchPlan, *, seed: int, rank: int, device: torch.device
    ) -> None:
        self.tokens = tokens
        self.plan = plan
        self.seed = seed
        self.rank = rank
        self.device = device
        self.ahead = device.type == "cuda"
        self._prepared: tuple[int, Tensor] | None = None

    def batch(self, step: int) -> Tensor:
        """The step's rows: (rows_per_rank, length + 1) int64."""
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[0] == step:
            return prepared[1]
        return self._copied(step)

    def prepare(self, step: int) -> None:
        """Starts to copy this step's rows, where that goes on beside the device's work."""
        if self.ahead:
            self._prepared = step, self._copied(step)

    def _copied(self, step: int) -> Tensor:
        first = self.rank * self.plan.rows_per_rank
        rows = batch(
            self.tokens,
            seed=self.seed,
            step=step,
            n_rows=self.plan.rows,
            rows=range(first, first + self.plan.rows_per_rank),
            length=self.plan.length,
        )
        return on_device(rows, self.device)


def on_device(rows: np.ndarray, device: torch.device) -> Tensor:
    """A copy that the host does not wait for: on CUDA that takes pinned memory."""
    tensor = torch.from_numpy(rows)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
