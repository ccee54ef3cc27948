"""Activations: the non-linearity of a feed-forward part.

``fan_in`` says how many blocks of width h they take, side by side: (…, fan_in · h) -> (…, h). In a
gated one (Shazeer 2020, arXiv:2002.05202) the first block, bent, multiplies the second.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn


def silu(x: Tensor) -> Tensor:
    """x · σ(x), elementwise."""
    return x * torch.sigmoid(x)


def gelu(x: Tensor) -> Tensor:
    """x · Φ(x), elementwise, where Φ is the standard normal's cumulative distribution."""
    return x * (0.5 * (1 + torch.erf(x * math.sqrt(0.5))))


def gelu_tanh(x: Tensor) -> Tensor:
    """½ x (1 + tanh(√(2/π) (x + 0.044715 x³))): within 0.001 of ``gelu``, what GPT-2 uses."""
    return x * (0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


def relu(x: Tensor) -> Tensor:
    """max(x, 0), elementwise, with gradient 0 at 0."""
    return torch.where(x > 0, x, 0)


class SiLU(nn.Module):
    """x · σ(x). (…, h) -> (…, h). Elfwing et al. 2017, arXiv:1702.03118."""

    fan_in = 1

    def forward(self, x: Tensor) -> Tensor:
        return silu(x)


class GELU(nn.Module):
    """x · Φ(x), or its approximation by tanh. (…, h) -> (…, h).

    Hendrycks & Gimpel 2016, arXiv:1606.08415.
    """

    fan_in = 1

    def __init__(self, *, form: Literal["exact", "tanh"] = "exact") -> None:
        super().__init__()
        self.form = form

    def forward(self, x: Tensor) -> Tensor:
        return gelu(x) if self.form == "exact" else gelu_tanh(x)


class ReLU(nn.Module):
    """max(x, 0). (…, h) -> (…, h). Nair & Hinton 2010."""

    fan_in = 1

    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


class ReLU2(nn.Module):
    """max(x, 0)². (…, h) -> (…, h). So et al. 2021 (Primer), arXiv:2109.08668."""

    fan_in = 1

    def forward(self, x: Tensor) -> Tensor:
        return relu(x).square()


class SwiGLU(nn.Module):
    """silu(gate) ⊙ up. (…, 2h), gate first -> (…, h). Shazeer 2020, arXiv:2002.05202."""

    fan_in = 2

    def forward(self, x: Tensor) -> Tensor:
        gate, up = x.chunk(2, dim=-1)
        return silu(gate) * up


class GEGLU(nn.Module):
    """gelu(gate) ⊙ up, gelu exact. (…, 2h), gate first -> (…, h). arXiv:2002.05202."""

    fan_in = 2

    def forward(self, x: Tensor) -> Tensor:
        gate, up = x.chunk(2, dim=-1)
        return gelu(gate) * up


class ReGLU(nn.Module):
    """relu(gate) ⊙ up. (…, 2h), gate first -> (…, h). arXiv:2002.05202."""

    fan_in = 2

    def forward(self, x: Tensor) -> Tensor:
        gate, up = x.chunk(2, dim=-1)
        return relu(gate) * up


COMPONENTS = {
    "swiglu": SwiGLU,
    "geglu": GEGLU,
    "reglu": ReGLU,
    "silu": SiLU,
    "gelu": GELU,
    "relu": ReLU,
    "relu2": ReLU2,
}
