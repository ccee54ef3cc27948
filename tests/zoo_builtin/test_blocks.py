"""Blocks: each against its formula, and how what they share acts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from decoders import PARTS
from tensors import assert_same, digits, waves
from torch import Tensor, nn
from unusual_components import InputResidual, Skips

import zoo
from zoo.contracts import Dims
from zoo.generation.compiled_step import as_step, check, traced
from zoo.model.build import BlockBuild, derived_seed, seeded
from zoo.model.decoder import Decoder
from zoo.model.sequence import Seq
from zoo.testing import decoding
from zoo_builtin.activations import SwiGLU
from zoo_builtin.attention.softmax import FullAttention
from zoo_builtin.blocks import OutputNorm, Parallel, PostNorm, PreNorm, Sandwich
from zoo_builtin.feedforward import MLP
from zoo_builtin.norms import RMSNorm
from zoo_builtin.positions import RoPE

DIMS = Dims(d_model=8, n_layers=4, n_heads=2, head_dim=4, max_seq_len=16, vocab_size=10)
SIZES = {"d_model": 32, "n_layers": 4, "n_heads": 4, "max_seq_len": 16}
BLOCKS: dict[str, Callable[..., Any]] = {
    "pre_norm": PreNorm,
    "post_norm": PostNorm,
    "sandwich": Sandwich,
    "output_norm": OutputNorm,
    "parallel": Parallel,
    "parallel-two": partial(Parallel, shared_norm=False),
}
every_block = pytest.mark.parametrize("block", BLOCKS)


def make(block: Callable[..., Any], layer: int = 0, **options: Any) -> Any:
    """A block in float64 whose every parameter has a value of its own."""
    parts = {"attention": FullAttention, "feedforward": MLP, "norm": RMSNorm, "activation": SwiGLU}
    made = block(BlockBuild(DIMS, **parts, layer=layer, path=f"blocks.{layer}"), **options)
    for nth, parameter in enumerate(made.parameters()):
        parameter.data = waves(*parameter.shape, dtype=torch.float64).roll(nth) / 2
    return made.double()


def seq(length: int) -> Seq:
    return Seq(torch.arange(length)[None], RoPE(DIMS))


def written_out(name: str, block: Any, x: Tensor) -> Tensor:
    """Its formula; ``u`` and ``v`` are what the two parts add."""

    def norm(which: str, x: Tensor) -> Tensor:
        return F.rms_norm(x, (8,), getattr(block, which).weight, 1e-5)

    def attention(x: Tensor) -> Tensor:
        return block.attention(x, seq(x.shape[1]))

    if name == "pre_norm":
        u = x + attention(norm("attention_norm", x))
        return u + block.feedforward(norm("feedforward_norm", u))
    if name == "post_norm":
        u = norm("attention_norm", x + attention(x))
        return norm("feedforward_norm", u + block.feedforward(u))
    if name == "sandwich":
        u = x + norm("attention_output_norm", attention(norm("attention_norm", x)))
        v = block.feedforward(norm("feedforward_norm", u))
        return u + norm("feedforward_output_norm", v)
    if name == "output_norm":
        u = x + norm("attention_output_norm", attention(x))
        return u + norm("feedforward_output_norm", block.feedforward(u))
    second = "attention_norm" if name == "parallel" else "feedforward_norm"
    return x + attention(norm("attention_norm", x)) + block.feedforward(norm(second, x))


@every_block
def test_a_block_equals_its_formula(block: str) -> None:
    ours = make(BLOCKS[block])
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    assert_same(lambda x: ours(x, seq(5)).y, lambda x: written_out(block, ours, x), x)


@every_block
def test_output_on_a_fixed_input(block: str, snapshot: Any) -> None:
    assert digits(make(BLOCKS[block])(waves(1, 2, 8), seq(2)).y) == snapshot


@every_block
def test_scales_multiply_what_a_part_adds(block: str) -> None:
    """As if the last map before the sum were scaled: the parts' own, or the norm after them."""
    options = {"branch_scale": 0.5, "layer_scale": 0.25}
    scaled, plain = make(BLOCKS[block], **options), make(BLOCKS[block])
    scaled.attention_scale.gain.data = gain = waves(8) / 3
    scaled.feedforward_scale.gain.data = 2 * gain
    before_norm = getattr(plain, "attention_output_norm", None) is None
    for part, factor in (("attention", 0.5 * gain), ("feedforward", gain)):
        if before_norm:
            last = plain.attention.out if part == "attention" else plain.feedforward.down
            last.weight.data *= factor[:, None]
        else:
            getattr(plain, f"{part}_output_norm").weight.data *= factor
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(scaled(x, seq(5)).y, plain(x, seq(5)).y)


