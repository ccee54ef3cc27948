"""Losses that each break something that the core relies on."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from broken.case import Case
from zoo.model.sequence import Seq
from zoo_builtin.losses import CrossEntropy, nll


class Whole(nn.Module):
    """The plain formula on all logits at once; what the others change."""

    def forward(
        self, hidden: Tensor, head: nn.Module, targets: Tensor, seq: Seq
    ) -> tuple[Tensor, dict[str, Tensor]]:
        total = nll(head(hidden), targets).sum()
        return total, {"nll": total.detach()}


class Mean(CrossEntropy):
    def forward(self, hidden: Tensor, head: nn.Module, targets: Tensor, seq: Any = None) -> Any:
        total, parts = super().forward(hidden, head, targets)
        count = (targets >= 0).sum().clamp(min=1)
        return total / count, parts


class Counting(CrossEntropy):
    """Takes an ignored target for id 0."""

    def forward(self, hidden: Tensor, head: nn.Module, targets: Tensor, seq: Any = None) -> Any:
        total, _ = super().forward(hidden, head, targets.clamp(min=0))
        return total, super().forward(hidden, head, targets)[1]


class Looking(CrossEntropy):
    """Leaves out what is not to be predicted, whose number only the device knows."""

    def forward(self, hidden: Tensor, head: nn.Module, targets: Tensor, seq: Any = None) -> Any:
        told = targets >= 0
        return super().forward(hidden[told], head, targets[told])


class Nameless(CrossEntropy):
    def forward(self, *given: Any) -> Any:
        total, _ = super().forward(*given)
        return total, {}


class Bits(CrossEntropy):
    def forward(self, *given: Any) -> Any:
        total, parts = super().forward(*given)
        return total, {"nll": parts["nll"] / math.log(2)}


class IgnoresUpstream(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, total: Tensor) -> Tensor:
        return total.clone()

    @staticmethod
    def backward(ctx: Any, d_total: Tensor) -> Tensor:
        return torch.ones_like(d_total)


class OfItsOwn(CrossEntropy):
    def forward(self, *given: Any) -> Any:
        total, parts = super().forward(*given)
        return IgnoresUpstream.apply(total), parts


class Overflowing(CrossEntropy):
    def forward(self, hidden: Tensor, head: Any, targets: Tensor, seq: Any = None) -> Any:
        rows_ND, targets_N = hidden.flatten(0, -2), targets.flatten()
        total = torch.zeros(())
        for part in self.parts(len(rows_ND)):
            logits_NV, wanted_N = head(rows_ND[part]), targets_N[part]
            log_p = logits_NV - logits_NV.exp().sum(-1, keepdim=True).log()
            picked = log_p.gather(-1, wanted_N.clamp(min=0).unsqueeze(-1)).squeeze(-1)
            total = total - (picked * (wanted_N >= 0)).sum()
        return total, {"nll": total.detach()}


class Smoothed(CrossEntropy):
    """Another loss in evaluation than in training."""

    def forward(self, *given: Any) -> Any:
        total, parts = super().forward(*given)
        return (total if torch.is_grad_enabled() else 0.9 * total), parts


CASES = [
    Case(
        "loss", Looking, "on_accelerator", "x[mask] needs a value", ("nothing_to_predict_is_zero",)
    ),
    Case("loss", Whole, "logits_in_chunks", "for the logits of all 16,384 tokens"),
    Case("loss", Mean, "sums_add_up", "total of a batch against that of its rows: differs"),
    Case(
        "loss",
        Counting,
        "ignored_targets_count_nothing",
        "total after a change there: differs",
        ("nothing_to_predict_is_zero",),
    ),
    Case("loss", Nameless, "made", "returns no 'nll' among its parts (none): "),
    Case("loss", Bits, "nll_true", "nll: differs"),
    Case("loss", OfItsOwn, "gradients_true", "in a direction whose slope is"),
    Case("loss", Overflowing, "large_logits_stay_finite", "not finite"),
    Case("loss", Smoothed, "same_without_gradients", "total: differs", ("gradients_true",)),
]
