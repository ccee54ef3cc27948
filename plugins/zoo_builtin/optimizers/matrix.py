"""Muon: orthogonalised momentum as the update of a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.authoring import groups
from zoo.contracts import Make, Optimizer, Param, ref
from zoo_builtin.optimizers.elementwise import ListOptimizer, decay_rate, not_negative

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024: steep at 0, then anywhere near 1
EPS = 1e-7
RMS = 0.2  # of an update's entries, about what AdamW's have


def muon(
    params: Sequence[Param],
    *,
    lr: float = 1e-3,
    momentum: float = 0.95,
    nesterov: bool = True,
    weight_decay: float = 0.1,
    ns_steps: int = 5,
    rest: Make[Optimizer] = ref("adamw"),
) -> list[torch.optim.Optimizer]:
    """Muon for matrices (Jordan et al. 2024; Liu et al. 2025, arXiv:2502.16982), else ``rest``.

    For the gradient G of a matrix (d_out, d_in), with μ = ``momentum``, λ = ``weight_decay``::

        M ← μ M + (1 − μ) G
        U = M                            with ``nesterov``: U = μ M + (1 − μ) G
        O = U with all singular values moved to about 1, by ``ns_steps`` Newton–Schulz steps
        W ← W − lr λ W − lr · 0.2 √max(d_out, d_in) · O

    The factor gives the entries of an update the root mean square of AdamW's, so that a learning
    rate and weight decay found for AdamW carry over (arXiv:2502.16982, section 2.2).

    Matrices are the parameters of the role "matrix"; of more than two dimensions, the last two are
    (d_out, d_in). The products that are fused into one are each a matrix of their own. Embedding,
    head and vectors go to ``rest``, which has options of its own, the learning rate among them.

    State per matrix: ``momentum_buffer`` M, shaped as W.

    Raises:
        ValueError: an option out of range.
    """
    matrices = [param for param in params if param.role == "matrix"]
    others = [param for param in params if param.role != "matrix"]
    made: list[torch.optim.Optimizer] = []
    if matrices:
        options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        made.append(Muon(matrices, lr=lr, ns_steps=ns_steps, **options))
    if others:
        of_rest: Any = rest(others)
        made += of_rest if isinstance(of_rest, list) else [of_rest]
    return made


class Muon(ListOptimizer):
    """The part of ``muon`` that updates matrices."""

    def __init__(
        self,
        params: Sequence[Param],
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        ns_steps: int,
    ) -> None:
        not_negative(lr=lr, weight_decay=weight_decay)
        decay_rate("momentum", momentum)
        if ns_steps < 1:
            raise ValueError(f"ns_steps must be at least 1, not {ns_steps}")
        for param in params:
            if param.tensor.ndim < 2:
                raise ValueError(f"{param.name} has the role of a matrix and one dimension")
        self.parts = {param.tensor: param.parts for param in params}
        defaults = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "ns_steps": ns_steps}
        super().__init__(groups(params, lr=lr, weight_decay=weight_decay), defaults)

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        directions = self.buffers(params, "momentum_buffer")
        torch._foreach_lerp_(directions, grads, 1 - momentum)
        if group["nesterov"]:
            directions = list(torch._foreach_lerp(grads, directions, momentum))
        if group["weight_decay"]:
            torch._foreach_mul_(params, 1 - lr * group["weight_decay"])
        for weights, matrices in self.of_equal_shape(params, directions):
            updates = orthogonalised(matrices, group["ns_steps"]).unbind()
            scale = RMS * math.sqrt(max(weights[0].shape))
            torch._foreach_add_(weights, updates, alpha=-lr * scale)

    def of_equal_shape(
        self, params: list[Tensor], directions: list[Tensor]
    ) -> list[tuple[list[Tensor], list[Tensor]]]:
        """Views of every single matrix and its direction, lying, those of equal shape together."""
        found: dict[torch.Size, tuple[list[Tensor], list[Tensor]]] = {}
        for param, direction in zip(params, directions, strict=True):
            rows = list(self.parts[param]) or param.shape[-2]
            for whole in zip(param.split(rows, -2), direction.split(rows, -2), strict=True):
                for weight, matrix in zip(*map(single_matrices, whole), strict=True):
                    weights, matrices = found.setdefault(weight.shape, ([], []))
                    weights.append(weight)
                    matrices.append(matrix)
        return list(found.values())


def single_matrices(tensor: Tensor) -> list[Tensor]:
    """(…, d_out, d_in) -> matrices, each with at least as many columns as rows."""
    lying = tensor if tensor.shape[-2] <= tensor.shape[-1] else tensor.mT
    return list(lying.unsqueeze(0).flatten(0, -3).unbind())


def orthogonalised(matrices: list[Tensor], steps: int) -> Tensor:
    """U Vᵀ of each matrix U S Vᵀ, about: n of (r, c) -> (n, r, c), with r ≤ c the cheaper way.

    From X = M / ‖M‖_F, X ← a X + (b A + c A²) X with A = X Xᵀ, which moves each singular value s to
    a s + b s³ + c s⁵. The coefficients trade exactness for speed: five steps bring what is above
    a hundredth of the norm to between 0.7 and 1.2 (Jordan et al. 2024,
    https://kellerjordan.github.io/posts/muon). In bfloat16 where the processor has it.
    """
    a, b, c = COEFFICIENTS
    first = matrices[0]
    x = first.new_empty(len(matrices), *first.shape, dtype=products_dtype(first))
    torch._foreach_copy_(x.unbind(), matrices)
    x /= torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True) + EPS
    for _ in range(steps):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x


def products_dtype(tensor: Tensor) -> torch.dtype:
    """bfloat16 where the hardware multiplies it; not measured, so that all processes agree."""
    if tensor.dtype == torch.float32:
        kind = tensor.device.type
        if kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16
        if kind == "cpu" and torch.cpu._is_avx512_bf16_supported():
            return torch.bfloat16
    return torch.promote_types(tensor.dtype, torch.float32)
