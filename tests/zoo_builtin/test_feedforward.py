"""Feed-forward: the written-out formula, with any activation."""

from __future__ import annotations

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
from zoo_builtin.activations import GELU, ReLU2, SwiGLU
from zoo_builtin.feedforward import MLP, default_d_ff

DIMS = Dims(d_model=8, n_layers=1, n_heads=2, head_dim=4, max_seq_len=16, vocab_size=10)


def mlp(activation: Any, **options: Any) -> MLP:
    return MLP(Build(DIMS, activation=activation), **options)


def test_swiglu_gives_the_gated_formula() -> None:
    ours = mlp(SwiGLU, d_ff=12)

    def mine(x: Tensor, w1: Tensor, w2: Tensor, w3: Tensor) -> Tensor:
        weights = {"gate_up.weight": torch.cat((w1, w3)), "down.weight": w2}
        return functional_call(ours, weights, x)

    def written_out(x: Tensor, w1: Tensor, w2: Tensor, w3: Tensor) -> Tensor:
        return F.linear(F.silu(F.linear(x, w1)) * F.linear(x, w3), w2)

    shapes = [(2, 5, 8), (12, 8), (8, 12), (12, 8)]
    assert_same(mine, written_out, *(torch.randn(shape, dtype=torch.float64) for shape in shapes))


def test_a_plain_activation_takes_one_map() -> None:
    ours = mlp(GELU, d_ff=12)
    assert_same(
        lambda x, up, down: functional_call(ours, {"gate_up.weight": up, "down.weight": down}, x),
        lambda x, up, down: F.linear(F.gelu(F.linear(x, up)), down),
        torch.randn(2, 5, 8, dtype=torch.float64),
        torch.randn(12, 8, dtype=torch.float64),
        torch.randn(8, 12, dtype=torch.float64),
    )


@pytest.mark.parametrize(
    ("d_model", "gated", "plain"),
    [(8, 64, 64), (24, 64, 128), (25, 128, 128), (256, 704, 1024), (512, 1408, 2048)],
)
def test_the_width_is_a_multiple_of_64_at_or_above_the_ratio(
    d_model: int, gated: int, plain: int
) -> None:
    build = Build(replace(DIMS, d_model=d_model), activation=SwiGLU)
    assert MLP(build).down.weight.shape == (d_model, gated)
    assert default_d_ff(d_model, fan_in=1) == plain


def test_weights_are_saved_by_what_they_do() -> None:
    assert {name: tuple(w.shape) for name, w in mlp(SwiGLU, d_ff=12).state_dict().items()} == {
        "gate_up.gate.weight": (12, 8),
        "gate_up.up.weight": (12, 8),
        "down.weight": (8, 12),
    }
    assert set(mlp(ReLU2).state_dict()) == {"gate_up.up.weight", "down.weight"}


def test_options_that_do_not_fit() -> None:
    class ThreeBlocks(nn.Module):
        fan_in = 3

    with pytest.raises(ValueError, match="d_ff must be at least 1, not 0"):
        mlp(SwiGLU, d_ff=0)
    with pytest.raises(ValueError, match="1 or 2 blocks, and ThreeBlocks takes 3"):
        mlp(ThreeBlocks)


def test_output_on_a_fixed_input(snapshot: Any) -> None:
    ours = mlp(SwiGLU, d_ff=12)
    for parameter in ours.parameters():
        parameter.data = waves(*parameter.shape) / 4
    assert digits(ours(waves(1, 2, 8))) == snapshot