def test_layer_scale_begins_where_it_is_told() -> None:
    parts = {"attention": FullAttention, "feedforward": MLP, "norm": RMSNorm, "activation": SwiGLU}
    block = PreNorm(BlockBuild(DIMS, **parts), layer_scale=1e-3)
    assert block.feedforward_scale.gain.tolist() == pytest.approx(8 * [1e-3])


class Constant(nn.Module):
    """A part that makes ones, so that what is added can be read off."""

    def forward(self, x: Tensor, *given: Any) -> Tensor:
        return torch.ones_like(x)


def added(layer: int, rows: int = 2000, **options: Any) -> Tensor:
    """What a block in training adds to zeros, (rows, 3, d_model)."""
    parts = {"attention": lambda build: Constant(), "feedforward": lambda build: Constant()}
    block = PreNorm(BlockBuild(DIMS, **parts, norm=RMSNorm, layer=layer), **options)
    added: Tensor = block.train()(torch.zeros(rows, 3, 8), seq(3)).y
    return added


@pytest.mark.parametrize("layer", [0, 3])
def test_stochastic_depth_leaves_a_part_out_of_whole_rows(layer: int) -> None:
    seen = added(layer, stochastic_depth=0.5)
    kept = 1 - 0.5 * (layer + 1) / 4
    assert torch.equal(seen, seen[:, :1, :1].expand_as(seen))
    assert seen.unique().tolist() == pytest.approx([0, 1 / kept, 2 / kept])
    assert seen.mean().item() == pytest.approx(2, abs=0.15)
    assert (seen[:, 0, 0] == 0).float().mean().item() == pytest.approx((1 - kept) ** 2, abs=0.05)


def test_dropout_takes_numbers_and_keeps_the_mean() -> None:
    seen = added(0, dropout=0.25)
    assert seen.unique().tolist() == pytest.approx([0, 4 / 3, 8 / 3])
    assert seen.mean().item() == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("option", ["dropout", "stochastic_depth"])
def test_what_is_drawn_in_training_is_no_part_of_evaluation(option: str) -> None:
    plain, drawing = make(PreNorm), make(PreNorm, **{option: 0.5})
    assert drawing.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    assert torch.equal(drawing.eval()(x, seq(5)).y, plain(x, seq(5)).y)


