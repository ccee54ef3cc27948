"""Optimizers that each break something that the core relies on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from broken.case import Case
from zoo.model.param_groups import groups
from zoo_builtin.optimizers.elementwise import SGD


class MatricesOnly(SGD):
    def __init__(self, params: Any) -> None:
        super().__init__([param for param in params if param.role != "vector"])


class Stuck(SGD):
    def update(self, group: Any, params: list[Tensor], grads: list[Tensor]) -> None:
        super().update(group, params[1:], grads[1:])


class OneGroup(SGD):
    def __init__(self, params: Any) -> None:
        super().__init__([param.tensor for param in params])


class Decaying(SGD):
    def __init__(self, params: Any) -> None:
        super().__init__([param._replace(weight_decay=1.0) for param in params], weight_decay=0.5)


class ItsOwnRate(SGD):
    def update(self, group: Any, params: list[Tensor], grads: list[Tensor]) -> None:
        super().update({**group, "lr": group.get("initial_lr", 1e-3)}, params, grads)


class Demanding(SGD):
    def __init__(self, params: Any, *, lr: float) -> None:
        super().__init__(params, lr=lr)


class StateAside(SGD):
    """Keeps its momentum where no checkpoint looks."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, momentum=0.0)
        self.aside: dict[Tensor, Tensor] = {}

    def update(self, group: Any, params: list[Tensor], grads: list[Tensor]) -> None:
        for param, grad in zip(params, grads, strict=True):
            self.aside[param] = 0.9 * self.aside.get(param, torch.zeros_like(grad)) + grad
        super().update(group, params, [self.aside[param] for param in params])


class Reading(SGD):
    """Takes smaller steps where a gradient is large, which it asks of each."""

    def update(self, group: Any, params: list[Tensor], grads: list[Tensor]) -> None:
        small = [grad / max(1.0, grad.norm().item() / 100) for grad in grads]
        super().update(group, params, small)


class Uphill(SGD):
    def update(self, group: Any, params: list[Tensor], grads: list[Tensor]) -> None:
        super().update(group, params, [-grad for grad in grads])


class OneWay(SGD):
    """Swaps to an average for evaluation, and never back."""

    def eval(self) -> None:
        with torch.no_grad():
            for group in self.param_groups:
                for param in group["params"]:
                    param.mul_(0.5)


class Measuring(SGD):
    def __init__(self, params: Any) -> None:
        if any(bool(param.tensor.isnan().any()) for param in params):
            raise ValueError("a parameter is NaN")
        super().__init__(params)


def no_optimizer(params: Any) -> object:
    return groups(params, lr=0.1)


CASES = [
    Case(
        "optimizer", Reading, "on_accelerator", ".item(), float(x), int(x) or `if x:` needs a value"
    ),
    Case("optimizer", no_optimizer, "made", "a dict"),
    Case(
        "optimizer",
        MatricesOnly,
        "each_parameter_once",
        "norm.weight 0 times a step",
        ("made_without_weights", "lr_multiplier_obeyed"),
    ),
    Case(
        "optimizer",
        Stuck,
        "each_parameter_once",
        "embedding.weight is where it was",
        ("lr_multiplier_obeyed",),
    ),
    Case("optimizer", OneGroup, "lr_multiplier_obeyed", "moved with a multiplier of 0"),
    Case("optimizer", Decaying, "decay_multiplier_obeyed", "whose gradient is 0: differs"),
    Case(
        "optimizer",
        ItsOwnRate,
        "lr_obeyed",
        "after 3 steps with lr = 0: differs",
        ("lr_multiplier_obeyed",),
    ),
    Case("optimizer", Demanding, "options_have_defaults", "lr has none", options={"lr": 0.1}),
    Case("optimizer", StateAside, "state_saved", "after 4 steps, a restart and 3 more: differs"),
    Case("optimizer", Uphill, "goes_downhill", "from "),
    Case("optimizer", OneWay, "eval_and_back", "after eval and train: differs"),
    Case("optimizer", Measuring, "made_without_weights", "meta", ("on_accelerator",)),
]
