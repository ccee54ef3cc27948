"""Dynamic tanh (DyT), a norm without statistics, for zoo."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import zoo


class DyT(nn.Module):
    """weight ⊙ tanh(alpha · x) + bias. (…, dim) -> (…, dim). Zhu et al. 2025, arXiv:2503.10622.

    ``alpha`` is where the learned scale begins, one number for the whole layer.
    """

    def __init__(self, dim: int, *, alpha: float = 0.5) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), alpha))
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * torch.tanh(self.alpha * x) + self.bias


@zoo.hookimpl
def zoo_register(registry: zoo.Registrar) -> None:
    registry.norm("dyt", DyT)
