"""Activations that each break something that the core relies on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from broken.case import Case
from zoo_builtin.activations import SwiGLU


class Ungated(SwiGLU):
    fan_in = 1


class WideSwiGLU(SwiGLU):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float())


class Softmax(SwiGLU):
    fan_in = 1

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.softmax(x, 0)


class Masking(SwiGLU):
    """Chooses by a mask, whose count decides how many there are."""

    fan_in = 1

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[x > 0] = x[x > 0] * 2
        return y


CASES = [
    Case("activation", nn.ReLU, "signature", "'inplace'"),
    Case("activation", nn.Tanh, "made", "has no 'fan_in'"),
    Case("activation", Ungated, "blocks_become_one", "(24,) in, (12,) out, with fan_in 1"),
    Case("activation", WideSwiGLU, "type_kept", "bfloat16 in, float32 out"),
    Case("activation", Masking, "on_accelerator", "x[mask] needs a value, for which a GPU"),
    Case("activation", Softmax, "tokens_alone", "a token among others and alone: differs"),
]
