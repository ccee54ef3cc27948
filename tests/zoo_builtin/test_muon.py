"""Muon against torch's own and against its formula, part by part, and what it leaves to others."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.contracts import Param
from zoo.run_files.optimizer_state import flatten_optimizers, restore_optimizers
from zoo_builtin.optimizers import matrix as module
from zoo_builtin.optimizers.elementwise import SGD, AdamW
from zoo_builtin.optimizers.matrix import muon, orthogonalised

SHAPES = [(16, 16), (24, 16), (16, 24), (16, 40)]


def drawn(dtype: torch.dtype = torch.float32) -> list[Param]:
    """Matrices of several shapes, and parameters of every other role."""
    generator = torch.Generator().manual_seed(0)

    def param(name: str, role: str, *shape: int, parts: tuple[int, ...] = ()) -> Param:
        value = torch.randn(shape, generator=generator).to(dtype)
        return Param(name, nn.Parameter(value), role, parts)

    return [
        *(param(f"matrix{nth}", "matrix", *shape) for nth, shape in enumerate(SHAPES)),
        param("fused", "matrix", 32, 16, parts=(16, 8, 8)),
        param("embedding", "embedding", 9, 16),
        param("head", "head", 9, 16),
        param("vector", "vector", 16),
    ]


def gradient(param: Param, step: int) -> Tensor:
    generator = torch.Generator().manual_seed(hash((step, *param.tensor.shape)) % 2**32)
    return torch.randn(param.tensor.shape, generator=generator).to(param.tensor.dtype)


def train(optimizers: list[torch.optim.Optimizer], params: list[Param], steps: range) -> None:
    for step in steps:
        for param in params:
            param.tensor.grad = gradient(param, step)
        for optimizer in optimizers:
            optimizer.step()


def moved(params: list[Param], steps: int, **options: Any) -> list[Tensor]:
    """How far each parameter comes in so many steps."""
    before = [p.tensor.detach().clone() for p in params]
    train(muon(params, **{"rest": AdamW, **options}), params, range(steps))
    return [p.tensor.detach() - b for p, b in zip(params, before, strict=True)]


def reference(grads: list[Tensor], lr: float, mu: float, decay: float, weight: Tensor) -> Tensor:
    """The docstring's formula for one matrix, its orthogonalisation by singular values."""
    momentum = torch.zeros_like(weight)
    for grad in grads:
        momentum = mu * momentum + (1 - mu) * grad
        update = mu * momentum + (1 - mu) * grad
        u, s, v = torch.linalg.svd(update, full_matrices=False)
        s = s / s.norm()
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        weight = weight - lr * decay * weight
        weight = weight - lr * 0.2 * math.sqrt(max(weight.shape)) * (u * s) @ v
    return weight


