"""The schema of state.json: everything in a checkpoint that is not a tensor.

A checkpoint may come from anyone, so every value is looked at before anything is done with it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, NamedTuple

FORMAT = 2
"""1 has no number in the file, and may lack what is a default here."""

MOST = 1 << 62  # of anything that is counted
LONGEST_LINE = 100_000  # characters of a label, a notice or a name


@dataclass(frozen=True, kw_only=True)
class TrainState:
    """The position of a run, and the choices it must keep when resumed.

    Attributes:
        step, tokens: how far it is; of tokens 0 to ``MOST``.
        seconds: spent in training steps.
        best, valid: the best evaluation after which a checkpoint was saved, and the last one: a
            step and what was measured there, by name.
        skipped: how many steps were skipped in a row.
        data: the key of its tokens in the cache folder.
        precision, products, compiled: how it computes; ``products`` is what torch is asked for.
        optimizer: what ``flatten_optimizers`` gave beside tensors.
        plugins, code: the versions of those whose components it uses, by name, and the digests of
            their source.
        label, notices: what is to be said of its text.
    """

    step: int
    tokens: int
    seconds: float
    best: dict[str, Any] | None
    valid: dict[str, Any]
    data: str
    precision: str
    optimizer: list[Any]
    plugins: dict[str, str]
    label: str
    notices: list[str]
    skipped: int = 0
    products: str | None = None
    compiled: bool = False
    code: dict[str, str] = field(default_factory=dict)
    format: int = field(default=FORMAT)

    def __repr__(self) -> str:
        return f"<TrainState after step {self.step:,}>"

    def to_json(self) -> bytes:
        """The content of state.json.

        Raises:
            ValueError: what couldn't be read again.
        """
        data = (json.dumps(asdict(self), indent=2) + "\n").encode()
        read_state(data)
        return data


def read_state(data: bytes) -> TrainState:
    """Parse a state.json of any version, from any source.

    Raises:
        ValueError: names what is missing, or of the wrong kind or size.
        RecursionError: it is nested too deeply.
    """
    table = json.loads(data)
    if not isinstance(table, dict):
        raise ValueError("not a table")
    table = {"format": 1, **table}
    if is_count(table["format"]) and table["format"] > FORMAT:
        raise ValueError(f"format {table['format']}; this zoo reads up to {FORMAT}: upgrade it")
    values = {}
    for each in fields(TrainState):
        if each.name in table:
            values[each.name] = table[each.name]
            rule = RULES[each.name]
            if not rule.holds(table[each.name]):
                found = shown(table[each.name])
                raise ValueError(f"{each.name}: expected {rule.expected}, got {found}")
        elif each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"{each.name} is missing")
    return TrainState(**values)


class Rule(NamedTuple):
    """What a value must be, for people and as a test."""

    expected: str
    holds: Callable[[Any], bool]


def shown(value: Any) -> str:
    """A value for a message, cut short."""
    found = ascii(value)
    return found if len(found) < 40 else f"{found[:40]}…"


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST


def is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) <= MOST)


def is_line(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_LINE


def is_table_of_lines(value: Any) -> bool:
    return isinstance(value, dict) and all(is_line(a) and is_line(b) for a, b in value.items())


def is_evaluation(value: Any) -> bool:
    """Numbers by name, the step among them unless there was none yet."""
    if not isinstance(value, dict) or not all(map(is_number, value.values())):
        return False
    return not value or (is_count(value.get("step")) and "loss" in value)


def is_best(value: Any) -> bool:
    return value is None or (bool(value) and is_evaluation(value) and math.isfinite(value["loss"]))


def is_optimizer(value: Any) -> bool:
    """As ``flatten_optimizers`` makes it; whether it fits the recipe's is seen later."""
    kinds = {"params": list, "groups": list, "state": dict, "more": dict}
    if not isinstance(value, dict) or value.keys() != kinds.keys():
        return False
    if not all(isinstance(value[key], kind) for key, kind in kinds.items()):
        return False
    groups = value["params"]
    return (
        all(isinstance(group, list) and all(map(is_line, group)) for group in groups)
        and all(isinstance(options, dict) for options in value["groups"])
        and all(isinstance(of_one, dict) for of_one in value["state"].values())
        and len(value["groups"]) == len(groups)
    )


def list_of(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(holds, value))


COUNT = Rule("a whole number, 0 or more", is_count)
LINE = Rule("a text", is_line)
RULES: dict[str, Rule] = {
    "format": COUNT,
    "step": COUNT,
    "tokens": COUNT,
    "skipped": COUNT,
    "seconds": Rule(
        "a number, 0 or more",
        lambda value: is_number(value) and math.isfinite(value) and value >= 0,
    ),
    "best": Rule("an evaluation, or null", is_best),
    "valid": Rule("an evaluation", is_evaluation),
    "data": Rule(
        "the key of tokens in the cache folder, 32 hexadecimal digits",
        lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", value) is not None,
    ),
    "precision": Rule('"float32" or "bfloat16"', lambda value: value in ("float32", "bfloat16")),
    "products": Rule(
        '"highest", "high", "medium" or null',
        lambda value: value in ("highest", "high", "medium", None),
    ),
    "compiled": Rule("true or false", lambda value: isinstance(value, bool)),
    "optimizer": Rule("a list of optimizers' states", list_of(is_optimizer)),
    "plugins": Rule("versions by name", is_table_of_lines),
    "code": Rule("digests by name", is_table_of_lines),
    "label": LINE,
    "notices": Rule("a list of texts", list_of(is_line)),
}
