from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest
import torch
from decoders import PARTS

import zoo
from zoo.contracts import Dims, Out
from zoo.model.build import Build, seeded
from zoo.model.decoder import Decoder, Head
from zoo.model.init import truncated_normal_
from zoo.model.layers import Embedding, Linear
from zoo.recipe.dry_run import unchanged_randomness
from zoo_builtin.activations import ReLU2
from zoo_builtin.attention.softmax import FullAttention
from zoo_builtin.feedforward import MLP
from zoo_builtin.norms import LayerNorm
from zoo_builtin.positions import ALiBi, Learned, RoPE

SIZES = {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 16}


def decoder(seed: int = 0, **changes: object) -> Decoder:
    return Decoder(50, seed, **{**SIZES, **PARTS, **changes})


def ids(rows: int = 2, length: int = 16) -> torch.Tensor:
    return torch.randint(50, (rows, length), generator=torch.Generator().manual_seed(0))


class TestLayers:
    def test_truncated_normal_has_the_moments_of_the_cut_normal(self) -> None:
        x = truncated_normal_(torch.empty(400_000), std=0.5)
        # Variance of a standard normal cut at ±c: 1 − 2c·φ(c) / (2Φ(c) − 1).
        density = math.exp(-4.5) / math.sqrt(2 * math.pi)
        variance = 1 - 6 * density / math.erf(3 / math.sqrt(2))
        assert x.abs().max() <= 1.5
        assert x.mean().abs() < 0.005
        assert x.std().item() == pytest.approx(0.5 * math.sqrt(variance), rel=0.01)

    def test_linear_equals_torch(self) -> None:
        linear = Linear(8, 5)
        x = torch.randn(3, 7, 8)
        torch.testing.assert_close(linear(x), torch.nn.functional.linear(x, linear.weight))

    def test_each_fused_product_is_drawn_as_if_it_stood_alone(self) -> None:
        fused = Linear(64, {"q": 512, "k": 8})
        q, k = fused.weight.split([512, 8])
        assert q.std().item() == pytest.approx(math.sqrt(2 / (64 + 512)), rel=0.05)
        assert k.std().item() == pytest.approx(math.sqrt(2 / (64 + 8)), rel=0.1)

    def test_a_fused_product_has_the_draws_of_its_name_whatever_stands_beside_it(self) -> None:
        dims = Dims(32, 1, 4, 8, 16, 50)
        one, both, turned = (
            Build(dims, seed=3, path="blocks.0.feedforward").linear(32, parts).state_dict()
            for parts in ({"up": 24}, {"gate": 24, "up": 24}, {"up": 24, "gate": 24})
        )
        assert torch.equal(one["up.weight"], both["up.weight"])
        assert torch.equal(one["up.weight"], turned["up.weight"])
        assert torch.equal(both["gate.weight"], turned["gate.weight"])
        assert not torch.equal(both["gate.weight"], both["up.weight"])

    def test_a_second_fused_product_of_a_name_has_draws_of_its_own(self) -> None:
        build = Build(Dims(32, 1, 4, 8, 16, 50), path="blocks.0.attention")
        first, second = build.linear(8, {"q": 8, "k": 8}), build.linear(8, {"q": 8})
        assert not torch.equal(first.state_dict()["q.weight"], second.state_dict()["q.weight"])

    def test_fused_products_are_saved_apart_and_load_again(self) -> None:
        fused, again = Linear(4, {"q": 4, "k": 2}), Linear(4, {"q": 4, "k": 2})
        saved = fused.state_dict()
        assert {name: tuple(t.shape) for name, t in saved.items()} == {
            "q.weight": (4, 4),
            "k.weight": (2, 4),
        }
        again.load_state_dict(saved)
        assert torch.equal(again.weight, fused.weight)
        assert set(saved) == {"q.weight", "k.weight"}

    def test_a_missing_product_is_noticed(self) -> None:
        saved = Linear(4, {"q": 4, "k": 2}).state_dict()
        del saved["k.weight"]
        with pytest.raises(RuntimeError, match="weight"):
            Linear(4, {"q": 4, "k": 2}).load_state_dict(saved)

    def test_embedding_takes_rows_of_its_table(self) -> None:
        table = Embedding(50, 8)
        torch.testing.assert_close(table(ids()), table.weight[ids()])

    def test_equal_ids_add_up_their_gradients_in_one_order(self) -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(2)  # the tests have one, which knows but one order
        try:
            table = Embedding(7, 128)
            drawn = torch.randint(7, (64, 256))  # long enough for the threads to meet
            upstream = torch.randn(64, 256, 128)
            grads = [
                torch.autograd.grad(table(drawn), table.weight, upstream)[0] for _ in range(30)
            ]
        finally:
            torch.set_num_threads(threads)
        assert all(torch.equal(grads[0], grad) for grad in grads[1:])


