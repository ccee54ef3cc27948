"""Positions that each break something that the core relies on."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from broken.case import Case
from zoo.contracts import Dims
from zoo.model.sequence import Seq
from zoo_builtin.positions import ALiBi, RoPE, Sinusoidal, slopes


class Misspelt(RoPE):
    acts_on = frozenset({"queries"})


class WithoutMethod(RoPE):
    acts_on = frozenset({"qk", "scores"})


class TooShort(RoPE):
    limit = 8


class Unending(Sinusoidal):
    def __init__(self, dims: Dims) -> None:
        super().__init__(dims)
        self.limit = None  # type: ignore[assignment]


class Wide(RoPE):
    def rotate(self, x_BHTD: Tensor, seq: Seq, key: bool = False) -> Tensor:
        return super().rotate(x_BHTD, seq, key).double()


class ByPlace(RoPE):
    def rotate(self, x_BHTD: Tensor, seq: Seq, key: bool = False) -> Tensor:
        return super().rotate(x_BHTD, Seq.of_length(x_BHTD.shape[2], x_BHTD.device), key)


class Masking(ALiBi):
    def bias(self, q_pos: Tensor, k_pos: Tensor) -> Tensor:
        later = k_pos[:, None, None, :] > q_pos[:, None, :, None]
        return super().bias(q_pos, k_pos).masked_fill(later, -math.inf)


class SlopesOnTheCPU(ALiBi):
    def bias(self, q_pos: Tensor, k_pos: Tensor) -> Tensor:
        distance = k_pos[:, None, None, :] - q_pos[:, None, :, None]
        return distance * slopes(self.n_heads, torch.device("cpu"))[:, None, None]


CASES = [
    Case("position", SlopesOnTheCPU, "on_accelerator", "mul is given tensors of two devices"),
    Case("position", Misspelt, "made", "acts_on is frozenset({'queries'})"),
    Case("position", WithoutMethod, "made", "it acts on scores and has no method bias"),
    Case(
        "position",
        TooShort,
        "limit_told",
        "limit is 8 where max_seq_len is 16",
        ("decoding_agrees",),
    ),
    Case("position", Unending, "nothing_new_beyond", "vectors beyond max_seq_len"),
    Case("position", Wide, "shapes_and_types", "rotate: float32 (2, 4, 5, 8) in, float64"),
    Case("position", ByPlace, "by_pos_alone", "rotate: differs", ("decoding_agrees",)),
    Case("position", Masking, "finite_everywhere", "values are not finite", ("finite",)),
]
