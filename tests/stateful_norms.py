"""Two norms that draw and that count: one remembers its count over a restart, one doesn't."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import zoo


class Remembering(nn.Module):
    """Weights times a number that grows with each call, with dropout."""

    persistent = True

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.register_buffer("seen", torch.zeros(()), persistent=self.persistent)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += 1
            x = nn.functional.dropout(x, 0.1)
        return self.weight * x * (1 + self.seen * 1e-3)


class Forgetting(Remembering):
    """The same, but what it has counted is in no checkpoint."""

    persistent = False


@zoo.hookimpl
def zoo_register(registry: zoo.Registrar) -> None:
    registry.norm("remembering", Remembering)
    registry.norm("forgetting", Forgetting)