class TestDraws:
    def test_nothing_outside_is_disturbed(self) -> None:
        before = torch.get_rng_state()
        decoder()
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_seed_gives_the_same_weights_whatever_was_drawn_before(self) -> None:
        first = decoder(seed=3).state_dict()
        torch.randn(5)
        second = decoder(seed=3).state_dict()
        other = decoder(seed=4).state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert not torch.equal(first["embedding.weight"], other["embedding.weight"])

    @pytest.mark.parametrize(
        "change",
        [{"norm": LayerNorm}, {"activation": ReLU2}, {"position": Learned}, {"n_layers": 3}],
        ids=str,
    )
    def test_models_that_differ_in_a_part_share_the_draws_of_the_others(self, change: dict) -> None:
        one, other = decoder().state_dict(), decoder(**change).state_dict()
        if "activation" in change:  # which lives in the feed-forward part's first product
            one = {name: tensor for name, tensor in one.items() if "gate_up" not in name}
        shared = [name for name in one if name in other and one[name].shape == other[name].shape]
        assert any("attention.qkv" in name for name in shared)
        assert all(torch.equal(one[name], other[name]) for name in shared)

    def test_layers_are_drawn_apart(self) -> None:
        state = decoder().state_dict()
        names = [f"blocks.{layer}.attention.out.weight" for layer in (0, 1)]
        assert not torch.equal(state[names[0]], state[names[1]])

    def test_seeded_depends_on_the_whole_path(self) -> None:
        draws = []
        for path in ((0, "a"), (0, "b"), (1, "a"), (0, "a")):
            with seeded(*path):
                draws.append(torch.rand(3))
        assert torch.equal(draws[0], draws[3])
        assert not torch.equal(draws[0], draws[1])
        assert not torch.equal(draws[0], draws[2])

    def test_threads_make_the_models_that_one_makes(self) -> None:
        """torch has one CPU generator for all threads."""
        expected = decoder(n_layers=4).state_dict()
        with ThreadPoolExecutor(3) as pool:
            made = [pool.submit(decoder, n_layers=4) for _ in range(60)]
        for future in made:
            state = future.result().state_dict()
            assert all(torch.equal(state[name], value) for name, value in expected.items())

    def test_a_recipe_is_not_tried_out_while_another_thread_draws(self) -> None:
        """Putting the generator back afterwards would take back what was drawn meanwhile."""
        drawn: list[torch.Tensor] = []

        def draw() -> None:
            with seeded(0, "a"):
                drawn.append(torch.rand(3))

        thread = Thread(target=draw)
        with unchanged_randomness():
            thread.start()
            thread.join(0.05)
            assert not drawn
        thread.join()
        draw()
        assert torch.equal(*drawn)


