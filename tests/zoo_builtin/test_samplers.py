"""Samplers against plain-Python and numpy versions of what they promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from zoo_builtin.samplers import Greedy, MinP, RepetitionPenalty, Temperature, TopK, TopP

NO_HISTORY = torch.empty(1, 0, dtype=torch.long)
ALL = [
    Greedy(),
    Temperature(value=0.7),
    Temperature(value=0),
    TopK(k=3),
    TopP(p=0.8),
    MinP(p=0.2),
    RepetitionPenalty(penalty=1.5),
]

# Multiples of 1/4, so that equal logits come up and sums of probabilities do not fall on a limit.
rows = st.lists(st.integers(-40, 40).map(lambda n: n / 4), min_size=1, max_size=30)


def applied(sampler: Any, row: list[float], history: list[int] | None = None) -> list[float]:
    ids = torch.tensor([history], dtype=torch.long) if history else NO_HISTORY
    out: list[float] = sampler(torch.tensor([row]), ids, {})[0].tolist()
    return out


def kept(sampler: Any, row: list[float]) -> set[int]:
    """The ids that stay; checks that their logits stay too."""
    out = applied(sampler, row)
    left = {i for i, logit in enumerate(out) if logit != -math.inf}
    assert all(out[i] == row[i] for i in left)
    return left


def probabilities(row: list[float]) -> np.ndarray:
    weights = np.exp(np.array(row, dtype=np.float64) - max(row))
    return weights / weights.sum()


@given(rows)
def test_greedy_keeps_one_best(row: list[float]) -> None:
    left = kept(Greedy(), row)
    assert len(left) == 1
    assert row[left.pop()] == max(row)


@given(rows, st.floats(0.1, 10))
def test_temperature_divides(row: list[float], value: float) -> None:
    assert applied(Temperature(value=value), row) == pytest.approx([x / value for x in row])


@given(rows, st.sampled_from([0, 0.0, 1e-45, 1e-300]))
def test_no_temperature_is_greedy(row: list[float], value: float) -> None:
    assert applied(Temperature(value=value), row) == applied(Greedy(), row)


@given(rows, st.floats(1e-38, 1e38))
def test_every_temperature_leaves_a_distribution(row: list[float], value: float) -> None:
    probs = torch.tensor(applied(Temperature(value=value), row)).softmax(-1)
    assert probs.isfinite().all()
    assert probs.argmax() in [i for i, x in enumerate(row) if x == max(row)] or value > 1e6


def test_the_hottest_temperature_keeps_excluded_what_is() -> None:
    assert applied(Temperature(value=1e300), [1.0, -math.inf, 2.0])[1] == -math.inf


@given(rows, st.integers(1, 40))
def test_top_k_keeps_the_k_best(row: list[float], k: int) -> None:
    left = kept(TopK(k=k), row)
    assert sorted((row[i] for i in left), reverse=True) == sorted(row, reverse=True)[:k]


@given(rows, st.floats(0.001, 0.999))
def test_top_p_keeps_the_smallest_set_with_that_mass(row: list[float], p: float) -> None:
    left = kept(TopP(p=p), row)
    probs = probabilities(row)
    falling = np.sort(probs)[::-1]
    sums = falling.cumsum()
    fewest = int(np.searchsorted(sums, p)) + 1
    if abs(sums - p).min() > 1e-5:  # else float32 may see it the other way
        assert len(left) == fewest
    np.testing.assert_allclose(np.sort(probs[list(left)])[::-1], falling[: len(left)])


def test_top_p_counts_the_token_that_reaches_p() -> None:
    assert len(kept(TopP(p=0.5), [0.0, 0.0])) == 1
    assert len(kept(TopP(p=0.51), [0.0, 0.0])) == 2
    assert kept(TopP(p=1e-9), [1.0, 2.0, 0.0]) == {1}


@pytest.mark.parametrize(
    "sampler",
    [
        *(TopP(p=p) for p in (5e-324, 1e-300, 1e-45, 1 - 1e-16)),
        *(MinP(p=p) for p in (5e-324, 1e-300, 1 - 1e-16, 1)),
        *(TopK(k=k) for k in (1, 10**18)),
    ],
    ids=lambda s: f"{type(s).__name__} {vars(s)}",
)
def test_the_likeliest_stays_however_extreme_the_option(sampler: Any) -> None:
    assert 1 in kept(sampler, [1.0, 2.0, 0.0])
    assert 1 in kept(sampler, [-math.inf, -(2.0**99), -math.inf])


def test_top_p_of_1_keeps_the_tail() -> None:
    row = [0.0, -30.0, -80.0, *[-60.0] * 1000]
    assert len(kept(TopP(p=1), row)) == len(row)


@given(rows, st.floats(0, 1))
def test_min_p_keeps_what_is_probable_beside_the_best(row: list[float], p: float) -> None:
    left = kept(MinP(p=p), row)
    probs = probabilities(row)
    for i, prob in enumerate(probs):
        if not math.isclose(prob, p * probs.max(), rel_tol=1e-4):
            assert (i in left) == (prob >= p * probs.max())
    assert row.index(max(row)) in left


@given(rows, st.floats(0.5, 3), st.data())
def test_repetition_penalty_touches_the_history_alone(
    row: list[float], penalty: float, data: st.DataObject
) -> None:
    history = data.draw(st.lists(st.integers(-1, len(row) - 1), max_size=10))
    expected = [
        (x / penalty if x > 0 else x * penalty) if i in history else x for i, x in enumerate(row)
    ]
    out = applied(RepetitionPenalty(penalty=penalty), row, history)
    assert out == pytest.approx(expected)
    if penalty >= 1:
        assert all(after <= before + 1e-6 for after, before in zip(out, row, strict=True))


@pytest.mark.parametrize("sampler", ALL, ids=lambda s: type(s).__name__)
def test_rows_do_not_see_each_other(sampler: Any) -> None:
    logits, history = batch()
    together = sampler(logits, history, {})
    for row in range(len(logits)):
        alone = sampler(logits[row : row + 1], history[row : row + 1], {})
        assert torch.equal(together[row : row + 1], alone)


@pytest.mark.parametrize("sampler", ALL, ids=lambda s: type(s).__name__)
def test_what_is_excluded_stays_so_and_something_stays(sampler: Any) -> None:
    logits, history = batch()
    logits[:, 2:5] = -math.inf
    logits[1, :7] = -math.inf  # one token is left
    out = sampler(logits, history, {})
    assert (out[logits == -math.inf] == -math.inf).all()
    assert out.softmax(-1).isfinite().all()
    assert out[1].argmax() == 7


@pytest.mark.parametrize("sampler", ALL, ids=lambda s: type(s).__name__)
def test_logits_given_are_left_as_they_were(sampler: Any) -> None:
    logits, history = batch()
    before = logits.clone()
    out = sampler(logits, history, {})
    assert torch.equal(logits, before)
    assert (out.shape, out.dtype) == (logits.shape, logits.dtype)


@settings(max_examples=30)
@given(st.permutations(ALL))
def test_any_chain_leaves_a_distribution(chain: list[Any]) -> None:
    logits, history = batch()
    for sampler in chain:
        logits = sampler(logits, history, {})
    assert torch.allclose(logits.softmax(-1).sum(-1), torch.ones(len(logits)))


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (Temperature, {"value": -0.5}, "temperature .* -0.5"),
        (Temperature, {"value": math.nan}, "temperature .* nan"),
        (TopK, {"k": 0}, "k .* 0"),
        (TopP, {"p": 0.0}, "p .* 0.0"),
        (TopP, {"p": 1.1}, "p .* 1.1"),
        (MinP, {"p": -0.1}, "p .* -0.1"),
        (RepetitionPenalty, {"penalty": 0.0}, "penalty .* 0.0"),
    ],
)
def test_options_out_of_range_are_refused(make, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize("sampler", ALL, ids=lambda s: f"{type(s).__name__} {vars(s)}")
def test_output(sampler: Any, snapshot) -> None:
    out = sampler(*batch(), {})
    assert [" ".join(f"{x:.4f}" for x in row) for row in out.tolist()] == snapshot


def batch() -> tuple[Tensor, Tensor]:
    """Logits (3, 8) and a history (3, 4) that is padded on the left."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 8, generator=generator) * 2
    return logits, torch.tensor([[-1, -1, 5, 6], [0, 1, 6, 7], [-1, 7, 7, 7]])
