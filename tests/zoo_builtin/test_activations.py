"""Activations: torch's own values and gradients, finite far from zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tensors import assert_same, digits, waves
from torch import Tensor

from zoo_builtin.activations import GEGLU, GELU, ReGLU, ReLU, ReLU2, SiLU, SwiGLU

PLAIN: list[tuple[Any, Callable[[Tensor], Tensor]]] = [
    (SiLU(), F.silu),
    (GELU(), F.gelu),
    (GELU(form="tanh"), lambda x: F.gelu(x, approximate="tanh")),
    (ReLU(), F.relu),
    (ReLU2(), lambda x: F.relu(x) ** 2),
]
GATED: list[tuple[Any, Callable[[Tensor], Tensor]]] = [
    (SwiGLU(), F.silu),
    (GEGLU(), F.gelu),
    (ReGLU(), F.relu),
]


def named(cases: list[tuple[Any, Any]]) -> dict[str, Any]:
    return {"argvalues": cases, "ids": [type(ours).__name__ for ours, _ in cases]}


@pytest.fixture
def x() -> Tensor:
    """Values around zero and far away from it, none of them zero, where relu has a kink."""
    near = torch.randn(3, 40, dtype=torch.float64)
    return torch.cat((near, 30 * near, 1e4 * near), dim=-1)


@pytest.mark.parametrize(("ours", "theirs"), **named(PLAIN))
def test_plain_ones_equal_torchs_own(
    ours: Any, theirs: Callable[[Tensor], Tensor], x: Tensor
) -> None:
    assert ours.fan_in == 1
    assert_same(ours, theirs, x)


@pytest.mark.parametrize(("ours", "theirs"), **named(GATED))
def test_gated_ones_bend_the_first_block_and_multiply_the_second(
    ours: Any, theirs: Callable[[Tensor], Tensor], x: Tensor
) -> None:
    assert ours.fan_in == 2
    up = torch.randn_like(x)
    assert_same(
        lambda gate, up: ours(torch.cat((gate, up), dim=-1)),
        lambda gate, up: theirs(gate) * up,
        x,
        up,
    )


@pytest.mark.parametrize("activation", [ours for ours, _ in PLAIN + GATED], ids=repr)
def test_zero_gives_zero_and_the_type_stays(activation: Any) -> None:
    y = activation(torch.zeros(2, 8, dtype=torch.bfloat16))
    assert y.dtype == torch.bfloat16
    assert y.shape == (2, 8 // activation.fan_in)
    assert (y == 0).all()


def test_the_tanh_form_is_near_the_exact_gelu_but_not_it() -> None:
    x = torch.linspace(-5, 5, 1001, dtype=torch.float64)
    apart = (GELU(form="tanh")(x) - GELU()(x)).abs().max()
    assert 1e-5 < apart < 1e-3


@pytest.mark.parametrize(("activation", "_"), **named(PLAIN + GATED))
def test_output_on_a_fixed_input(activation: Any, _: Any, snapshot: Any) -> None:
    assert digits(activation(waves(2, 6))) == snapshot
