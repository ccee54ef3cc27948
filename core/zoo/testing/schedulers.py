"""Conformance of schedulers."""

from __future__ import annotations

import math

from zoo.catalog.component import Component
from zoo.testing.compare import Complaints, reseed_all

TOTAL = 10_000


def made(component: Component) -> Complaints:
    """Given total_steps, it makes a function from a step to a multiplier, a float."""
    multiplier = component(TOTAL)(0)
    if not isinstance(multiplier, (int, float)):
        yield f"step 0 gives a {type(multiplier).__name__}"


def pure(component: Component) -> Complaints:
    """The multiplier is a function of the step alone, in whatever order it is asked."""
    first, second = component(TOTAL), component(TOTAL)
    steps = range(0, 2 * TOTAL, 7)
    asked = {step: first(step) for step in steps}
    reseed_all(1)
    for step in reversed(steps):
        for scheduler, which in ((first, "asked again"), (second, "another")):
            if (seen := scheduler(step)) != asked[step]:
                yield f"step {step}: {asked[step]}, and {seen} {which}"


def sensible(component: Component) -> Complaints:
    """Every multiplier is finite and at least 0, past the last step too."""
    scheduler = component(TOTAL)
    for step in range(2 * TOTAL):
        if not (0 <= (multiplier := scheduler(step)) < math.inf):
            yield f"step {step} of {TOTAL}: {multiplier}"


def trains(component: Component) -> Complaints:
    """Not every multiplier is 0."""
    scheduler = component(TOTAL)
    if not any(scheduler(step) > 0 for step in range(TOTAL)):
        yield f"all {TOTAL} are"


PROPERTIES = (made, pure, sensible, trains)
