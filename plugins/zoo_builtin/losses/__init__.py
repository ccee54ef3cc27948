"""Losses: the training objectives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from zoo.authoring import compiled

if TYPE_CHECKING:
    from zoo.authoring import Seq


def log_softmax(x: Tensor) -> Tensor:
    """log (exp(x) / Σ exp(x)) over the last dimension, (…, n) -> (…, n), without overflow.

    The maximum is subtracted first: a large x would leave no digits for the logarithm.
    """
    shifted = x - x.detach().amax(-1, keepdim=True)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def nll(logits: Tensor, targets: Tensor) -> Tensor:
    """−log p(target) in nats, with p = softmax(logits): (…, V), (…) -> (…).

    Zero where the target is −1.
    """
    picked = log_softmax(logits).gather(-1, targets.clamp(min=0).unsqueeze(-1))
    return -picked.squeeze(-1) * (targets >= 0)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean −log p over the targets that are not −1, (…, V), (…) -> (): the readable reference.

    Zero where every target is −1.
    """
    return nll(logits, targets).sum() / (targets >= 0).sum().clamp(min=1)


class CrossEntropy(nn.Module):
    """Sum of −log p(target) = log Z − logits[target], where Z = Σ exp(logits).

    The logits of a whole batch can outweigh the rest of a small model. So a chunk of rows at a time
    is turned into logits, their loss and its gradients, and only the gradients are kept.

    Args:
        chunk: rows whose logits are held at a time.
        z_loss: weight of (log Z)², which keeps logits from drifting (PaLM, arXiv:2204.02311, takes
            1e-4). "nll" stays without it.

    Raises:
        ValueError: a ``chunk`` without a row, a negative ``z_loss``.
    """

    def __init__(self, *, chunk: int = 1024, z_loss: float = 0.0) -> None:
        super().__init__()
        if chunk < 1:
            raise ValueError(f"chunk must be at least 1 row, not {chunk}")
        if z_loss < 0:
            raise ValueError(f"z_loss must not be negative: {z_loss}")
        self.chunk = chunk
        self.z_loss = z_loss

    def forward(
        self, hidden: Tensor, head: nn.Module, targets: Tensor, seq: Seq | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """hidden (…, d_model), targets (…), −1 where none -> (sum to minimise, {"nll": sum})."""
        rows_ND, targets_N = hidden.flatten(0, -2), targets.flatten()
        if torch.is_grad_enabled():
            weights = [weight for weight in head.parameters() if weight.requires_grad]
            total, sum_nll = ChunkedSums.apply(self, head, targets_N, rows_ND, *weights)
            return total, {"nll": sum_nll}
        total = sum_nll = torch.zeros((), device=hidden.device)
        for part in self.parts(len(rows_ND)):
            chunk_total, chunk_nll = sums(head, rows_ND[part], targets_N[part], self.z_loss)
            total, sum_nll = total + chunk_total, sum_nll + chunk_nll
        return total, {"nll": sum_nll}

    def parts(self, n_rows: int) -> Iterator[slice]:
        return (slice(start, start + self.chunk) for start in range(0, n_rows, self.chunk))


@compiled
def sums(
    head: nn.Module, rows_ND: Tensor, targets_N: Tensor, z_loss: float
) -> tuple[Tensor, Tensor]:
    """Of a chunk of rows: the sum to minimise and the sum of −log p(target)."""
    logits_NV = head(rows_ND)
    picked = logits_NV.gather(-1, targets_N.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    log_z = logits_NV.logsumexp(-1)
    counted = targets_N >= 0
    sum_nll = ((log_z - picked) * counted).sum()
    if not z_loss:
        return sum_nll, sum_nll
    return sum_nll + z_loss * (log_z.square() * counted).sum(), sum_nll


class ChunkedSums(torch.autograd.Function):
    """What ``CrossEntropy`` returns, and its gradients, made while each chunk's logits are there.

    The head's parameters are inputs of the function, so that their gradients pass through the
    graph, where tied embeddings and gradient hooks expect them; they add up in float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        loss: CrossEntropy,
        head: nn.Module,
        targets_N: Tensor,
        rows_ND: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        d_rows = torch.empty_like(rows_ND)
        d_weights = [
            torch.zeros_like(weight, dtype=torch.promote_types(weight.dtype, torch.float32))
            for weight in weights
        ]
        total = sum_nll = torch.zeros((), device=rows_ND.device)
        for part in loss.parts(len(rows_ND)):
            rows = rows_ND[part].detach().requires_grad_()
            with torch.enable_grad():
                chunk_total, chunk_nll = sums(head, rows, targets_N[part], loss.z_loss)
            total, sum_nll = total + chunk_total.detach(), sum_nll + chunk_nll.detach()
            d_rows[part], *d_chunk = torch.autograd.grad(chunk_total, (rows, *weights))
            for d_weight, d in zip(d_weights, d_chunk, strict=True):
                d_weight += d
        ctx.save_for_backward(d_rows, *d_weights)
        ctx.types = [weight.dtype for weight in weights]
        ctx.mark_non_differentiable(sum_nll)
        return total, sum_nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        d_rows, *d_weights = ctx.saved_tensors
        scaled = [(d_total * d).to(kind) for d, kind in zip(d_weights, ctx.types, strict=True)]
        return None, None, None, d_total.to(d_rows.dtype) * d_rows, *scaled


COMPONENTS = {"cross_entropy": CrossEntropy}
