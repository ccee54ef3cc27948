"""Schedulers that each break something that the core relies on."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from broken.case import Case


class Stepwise:
    def __init__(self, total_steps: int) -> None:
        self.calls = 0

    def __call__(self, step: int) -> float:
        self.calls += 1
        return 1 / self.calls


def below_zero(total_steps: int) -> Callable[[int], float]:
    return lambda step: 1 - step / total_steps


def endless(total_steps: int) -> Callable[[int], float]:
    return lambda step: math.inf if step == 0 else 1 / step


def never(total_steps: int) -> Callable[[int], float]:
    return lambda step: 0.0


def tensors(total_steps: int) -> Callable[[int], Tensor]:
    return lambda step: torch.ones(())


CASES = [
    Case("scheduler", Stepwise, "pure", "asked again"),
    Case("scheduler", below_zero, "sensible", "step 10001 of 10000: -"),
    Case("scheduler", endless, "sensible", "step 0 of 10000: inf"),
    Case("scheduler", never, "trains", "all 10000 are"),
    Case("scheduler", tensors, "made", "step 0 gives a Tensor"),
]
