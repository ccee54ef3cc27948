"""From a prompt to text: what is drawn, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from commands import inside, trained  # noqa: F401  (fixtures)
from torch import Tensor

import zoo
from zoo.generation.sampling import draw, uniform_draws


class Nothing:
    """A sampler that excludes every token."""

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        return torch.full_like(logits, -math.inf)


@pytest.mark.parametrize("logit", [-math.inf, math.nan, math.inf])
def test_logits_without_a_distribution_are_refused(logit: float) -> None:
    with pytest.raises(zoo.ZooError, match="left no token to draw"):
        draw(torch.full((1, 4), logit), [0.5])


def test_samplers_that_leave_nothing_are_refused() -> None:
    with pytest.raises(zoo.ZooError, match="left no token to draw"):
        zoo.open_run("runs/tiny-1").generate("a", samplers=[Nothing()])


def test_draws_have_the_frequencies_of_the_distribution() -> None:
    probs = torch.tensor([0.5, 0.0, 0.3, 0.2])
    n_draws = 4000
    rows = probs.log().expand(n_draws, -1)
    drawn = draw(rows, [next(uniform_draws(1, row)) for row in range(n_draws)])
    shares = torch.bincount(drawn, minlength=4) / n_draws
    assert shares[1] == 0
    assert (shares - probs).abs().max() < 4 * (0.25 / n_draws) ** 0.5


def test_what_can_be_refused_is_refused_before_anything_is_drawn() -> None:
    run = zoo.open_run("runs/tiny-1")
    with pytest.raises(zoo.ZooError, match="max_new_tokens = 0"):
        run.stream(["a"], max_new_tokens=0)


def test_a_row_draws_the_same_whatever_stands_beside_it() -> None:
    run = zoo.open_run("runs/tiny-1")
    texts = ["", ""]
    for row, text in run.stream(["One day", "a"], seed=3):
        texts[row] += text
    assert "One day" + texts[0] == run.generate("One day", seed=3)
