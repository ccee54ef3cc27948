"""Schedules: warm-up from 0, their formulas, and what they must never do."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_builtin.schedulers import WSD, Constant, Cosine, InverseSqrt, Linear

ALL: list[tuple[Callable[..., Callable[[int], float]], dict[str, Any]]] = [
    (Constant, {}),
    (Cosine, {}),
    (Cosine, {"cycle": 45, "min_ratio": 0.0}),
    (Cosine, {"cycle": 200}),
    (Linear, {}),
    (Linear, {"cycle": 45, "min_ratio": 0.2}),
    (WSD, {"decay": 0.3}),
    (WSD, {"decay": 0.3, "shape": "linear", "min_ratio": 0.1}),
    (WSD, {"decay": 0.3, "shape": "cosine"}),
    (WSD, {"decay": 0.0}),
    (InverseSqrt, {}),
]
DECAYING = [case for case in ALL if case[0] is not Constant and case[1].get("decay") != 0]
TOTAL = 60


@pytest.mark.parametrize(("make", "options"), ALL)
@pytest.mark.parametrize("warmup", [0, 1, 7])
def test_warms_up_from_0_in_a_straight_line(make, options: dict, warmup: int) -> None:
    at = make(TOTAL, warmup=warmup, **options)
    assert [at(t) for t in range(warmup)] == [t / warmup for t in range(warmup)]
    assert at(warmup) == 1


@pytest.mark.parametrize(("make", "options"), ALL)
@pytest.mark.parametrize("warmup", [0, 7])
def test_never_rises_after_the_warm_up_nor_leaves_0_to_1(make, options: dict, warmup: int) -> None:
    at = make(TOTAL, warmup=warmup, **options)
    after = [at(t) for t in range(warmup, 2 * TOTAL)]
    assert all(0 <= b <= a <= 1 for a, b in pairwise(after))


@pytest.mark.parametrize(("make", "options"), DECAYING)
@pytest.mark.parametrize("warmup", [0, 7])
def test_has_fallen_by_the_last_step_where_it_decays(make, options: dict, warmup: int) -> None:
    assert make(TOTAL, warmup=warmup, **options)(TOTAL - 1) < 0.9


@pytest.mark.parametrize("warmup", [0, 7])
def test_stays_at_1_where_it_does_not(warmup: int) -> None:
    for make, options in (case for case in ALL if case not in DECAYING):
        at = make(TOTAL, warmup=warmup, **options)
        assert {at(t) for t in range(warmup, 2 * TOTAL)} == {1}


@pytest.mark.parametrize(("make", "options"), ALL)
def test_is_a_pure_function_of_the_step(make, options: dict) -> None:
    at, other = make(TOTAL, warmup=5, **options), make(TOTAL, warmup=5, **options)
    backwards = [at(t) for t in reversed(range(TOTAL))]
    assert [other(t) for t in range(TOTAL)] == backwards[::-1]


@given(
    warmup=st.integers(0, 50),
    length=st.integers(1, 100),
    min_ratio=st.floats(0, 1),
    step=st.integers(0, 300),
)
def test_cosine_follows_its_formula(warmup: int, length: int, min_ratio: float, step: int) -> None:
    end = warmup + length
    at = Cosine(200, warmup=warmup, cycle=end, min_ratio=min_ratio)
    if step < warmup:
        expected = step / warmup
    elif step <= end:
        turn = math.cos((step - warmup) / length * math.pi)
        expected = min_ratio + 0.5 * (1 + turn) * (1 - min_ratio)
    else:
        expected = min_ratio
    assert at(step) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(warmup=st.integers(0, 50), length=st.integers(1, 100), min_ratio=st.floats(0, 1))
def test_linear_falls_by_the_same_amount_each_step(
    warmup: int, length: int, min_ratio: float
) -> None:
    at = Linear(200, warmup=warmup, cycle=warmup + length, min_ratio=min_ratio)
    falls = [at(t) - at(t + 1) for t in range(warmup, warmup + length)]
    assert falls == pytest.approx([(1 - min_ratio) / length] * length, abs=1e-12)
    assert at(warmup + length) == at(10**9) == min_ratio


def test_decay_ends_with_the_run_unless_a_cycle_says_otherwise() -> None:
    assert Cosine(100).cycle == Linear(100).cycle == 100
    assert Cosine(100)(100) == pytest.approx(0.1)
    assert Cosine(100)(50) == pytest.approx(0.55)
    assert Linear(100)(100) == 0


@pytest.mark.parametrize(
    ("shape", "halfway"), [("sqrt", 1 - math.sqrt(0.5)), ("linear", 0.5), ("cosine", 0.5)]
)
@pytest.mark.parametrize("min_ratio", [0.0, 0.1])
def test_wsd_is_stable_then_decays(shape: str, halfway: float, min_ratio: float) -> None:
    at = WSD(100, warmup=10, decay=0.4, shape=shape, min_ratio=min_ratio)
    assert all(at(t) == 1 for t in range(10, 61))
    assert at(61) < 1
    assert at(80) == pytest.approx(min_ratio + (1 - min_ratio) * halfway)
    assert at(100) == at(10**9) == min_ratio


def test_wsd_shapes_differ_as_their_formulas_do() -> None:
    quarter = {shape: WSD(100, decay=1.0, shape=shape)(25) for shape in ("sqrt", "cosine")}
    assert quarter["sqrt"] == pytest.approx(0.5)
    assert quarter["cosine"] == pytest.approx((1 + math.sqrt(0.5)) / 2)


def test_inverse_sqrt_follows_its_formula() -> None:
    at = InverseSqrt(10_000, warmup=100)
    for step in (0, 1, 99, 100, 101, 400, 9_999, 10**6):
        peak = 100**-0.5
        expected = min(max(step, 1e-300) ** -0.5, step * 100**-1.5) / peak
        assert at(step) == pytest.approx(expected)
    alone = InverseSqrt(100)
    assert [alone(t) for t in (0, 3, 8)] == pytest.approx([1, 1 / 2, 1 / 3])


@pytest.mark.parametrize("make", [Constant, Cosine, Linear, InverseSqrt])
def test_the_warm_up_may_fill_the_run_but_not_pass_it(make) -> None:
    assert make(30, warmup=30)(29) == 29 / 30
    with pytest.raises(ValueError, match=r"warmup = 31 .* 30"):
        make(30, warmup=31)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (Constant, {"warmup": -1}, "warmup .* -1"),
        (Cosine, {"warmup": 20, "cycle": 10}, "cycle = 10 .* warmup = 20"),
        (Cosine, {"min_ratio": 1.5}, "min_ratio .* 1.5"),
        (Linear, {"min_ratio": -0.1}, "min_ratio .* -0.1"),
        (WSD, {"decay": 1.5}, "decay .* 1.5"),
        (WSD, {"warmup": 51, "decay": 0.5}, r"51 .* 0\.5 \(50 steps\) .* 100"),
        (WSD, {"shape": "step"}, "sqrt, linear, cosine, not 'step'"),
    ],
)
def test_options_that_do_not_fit_are_refused(make, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(100, **options)


def test_a_run_of_no_steps_has_no_schedule() -> None:
    with pytest.raises(ValueError, match="at least 1 step, not 0"):
        Constant(0)


def test_output(snapshot) -> None:
    schedules = {
        f"{make.__name__} {options}": make(20, warmup=4, **options)
        for make, options in ALL
        if options.get("cycle", 0) != 200
    }
    table = {
        name: " ".join(f"{at(step):.4f}" for step in range(22)) for name, at in schedules.items()
    }
    assert table == snapshot
