"""Attention: the readable reference equals torch, the fused kernel equals the reference."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tensors import assert_same, digits, waves
from torch import Tensor, nn
from torch.func import functional_call

from zoo.contracts import Dims
from zoo.model.build import Build
from zoo.model.sequence import Seq
from zoo_builtin.attention.scaled_dot_product import (
    fused_attention,
    scaled_dot_product_attention,
    softmax,
)
from zoo_builtin.attention.softmax import FullAttention, SlidingAttention
from zoo_builtin.norms import RMSNorm
from zoo_builtin.positions import ALiBi, NoPosition, RoPE

DIMS = Dims(d_model=32, n_layers=1, n_heads=4, head_dim=8, max_seq_len=16, vocab_size=10)
BUILD = Build(DIMS)
LENGTH = 12


def wide(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def seq_of(length: int, position: Any = None) -> Seq:
    return Seq(torch.arange(length).unsqueeze(0), position)


class TestSoftmax:
    @pytest.mark.parametrize("dim", [0, 1, 2, -1])
    def test_equals_torchs_own_along_any_dimension(self, dim: int) -> None:
        x = 5 * wide(3, 4, 5)
        assert_same(lambda x: softmax(x, dim), lambda x: torch.softmax(x, dim), x)

    @pytest.mark.parametrize("shift", [1e4, -1e4, 1e30])
    def test_large_inputs_neither_overflow_nor_vanish(self, shift: float) -> None:
        p = softmax(torch.tensor([[shift, shift], [shift, -shift]]))
        expected = [1.0, 0.0] if shift > 0 else [0.0, 1.0]
        assert p.tolist() == [[0.5, 0.5], expected]

    def test_excluded_entries_get_nothing(self) -> None:
        assert softmax(torch.tensor([0.0, -math.inf, 0.0])).tolist() == [0.5, 0.0, 0.5]

    def test_narrow_types_are_summed_in_float32(self) -> None:
        p = softmax(torch.zeros(4096, dtype=torch.bfloat16))
        assert p.dtype == torch.bfloat16
        assert p.unique().tolist() == [2.0**-12]


class TestReference:
    @pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3)])
    @pytest.mark.parametrize("masked", [False, True])
    def test_equals_torchs_own_for_any_leading_dimensions(
        self, lead: tuple[int, ...], masked: bool
    ) -> None:
        mask = torch.rand(*lead, 5, 7) < 0.6 if masked else None
        if mask is not None:
            mask[..., 2] = True  # a key for every query
        assert_same(
            lambda q, k, v: scaled_dot_product_attention(q, k, v, mask),
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask),
            wide(*lead, 5, 8),
            wide(*lead, 7, 8),
            wide(*lead, 7, 6),
        )

    def test_bias_is_added_to_the_scores(self) -> None:
        mask = torch.ones(5, 5, dtype=torch.bool).tril()
        assert_same(
            lambda q, k, v, bias: scaled_dot_product_attention(q, k, v, mask, bias),
            lambda q, k, v, bias: F.scaled_dot_product_attention(
                q, k, v, bias.masked_fill(~mask, -math.inf)
            ),
            *(wide(2, 3, 5, 8) for _ in range(3)),
            wide(1, 3, 5, 5),
        )

    def test_one_mask_serves_all_leading_dimensions(self) -> None:
        q, k, v = (wide(2, 3, 5, 8) for _ in range(3))
        mask = torch.ones(5, 5, dtype=torch.bool).tril()
        y = scaled_dot_product_attention(q, k, v, mask)
        torch.testing.assert_close(
            y[1, 2], scaled_dot_product_attention(q[1, 2], k[1, 2], v[1, 2], mask)
        )

    def test_a_query_without_keys_gets_zeros_and_finite_gradients(self) -> None:
        q, k, v = (wide(3, 8).requires_grad_() for _ in range(3))
        mask = torch.tensor([[True, False, True], [False] * 3, [True] * 3])
        y = scaled_dot_product_attention(q, k, v, mask)
        y.sum().backward()
        assert (y[1] == 0).all()
        assert all(x.grad is not None and x.grad.isfinite().all() for x in (q, k, v))

    def test_masked_keys_have_no_influence(self) -> None:
        q, k, v = (wide(4, 8) for _ in range(3))
        mask = torch.ones(4, 4, dtype=torch.bool).tril()
        before = scaled_dot_product_attention(q, k, v, mask)
        k[3], v[3] = 1e4, 1e4
        assert torch.equal(scaled_dot_product_attention(q, k, v, mask)[:3], before[:3])


@pytest.mark.parametrize("groups", [4, 2, 1])
@pytest.mark.parametrize("kind", ["causal", "mask", "bias", "bias and mask", "neither"])
def test_the_fused_kernel_equals_the_reference(kind: str, groups: int) -> None:
    lower = torch.ones(6, 6, dtype=torch.bool).tril()
    mask = lower if kind in ("causal", "mask", "bias and mask") else None
    bias = wide(1, 4, 6, 6) if "bias" in kind else None
    shared_by = 4 // groups
    assert_same(
        lambda q, k, v: fused_attention(
            q, k, v, None if kind == "causal" else mask, bias, causal=kind == "causal"
        ),
        lambda q, k, v: scaled_dot_product_attention(
            q, k.repeat_interleave(shared_by, 1), v.repeat_interleave(shared_by, 1), mask, bias
        ),
        wide(2, 4, 6, 8),
        wide(2, groups, 6, 8),
        wide(2, groups, 6, 8),
    )


class TestModules:
    def test_full_attention_equals_torchs_multi_head_attention(self) -> None:
        ours = FullAttention(BUILD).double()
        causal = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)

        def theirs(x: Tensor, qkv: Tensor, out: Tensor) -> Tensor:
            y, _ = F.multi_head_attention_forward(
                *(3 * [x.transpose(0, 1)]),
                embed_dim_to_check=32,
                num_heads=4,
                in_proj_weight=qkv,
                in_proj_bias=None,
                bias_k=None,
                bias_v=None,
                add_zero_attn=False,
                dropout_p=0.0,
                out_proj_weight=out,
                out_proj_bias=None,
                attn_mask=causal,
            )
            return y.transpose(0, 1)

        def mine(x: Tensor, qkv: Tensor, out: Tensor) -> Tensor:
            weights = {"qkv.weight": qkv, "out.weight": out}
            return functional_call(ours, weights, (x, seq_of(LENGTH)))

        assert_same(mine, theirs, wide(2, LENGTH, 32), wide(96, 32) / 6, wide(32, 32) / 6)

    @pytest.mark.parametrize("n_kv_heads", [4, 2, 1])
    @pytest.mark.parametrize("window", [16, 5, 1])
    @pytest.mark.parametrize("position", [RoPE, ALiBi, NoPosition])
    def test_both_kernels_are_one_function(
        self, position: Any, window: int, n_kv_heads: int
    ) -> None:
        options: dict[str, Any] = {"window": window, "n_kv_heads": n_kv_heads, "qk_norm": RMSNorm}
        fused = SlidingAttention(BUILD, **options).double()
        reference = SlidingAttention(BUILD, **options, kernel="reference").double()
        reference.load_state_dict(fused.state_dict())
        seq = seq_of(LENGTH, position(DIMS))
        assert_same(lambda x: fused(x, seq), lambda x: reference(x, seq), wide(2, LENGTH, 32))

    def test_shared_heads_are_repeated_heads(self) -> None:
        shared = FullAttention(BUILD, n_kv_heads=2)
        whole = FullAttention(BUILD)
        weights = shared.state_dict()
        for part in ("k", "v"):
            heads = weights[f"qkv.{part}.weight"].unflatten(0, (2, 8))
            weights[f"qkv.{part}.weight"] = heads.repeat_interleave(2, 0).flatten(0, 1)
        whole.load_state_dict(weights)
        x = torch.randn(2, LENGTH, 32)
        torch.testing.assert_close(shared(x, seq_of(LENGTH)), whole(x, seq_of(LENGTH)))

    @pytest.mark.parametrize("kernel", ["fused", "reference"])
    @pytest.mark.parametrize("window", [16, 5, 1])
    def test_a_token_depends_on_its_window_and_nothing_else(self, window: int, kernel: Any) -> None:
        attention = SlidingAttention(BUILD, window=window, kernel=kernel)
        x = torch.randn(1, LENGTH, 32)
        seq = seq_of(LENGTH, RoPE(DIMS))
        jacobian = torch.autograd.functional.jacobian(lambda x: attention(x, seq).sum((0, 2)), x)
        depends = jacobian.abs().sum((1, 3)) > 0
        distance = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
        assert torch.equal(depends, (distance >= 0) & (distance < window))

    def test_full_attention_is_a_window_of_max_seq_len(self) -> None:
        assert FullAttention(BUILD).window == 16
        assert SlidingAttention(BUILD, window=1000).window == 16

    def test_queries_and_keys_are_normed_per_head_before_they_are_rotated(self) -> None:
        attention = FullAttention(BUILD, qk_norm=RMSNorm)
        for norm in (attention.q_norm, attention.k_norm):
            norm.weight.data = torch.rand(8)  # so that norm and rotation don't commute
        x, seq = torch.randn(2, LENGTH, 32), seq_of(LENGTH, RoPE(DIMS))
        q, k, v = (x @ w.T for w in attention.qkv.weight.split(32))
        q, k, v = (part.unflatten(-1, (4, 8)).transpose(1, 2) for part in (q, k, v))
        q = seq.rotate(F.rms_norm(q, (8,), attention.q_norm.weight, eps=1e-5))
        k = seq.rotate(F.rms_norm(k, (8,), attention.k_norm.weight, eps=1e-5))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        torch.testing.assert_close(attention(x, seq), y @ attention.out.weight.T)

    def test_head_dim_need_not_divide_d_model(self) -> None:
        attention = FullAttention(Build(replace(DIMS, head_dim=6)), n_kv_heads=2)
        assert attention(torch.randn(2, LENGTH, 32), seq_of(LENGTH)).shape == (2, LENGTH, 32)
        assert {name: tuple(weight.shape) for name, weight in attention.state_dict().items()} == {
            "qkv.q.weight": (24, 32),
            "qkv.k.weight": (12, 32),
            "qkv.v.weight": (12, 32),
            "out.weight": (32, 24),
        }

    @pytest.mark.parametrize("kernel", ["fused", "reference"])
    @pytest.mark.parametrize("position", [RoPE, ALiBi])
    def test_left_padding_changes_no_token_and_stays_finite(
        self, position: Any, kernel: Any
    ) -> None:
        attention = FullAttention(BUILD, kernel=kernel)
        x = torch.randn(1, LENGTH, 32, requires_grad=True)
        encoding = position(DIMS)
        pos = (torch.arange(LENGTH) - 3).clamp(min=-1).unsqueeze(0)
        padded = attention(x, Seq(pos, encoding, ragged=True))
        alone = attention(x[:, 3:], seq_of(LENGTH - 3, encoding))
        torch.testing.assert_close(padded[:, 3:], alone)
        padded.sum().backward()
        assert padded.isfinite().all()
        assert x.grad is not None
        assert x.grad.isfinite().all()

    @pytest.mark.parametrize("kernel", ["fused", "reference"])
    @pytest.mark.parametrize("position", [RoPE, ALiBi])
    def test_bfloat16_autocast_is_float32_within_rounding(self, position: Any, kernel: Any) -> None:
        attention = SlidingAttention(BUILD, window=5, n_kv_heads=2, qk_norm=RMSNorm, kernel=kernel)
        x, seq = torch.randn(2, LENGTH, 32), seq_of(LENGTH, position(DIMS))
        with torch.autocast("cpu", torch.bfloat16):
            narrow = attention(x, seq)
        torch.testing.assert_close(narrow.float(), attention(x, seq), atol=0.03, rtol=0.03)

    def test_the_cache_holds_the_window_and_the_shared_heads_alone(self) -> None:
        attention = SlidingAttention(BUILD, window=5, n_kv_heads=2)
        cache = attention.new_cache(3, 100, torch.device("cpu"), torch.bfloat16)
        assert cache["k"].mT.shape == cache["v"].shape == (3, 2, 5, 8)
        assert cache["k"].dtype == torch.bfloat16
        assert attention.new_cache(3, 4, torch.device("cpu"), torch.float32)["v"].shape[2] == 4

    @pytest.mark.parametrize("n_kv_heads", [3, 8, 0, -1])
    def test_heads_that_can_not_be_shared(self, n_kv_heads: int) -> None:
        with pytest.raises(ValueError, match=f"4 heads of queries can't share {n_kv_heads} heads"):
            FullAttention(BUILD, n_kv_heads=n_kv_heads)

    def test_a_window_without_a_token(self) -> None:
        with pytest.raises(ValueError, match="at least the token itself: 1, not 0"):
            SlidingAttention(BUILD, window=0)

    @pytest.mark.parametrize(
        "attention",
        [FullAttention(BUILD, n_kv_heads=2), SlidingAttention(BUILD, window=2)],
        ids=["full", "sliding"],
    )
    def test_output_on_a_fixed_input(self, attention: nn.Module, snapshot: Any) -> None:
        for name, parameter in attention.named_parameters():
            parameter.data = waves(*parameter.shape) / (4 if "qkv" in name else 8)
        y = attention(waves(1, 4, 32), seq_of(4))
        assert digits(y[..., :6]) == snapshot
