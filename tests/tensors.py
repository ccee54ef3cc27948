"""Comparing tensor functions: in values, in gradients, and in digits worth remembering."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def waves(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """A fixed input without a random generator: sin(1), sin(2), … times two, in this shape."""
    count = torch.Size(shape).numel()
    return (2 * torch.arange(1, count + 1, dtype=torch.float64).sin()).reshape(shape).to(dtype)


def digits(x: Tensor, places: int = 4) -> list[object]:
    """Nested lists for a snapshot; few enough digits to be the same on every machine."""
    return (x.detach().double().round(decimals=places) + 0.0).tolist()  # −0.0 + 0.0 is 0.0


def assert_same(
    ours: Callable[..., Tensor],
    theirs: Callable[..., Tensor],
    *inputs: Tensor,
    tolerance: float = 1e-10,
) -> None:
    """Equal outputs, and equal gradients by every input under a fixed random cotangent."""
    results = []
    for function in (ours, theirs):
        leaves = [x.detach().clone().requires_grad_() for x in inputs]
        y = function(*leaves)
        cotangent = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype)
        results.append([y, *torch.autograd.grad(y, leaves, cotangent)])
    for mine, other in zip(*results, strict=True):
        assert mine.shape == other.shape
        assert mine.isfinite().all()
        torch.testing.assert_close(mine, other, atol=tolerance, rtol=tolerance)
