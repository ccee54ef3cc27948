"""Cross-entropy: torch's own values and gradients, a chunk of logits at a time."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tensors import assert_same, digits, waves
from torch import Tensor, nn

from zoo.model.decoder import Decoder, Head
from zoo_builtin.activations import SwiGLU
from zoo_builtin.attention.softmax import FullAttention
from zoo_builtin.blocks import PreNorm
from zoo_builtin.feedforward import MLP
from zoo_builtin.losses import CrossEntropy, cross_entropy, nll
from zoo_builtin.norms import RMSNorm
from zoo_builtin.positions import RoPE

B, T, D, V = 3, 7, 6, 11


class CappedHead(nn.Module):
    """Softly capped logits in the type of the input, so that float64 stays float64."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, hidden: Tensor) -> Tensor:
        return 3 * torch.tanh(hidden @ self.weight.T / 3)


class WatchedHead(CappedHead):
    """Remembers how many rows it was given at a time, and whether their logits still live."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__(weight)
        self.rows: list[int] = []
        self.logits: list[weakref.ref[Tensor]] = []

    def forward(self, hidden: Tensor) -> Tensor:
        logits = super().forward(hidden)
        self.rows.append(len(hidden))
        self.logits.append(weakref.ref(logits))
        return logits


def some_targets() -> Tensor:
    targets = torch.randint(V, (B, T))
    targets[0, :3] = targets[2, 5] = -1
    return targets


def some_hidden(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(B, T, D, dtype=dtype, requires_grad=True)


def some_weight(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(V, D, dtype=dtype)


def torchs_sum(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(
        logits.flatten(0, -2), targets.flatten(), ignore_index=-1, reduction="sum"
    )


class TestReference:
    @pytest.mark.parametrize("lead", [(5,), (2, 5), (2, 3, 5)])
    def test_equals_torchs_own_for_any_leading_dimensions(self, lead: tuple[int, ...]) -> None:
        targets = torch.randint(-1, V, lead)
        assert_same(
            lambda logits: cross_entropy(logits, targets),
            lambda logits: torchs_sum(logits, targets) / (targets >= 0).sum(),
            3 * torch.randn(*lead, V, dtype=torch.float64),
        )

    def test_each_target_has_its_own_loss(self) -> None:
        logits, targets = torch.randn(B, T, V), some_targets()
        expected = F.cross_entropy(logits.mT, targets, ignore_index=-1, reduction="none")
        torch.testing.assert_close(nll(logits, targets), expected)

    def test_large_logits_neither_overflow_nor_vanish(self) -> None:
        logits = torch.tensor([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]])
        logits.requires_grad_()
        losses = nll(logits, torch.tensor([0, 1, 2]))
        torch.testing.assert_close(losses, torch.tensor([0.0, 2e4, 1.0986123]))
        losses.sum().backward()
        thirds = [1 / 3, 1 / 3, -2 / 3]
        torch.testing.assert_close(
            logits.grad, torch.tensor([[0.0, 0.0, 0.0], [1.0, -1.0, 0.0], thirds])
        )

    def test_no_targets_give_zero(self) -> None:
        assert cross_entropy(torch.randn(2, V), torch.tensor([-1, -1])) == 0


class TestComponent:
    @pytest.mark.parametrize("chunk", [1, 4, 7, 1024])
    @pytest.mark.parametrize("z_loss", [0.0, 0.01])
    def test_equals_torchs_own_on_all_logits(self, chunk: int, z_loss: float) -> None:
        hidden, weight, targets = some_hidden(), some_weight(), some_targets()
        head, whole = CappedHead(weight), CappedHead(weight)
        total, parts = CrossEntropy(chunk=chunk, z_loss=z_loss)(hidden, head, targets)
        (0.37 * total).backward()  # what arrives from above is not always one

        same = hidden.detach().clone().requires_grad_()
        logits = whole(same)
        squares = torch.logsumexp(logits, -1)[targets >= 0].square().sum()
        expected = torchs_sum(logits, targets)
        (0.37 * (expected + z_loss * squares)).backward()
        torch.testing.assert_close(parts["nll"], expected.detach())
        torch.testing.assert_close(total.detach(), (expected + z_loss * squares).detach())
        torch.testing.assert_close(hidden.grad, same.grad)
        torch.testing.assert_close(head.weight.grad, whole.weight.grad)

    def test_without_gradients_the_sums_are_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hidden, head, targets = some_hidden(), CappedHead(some_weight()), some_targets()
        loss = CrossEntropy(chunk=4, z_loss=0.01)
        expected, expected_parts = loss(hidden, head, targets)
        monkeypatch.setattr(torch.autograd, "grad", None)  # whoever calls it fails
        with torch.no_grad():
            total, parts = loss(hidden, head, targets)
        torch.testing.assert_close(total, expected.detach())
        torch.testing.assert_close(parts["nll"], expected_parts["nll"])

    def test_never_holds_all_logits_nor_makes_them_twice(self) -> None:
        hidden, head = some_hidden(), WatchedHead(some_weight())
        total, _ = CrossEntropy(chunk=4)(hidden, head, some_targets())
        assert head.rows == [4, 4, 4, 4, 4, 1]
        assert all(logits() is None for logits in head.logits)
        total.backward()
        assert len(head.rows) == 6

    def test_large_logits_neither_overflow_nor_vanish(self) -> None:
        weight = 1e4 * torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
        head, hidden = Head(nn.Parameter(weight)), torch.eye(2, requires_grad=True)
        total, _ = CrossEntropy()(hidden, head, torch.tensor([1, 0]))
        assert total.item() == 3e4
        total.backward()
        assert hidden.grad is not None
        torch.testing.assert_close(hidden.grad[0], weight[0] - weight[1])
        assert head.weight.grad is not None
        assert head.weight.grad.isfinite().all()

    @pytest.mark.parametrize("tied", [False, True])
    def test_a_decoder_learns_as_from_all_logits(self, tied: bool) -> None:
        model = Decoder(
            V,
            d_model=8,
            n_layers=1,
            n_heads=2,
            max_seq_len=T,
            norm=RMSNorm,
            activation=SwiGLU,
            position=RoPE,
            attention=FullAttention,
            feedforward=MLP,
            block=PreNorm,
            loss=lambda: CrossEntropy(chunk=5),
            tie_embeddings=tied,
        )
        ids, targets = torch.randint(V, (B, T)), some_targets()
        torchs_sum(model(ids), targets).backward()
        expected = {name: p.grad for name, p in model.named_parameters()}
        model.zero_grad()
        model(ids, targets).total.backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(parameter.grad, expected[name], msg=name)

    def test_gradient_hooks_see_one_gradient_in_the_backward_pass(self) -> None:
        head, seen = CappedHead(some_weight()), []
        head.weight.register_post_accumulate_grad_hook(lambda weight: seen.append(weight.grad))
        total, _ = CrossEntropy(chunk=4)(some_hidden(), head, some_targets())
        assert not seen
        total.backward()
        assert len(seen) == 1

    @pytest.mark.parametrize("frozen", ["hidden", "head"])
    def test_what_is_frozen_gets_no_gradient(self, frozen: str) -> None:
        hidden, head = some_hidden(), CappedHead(some_weight())
        (hidden if frozen == "hidden" else head.weight).requires_grad_(False)
        CrossEntropy(chunk=4)(hidden, head, some_targets())[0].backward()
        assert (hidden.grad is None) == (frozen == "hidden")
        assert (head.weight.grad is None) == (frozen == "head")

    def test_gradients_of_a_narrow_head_add_up_in_float32(self) -> None:
        rows = 4096  # in bfloat16 a sum of halves ends at 128
        head = Head(nn.Parameter(torch.zeros(2, 1, dtype=torch.bfloat16)))
        hidden = torch.ones(rows, 1, dtype=torch.bfloat16, requires_grad=True)
        total, _ = CrossEntropy(chunk=8)(hidden, head, torch.zeros(rows, dtype=torch.long))
        total.backward()
        assert head.weight.grad is not None
        assert head.weight.grad.dtype == torch.bfloat16
        assert head.weight.grad.flatten().tolist() == [-rows / 2, rows / 2]

    def test_products_are_bfloat16_under_autocast(self) -> None:
        hidden, targets = some_hidden(torch.float32), some_targets()
        weight = some_weight(torch.float32)
        head, whole = Head(nn.Parameter(weight)), Head(nn.Parameter(weight))
        same = hidden.detach().clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            total, _ = CrossEntropy(chunk=4)(hidden, head, targets)
            expected = torchs_sum(whole(same), targets)
        assert total.item() == pytest.approx(expected.item(), rel=1e-6)
        assert total.item() != pytest.approx(torchs_sum(whole(same), targets).item(), rel=1e-6)
        total.backward()
        expected.backward()
        assert hidden.grad is not None
        assert hidden.grad.dtype == torch.float32
        torch.testing.assert_close(hidden.grad, same.grad, atol=0.02, rtol=0.02)
        torch.testing.assert_close(head.weight.grad, whole.weight.grad, atol=0.02, rtol=0.02)

    def test_options_that_do_not_fit(self) -> None:
        with pytest.raises(ValueError, match="at least 1 row, not 0"):
            CrossEntropy(chunk=0)
        with pytest.raises(ValueError, match="z_loss must not be negative: -1"):
            CrossEntropy(z_loss=-1.0)

    def test_output_on_a_fixed_input(self, snapshot: Any) -> None:
        hidden, targets = waves(2, 3, D), torch.tensor([[0, 4, -1], [10, 1, 1]])
        total, parts = CrossEntropy(z_loss=0.01)(hidden, CappedHead(waves(V, D)), targets)
        assert digits(torch.stack((total, parts["nll"]))) == snapshot
