"""Attention in blocks: the reference's values and gradients, whatever the window and groups."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from zoo_builtin.attention.blocked import BLOCK, blocked_attention
from zoo_builtin.attention.scaled_dot_product import scaled_dot_product_attention


def tensors(n_groups: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    sizes = ((2, 4, length, 8), (2, n_groups, length, 8), (2, n_groups, length, 8))
    q, k, v = (torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes)
    return q, k, v


def reference(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    pos = torch.arange(q.shape[2])
    distance = pos[:, None] - pos
    shared_by = q.shape[1] // k.shape[1]
    return scaled_dot_product_attention(
        q,
        k.repeat_interleave(shared_by, 1),
        v.repeat_interleave(shared_by, 1),
        (distance >= 0) & (distance < window),
    )


@pytest.mark.parametrize("n_groups", [4, 2, 1])
@pytest.mark.parametrize(
    ("length", "window"),
    [(1, 1), (5, 1), (BLOCK, BLOCK), (BLOCK + 1, 2), (2 * BLOCK + 44, 50), (300, 300), (130, 999)],
)
def test_equals_the_reference_and_its_gradients(n_groups: int, length: int, window: int) -> None:
    inputs = tensors(n_groups, length)
    upstream = torch.randn(2, 4, length, 8, dtype=torch.float64)
    seen, asked = blocked_attention(*inputs, window), reference(*inputs, window)
    torch.testing.assert_close(seen, asked)
    for ours, theirs in zip(
        torch.autograd.grad(seen, inputs, upstream),
        torch.autograd.grad(asked, inputs, upstream),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_bfloat16_stays_bfloat16_and_close() -> None:
    inputs = tensors(2, 200)
    narrow = [x.detach().bfloat16().requires_grad_() for x in inputs]
    seen = blocked_attention(*narrow, 200)
    assert seen.dtype == torch.bfloat16
    torch.testing.assert_close(seen.double(), reference(*inputs, 200), atol=0.03, rtol=0.03)
    seen.sum().backward()
    assert all(x.grad is not None and x.grad.dtype == torch.bfloat16 for x in narrow)
