"""Norms that each break something that the core relies on."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from broken.case import Case
from zoo_builtin.norms import RMSNorm


class Upcasting(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.double())


class OverTheBatch(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return x / (x.square().mean() + 1e-5).sqrt()


class WithoutEps(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return x / x.square().mean(-1, keepdim=True).sqrt() * self.weight


class Flattening(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(-1, x.shape[-1])).reshape(*x.shape) if x.ndim < 4 else x[0]


class Unused(RMSNorm):
    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.bias = nn.Parameter(torch.zeros(dim))


class Scalar(RMSNorm):
    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * super().forward(x)


class OnTheCPU(RMSNorm):
    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.weight = nn.Parameter(torch.ones(dim, device="cpu"))


class ByNumpy(RMSNorm):
    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.weight = nn.Parameter(self.weight + np.random.random())


class HiddenState(RMSNorm):
    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.factor = random.random()

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * super().forward(x)


class Reading(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if bool(x.detach().isfinite().all()) else x * 0


class Locked(RMSNorm):
    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.lock = Lock()


def sized(size: int) -> RMSNorm:
    return RMSNorm(size)


class Pairing(RMSNorm):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x), x


def no_module(dim: int) -> Callable[[Tensor], Tensor]:
    return lambda x: x


CASES = [
    Case("norm", sized, "signature", "takes 'size', but a host of this kind gives dim, build"),
    Case("norm", no_module, "made", "it is a function, no torch.nn.Module"),
    Case("norm", Pairing, "made", "returns a tuple instead of a tensor"),
    Case("norm", Upcasting, "type_kept", "float32 in, float64 out"),
    Case("norm", Flattening, "shape_kept", "(2, 4, 5, 32) in, (4, 5, 32) out"),
    Case("norm", OverTheBatch, "tokens_alone", "differs", ("parameters_take_part",)),
    Case("norm", WithoutEps, "finite", "output on zero input: 672 of 672 values"),
    Case("norm", Unused, "parameters_take_part", "bias has none"),
    Case("norm", Scalar, "parameters_have_dimensions", "scale has none"),
    Case("norm", OnTheCPU, "weightless", "weight was put on cpu"),
    Case("norm", ByNumpy, "draws_repeat", "weight differs"),
    Case("norm", Reading, "on_accelerator", ".item(), float(x), int(x) or `if x:` needs a value"),
    Case("norm", Locked, "copyable", "raised TypeError: cannot pickle '_thread.lock' object"),
    Case("norm", HiddenState, "state_saved", "the output of a copy: differs"),
]
