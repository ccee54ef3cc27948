"""Softmax attention, full and with a sliding window."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from zoo.authoring import extend, key_value_cache
from zoo.contracts import Build, Make, Norm
from zoo_builtin.attention.blocked import blocked_attention, blocked_pays
from zoo_builtin.attention.scaled_dot_product import (
    decoding_attention,
    fused_attention,
    scaled_dot_product_attention,
)

if TYPE_CHECKING:
    from zoo.authoring import Seq

NOTHING: Mapping[str, Tensor] = MappingProxyType({})


class SlidingAttention(nn.Module):
    """Multi-head self-attention to the last ``window`` tokens, a token itself included.

    Each head h computes softmax(q_h k_gᵀ / √head_dim + bias) v_g; the heads side by side go through
    a last linear map. (B, T, d_model) -> (B, T, d_model). Vaswani et al. 2017, arXiv:1706.03762;
    the window: Beltagy et al. 2020, arXiv:2004.05150.

    Args:
        build: makes the linear maps; its dims give the sizes.
        window: how many tokens a query may attend to; max_seq_len at most.
        n_kv_heads: heads of keys and values, each shared by n_heads / n_kv_heads heads of queries
            (arXiv:2305.13245; with 1, multi-query, arXiv:1911.02150); None for n_heads.
        qk_norm: norm of each head's queries and keys before they are rotated (arXiv:2302.05442).
        kernel: "fused" for torch's kernel, "reference" for the written-out formula.

    Raises:
        ValueError: ``n_kv_heads`` that doesn't divide n_heads, a window without a token.
    """

    accepts = frozenset({"qk", "scores"})

    def __init__(
        self,
        build: Build,
        *,
        window: int,
        n_kv_heads: int | None = None,
        qk_norm: Make[Norm] | None = None,
        kernel: Literal["fused", "reference"] = "fused",
    ) -> None:
        super().__init__()
        dims = build.dims
        if n_kv_heads is None:
            n_kv_heads = dims.n_heads
        if n_kv_heads < 1 or dims.n_heads % n_kv_heads:
            raise ValueError(
                f"n_kv_heads must divide n_heads: {dims.n_heads} heads of queries "
                f"can't share {n_kv_heads} heads of keys and values evenly"
            )
        if window < 1:
            raise ValueError(f"window must hold at least the token itself: 1, not {window}")
        self.n_heads = dims.n_heads
        self.n_kv_heads = n_kv_heads
        self.head_dim = dims.head_dim
        self.window = min(window, dims.max_seq_len)
        self.kernel = kernel
        q_width, kv_width = dims.n_heads * dims.head_dim, n_kv_heads * dims.head_dim
        self.qkv = build.linear(dims.d_model, {"q": q_width, "k": kv_width, "v": kv_width})
        self.q_norm = qk_norm(dims.head_dim) if qk_norm else None
        self.k_norm = qk_norm(dims.head_dim) if qk_norm else None
        self.out = build.linear(q_width, dims.d_model, residual=True)

    def forward(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = NOTHING,
    ) -> Tensor:
        q, k, v = (self.heads(part) for part in self.qkv.split(self.qkv(x)))
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = seq.rotate(q), seq.rotate(k, key=True)
        k, v, k_pos = extend(cache, k, v, seq)
        attend = self.attend_fused if self.kernel == "fused" else self.attend_reference
        return self.out(attend(q, k, v, seq, k_pos).transpose(1, 2).flatten(2))

    def heads(self, x_BTD: Tensor) -> Tensor:
        """(B, T, n · head_dim) -> (B, n, T, head_dim)."""
        return x_BTD.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def attend_reference(
        self, q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, seq: Seq, k_pos: Tensor
    ) -> Tensor:
        """The formula as it is written: (B, H, T, head_dim)."""
        shared_by = self.n_heads // self.n_kv_heads
        return scaled_dot_product_attention(
            q_BHTD,
            k_BGSD.repeat_interleave(shared_by, dim=1),
            v_BGSD.repeat_interleave(shared_by, dim=1),
            mask=seq.visible(k_pos, window=self.window),
            bias=seq.bias(k_pos),
        )

    def attend_fused(
        self, q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, seq: Seq, k_pos: Tensor
    ) -> Tensor:
        """The same, without a mask where the host knows that none is needed."""
        bias = seq.bias(k_pos)
        n_new = q_BHTD.shape[2]
        if n_new == 1 and seq.start > 0 and q_BHTD.device.type == "cpu":
            # Without padding, the decoding state holds the window and nothing else.
            mask = seq.visible(k_pos, window=self.window) if seq.ragged else None
            return decoding_attention(q_BHTD, k_BGSD, v_BGSD, mask, bias)
        if bias is None and not seq.ragged:
            if seq.start == 0 and blocked_pays(q_BHTD):
                return blocked_attention(q_BHTD, k_BGSD, v_BGSD, self.window)
            if seq.start == 0 and n_new <= self.window:
                return fused_attention(q_BHTD, k_BGSD, v_BGSD, causal=True)
            if n_new == 1:  # the decoding state holds the window and nothing else
                return fused_attention(q_BHTD, k_BGSD, v_BGSD)
        mask = seq.visible(k_pos, window=self.window)
        return fused_attention(q_BHTD, k_BGSD, v_BGSD, mask, bias)

    def new_cache(
        self, batch: int, max_len: int, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        """Keys and values of the last ``max_len`` tokens, the window's length at most."""
        length = min(max_len, self.window)
        return key_value_cache(batch, self.n_kv_heads, length, self.head_dim, device, dtype)


class FullAttention(SlidingAttention):
    """Multi-head self-attention to all earlier tokens and the token itself.

    softmax(q_h k_gᵀ / √head_dim + bias) v_g for each head h, then a last linear map over all heads:
    (B, T, d_model) -> (B, T, d_model). Vaswani et al. 2017, arXiv:1706.03762. It is attention in a
    window of max_seq_len tokens, so that a text decoded beyond those sees the last of them; the
    other options are those of ``SlidingAttention``.
    """

    def __init__(
        self,
        build: Build,
        *,
        n_kv_heads: int | None = None,
        qk_norm: Make[Norm] | None = None,
        kernel: Literal["fused", "reference"] = "fused",
    ) -> None:
        super().__init__(
            build,
            window=build.dims.max_seq_len,
            n_kv_heads=n_kv_heads,
            qk_norm=qk_norm,
            kernel=kernel,
        )
