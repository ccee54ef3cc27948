"""Positions: the papers' formulas, and what they promise about distances."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tensors import assert_same, digits, waves
from torch import Tensor

from zoo.contracts import Dims
from zoo.model.sequence import Seq
from zoo_builtin.positions import ALiBi, Learned, NoPosition, RoPE, Sinusoidal, slopes

DIMS = Dims(d_model=12, n_layers=1, n_heads=3, head_dim=8, max_seq_len=16, vocab_size=10)
LAYOUTS = pytest.mark.parametrize("layout", ["halves", "interleaved"])


def at(*pos: int) -> Seq:
    return Seq(torch.tensor([pos]))


class TestRoPE:
    @LAYOUTS
    @pytest.mark.parametrize("base", [10_000.0, 500.0])
    def test_rotation_is_a_product_of_complex_numbers(self, layout: Any, base: float) -> None:
        rope = RoPE(DIMS, base=base, layout=layout)
        seq = Seq(torch.tensor([[0, 1, 5, 700], [3, 2, 1, -1]]))

        def by_complex_numbers(x: Tensor) -> Tensor:
            pairs = x.unflatten(-1, (2, 4) if layout == "halves" else (4, 2))
            pairs = pairs.mT if layout == "halves" else pairs
            angle = seq.pos.double()[:, None, :, None] / base ** (torch.arange(4).double() / 4)
            turned = torch.view_as_complex(pairs.contiguous()) * torch.exp(1j * angle)
            pairs = torch.view_as_real(turned)
            return (pairs.mT if layout == "halves" else pairs).flatten(-2)

        x = torch.randn(2, 3, 4, 8, dtype=torch.float64)
        # The angles are float32: of 700, the last of seven digits is 6e-5.
        assert_same(lambda x: rope.rotate(x, seq), by_complex_numbers, x, tolerance=1e-4)

    @LAYOUTS
    def test_scores_depend_on_distance_alone(self, layout: Any) -> None:
        rope = RoPE(DIMS, layout=layout)
        q, k = torch.randn(2, 1, 3, 1, 8)
        near = rope.rotate(q, at(7)) @ rope.rotate(k, at(2), key=True).mT
        far = rope.rotate(q, at(105)) @ rope.rotate(k, at(100), key=True).mT
        other = rope.rotate(q, at(105)) @ rope.rotate(k, at(101), key=True).mT
        torch.testing.assert_close(near, far, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(near, other, atol=1e-2)

    def test_the_layouts_are_the_same_rotation_of_reordered_entries(self) -> None:
        seq, x = at(3, 4), torch.randn(1, 3, 2, 8)
        halves = RoPE(DIMS).rotate(x, seq)
        apart = x.unflatten(-1, (2, 4)).mT.flatten(-2)
        interleaved = RoPE(DIMS, layout="interleaved").rotate(apart, at(3, 4))
        torch.testing.assert_close(halves, interleaved.unflatten(-1, (4, 2)).mT.flatten(-2))

    def test_the_first_position_is_left_alone_and_lengths_are_kept(self) -> None:
        x = torch.randn(1, 3, 3, 8)
        turned = RoPE(DIMS).rotate(x, at(0, 1, 50))
        assert torch.equal(turned[:, :, 0], x[:, :, 0])
        torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))

    def test_narrow_types_are_rotated_in_float32(self) -> None:
        x = torch.randn(1, 3, 2, 8).bfloat16()
        seq = at(900, 901)
        turned = RoPE(DIMS).rotate(x, seq)
        assert turned.dtype == torch.bfloat16
        assert torch.equal(turned, RoPE(DIMS).rotate(x.float(), seq).bfloat16())

    def test_padding_stays_finite(self) -> None:
        assert RoPE(DIMS).rotate(torch.randn(1, 3, 2, 8), at(-1, 0)).isfinite().all()

    def test_tables_are_made_once_a_forward(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = []
        tables = RoPE.tables
        monkeypatch.setattr(RoPE, "tables", lambda *given: made.append(1) or tables(*given))
        rope, other = RoPE(DIMS), RoPE(DIMS, base=500.0)
        seq = at(0, 1)
        x = torch.randn(1, 3, 2, 8)
        first = seq.seen_by(rope).rotate(x)
        assert torch.equal(seq.seen_by(rope).rotate(x, key=True), first)
        assert len(made) == 1
        assert not torch.equal(seq.seen_by(other).rotate(x), first)

    def test_tables_are_known_by_what_they_depend_on(self) -> None:
        # An address would lead every process to code of its own.
        kept = [RoPE(DIMS), RoPE(DIMS, layout="interleaved"), RoPE(DIMS, base=500.0)]
        assert kept[0].shared == kept[1].shared != kept[2].shared
        assert kept[0].shared != RoPE(replace(DIMS, head_dim=4)).shared

    def test_options_that_do_not_fit(self) -> None:
        with pytest.raises(ValueError, match="even head_dim, not 7"):
            RoPE(replace(DIMS, head_dim=7))
        with pytest.raises(ValueError, match="base must be larger than 1, not 0"):
            RoPE(DIMS, base=0.0)


class TestLearned:
    def test_adds_the_row_of_each_position(self) -> None:
        learned = Learned(DIMS)
        pos = torch.tensor([[0, 15, 3], [2, 2, 1]])
        x = torch.randn(2, 3, 12)
        y = learned.add(x, pos)
        torch.testing.assert_close(y, x + learned.embedding.weight[pos])
        y.sum().backward()
        grad = learned.embedding.weight.grad
        assert grad is not None
        assert grad.sum(1).tolist() == [12 * (pos == row).sum().item() for row in range(16)]

    def test_padding_is_finite_and_positions_end_at_max_seq_len(self) -> None:
        learned = Learned(DIMS)
        assert learned.add(torch.zeros(1, 1, 12), torch.tensor([[-1]])).isfinite().all()
        assert learned.limit == 16

    def test_std_is_the_table_s(self) -> None:
        table = Learned(replace(DIMS, max_seq_len=4000), std=0.02).embedding.weight
        assert table.std().item() == pytest.approx(0.02, rel=0.03)
        with pytest.raises(ValueError, match="std must not be negative: -1"):
            Learned(DIMS, std=-1.0)


class TestSinusoidal:
    def test_adds_the_paper_s_waves(self) -> None:
        pos = torch.tensor([[0, 1, 9], [400, 2, 3]])
        x = torch.randn(2, 3, 12, dtype=torch.float64)
        waves = torch.tensor(
            [
                [
                    [
                        (math.sin if i % 2 == 0 else math.cos)(p / 10_000 ** ((i - i % 2) / 12))
                        for i in range(12)
                    ]
                    for p in row
                ]
                for row in pos.tolist()
            ]
        ).double()
        assert_same(lambda x: Sinusoidal(DIMS).add(x, pos), lambda x: x + waves, x, tolerance=1e-4)

    def test_needs_pairs(self) -> None:
        with pytest.raises(ValueError, match="even d_model, not 13"):
            Sinusoidal(replace(DIMS, d_model=13))

    def test_counts_what_training_shows_and_padding_is_finite(self) -> None:
        assert Sinusoidal(DIMS).limit == 16
        pos = torch.tensor([[-1, 1_000_000]])
        assert Sinusoidal(DIMS).add(torch.zeros(1, 2, 12), pos).isfinite().all()


class TestALiBi:
    def test_slopes_of_powers_of_two_are_the_paper_s(self) -> None:
        assert slopes(8).tolist() == [2.0**-n for n in range(1, 9)]
        assert slopes(1).tolist() == [2.0**-8]
        torch.testing.assert_close(slopes(16), torch.tensor([2 ** (-n / 2) for n in range(1, 17)]))

    def test_other_counts_take_every_other_slope_of_the_next_power_of_two(self) -> None:
        torch.testing.assert_close(slopes(12)[:8], slopes(8))
        torch.testing.assert_close(slopes(12)[8:], slopes(16)[0:8:2])

    @pytest.mark.parametrize("n_heads", range(1, 20))
    def test_any_head_count_has_slopes_of_its_own(self, n_heads: int) -> None:
        values = slopes(n_heads).tolist()
        assert len(set(values)) == n_heads
        assert all(2.0**-8 <= value < 1 for value in values)

    def test_bias_falls_with_distance_and_is_finite_for_every_pair(self) -> None:
        q_pos, k_pos = torch.tensor([[4, 5], [-1, 0]]), torch.tensor([[0, 4, 5, 9], [-1, -1, 0, 1]])
        bias = ALiBi(DIMS).bias(q_pos, k_pos)
        assert bias.shape == (2, 3, 2, 4)
        assert bias.dtype == torch.float32
        for b, h, t, s in torch.cartesian_prod(*map(torch.arange, bias.shape)).tolist():
            distance = (q_pos[b, t] - k_pos[b, s]).item()
            assert bias[b, h, t, s].item() == -slopes(3)[h].item() * distance


def test_no_position_says_nothing() -> None:
    seq = at(0, 1).seen_by(NoPosition(DIMS))
    x = torch.randn(1, 3, 2, 8)
    assert seq.rotate(x) is x
    assert seq.bias(seq.pos) is None


@pytest.mark.parametrize(
    "position",
    [RoPE(DIMS), RoPE(DIMS, layout="interleaved"), Sinusoidal(DIMS), Learned(DIMS), ALiBi(DIMS)],
    ids=["rope", "rope-interleaved", "sinusoidal", "learned", "alibi"],
)
def test_output_on_a_fixed_input(position: Any, snapshot: Any) -> None:
    seq = at(0, 1, 5)
    if "qk" in position.acts_on:
        y = position.rotate(waves(1, 1, 3, 8), seq)
    elif "scores" in position.acts_on:
        y = position.bias(seq.pos, seq.pos)
    else:
        for parameter in position.parameters():
            parameter.data = waves(*parameter.shape)
        y = position.add(waves(1, 3, 12), seq.pos)
    assert digits(y, places=3) == snapshot