def test_a_part_that_is_left_out_of_all_rows_has_gradients_all_the_same() -> None:
    """Else processes that train together would wait for each other's."""
    block = make(PreNorm, layer=3, stochastic_depth=0.99)
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    with seeded(0):
        y = block(x, seq(5)).y
    assert torch.equal(y, x)
    y.sum().backward()
    assert all(parameter.grad is not None for parameter in block.parameters())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dropout": 1.0}, "dropout must be a probability from 0 to below 1, not 1.0"),
        ({"stochastic_depth": -0.1}, "stochastic_depth must be a probability"),
        ({"branch_scale": 0.0}, "branch_scale must be above 0, not 0.0"),
        ({"layer_scale": -1.0}, "layer_scale must be above 0, not -1.0"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make(PreNorm, **options)


# ── In a model ───────────────────────────────────────────────────────────────────────────────────


def decoder(block: Any, **changes: Any) -> Decoder:
    return Decoder(50, **{**SIZES, **PARTS, "block": block, **changes})


def test_the_default_wiring_has_the_names_and_the_draws_that_it_always_had() -> None:
    state = decoder(PreNorm).state_dict()
    names = [name.removeprefix("blocks.3.") for name in state if name.startswith("blocks.3.")]
    assert names == [
        "attention_norm.weight",
        *(f"attention.qkv.{name}.weight" for name in "qkv"),
        "attention.out.weight",
        "feedforward_norm.weight",
        *(f"feedforward.{name}.weight" for name in ("gate_up.gate", "gate_up.up", "down")),
    ]
    path = "blocks.3.attention"
    with seeded(0, path, "linear", 0):
        asked = torch.empty(32, 32).uniform_()
    out = state[f"{path}.out.weight"]
    assert torch.equal(out.flatten().argsort(), asked.flatten().argsort())
    assert derived_seed(0, path) != derived_seed(0, "blocks.3")


@every_block
def test_models_that_differ_in_the_block_share_the_draws_of_their_parts(block: str) -> None:
    one, other = decoder(PreNorm).state_dict(), decoder(BLOCKS[block]).state_dict()
    parts = [name for name in one if "norm" not in name]
    assert all(torch.equal(one[name], other[name]) for name in parts)


def test_blocks_are_tiled_over_the_layers() -> None:
    blocks = decoder([PreNorm, Parallel, PostNorm]).blocks
    assert [type(block) for block in blocks] == [PreNorm, Parallel, PostNorm, PreNorm]


def test_two_parts_of_a_name_are_refused() -> None:
    class Twice(PreNorm):
        def __init__(self, build: zoo.BlockBuild) -> None:
            super().__init__(build)
            self.other = build.attention()

    with pytest.raises(ValueError, match="makes two parts named 'attention': each needs its own"):
        decoder(Twice)


@pytest.mark.parametrize("block", [*BLOCKS, "skips", "input residual", "tiled"])
def test_decoding_equals_a_full_forward_compiled_or_not(block: str) -> None:
    found = {**BLOCKS, "skips": Skips, "input residual": InputResidual, "tiled": [PreNorm, Skips]}
    with seeded(0, "moved"):
        model = decoding.disturbed(decoder(found[block]).double())
    for way in decoding.EVERY_WAY:
        assert list(way(model)) == []
    single = model.float().requires_grad_(False)
    check(single, 2, as_step(traced(single, 2)))


def test_skips_reach_from_the_first_half_to_the_second() -> None:
    model = decoder(Skips)
    ids = torch.arange(16)[None]
    before = model(ids)
    for share in (model.blocks[2].share, model.blocks[3].share):
        share.data.zero_()
    assert not torch.equal(model(ids), before)
    torch.testing.assert_close(model(ids), decoder(PreNorm)(ids))


# ── In a recipe ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def smoke(request: pytest.FixtureRequest) -> Path:
    return request.config.rootpath / "recipes" / "smoke.toml"


def test_a_recipe_chooses_blocks_and_their_options(smoke: Path) -> None:
    said = "model.block=['sandwich', {name='parallel', dropout=0.1}]"
    first, second = zoo.build(zoo.load_recipe(smoke, [said])).blocks
    assert (type(first), type(second), second.dropout) == (Sandwich, Parallel, 0.1)


def test_a_block_that_cannot_be_made_hides_nothing_wrong_with_its_parts(smoke: Path) -> None:
    wrong = ["model.block={dropout=2.0}", "model.feedforward={d_ff=0}"]
    found = {problem.path: problem.message for problem in zoo.check(smoke, wrong)}
    assert found == {
        "model.block": "dropout must be a probability from 0 to below 1, not 2.0",
        "model.feedforward": "d_ff must be at least 1, not 0",
    }


@every_block
def test_a_block_declares_that_its_norms_divide_out_what_its_parts_are_scaled_by(
    block: str,
) -> None:
    x = waves(2, 5, 8, dtype=torch.float64)
    made = make(BLOCKS[block])
    for norm in made.modules():
        if isinstance(norm, RMSNorm):
            norm.eps = 1e-20
    before = made(x, seq(5)).y
    for weight in (made.attention.out.weight, made.feedforward.down.weight):
        weight.data *= 3
    same = torch.allclose(made(x, seq(5)).y, before)
    assert same == getattr(made, "norm_ends_branch", False)


UNFIT = {
    "model.init=zero_residual": "model.init: zero_residual draws zeros: the norm that block ",
    "model.init=gpt2": "model: the factor of init = gpt2 has no effect: the norm that block ",
    "model.init=depth_scaled": "model: the factor of init = depth_scaled has no effect: ",
    "model.residual_scale=0.5": "model: residual_scale = 0.5 has no effect: ",
}


@pytest.mark.parametrize("change", UNFIT)
@pytest.mark.parametrize("block", ["pre_norm", "post_norm", "sandwich", "output_norm", "parallel"])
def test_an_init_that_the_norms_of_a_block_undo_is_told_once(
    block: str, change: str, smoke: Path
) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        zoo.load_recipe(smoke, [f"model.block={block}", change])
        zoo.load_recipe(smoke, [f"model.block={block}", change, "model.norm=none"])  # nothing
    undone = [str(warning.message) for warning in told if "init" in str(warning.message)]
    undone += [str(warning.message) for warning in told if "_scale = " in str(warning.message)]
    if getattr(make(BLOCKS[block]), "norm_ends_branch", False):
        [line] = undone
        assert line.startswith(UNFIT[change])
        assert f"block {block!r}" in line
    else:
        assert undone == []
