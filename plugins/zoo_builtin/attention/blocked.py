"""Causal attention in blocks of queries, for compiled training on a CPU.

There, torch's fused kernel needs several times as long for its backward as the products in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from zoo_builtin.norms import widened

BLOCK = 128
"""Queries whose scores are computed at once."""

LONGEST = 512
"""Tokens in a row up to which keeping the weights is worth its memory."""


def blocked_attention(q_BHTD: Tensor, k_BGTD: Tensor, v_BGTD: Tensor, window: int) -> Tensor:
    """softmax(q kᵀ / √D) v over the last ``window`` tokens, each query's own included.

    q (B, H, T, D), k and v (B, G, T, D) where G divides H -> (B, H, T, D).
    """
    result: Tensor = BlockedAttention.apply(q_BHTD, k_BGTD, v_BGTD, window)
    return result


def blocked_pays(q_BHTD: Tensor) -> bool:
    """Whether this is the faster way to train here."""
    return (
        torch.compiler.is_compiling()
        and torch.is_grad_enabled()
        and q_BHTD.device.type == "cpu"
        and q_BHTD.shape[2] <= LONGEST
    )


class BlockedAttention(torch.autograd.Function):
    """The function and its gradients, with P = softmax(S), S = Q Kᵀ / √D and O = P V::

        dV = Pᵀ dO      dP = dO Vᵀ      dS = P ∘ (dP − Σ dP ∘ P)      dQ = dS K / √D
                                                                      dK = dSᵀ Q / √D

    P is kept for backward: half of B · H · T · T numbers, less where the window is short. Compiled,
    everything between two products becomes one loop.
    """

    @staticmethod
    def forward(ctx: Any, q_BHTD: Tensor, k_BGTD: Tensor, v_BGTD: Tensor, window: int) -> Tensor:
        n_heads, n_groups = q_BHTD.shape[1], k_BGTD.shape[1]
        outs, weights = [], []
        for rows, keys in blocks(q_BHTD.shape[2], window):
            q, k, v = grouped(q_BHTD[:, :, rows], n_groups), k_BGTD[:, :, keys], v_BGTD[:, :, keys]
            scores = widened(q @ k.mT) * q.shape[-1] ** -0.5
            hidden = ~visible(rows, keys, window, q.device).repeat(n_heads // n_groups, 1)
            p = scores.masked_fill(hidden, -math.inf).softmax(-1).to(v.dtype)
            weights.append(p)
            outs.append(ungrouped(p @ v, n_heads))
        ctx.save_for_backward(q_BHTD, k_BGTD, v_BGTD, *weights)
        ctx.window = window
        return torch.cat(outs, dim=2)

    @staticmethod
    def backward(ctx: Any, d_out_BHTD: Tensor) -> tuple[Tensor | None, ...]:
        q_BHTD, k_BGTD, v_BGTD, *weights = ctx.saved_tensors
        n_heads, n_groups = q_BHTD.shape[1], k_BGTD.shape[1]
        d_q = []
        d_k, d_v = torch.zeros_like(k_BGTD), torch.zeros_like(v_BGTD)
        for p, (rows, keys) in zip(weights, blocks(q_BHTD.shape[2], ctx.window), strict=True):
            q, k, v = grouped(q_BHTD[:, :, rows], n_groups), k_BGTD[:, :, keys], v_BGTD[:, :, keys]
            d_out = grouped(d_out_BHTD[:, :, rows], n_groups)
            d_v[:, :, keys] += p.mT @ d_out
            d_p, wide = widened(d_out @ v.mT), widened(p)
            d_scores = wide * (d_p - (d_p * wide).sum(-1, keepdim=True)) * q.shape[-1] ** -0.5
            d_scores = d_scores.to(q.dtype)
            d_q.append(ungrouped(d_scores @ k, n_heads))
            d_k[:, :, keys] += d_scores.mT @ q
        return torch.cat(d_q, dim=2), d_k, d_v, None


def blocks(length: int, window: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of queries, and the keys that any query of the block may see."""
    for start in range(0, length, BLOCK):
        end = min(start + BLOCK, length)
        yield slice(start, end), slice(max(0, start - window + 1), end)


def visible(rows: slice, keys: slice, window: int, device: torch.device) -> Tensor:
    """Which of the keys each of these queries may see, (rows, keys)."""
    q = torch.arange(rows.start, rows.stop, device=device).unsqueeze(1)
    k = torch.arange(keys.start, keys.stop, device=device)
    return (k <= q) & (q - k < window)


def grouped(x_BHTD: Tensor, n_groups: int) -> Tensor:
    """Heads that share keys, one after the other: (B, H, T, D) -> (B, G, H/G · T, D)."""
    return x_BHTD.unflatten(1, (n_groups, -1)).flatten(2, 3)


def ungrouped(x_BGND: Tensor, n_heads: int) -> Tensor:
    """Undoes ``grouped``."""
    return x_BGND.unflatten(2, (n_heads // x_BGND.shape[1], -1)).flatten(1, 2)
