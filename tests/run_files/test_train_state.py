"""state.json: what is written is read again, what 0.1.0 wrote too, and nothing else."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

import pytest
from states import a_state

from zoo.run_files.train_state import FORMAT, RULES, read_state

OPTIMIZER = {
    "params": [["a", "b"]],
    "groups": [{"lr": 1e-3, "betas": {"$tuple": [0.9, 0.99]}, "odd": None}],
    "state": {"a": {"step": 3, "mean": {"$tensor": "0/a/mean"}}},
    "more": {},
}
EVALUATION = {"step": 4, "loss": 1.5, "bits_per_byte": 0.7}


def full(**changed: Any) -> Any:
    given = {"optimizer": [OPTIMIZER], "best": EVALUATION, "valid": EVALUATION, "skipped": 3}
    return a_state(5, **given | {"products": "medium", "compiled": True} | changed)


def as_bytes(table: Any) -> bytes:
    return json.dumps(table).encode()


@pytest.mark.parametrize("state", [a_state(0), full(), full(valid={**EVALUATION, "lr": 2})])
def test_what_is_written_is_read(state: Any) -> None:
    assert read_state(state.to_json()) == state


def test_an_evaluation_may_be_no_number_but_not_the_best() -> None:
    broken = {**EVALUATION, "loss": math.nan}
    assert math.isnan(read_state(full(valid=broken).to_json()).valid["loss"])
    with pytest.raises(ValueError, match="best: expected an evaluation, or null"):
        full(best=broken).to_json()


def test_a_state_of_the_first_version_is_read() -> None:
    table = asdict(full())
    del table["format"]
    assert read_state(as_bytes(table)) == replace(full(), format=1)
    for name in ("skipped", "products", "compiled"):
        del table[name]
    assert read_state(as_bytes(table)) == full(skipped=0, products=None, compiled=False, format=1)


def test_a_later_version_is_told() -> None:
    with pytest.raises(ValueError, match=f"format {FORMAT + 1}; this zoo reads up to {FORMAT}"):
        read_state(as_bytes({**asdict(full()), "format": FORMAT + 1}))


def test_every_value_has_a_rule() -> None:
    assert RULES.keys() == asdict(full()).keys()


ODD = {
    "step": ["x", math.inf, -5, 10**30, 1.0, True, None],
    "tokens": [-1, "1"],
    "seconds": ["x", -1.0, math.nan, math.inf],
    "best": [5, {}, {"step": 1}, {"step": "1", "loss": 1.0}, {"step": 1, "loss": "1"}],
    "valid": [None, [1], {"step": -1, "loss": 1.0}, {"step": 1, "loss": 1.0, "more": [1]}],
    "data": [5, "x" * 5000, "\0", "/etc", "../" + "0" * 32, "0" * 31, "0" * 32 + "\n"],
    "precision": ["evil", None, ["float32"]],
    "products": ["evil", 1, {}],
    "compiled": ["yes", 1, None],
    "optimizer": [
        *(None, {}, [{}], [None], [{**OPTIMIZER, "params": [[1]]}]),
        *([{**OPTIMIZER, "groups": []}], [{**OPTIMIZER, "state": {"a": 1}}]),
        *([{**OPTIMIZER, "more": []}], [{**OPTIMIZER, "extra": 1}]),
    ],
    "plugins": [7, ["zoo"], {"zoo": 1}, {"zoo": None}],
    "label": [None, 5, "x" * 200_000],
    "notices": [5, "text", [1], None],
    "skipped": ["x", -1, 0.5],
    "format": ["x", None, -1],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in ODD.items() for v in vs])
def test_a_value_that_can_not_be_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected ") as told:
        read_state(as_bytes({**asdict(full()), name: value}))
    assert len(str(told.value)) < 200


@pytest.mark.parametrize("name", ["step", "valid", "data", "label", "optimizer"])
def test_what_is_missing_is_named(name: str) -> None:
    table = asdict(full())
    del table[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        read_state(as_bytes(table))
