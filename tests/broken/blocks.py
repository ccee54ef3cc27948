"""Blocks that each break something that the core relies on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from broken.case import Case
from zoo.contracts import BlockBuild, Out, as_out
from zoo_builtin.blocks import PreNorm


def method(build: BlockBuild) -> Any:
    return PreNorm(build).forward


class NoModule:
    def __init__(self, build: BlockBuild) -> None:
        self.block = PreNorm(build)
        self.new_cache = self.block.new_cache

    def __call__(self, *given: Any) -> Out:
        return self.block(*given)


class Narrowing(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Tensor:
        return super().forward(x, *given).y[..., :16]


class Peeking(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Out:
        return super().forward(x + x.mean(1, keepdim=True), *given)


class Mingling(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Out:
        return super().forward(x + x.mean(0, keepdim=True), *given)


class Deaf(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Tensor:
        return super().forward(x, *given).y


class Renaming(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Out:
        out = super().forward(x, *given)
        return out._replace(of_parts={"mixer": out.of_parts["attention"], **out.of_parts})


class NamingTensors(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Out:
        out = super().forward(x, *given)
        return Out(out.y, of_parts={name: part.y for name, part in out.of_parts.items()})  # type: ignore[misc]


class Pairing(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Any:
        return (super().forward(x, *given).y, x)


class LossOfEachToken(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Out:
        out = super().forward(x, *given)
        return out._replace(losses={"aux": out.y.square().sum(-1)})


class Uncollected(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Out:
        out = super().forward(x, *given)
        return out._replace(stats={"size": out.y.square().sum()})


class Carryless(PreNorm):
    def forward(self, x: Tensor, seq: Any, cache: Any = None, carry: Any = None) -> Out:
        return super().forward(x, seq, cache)


class Drawing(PreNorm):
    def forward(self, x: Tensor, *given: Any) -> Out:
        return super().forward(x * (1 + 0.01 * torch.randn_like(x)), *given)


class Cacheless(PreNorm):
    def forward(self, x: Tensor, seq: Any, cache: Any = None, carry: Any = ()) -> Out:
        return as_out(super().forward(x, seq, None, carry))


class Skipping(PreNorm):
    """Leaves out a layer by a number that it draws on the device, and so has to wait for."""

    def forward(self, x: Tensor, *given: Any) -> Out:
        y = super().forward(x, *given)
        left_out = self.training and torch.rand((), device=x.device).item() < 0.0
        return y._replace(y=x) if left_out else y


CASES = [
    Case("block", Skipping, "on_accelerator", ".item(), float(x), int(x) or `if x:` needs a value"),
    Case("block", method, "made", "has no 'new_cache'"),
    Case("block", NoModule, "made", "it is a NoModule, no torch.nn.Module"),
    Case(
        "block",
        Narrowing,
        "width_kept",
        "(1, 1, 32) in, (1, 1, 16) out",
        ("parts_are_heard", "decoding_agrees", "on_accelerator"),
    ),
    Case("block", Peeking, "causal", "before token 1", ("decoding_agrees",)),
    Case("block", Mingling, "rows_alone", "differs", ("decoding_agrees",)),
    Case("block", Deaf, "parts_are_heard", "attention returned a loss, statistics"),
    Case("block", Renaming, "parts_are_heard", "of_parts with 'mixer', which is none of its parts"),
    Case("block", NamingTensors, "made", "returns of_parts in which 'attention' is a Tensor: an"),
    Case("block", Pairing, "made", "returns a tuple instead of a tensor or an Out"),
    Case("block", LossOfEachToken, "sums_beside_the_output", "the loss 'aux' of shape (2, 5): sum"),
    Case("block", Uncollected, "sums_beside_the_output", "('size') and has no after_step"),
    Case("block", Carryless, "carry_reaches_attention", "attention is not given it"),
    Case(
        "block",
        Drawing,
        "nothing_drawn_in_evaluation",
        "the second time: differs",
        ("causal", "rows_alone", "decoding_agrees", "state_saved", "copyable"),
    ),
    Case("block", Cacheless, "decoding_agrees", "token by token: differs"),
]
