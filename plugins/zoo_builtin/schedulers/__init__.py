"""Schedulers: pure functions from a step (from 0) to a multiplier of the learning rate.

All of them begin with a linear warm-up from 0, t / warmup for t < warmup, and reach 1 at
t = warmup. Each raises ValueError for options that don't fit the run, with the numbers.
"""

from __future__ import annotations

import math
from typing import Literal


def half_cosine(done: float) -> float:
    return (1 + math.cos(math.pi * done)) / 2


class WarmUp:
    """The warm-up that all share; a subclass says what follows it in ``after_warmup(step)``."""

    def __init__(self, total_steps: int, warmup: int) -> None:
        if total_steps < 1:
            raise ValueError(f"a schedule needs at least 1 step, not {total_steps}")
        if warmup < 0:
            raise ValueError(f"warmup must be at least 0 steps, not {warmup}")
        if warmup > total_steps:
            raise ValueError(f"warmup = {warmup} steps, but the run has {total_steps}")
        self.warmup = warmup

    def __call__(self, step: int) -> float:
        return step / self.warmup if step < self.warmup else self.after_warmup(step)

    def after_warmup(self, step: int) -> float:
        raise NotImplementedError


class Constant(WarmUp):
    """The full learning rate from the end of the warm-up on: 1."""

    def __init__(self, total_steps: int, *, warmup: int = 0) -> None:
        super().__init__(total_steps, warmup)

    def after_warmup(self, step: int) -> float:
        return 1.0


class Cycle(WarmUp):
    """A fall from 1 to ``min_ratio`` by ``cycle``, the run's length where None, and no further.

    A subclass says in ``fall`` how: from 1 where nothing of it is done to 0 where all is.
    """

    def __init__(self, total_steps: int, warmup: int, cycle: int | None, min_ratio: float) -> None:
        super().__init__(total_steps, warmup)
        self.cycle = end_of_cycle(cycle, warmup, total_steps)
        self.min_ratio = ratio(min_ratio)

    def after_warmup(self, step: int) -> float:
        if step >= self.cycle:
            return self.min_ratio
        done = (step - self.warmup) / (self.cycle - self.warmup)
        return self.min_ratio + (1 - self.min_ratio) * self.fall(done)

    def fall(self, done: float) -> float:
        raise NotImplementedError


class Cosine(Cycle):
    """Half a cosine from 1 to ``min_ratio`` (Loshchilov & Hutter 2016, arXiv:1608.03983).

    With w = ``warmup``, c = ``cycle`` (the run's length where None) and r = ``min_ratio``::

        r + (1 − r) · ½ (1 + cos(π (t − w) / (c − w)))     w ≤ t < c
        r                                                  t ≥ c
    """

    def __init__(
        self,
        total_steps: int,
        *,
        warmup: int = 0,
        cycle: int | None = None,
        min_ratio: float = 0.1,
    ) -> None:
        super().__init__(total_steps, warmup, cycle, min_ratio)

    def fall(self, done: float) -> float:
        return half_cosine(done)


class Linear(Cycle):
    """A straight line from 1 to ``min_ratio``; 0 does best (Bergsma et al. 2025, arXiv:2502.15938).

    With w = ``warmup``, c = ``cycle`` (the run's length where None) and r = ``min_ratio``::

        r + (1 − r) · (1 − (t − w) / (c − w))              w ≤ t < c
        r                                                  t ≥ c
    """

    def __init__(
        self,
        total_steps: int,
        *,
        warmup: int = 0,
        cycle: int | None = None,
        min_ratio: float = 0.0,
    ) -> None:
        super().__init__(total_steps, warmup, cycle, min_ratio)

    def fall(self, done: float) -> float:
        return 1 - done


class WSD(WarmUp):
    """Warm-up, stable, decay (Hu et al. 2024, arXiv:2404.06395): 1 until a late, short decay.

    The last ``decay`` of the run, d = round(decay · total_steps) steps, falls to ``min_ratio`` r;
    with x = (t − (total_steps − d)) / d, the share of the decay that is done::

        r + (1 − r) · (1 − √x)                 shape "sqrt" (Hägele et al. 2024, arXiv:2405.18392)
        r + (1 − r) · (1 − x)                  shape "linear"
        r + (1 − r) · ½ (1 + cos(π x))         shape "cosine"
    """

    def __init__(
        self,
        total_steps: int,
        *,
        warmup: int = 0,
        decay: float = 0.2,
        shape: Literal["sqrt", "linear", "cosine"] = "sqrt",
        min_ratio: float = 0.0,
    ) -> None:
        super().__init__(total_steps, warmup)
        if not 0 <= decay <= 1:
            raise ValueError(f"decay must be a share of the run, from 0 to 1, not {decay}")
        if shape not in WSD_SHAPES:
            raise ValueError(f"shape must be one of {', '.join(WSD_SHAPES)}, not {shape!r}")
        self.decay_steps = round(decay * total_steps)
        if warmup + self.decay_steps > total_steps:
            raise ValueError(
                f"warmup = {warmup} steps and decay = {decay} ({self.decay_steps} steps) are "
                f"together more than the run's {total_steps}"
            )
        self.total_steps = total_steps
        self.fall = WSD_SHAPES[shape]
        self.min_ratio = ratio(min_ratio)

    def after_warmup(self, step: int) -> float:
        left = max(0, self.total_steps - step)
        if left >= self.decay_steps:
            return 1.0
        done = 1 - left / self.decay_steps
        return self.min_ratio + (1 - self.min_ratio) * self.fall(done)


WSD_SHAPES = {
    "sqrt": lambda x: 1 - math.sqrt(x),
    "linear": lambda x: 1 - x,
    "cosine": half_cosine,
}


class InverseSqrt(WarmUp):
    """Falls with the square root of the step (Vaswani et al. 2017, arXiv:1706.03762), never to 0.

    With w = ``warmup``, √(w / t) for t ≥ w; without a warm-up, √(1 / (t + 1)).
    """

    def __init__(self, total_steps: int, *, warmup: int = 0) -> None:
        super().__init__(total_steps, warmup)

    def after_warmup(self, step: int) -> float:
        timescale = max(1, self.warmup)
        return math.sqrt(timescale / (step - self.warmup + timescale))


def end_of_cycle(cycle: int | None, warmup: int, total_steps: int) -> int:
    """The step from which on nothing changes."""
    end = total_steps if cycle is None else cycle
    if end < warmup:
        raise ValueError(f"cycle = {end} steps ends before warmup = {warmup} does")
    return end


def ratio(min_ratio: float) -> float:
    if not 0 <= min_ratio <= 1:
        raise ValueError(f"min_ratio must lie between 0 and 1, not be {min_ratio}")
    return min_ratio


COMPONENTS = {
    "cosine": Cosine,
    "linear": Linear,
    "constant": Constant,
    "wsd": WSD,
    "inverse_sqrt": InverseSqrt,
}
