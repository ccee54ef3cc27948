"""Norms over the last dimension. (…, dim) -> (…, dim)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def widened(x: Tensor) -> Tensor:
    """``x`` in float32 at least: in narrower types a sum of squares overflows or loses digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class RMSNorm(nn.Module):
    """Divides by the root mean square: x / √(mean(x²) + eps) ⊙ weight.

    (…, dim) -> (…, dim), in the type of x; computed in float32. Zhang & Sennrich 2019,
    arXiv:1910.07467.
    """

    def __init__(self, dim: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = checked_eps(eps)
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        wide = widened(x)
        scale = (wide.square().mean(-1, keepdim=True) + self.eps).rsqrt()
        return (wide * scale * self.weight).to(x.dtype)


class LayerNorm(nn.Module):
    """Subtracts the mean and divides by the standard deviation.

    (x − mean(x)) / √(var(x) + eps) ⊙ weight + bias, with the variance of a population.
    (…, dim) -> (…, dim), in the type of x; computed in float32. Ba et al. 2016, arXiv:1607.06450.
    """

    def __init__(self, dim: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = checked_eps(eps)
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        wide = widened(x)
        centred = wide - wide.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + self.eps).rsqrt()
        return (centred * scale * self.weight + self.bias).to(x.dtype)


class NoNorm(nn.Module):
    """Leaves x as it is: what a norm does is seen by going without."""

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x


def checked_eps(eps: float) -> float:
    smallest = torch.finfo(torch.float32).tiny
    if not smallest <= eps < math.inf:
        raise ValueError(
            f"eps = {eps}: at least {smallest:.2g} is needed, the smallest normal float32, since a "
            "vector of zeros is divided by its root"
        )
    return eps


COMPONENTS = {"rmsnorm": RMSNorm, "layernorm": LayerNorm, "none": NoNorm}
