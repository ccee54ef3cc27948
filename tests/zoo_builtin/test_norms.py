"""Norms: torch's own values and gradients, whatever the input's type and size."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tensors import assert_same, digits, waves
from torch import Tensor
from torch.func import functional_call

from zoo_builtin.norms import LayerNorm, NoNorm, RMSNorm

DIM = 24
BOTH = pytest.mark.parametrize("norm", [RMSNorm, LayerNorm])


@pytest.fixture
def x() -> Tensor:
    return 3 * torch.randn(2, 5, DIM, dtype=torch.float64) + 1


def test_rmsnorm_equals_torchs_own(x: Tensor) -> None:
    norm = RMSNorm(DIM, eps=1e-3)
    assert_same(
        lambda x, weight: functional_call(norm, {"weight": weight}, x),
        lambda x, weight: F.rms_norm(x, (DIM,), weight, eps=1e-3),
        x,
        torch.randn(DIM, dtype=torch.float64),
    )


def test_layernorm_equals_torchs_own(x: Tensor) -> None:
    norm = LayerNorm(DIM, eps=1e-3)
    assert_same(
        lambda x, weight, bias: functional_call(norm, {"weight": weight, "bias": bias}, x),
        lambda x, weight, bias: F.layer_norm(x, (DIM,), weight, bias, eps=1e-3),
        x,
        torch.randn(DIM, dtype=torch.float64),
        torch.randn(DIM, dtype=torch.float64),
    )


def test_rmsnorm_leaves_a_root_mean_square_of_one(x: Tensor) -> None:
    rms = RMSNorm(DIM)(1000 * x).square().mean(-1).sqrt()
    torch.testing.assert_close(rms, torch.ones_like(rms))


@BOTH
def test_eps_defaults_to_1e_5(norm: Any) -> None:
    assert norm(DIM).eps == 1e-5


@BOTH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_statistics_of_narrow_types_are_taken_in_float32(norm: Any, dtype: torch.dtype) -> None:
    x = (1000 * torch.randn(4, DIM)).to(dtype)  # float16 ends at 65 504: its squares overflow
    y = norm(DIM)(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y, norm(DIM)(x.double()).to(dtype), atol=0, rtol=2**-7)


@BOTH
def test_zeros_stay_zeros_with_finite_gradients(norm: Any) -> None:
    x = torch.zeros(2, DIM, requires_grad=True)
    y = norm(DIM)(x)
    y.sum().backward()
    assert (y == 0).all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@BOTH
@pytest.mark.parametrize("eps", [0.0, -1e-5, 1e-50, math.inf])
def test_eps_must_be_a_positive_float32(norm: Any, eps: float) -> None:
    with pytest.raises(ValueError, match=rf"eps = {eps}: at least 1.2e-38"):
        norm(DIM, eps=eps)


def test_no_norm_changes_nothing(x: Tensor) -> None:
    assert NoNorm(DIM)(x) is x
    assert not list(NoNorm(DIM).parameters())


@pytest.mark.parametrize("norm", [RMSNorm, LayerNorm, NoNorm])
def test_output_on_a_fixed_input(norm: Any, snapshot: Any) -> None:
    assert digits(norm(6)(waves(2, 6))) == snapshot
