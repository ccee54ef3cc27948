"""From a prompt to text: what is drawn, and what is refused."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
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


WRONG = [
    *[("seed", value) for value in ("a", None, [1], 1.5, True, -1, 2**63)],
    *[("max_new_tokens", value) for value in (True, 2.5, "a", 0, -3, [4])],
    *[("stop", value) for value in (5, "", [".", ""], [5], None, b".")],
    *[("temperature", value) for value in ("a", True, -1.0, math.nan, [0.5])],
    *[("top_k", value) for value in ("a", True, 2.5, 0)],
    *[("top_p", value) for value in ("a", True, 0, 1.5)],
    *[("samplers", value) for value in ("greedy", ["greedy"], 5, Nothing())],
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_an_option_that_does_not_fit_is_refused_at_once(name: str, value: Any) -> None:
    with pytest.raises(zoo.ZooError, match="^" + re.escape(f"{name} = {value!r}: ")):
        zoo.open_run("runs/tiny-1").stream("a", **{name: value})


def test_prompts_that_are_no_texts_are_refused() -> None:
    run = zoo.open_run("runs/tiny-1")
    wrong: Any
    for wrong in (5, None, b"a"):
        with pytest.raises(zoo.ZooError, match=r"prompts = .*: expected a string or a list of str"):
            run.stream(wrong)
    for wrong in (["a", 5], [None]):
        with pytest.raises(zoo.ZooError, match="the prompt must be a string, not"):
            run.stream(wrong)


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    run = zoo.open_run("runs/tiny-1")
    plain = run.generate("a", seed=3, max_new_tokens=5, top_k=4, temperature=0.5, top_p=0.75)
    theirs: Any = {
        "seed": np.int64(3),
        "max_new_tokens": np.uint8(5),
        "top_k": torch.tensor(4),
        "temperature": np.float32(0.5),
        "top_p": np.float64(0.75),
    }
    assert run.generate("a", **theirs) == plain
