"""Element-wise optimizers with foreach updates.

Every update is a handful of ``torch._foreach_*`` calls over all parameters of a group, which on a
GPU are a few kernels in place of a few per tensor. Parameters whose gradient is None are skipped
and keep their own step count, which is a Python int: exact, saved as JSON, read without waiting
for the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from zoo.authoring import active, compiled, groups, of_any_size
from zoo.contracts import Param

SMALLEST = torch.finfo(torch.float32).tiny


class ListOptimizer(torch.optim.Optimizer):
    """Goes through the groups; a subclass says how the parameters of one are updated at once."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Updates every parameter that has a gradient; returns what ``closure`` returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self.update(group, params, [p.grad for p in params])
        return loss

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """Changes ``params`` in place, ``grads`` never."""
        raise NotImplementedError

    def steps(self, params: list[Tensor]) -> list[int]:
        """Counts this step; how many each parameter has taken, this one included."""
        for p in params:
            self.state[p]["step"] = self.state[p].get("step", 0) + 1
        return [self.state[p]["step"] for p in params]

    def buffers(self, params: list[Tensor], name: str) -> list[Tensor]:
        """Each parameter's state of this name, zeros where it has none yet."""
        for p in params:
            if name not in self.state[p]:
                self.state[p][name] = torch.zeros_like(p)
        return [self.state[p][name] for p in params]


class AdamW(ListOptimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv:1711.05101).

    For the gradient g of step t = 1, 2, …, with β₁, β₂ = ``betas`` and λ = ``weight_decay``::

        m ← β₁ m + (1 − β₁) g            m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²           v̂ = v / (1 − β₂ᵗ)
        θ ← θ − lr λ θ − lr m̂ / (√v̂ + eps)

    State per parameter: ``step`` (int), ``exp_avg`` m and ``exp_avg_sq`` v, shaped as θ.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(
        self,
        params: Iterable[Param | Tensor],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        not_negative(lr=lr, weight_decay=weight_decay)
        if not SMALLEST <= eps < math.inf:
            raise ValueError(
                f"eps = {eps}: at least {SMALLEST:.2g} is needed, the smallest normal float32, "
                "since a gradient that stays 0 is divided by it"
            )
        for beta in betas:
            decay_rate("betas", beta)
        defaults = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        super().__init__(groups(params, lr=lr, weight_decay=weight_decay), defaults)

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        steps = self.steps(params)
        exp_avgs = self.buffers(params, "exp_avg")
        exp_avg_sqs = self.buffers(params, "exp_avg_sq")
        if active() and all(on_cpu(p) for p in params):
            for p, g, m, v, t in zip(params, grads, exp_avgs, exp_avg_sqs, steps, strict=True):
                factors = torch.tensor(
                    [
                        1 - lr * group["weight_decay"],
                        1 - beta1,
                        beta2,
                        1 - beta2,
                        -lr / (1 - beta1**t),
                        math.sqrt(1 - beta2**t),
                        group["eps"],
                    ]
                )
                adamw_(*(of_any_size(x.view(-1)) for x in (p, g.contiguous(), m, v)), factors)
            return

        torch._foreach_lerp_(exp_avgs, grads, 1 - beta1)
        torch._foreach_mul_(exp_avg_sqs, beta2)
        torch._foreach_addcmul_(exp_avg_sqs, grads, grads, 1 - beta2)

        denominators = torch._foreach_sqrt(exp_avg_sqs)
        torch._foreach_div_(denominators, [math.sqrt(1 - beta2**t) for t in steps])
        torch._foreach_add_(denominators, group["eps"])

        torch._foreach_mul_(params, 1 - lr * group["weight_decay"])
        torch._foreach_addcdiv_(
            params, exp_avgs, denominators, [-lr / (1 - beta1**t) for t in steps]
        )


@compiled
def adamw_(p: Tensor, g: Tensor, m: Tensor, v: Tensor, factors: Tensor) -> None:
    """AdamW's update of one parameter, all (n,), in one loop where a CPU would take nine."""
    # 1 − β₂ comes as a factor of its own: taken from a float32 β₂ it would lose digits.
    decay, rise, keep, fresh, rate, correction, eps = factors.unbind()
    m.lerp_(g, rise)
    v.mul_(keep).add_(fresh * g * g)
    p.mul_(decay).add_(rate * m / (v.sqrt() / correction + eps))


def on_cpu(p: Tensor) -> bool:
    """Whether a plain loop over the memory of ``p`` is how to go through it."""
    return p.device.type == "cpu" and p.is_contiguous()


class SGD(ListOptimizer):
    """Stochastic gradient descent with momentum (Sutskever et al. 2013).

    With μ = ``momentum`` and λ = ``weight_decay``, an L2 penalty that is part of the gradient::

        g ← g + λ θ
        b ← μ b + g                      b starts from 0
        θ ← θ − lr b                     with ``nesterov``: θ ← θ − lr (g + μ b)

    State per parameter, unless μ is 0: ``momentum_buffer`` b, shaped as θ.

    Raises:
        ValueError: an option out of range, or ``nesterov`` without momentum.
    """

    def __init__(
        self,
        params: Iterable[Param | Tensor],
        *,
        lr: float = 1e-2,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        not_negative(lr=lr, weight_decay=weight_decay)
        decay_rate("momentum", momentum)
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
        }
        super().__init__(groups(params, lr=lr, weight_decay=weight_decay), defaults)

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        momentum = group["momentum"]
        if group["weight_decay"]:
            grads = list(torch._foreach_add(grads, params, alpha=group["weight_decay"]))
        directions = grads
        if momentum:
            directions = self.buffers(params, "momentum_buffer")
            torch._foreach_mul_(directions, momentum)
            torch._foreach_add_(directions, grads)
            if group["nesterov"]:
                directions = torch._foreach_add(grads, directions, alpha=momentum)
        torch._foreach_add_(params, directions, alpha=-group["lr"])


class SGDDecay(ListOptimizer):
    """Gradient descent whose learning rate decays by itself (Zinkevich 2003, with ηₜ ∝ t^−½).

    At step t = 0, 1, …::

        θ ← θ − lr / √(t + 1) · g

    State per parameter: ``step`` (int), the number of steps taken.

    Raises:
        ValueError: a negative learning rate.
    """

    own_schedule = True

    def __init__(self, params: Iterable[Param | Tensor], *, lr: float = 1.0) -> None:
        not_negative(lr=lr)
        super().__init__(groups(params, lr=lr), {"lr": lr})

    @staticmethod
    def lr_multiplier(step: int) -> float:
        """What the learning rate is multiplied by at this step, from 0."""
        return 1 / math.sqrt(step + 1)

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        rates = [-group["lr"] * self.lr_multiplier(taken - 1) for taken in self.steps(params)]
        torch._foreach_add_(params, torch._foreach_mul(grads, rates))


def not_negative(**options: float) -> None:
    """Raises ValueError for an option below 0, or one that is no number."""
    for name, value in options.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be a number of at least 0, not {value}")


def decay_rate(name: str, value: float) -> None:
    """Raises ValueError for a decay rate outside [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), not be {value}")