class TestDecoder:
    def test_logits_and_losses_agree(self) -> None:
        model, tokens = decoder(), ids(length=17)
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        logits = model(inputs)
        assert logits.shape == (2, 16, 50)
        assert logits.dtype == torch.float32
        expected = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), reduction="sum"
        )
        torch.testing.assert_close(model(inputs, targets).total, expected)

    def test_no_token_sees_a_later_one(self) -> None:
        model, tokens = decoder(), ids()
        changed = tokens.clone()
        changed[:, 9:] = (changed[:, 9:] + 1) % 50
        torch.testing.assert_close(model(tokens)[:, :9], model(changed)[:, :9])

    def test_every_parameter_takes_part(self) -> None:
        model, tokens = decoder(position=Learned, norm=LayerNorm), ids(length=17)
        model(tokens[:, :-1], tokens[:, 1:]).total.backward()
        assert [name for name, p in model.named_parameters() if p.grad is None] == []

    def test_shorter_inputs_are_fine_and_longer_ones_are_refused(self) -> None:
        assert decoder()(ids(length=3)).shape == (2, 3, 50)
        with pytest.raises(ValueError, match="17 tokens for a model of max_seq_len 16"):
            decoder()(ids(length=17))

    def test_tied_embeddings_are_one_parameter_and_logits_start_small(self) -> None:
        model = decoder(tie_embeddings=True)
        assert model.head.weight is model.embedding.weight
        assert "head.weight" not in dict(model.named_parameters())
        assert model(ids()).std() < 3

    def test_soft_cap_bounds_logits(self) -> None:
        head = Head(torch.nn.Parameter(torch.randn(50, 8) * 100), cap=30.0)
        assert head(torch.randn(4, 8) * 100).abs().max() <= 30

    def test_a_list_is_tiled_over_the_layers(self) -> None:
        model = decoder(n_layers=4, position=[RoPE, ALiBi])
        assert len(model.positions) == 2
        assert model.position_of_layer == [0, 1, 0, 1]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"n_heads": 5}, "n_heads is 5, no divisor of d_model = 32"),
            ({"n_layers": 0}, "n_layers is 0"),
            ({"attention": [FullAttention] * 3}, "a list of 3 entries for 2 layers"),
        ],
        ids=str,
    )
    def test_sizes_that_clash_are_refused(self, change: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            decoder(**change)

    def test_a_position_the_attention_has_no_place_for_is_refused(self) -> None:
        class Linearised(FullAttention):
            accepts = frozenset({"qk"})

        with pytest.raises(ValueError, match="ALiBi biases scores, which attention Linearised"):
            decoder(position=ALiBi, attention=Linearised)

    def test_constructs_on_meta_without_memory(self) -> None:
        with torch.device("meta"):
            model = decoder()
        assert all(p.is_meta for p in model.parameters())

    def test_out_reaches_the_loss_the_statistics_and_later_layers(self) -> None:
        heard = []

        class Talkative(MLP):
            def forward(self, x: torch.Tensor) -> Out:
                loss = x.new_tensor(3.0)
                return Out(super().forward(x), {"extra": loss}, {"calls": x.new_ones(1)})

        class Listening(FullAttention):
            def forward(self, x, seq, cache=None, carry=None) -> Out:
                heard.append(dict(carry))
                return Out(super().forward(x, seq, cache), carry={"first": x.new_ones(1)})

        model, tokens = decoder(feedforward=Talkative, attention=Listening), ids(length=17)
        scored = model(tokens[:, :-1], tokens[:, 1:])
        torch.testing.assert_close(scored.total, scored.parts["nll"] + 6)
        assert set(scored.stats) == {"blocks.0.feedforward", "blocks.1.feedforward"}
        assert [set(carry) for carry in heard] == [set(), {"first"}]


def test_build_says_what_it_lacks() -> None:
    dims = Dims(8, 1, 2, 4, 16, 50)
    with pytest.raises(ValueError, match="no norm"):
        Build(dims).norm(8)


class TestTiedEmbeddings:
    @pytest.mark.parametrize("norm", ["rmsnorm", "layernorm", "none"])
    @pytest.mark.parametrize("d_model", [64, 192, 768])
    def test_an_untrained_model_knows_nothing(self, d_model: int, norm: str) -> None:
        vocab_size, changes = 2048, {"norm": zoo.registry().find("norm", norm).factory}
        sizes = {"d_model": d_model, "n_layers": 2, "n_heads": d_model // 64, "max_seq_len": 64}
        model = Decoder(vocab_size, **{**PARTS, **sizes, **changes}, tie_embeddings=True)
        tokens = torch.randint(vocab_size, (4, 65), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            for targets in (tokens[:, 1:], tokens[:, :-1]):  # the next ones, and a copy
                nll = model(tokens[:, :-1], targets).parts["nll"].item() / targets.numel()
                assert nll == pytest.approx(math.log(vocab_size), abs=0.1)

    def test_logit_scale_is_what_it_says(self) -> None:
        plain, scaled = (decoder(tie_embeddings=True, logit_scale=s) for s in (1.0, 0.25))
        hidden = torch.randn(2, 3, 32)
        torch.testing.assert_close(plain.head(hidden), hidden @ plain.embedding.weight.T)
        torch.testing.assert_close(scaled.head(hidden), plain.head(hidden) * 0.25)

    def test_what_runs_of_0_1_0_say_means_what_it_did(self) -> None:
        said = {"logit_scale": None, "embedding_std": 1.0}
        assert decoder(tie_embeddings=True, **said).head.scale == 32**-0.5
        assert decoder(tie_embeddings=True, **said).embedding.weight.std() > 0.9
        assert decoder(**said).head.scale == 1.0
