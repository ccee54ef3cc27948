"""The whole model against the same written out with torch's own functions, in float64."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from syrupy.assertion import SnapshotAssertion
from torch import Tensor, nn

import zoo
from zoo.contracts import ParamRule
from zoo.model.decoder import Decoder
from zoo.model.layers import Embedding, Linear
from zoo.model.param_groups import named_params

SIZES = {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 16}


def decoder(**options: object) -> Decoder:
    changes = [f"model.{name}={value}".lower() for name, value in (SIZES | options).items()]
    recipe = zoo.load_recipe("recipes/smoke.toml", changes)
    return zoo.build(recipe, vocab_size=50)


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.chdir(request.config.rootpath)


def written_out(weights: dict[str, Tensor], ids: Tensor) -> Tensor:
    """A pre-norm decoder with RMSNorm, RoPE in halves, multi-head attention and SwiGLU."""

    def rotated(x_BHTD: Tensor) -> Tensor:
        half = x_BHTD.shape[-1] // 2
        rates = 10_000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
        turns = torch.polar(
            torch.ones(()).double(), torch.arange(x_BHTD.shape[2]).double()[:, None] * rates
        )
        turned = torch.complex(x_BHTD[..., :half], x_BHTD[..., half:]) * turns
        return torch.cat((turned.real, turned.imag), dim=-1)

    def norm(x: Tensor, name: str) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], weights[f"{name}.weight"], 1e-5)

    x = F.embedding(ids, weights["embedding.weight"])
    for layer in range(2):
        at = f"blocks.{layer}"
        seen = norm(x, f"{at}.attention_norm")
        q, k, v = (
            F.linear(seen, weights[f"{at}.attention.qkv.{name}.weight"])
            .unflatten(-1, (4, 8))
            .transpose(1, 2)
            for name in "qkv"
        )
        mixed = F.scaled_dot_product_attention(rotated(q), rotated(k), v, is_causal=True)
        joined = mixed.transpose(1, 2).flatten(2)
        x = x + F.linear(joined, weights[f"{at}.attention.out.weight"])
        seen = norm(x, f"{at}.feedforward_norm")
        gate = F.silu(F.linear(seen, weights[f"{at}.feedforward.gate_up.gate.weight"]))
        up = F.linear(seen, weights[f"{at}.feedforward.gate_up.up.weight"])
        x = x + F.linear(gate * up, weights[f"{at}.feedforward.down.weight"])
    return F.linear(norm(x, "norm"), weights["head.weight"])


def test_the_decoder_equals_the_formula_in_logits_loss_and_gradients() -> None:
    model = decoder().double()
    ids = torch.randint(50, (3, 17))
    weights = {name: w.clone().requires_grad_() for name, w in model.state_dict().items()}
    logits = written_out(weights, ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")
    loss.backward()

    close = {"rtol": 1e-5, "atol": 1e-5}  # logits and rotations are float32 in any model
    torch.testing.assert_close(model(ids[:, :-1]).double(), logits, **close)
    total = model(ids[:, :-1], ids[:, 1:]).total
    torch.testing.assert_close(total.double(), loss, **close)
    total.backward()
    for parameter in model.parameters():
        parameter.data = parameter.grad
    for name, gradient in model.state_dict().items():
        torch.testing.assert_close(gradient, weights[name].grad, rtol=1e-4, atol=1e-4, msg=name)


class TestInitialisation:
    @staticmethod
    def cut(std: float) -> float:
        """The standard deviation that is left of a normal cut at three."""
        density = math.exp(-4.5) / math.sqrt(2 * math.pi)
        return std * math.sqrt(1 - 6 * density / math.erf(3 / math.sqrt(2)))

    def test_is_as_documented(self) -> None:
        state = decoder(d_model=128).state_dict()
        expected = {
            "embedding.weight": 1.0,
            "head.weight": math.sqrt(2 / (128 + 50)),
            "blocks.0.attention.qkv.q.weight": math.sqrt(2 / (128 + 128)),
            "blocks.1.feedforward.down.weight": math.sqrt(2 / (384 + 128)),
        }
        for name, std in expected.items():
            assert state[name].std().item() == pytest.approx(self.cut(std), rel=0.05), name

    def test_follows_the_options(self) -> None:
        state = decoder(
            d_model=128, embedding_std=0.5, linear_std=0.02, residual_scale=0.25
        ).state_dict()
        expected = {
            "embedding.weight": 0.5,
            "head.weight": 0.02,
            "blocks.0.attention.qkv.q.weight": 0.02,
            "blocks.0.attention.out.weight": 0.02 * 0.25,
            "blocks.1.feedforward.down.weight": 0.02 * 0.25,
        }
        for name, std in expected.items():
            assert state[name].std().item() == pytest.approx(self.cut(std), rel=0.05), name

    def test_logit_options_act(self) -> None:
        ids = torch.randint(50, (2, 8))
        plain = decoder()(ids)
        torch.testing.assert_close(decoder(logit_scale=0.5)(ids), plain * 0.5)
        torch.testing.assert_close(decoder(logit_cap=2.0)(ids), 2 * torch.tanh(plain / 2))

    @pytest.mark.parametrize(
        "option", ["embedding_std", "linear_std", "residual_scale", "logit_scale", "logit_cap"]
    )
    @pytest.mark.parametrize("value", [0.0, -1.0])
    def test_options_without_meaning_are_refused(self, option: str, value: float) -> None:
        with pytest.raises(zoo.RecipeError, match=rf"model\.{option}: is .*above 0"):
            decoder(**{option: value})


class TestRoles:
    def test_follow_from_owner_and_shape(self) -> None:
        roles = {p.name: p.role for p in named_params(decoder(position="'learned'"))}
        assert roles["embedding.weight"] == "embedding"
        assert roles["position_0.embedding.weight"] == "embedding"
        assert roles["head.weight"] == "head"
        assert roles["blocks.0.attention.qkv.weight"] == "matrix"
        assert roles["blocks.0.attention_norm.weight"] == "vector"
        assert roles["norm.weight"] == "vector"

    def test_a_tied_weight_counts_once_as_embedding(self) -> None:
        params = named_params(decoder(tie_embeddings=True))
        assert [p.role for p in params if p.name in ("embedding.weight", "head.weight")] == [
            "embedding"
        ]

    def test_fused_products_tell_their_parts(self) -> None:
        model = decoder(attention="{name='full', n_kv_heads=2}")
        parts = {p.name: p.parts for p in named_params(model)}
        assert parts["blocks.0.attention.qkv.weight"] == (32, 16, 16)
        assert parts["blocks.0.attention.out.weight"] == ()

    def test_a_class_may_say_otherwise(self) -> None:
        class Special(nn.Module):
            roles: ClassVar = {"gain": "matrix"}

            def __init__(self) -> None:
                super().__init__()
                self.gain = nn.Parameter(torch.ones(4))
                self.shift = nn.Parameter(torch.ones(4))

        assert [p.role for p in named_params(Special())] == ["matrix", "vector"]

    def test_rules_multiply_by_role_and_by_name(self) -> None:
        rules = [
            ParamRule(role="vector", weight_decay=0.0),
            ParamRule(name="blocks.0.*", lr=0.5),
            ParamRule(name="*attention*", role="matrix", lr=0.5),
        ]
        params = {p.name: p for p in named_params(decoder(), rules)}
        assert params["norm.weight"].weight_decay == 0
        assert params["blocks.0.attention.qkv.weight"].lr == 0.25
        assert params["blocks.1.attention.qkv.weight"].lr == 0.5
        assert params["blocks.0.feedforward.down.weight"].lr == 0.5
        assert params["head.weight"].lr == params["head.weight"].weight_decay == 1

    def test_a_name_that_matches_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"params\[0\] matches no parameter"):
            named_params(decoder(), [ParamRule(name="blocks.7.*")])


def rounded(x: Tensor) -> list[float]:
    return [round(value, 4) for value in x.detach().flatten()[:12].tolist()]


def test_outputs_stay_what_they_are(snapshot: SnapshotAssertion) -> None:
    """A fixed input through the parts of the core: a change here is a change of every model."""
    torch.manual_seed(0)
    ids = torch.arange(8).unsqueeze(0)
    model = decoder()
    seen = {
        "linear": rounded(Linear(4, 3)(torch.ones(1, 4))),
        "embedding": rounded(Embedding(8, 3)(ids)),
        "decoder": rounded(model(ids)),
        "block": rounded(model.blocks[0](model.embedding(ids), zoo.Seq(ids))[0]),
    }
    assert seen == snapshot
