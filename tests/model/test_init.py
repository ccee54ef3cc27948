"""How weights are initialised, scheme by scheme."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
import torch
from decoders import PARTS
from torch import Tensor

import zoo
from zoo.model.decoder import Decoder, Scored
from zoo.model.init import SCHEMES, Init, SchemeName
from zoo_builtin.activations import ReLU2

SIZES = {"d_model": 128, "n_layers": 3, "n_heads": 4, "max_seq_len": 16}
RESIDUAL = ("attention.out.weight", "feedforward.down.weight")
KEPT = 0.98658
"""The standard deviation that is left of a normal of 1 that is cut at three."""


def decoder(**options: Any) -> Decoder:
    return Decoder(200, **{**SIZES, **PARTS, "activation": ReLU2, **options})


def drawn(**options: Any) -> dict[str, Tensor]:
    """The matrices of a model."""
    state = decoder(**options).state_dict()
    return {name: tensor for name, tensor in state.items() if tensor.dim() == 2}


def glorot(weight: Tensor) -> float:
    return math.sqrt(2 / sum(weight.shape))


def expected(scheme: str, name: str, weight: Tensor) -> float:
    """The standard deviation as the papers write it."""
    layer = int(name.split(".")[1]) + 1 if name.startswith("blocks.") else 0
    residual = name.endswith(RESIDUAL)
    if scheme == "gpt2":
        return 0.02 / math.sqrt(2 * 3) if residual else 0.02
    if name == "embedding.weight":
        return 1.0
    if residual and scheme == "depth_scaled":
        return glorot(weight) / math.sqrt(2 * layer)
    return 0.0 if residual and scheme == "zero_residual" else glorot(weight)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_matrix_has_the_standard_deviation_of_the_scheme(scheme: str) -> None:
    matrices = drawn(init=scheme)
    assert len(matrices) == 2 + 3 * (4 + 2)
    for name, weight in matrices.items():
        std = expected(scheme, name, weight)
        assert weight.std().item() == pytest.approx(KEPT * std, rel=0.03), name
        assert weight.mean().item() == pytest.approx(0, abs=5 * std / weight.numel() ** 0.5), name
        assert weight.abs().max().item() <= 3 * std * (1 + 1e-6), name


def test_gpt2_small_begins_as_published() -> None:
    """Radford et al. 2018 draw from N(0, 0.02²); 2019, by 1 / √N of N residual layers, 24 in 12."""
    init = Init("gpt2", n_layers=12, tied=True)
    assert init.embedding(768) == init.linear(768, 2304) == init.linear(768, 3072, layer=5) == 0.02
    for layer in (0, 11):
        written = [init.linear(d_in, 768, residual=True, layer=layer) for d_in in (768, 3072)]
        assert written == pytest.approx(2 * [0.02 / math.sqrt(24)])


@pytest.mark.parametrize("scheme", ["depth_scaled", "zero_residual"])
def test_schemes_share_the_draws_of_what_they_do_not_scale(scheme: str) -> None:
    plain, other = drawn(), drawn(init=scheme)
    assert all(torch.equal(plain[n], other[n]) for n in plain if not n.endswith(RESIDUAL))


def test_the_depth_of_a_layer_divides_what_it_writes() -> None:
    plain, scaled = drawn(), drawn(init="depth_scaled")
    for layer in range(3):
        for name in (f"blocks.{layer}.{residual}" for residual in RESIDUAL):
            torch.testing.assert_close(scaled[name], plain[name] / math.sqrt(2 * (layer + 1)))


def test_blocks_with_nothing_to_add_begin_as_the_identity_and_learn() -> None:
    model = decoder(init="zero_residual")
    ids = torch.arange(16)[None]
    x = model.embedding(ids)
    assert torch.equal(model.blocks[1](x, zoo.Seq(ids)).y, x)
    scored = model(ids, ids)
    assert isinstance(scored, Scored)
    scored.total.backward()
    for name, parameter in model.named_parameters():
        if name.endswith(RESIDUAL):
            assert parameter.grad is not None
            assert parameter.grad.abs().max() > 0


def test_numbers_of_a_recipe_go_before_those_of_the_scheme() -> None:
    init = Init("gpt2", 2, linear_std=0.1, embedding_std=0.5, residual_scale=3.0)
    assert (init.linear(8, 8), init.embedding(8)) == (0.1, 0.5)
    assert init.linear(8, 8, residual=True, layer=0) == pytest.approx(3 * 0.1 / math.sqrt(4))


def test_tied_tables_begin_small_but_as_gpt2_says_where_it_says() -> None:
    assert Init(tied=True).embedding(64) == pytest.approx(0.3 / 8)
    assert Init(tied=False).embedding(64) == 1
    assert Init("gpt2", tied=True).embedding(64) == 0.02


def test_a_recipe_chooses_by_name(request: pytest.FixtureRequest) -> None:
    smoke = request.config.rootpath / "recipes" / "smoke.toml"
    model = zoo.build(zoo.load_recipe(smoke, ["model.init=zero_residual"]))
    assert not model.get_parameter("blocks.1.feedforward.down.weight").any()
    [problem] = zoo.check(smoke, ["model.init=gtp2"])
    assert problem.path == "model.init"
    assert "\"gtp2\" is not allowed; did you mean 'gpt2'?" in problem.message


def test_recipes_can_name_every_scheme() -> None:
    assert get_args(SchemeName) == (*SCHEMES,)