def test_it_follows_its_formula() -> None:
    params = drawn(torch.float64)[: len(SHAPES)]
    before = [p.tensor.detach().clone() for p in params]
    train(muon(params, lr=0.03, momentum=0.9, weight_decay=0.2), params, range(4))
    for param, start in zip(params, before, strict=True):
        grads = [gradient(param, step) for step in range(4)]
        asked = reference(grads, 0.03, 0.9, 0.2, start)
        torch.testing.assert_close(param.tensor.detach(), asked, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("ns_steps", [3, 5])
def test_updates_equal_those_of_torch(
    nesterov: bool, ns_steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "products_dtype", lambda tensor: torch.bfloat16)  # as torch's does
    options = {"momentum": 0.8, "nesterov": nesterov, "weight_decay": 0.3, "ns_steps": ns_steps}
    ours, theirs = drawn()[: len(SHAPES)], drawn()[: len(SHAPES)]
    before = [p.tensor.detach().clone() for p in ours]
    tensors = [p.tensor for p in theirs]
    other = torch.optim.Muon(tensors, lr=0.01, adjust_lr_fn="match_rms_adamw", **options)
    train(muon(ours, lr=0.01, **options), ours, range(6))
    train([other], theirs, range(6))
    for a, b, start in zip(ours, theirs, before, strict=True):
        step, asked = a.tensor - start, b.tensor - start
        assert (step - asked).norm() < 0.02 * asked.norm()  # bfloat16 has three digits


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_singular_values_come_near_1(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    matrices = [
        torch.randn(48, 64, generator=generator).to(dtype) * 10.0**nth for nth in (-6, 0, 6)
    ]
    result = orthogonalised(matrices, 5)
    values = torch.linalg.svdvals(result.to(torch.float64))
    assert values.min() > 0.65
    assert values.max() < 1.25
    for matrix, made in zip(matrices, result.to(torch.float64), strict=True):
        u, _, v = torch.linalg.svd(matrix.double(), full_matrices=False)
        assert torch.cosine_similarity((u @ v).flatten(), made.flatten(), dim=0) > 0.97


def test_a_matrix_of_zeros_stays_one() -> None:
    assert not orthogonalised([torch.zeros(4, 6)], 5).any()


def test_an_update_is_as_large_as_adamws() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in [(64, 64), (64, 256), (256, 64)]:
        param = Param("matrix", nn.Parameter(torch.randn(shape, generator=generator)), "matrix")
        (step,) = moved([param], 1, lr=0.01, weight_decay=0)
        expected = 0.01 * 0.2 * 64**0.5 * 64**-0.5  # an orthogonal matrix's entries
        assert step.square().mean().sqrt().item() == pytest.approx(expected, rel=0.25)


def test_fused_products_are_matrices_of_their_own() -> None:
    fused = [p for p in drawn(torch.float64) if p.parts]
    (together,) = fused
    apart = [
        Param(str(nth), nn.Parameter(part.detach().clone()), "matrix")
        for nth, part in enumerate(together.tensor.split(together.parts))
    ]
    one, several = muon([together]), muon(apart)
    for step in range(4):
        together.tensor.grad = gradient(together, step)
        parts = together.tensor.grad.split(together.parts)
        for param, part in zip(apart, parts, strict=True):
            param.tensor.grad = part.clone()
        for optimizer in (*one, *several):
            optimizer.step()
    torch.testing.assert_close(
        together.tensor.detach(), torch.cat([p.tensor for p in apart]).detach()
    )


def test_more_than_two_dimensions_are_a_stack_of_matrices() -> None:
    generator = torch.Generator().manual_seed(0)
    whole = torch.randn(2, 3, 6, 4, generator=generator).double()
    grad = torch.randn(2, 3, 6, 4, generator=generator).double()
    stack = [Param("stack", nn.Parameter(whole.clone()), "matrix")]
    single = [Param("one", nn.Parameter(whole[1, 2].clone()), "matrix")]
    stack[0].tensor.grad, single[0].tensor.grad = grad, grad[1, 2].clone()
    for params in (stack, single):
        (optimizer,) = muon(params)
        optimizer.step()
    torch.testing.assert_close(stack[0].tensor[1, 2], single[0].tensor)


def test_the_others_go_to_the_rest_and_only_they() -> None:
    params = drawn()
    matrices, rest = muon(params, rest=SGD)
    assert isinstance(rest, SGD)
    roles = {p.tensor: p.role for p in params}
    of = [
        [roles[tensor] for group in optimizer.param_groups for tensor in group["params"]]
        for optimizer in (matrices, rest)
    ]
    assert of == [["matrix"] * 5, ["embedding", "head", "vector"]]

    alone = [p for p in drawn() if p.role != "matrix"]
    train([matrices, rest], params, range(3))
    train([SGD(alone)], alone, range(3))
    for a, b in zip(params[5:], alone, strict=True):
        assert torch.equal(a.tensor, b.tensor)


def test_the_rest_may_be_several_and_either_side_empty() -> None:
    params = drawn()
    assert len(muon(params, rest=lambda given: [AdamW([p]) for p in given])) == 4
    assert len(muon(params[:5], rest=AdamW)) == 1
    (only,) = muon(params[5:], rest=AdamW)
    assert isinstance(only, AdamW)


def test_multipliers_are_the_parameters_own() -> None:
    params = [p._replace(lr=0.5, weight_decay=2.0) for p in drawn(torch.float64)[:4]]
    halved = moved(params, 3, lr=0.02, weight_decay=0.1)
    asked = moved(drawn(torch.float64)[:4], 3, lr=0.01, weight_decay=0.2)
    torch.testing.assert_close(halved, asked)


def test_a_matrix_without_gradient_stays_and_gradients_are_left_as_they_were() -> None:
    params = drawn()
    optimizers = muon(params, rest=AdamW)
    for param in params[1:]:
        param.tensor.grad = gradient(param, 0)
    before = params[0].tensor.detach().clone()
    grads = [p.tensor.grad.clone() for p in params[1:]]
    for optimizer in optimizers:
        optimizer.step()
    assert torch.equal(params[0].tensor, before)
    assert all(torch.equal(p.tensor.grad, g) for p, g in zip(params[1:], grads, strict=True))


def test_a_checkpoint_changes_nothing() -> None:
    straight = drawn()
    train(muon(straight, rest=AdamW), straight, range(9))

    params = drawn()
    names = {p.tensor: p.name for p in params}
    optimizers = muon(params, rest=AdamW)
    train(optimizers, params, range(5))
    tensors, numbers = flatten_optimizers(optimizers, names)
    tensors, numbers = {k: v.clone() for k, v in tensors.items()}, json.loads(json.dumps(numbers))

    resumed = muon(params, rest=AdamW)
    restore_optimizers(resumed, names, tensors, numbers)
    train(resumed, params, range(5, 9))
    for a, b in zip(straight, params, strict=True):
        assert torch.equal(a.tensor, b.tensor)


def test_matrices_may_be_bfloat16() -> None:
    for step in moved(drawn(torch.bfloat16), 3, lr=0.1):
        assert step.isfinite().all()
        assert step.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1.0}, r"lr .* -1\.0"),
        ({"momentum": 1.0}, r"momentum .* 1\.0"),
        ({"weight_decay": -0.1}, "weight_decay"),
        ({"ns_steps": 0}, "ns_steps .* 0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        muon(drawn(), rest=AdamW, **options)


def test_a_vector_declared_a_matrix_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="scale has the role of a matrix"):
        muon([Param("scale", nn.Parameter(torch.ones(3)), "matrix")])


def test_output(snapshot) -> None:
    params = drawn(torch.float64)
    train(muon(params, rest=AdamW), params, range(5))
    sums = [f"{p.name} {p.tensor.sum():.6f} {p.tensor.norm():.6f}" for p in params]
    assert sums == snapshot
