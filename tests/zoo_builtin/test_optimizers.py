"""Optimizers and clipping against torch's own, against their formulas, and across a checkpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from zoo.contracts import Param
from zoo.model.param_groups import groups
from zoo.parallel.clip import clip_grad_norm_
from zoo.run_files.optimizer_state import flatten_optimizers, restore_optimizers
from zoo_builtin.optimizers import elementwise
from zoo_builtin.optimizers.elementwise import SGD, AdamW, SGDDecay

SHAPES = [(4, 3), (5,), (2, 3, 2), (1,)]
PAIRS = {
    "adamw": (
        lambda p: AdamW(p, lr=1e-2, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, lr=1e-2, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.3),
    ),
    "adamw without decay": (
        lambda p: AdamW(p, weight_decay=0),
        lambda p: torch.optim.AdamW(p, weight_decay=0),
    ),
    "sgd": (
        lambda p: SGD(p, lr=0.1, momentum=0),
        lambda p: torch.optim.SGD(p, lr=0.1),
    ),
    "momentum": (
        lambda p: SGD(p, lr=0.1, momentum=0.7, weight_decay=0.2),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.7, weight_decay=0.2),
    ),
    "nesterov": (
        lambda p: SGD(p, lr=0.1, momentum=0.7, nesterov=True, weight_decay=0.2),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.7, nesterov=True, weight_decay=0.2),
    ),
}
OURS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": AdamW,
    "sgd": SGD,
    "nesterov": lambda p: SGD(p, nesterov=True),
    "sgd_decay": SGDDecay,
}


def drawn(dtype: torch.dtype = torch.float64) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(s, generator=generator).to(dtype)) for s in SHAPES]


def give_gradients(params: list[nn.Parameter], step: int, leave_out: bool = False) -> None:
    """The same gradients for the same step; with ``leave_out``, one parameter has none at times."""
    generator = torch.Generator().manual_seed(step)
    for index, param in enumerate(params):
        grad = torch.randn(param.shape, generator=generator).to(param.dtype)
        param.grad = None if leave_out and index == step % (len(params) + 2) else grad


def train(optimizer: torch.optim.Optimizer, params: list[nn.Parameter], steps: range) -> None:
    for step in steps:
        give_gradients(params, step, leave_out=True)
        optimizer.step()


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_updates_equal_those_of_torch(name: str, dtype: torch.dtype) -> None:
    make_ours, make_theirs = PAIRS[name]
    ours, theirs = drawn(dtype), drawn(dtype)
    train(make_ours(ours), ours, range(30))
    train(make_theirs(theirs), theirs, range(30))
    torch.testing.assert_close(ours, theirs)


def test_adamw_follows_its_formula() -> None:
    lr, beta1, beta2, eps, decay = 0.05, 0.9, 0.95, 1e-8, 0.1
    x = nn.Parameter(torch.tensor([1.5], dtype=torch.float64))
    optimizer = AdamW([x], lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=decay)
    theta, m, v = 1.5, 0.0, 0.0
    for t, g in enumerate([0.3, -2.0, 1e-3, 0.0, 7.0], start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta = theta - lr * decay * theta - lr * m_hat / (math.sqrt(v_hat) + eps)
        x.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        assert x.item() == pytest.approx(theta, rel=1e-12)


def test_sgd_decay_follows_its_formula() -> None:
    x = nn.Parameter(torch.tensor([2.0, -1.0], dtype=torch.float64))
    optimizer = SGDDecay([x], lr=3.0)
    expected = x.detach().clone()
    for t in range(6):
        x.grad = torch.tensor([0.1 * t, -1.0], dtype=torch.float64)
        expected -= 3.0 / math.sqrt(t + 1) * x.grad
        assert SGDDecay.lr_multiplier(t) == pytest.approx(1 / math.sqrt(t + 1))
        optimizer.step()
    torch.testing.assert_close(x.detach(), expected, rtol=1e-14, atol=0)


def test_sgd_decay_counts_a_parameters_own_steps() -> None:
    late, always = (nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = SGDDecay([late, always], lr=1.0)
    always.grad = torch.zeros(1)
    for _ in range(8):
        optimizer.step()
    late.grad, always.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    assert late.item() == -1
    assert always.item() == pytest.approx(-1 / 3)


@pytest.mark.parametrize("name", OURS)
def test_a_checkpoint_changes_nothing(name: str) -> None:
    straight = drawn(torch.float32)
    train(OURS[name](straight), straight, range(9))

    params = drawn(torch.float32)
    names = dict(zip(params, "abcd", strict=True))
    optimizer = OURS[name](params)
    train(optimizer, params, range(5))
    tensors, numbers = flatten_optimizers([optimizer], names)
    tensors, numbers = {k: v.clone() for k, v in tensors.items()}, json.loads(json.dumps(numbers))

    resumed = OURS[name](params)
    restore_optimizers([resumed], names, tensors, numbers)
    train(resumed, params, range(5, 9))
    for a, b in zip(straight, params, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", OURS)
def test_its_own_state_dict_changes_nothing(name: str) -> None:
    straight, params = drawn(), drawn()
    train(OURS[name](straight), straight, range(9))
    before, after = OURS[name](params), OURS[name](params)
    train(before, params, range(5))
    after.load_state_dict(before.state_dict())
    train(after, params, range(5, 9))
    for a, b in zip(straight, params, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", OURS)
def test_a_parameter_without_gradient_stays(name: str) -> None:
    params = drawn()
    before = [p.detach().clone() for p in params]
    give_gradients(params, 0)
    params[1].grad = None
    optimizer = OURS[name](params)
    optimizer.step()
    moved = [not torch.equal(p, b) for p, b in zip(params, before, strict=True)]
    assert moved == [True, False, True, True]
    assert params[1] not in optimizer.state
    for param in params:
        param.grad = None
    optimizer.step()


@pytest.mark.parametrize("name", OURS)
def test_gradients_are_left_as_they_were(name: str) -> None:
    params = drawn()
    optimizer = OURS[name](params)
    for step in range(3):
        give_gradients(params, step)
        before = [p.grad.clone() for p in params]
        optimizer.step()
        assert all(torch.equal(p.grad, b) for p, b in zip(params, before, strict=True))


@pytest.mark.parametrize("make", [AdamW, SGD])
def test_multipliers_act_as_separate_optimizers(make: Callable[..., torch.optim.Optimizer]) -> None:
    multipliers = [(1.0, 1.0), (0.5, 1.0), (1.0, 0.0), (0.5, 1.0)]
    together, apart = drawn(), drawn()
    named = [
        Param(str(nth), p, "matrix", (), *pair)
        for nth, (p, pair) in enumerate(zip(together, multipliers, strict=True))
    ]
    one = make(named, lr=0.1, weight_decay=0.2)
    several = [
        make([p], lr=0.1 * lr, weight_decay=0.2 * decay)
        for p, (lr, decay) in zip(apart, multipliers, strict=True)
    ]
    for step in range(4):
        give_gradients(together, step)
        give_gradients(apart, step)
        for optimizer in (one, *several):
            optimizer.step()
    for a, b in zip(together, apart, strict=True):
        assert torch.equal(a, b)


def test_groups_are_one_per_pair_of_multipliers() -> None:
    a, b, c, d = drawn()
    made = groups(
        [
            Param("a", a, "matrix"),
            Param("b", b, "vector", (), 1.0, 0.0),
            Param("c", c, "matrix"),
            d,
        ],
        lr=0.1,
        weight_decay=0.2,
    )
    assert [(g["lr"], g["weight_decay"]) for g in made] == [(0.1, 0.2), (0.1, 0.0)]
    assert [[id(p) for p in g["params"]] for g in made] == [[id(a), id(c), id(d)], [id(b)]]


def test_the_hosts_learning_rate_is_used() -> None:
    for make in OURS.values():
        params = drawn()
        before = [p.detach().clone() for p in params]
        optimizer = make(params)
        give_gradients(params, 0)
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        optimizer.step()
        assert all(torch.equal(p, b) for p, b in zip(params, before, strict=True))


def test_a_closure_is_called_with_gradients_enabled() -> None:
    x = nn.Parameter(torch.ones(2))
    optimizer = SGD([x], lr=0.5, momentum=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (x**2).sum()
        loss.backward()
        return loss.detach()

    assert float(optimizer.step(closure)) == 2
    assert x.tolist() == [0, 0]


def test_only_sgd_decay_sets_its_own_learning_rate() -> None:
    assert SGDDecay.own_schedule
    assert not hasattr(AdamW, "own_schedule")
    assert not hasattr(SGD, "own_schedule")


def test_parameters_may_be_on_the_meta_device() -> None:
    params = [nn.Parameter(torch.empty(3, 2, device="meta"))]
    for make in OURS.values():
        assert make(params).param_groups[0]["params"] == params


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (AdamW, {"lr": -1.0}, "lr .* -1.0"),
        (AdamW, {"betas": (0.9, 1.0)}, r"betas .* 1\.0"),
        (AdamW, {"eps": -1e-8}, "eps"),
        (AdamW, {"eps": 0.0}, "at least 1.2e-38"),
        (AdamW, {"eps": 1e-50}, "at least 1.2e-38"),
        (AdamW, {"weight_decay": math.nan}, "weight_decay .* nan"),
        (SGD, {"momentum": 1.5}, "momentum .* 1.5"),
        (SGD, {"momentum": 0.0, "nesterov": True}, "nesterov"),
        (SGDDecay, {"lr": math.inf}, "lr .* inf"),
    ],
)
def test_options_out_of_range_are_refused(make, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(drawn(), **options)


@pytest.mark.parametrize("name", OURS)
def test_output(name: str, snapshot) -> None:
    params = drawn()
    train(OURS[name](params), params, range(5))
    assert [" ".join(f"{x:.6f}" for x in p.flatten().tolist()) for p in params] == snapshot


# ── Clipping ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("max_norm", [0.01, 1.0, 1e6, math.inf])
def test_clipping_equals_torchs(dtype: torch.dtype, max_norm: float) -> None:
    ours, theirs = drawn(dtype), drawn(dtype)
    give_gradients(ours, 1, leave_out=True)
    give_gradients(theirs, 1, leave_out=True)
    norm = clip_grad_norm_(ours, max_norm)
    torch.testing.assert_close(norm, nn.utils.clip_grad_norm_(theirs, max_norm))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_the_clipped_norm_is_the_limit_and_the_direction_stays() -> None:
    params = drawn()
    give_gradients(params, 0)
    before = torch.cat([p.grad.flatten() for p in params])
    norm = clip_grad_norm_(params, 0.5)
    after = torch.cat([p.grad.flatten() for p in params])
    assert norm.item() == pytest.approx(before.norm().item(), rel=1e-6)
    assert after.norm().item() == pytest.approx(0.5, rel=1e-5)
    assert torch.cosine_similarity(before, after, dim=0).item() == pytest.approx(1)


def test_small_gradients_are_not_touched() -> None:
    params = drawn(torch.float32)
    give_gradients(params, 0)
    before = [p.grad.clone() for p in params]
    clip_grad_norm_(params, 1e3)
    assert all(torch.equal(p.grad, b) for p, b in zip(params, before, strict=True))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_is_returned_and_spoils_nothing(bad: float) -> None:
    params = drawn()
    give_gradients(params, 0)
    params[1].grad[2] = bad
    before = [p.grad.clone() for p in params]
    assert not math.isfinite(clip_grad_norm_(params, 1.0).item())
    for param, grad in zip(params, before, strict=True):
        torch.testing.assert_close(param.grad, grad, rtol=0, atol=0, equal_nan=True)


def test_the_norm_of_narrow_gradients_is_taken_in_float32() -> None:
    param = nn.Parameter(torch.zeros(4096, dtype=torch.float16))
    param.grad = torch.full((4096,), 2000.0, dtype=torch.float16)
    norm = clip_grad_norm_([param], 1.0)
    assert norm.dtype == torch.float32
    assert norm.item() == 2000 * 64  # beyond float16
    assert param.grad.float().norm().item() == pytest.approx(1, rel=1e-2)


def test_no_gradients_have_norm_0() -> None:
    assert clip_grad_norm_(drawn(), 1.0).item() == 0


@pytest.mark.parametrize("beta2", [0.99, 0.99999, 0.9999999])
def test_the_compiled_loop_moves_as_far_as_the_plain_one(
    beta2: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = []
    for one_loop in (False, True):
        monkeypatch.setattr(elementwise, "active", lambda chosen=one_loop: chosen)
        x = nn.Parameter(torch.zeros(8))
        optimizer = AdamW([x], lr=1.0, betas=(0.9, beta2), weight_decay=0.0)
        x.grad = torch.full((8,), 0.1)
        optimizer.step()
        moved.append(x.detach().clone())
    torch.testing.assert_close(moved[0], torch.full((8,), -1.0), rtol=1e-6, atol=0)
    torch.testing.assert_close(moved[1], moved[0], rtol=3e-7, atol=0)
