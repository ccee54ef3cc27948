"""Scaled dot-product attention: the formula, and torch's fused kernel."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """exp(x − max) / Σ exp(x − max) along ``dim``, in the type of x; computed in float32.

    Subtracting the maximum changes nothing but keeps exp from overflowing.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    powers = (wide - wide.detach().amax(dim, keepdim=True)).exp()
    return (powers / powers.sum(dim, keepdim=True)).to(x.dtype)


def scaled_dot_product_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """softmax(q kᵀ / √d + bias) v, over the keys that the mask allows: the readable reference.

    q (…, T, d), k (…, S, d), v (…, S, d_v) -> (…, T, d_v), for any leading dimensions that
    broadcast. ``mask`` (…, T, S) is True where a query may attend to a key; a query that may attend
    to none gets zeros. Vaswani et al. 2017, arXiv:1706.03762.
    """
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if bias is not None:
        scores = scores + bias
    if mask is None:
        return softmax(scores).to(v.dtype) @ v
    # The lowest finite number, not −∞: a row without a single key must not become NaN.
    weights = softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min))
    return weights.masked_fill(~mask, 0).to(v.dtype) @ v


def fused_attention(
    q_BHTD: Tensor,
    k_BGSD: Tensor,
    v_BGSD: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    causal: bool = False,
) -> Tensor:
    """The same on torch's fused kernel, which never holds all scores where it can avoid it.

    q (B, H, T, D), k and v (B, G, S, D) where G divides H -> (B, H, T, D). ``causal`` stands for a
    mask that lets query t attend to keys 0 … t.
    """
    if bias is not None:
        mask = bias if mask is None else bias.masked_fill(~mask, -math.inf)
        mask = mask.to(q_BHTD.dtype)
    return F.scaled_dot_product_attention(
        q_BHTD,
        k_BGSD,
        v_BGSD,
        attn_mask=mask,
        is_causal=causal,
        enable_gqa=q_BHTD.shape[1] != k_BGSD.shape[1],
    )


def decoding_attention(
    q_BHTD: Tensor,
    k_BGSD: Tensor,
    v_BGSD: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """The same for few queries, for which torch's kernel on the CPU is slow; in float32.

    Queries that share a head of keys stand side by side, so that keys and values aren't expanded.
    """
    B, H, T, D = q_BHTD.shape
    G, S = k_BGSD.shape[1:3]
    wide = torch.promote_types(q_BHTD.dtype, torch.float32)
    q = (q_BHTD.to(wide) * D**-0.5).reshape(B, G, H // G * T, D)
    k, v = k_BGSD.to(wide), v_BGSD.to(wide)
    # Compiled, a sum of products is one loop over keys in their own type, and none is copied.
    fused = torch.compiler.is_compiling()
    scores = (q.unsqueeze(-2) * k.unsqueeze(-3)).sum(-1) if fused else q @ k.mT
    scores = scores.view(B, H, T, S)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    if fused:
        powers = (scores - scores.amax(-1, keepdim=True)).exp().view(B, G, H // G * T, S)
        y = (powers.unsqueeze(-1) * v.unsqueeze(-3)).sum(-2) / powers.sum(-1, keepdim=True)
    else:
        y = scores.softmax(-1).view(B, G, H // G * T, S) @ v
    return y.view(B, H, T, D).to(v_BGSD.dtype)
