"""Find the first record and the first tensor in which two runs of a recipe differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError
from zoo.run_files import checkpoint
from zoo.run_files.metrics import records_in

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.recipe.recipe import Recipe

TIMES = ("seconds", "tokens_per_s")  # differ between any two runs


@dataclass(frozen=True)
class Difference:
    """What differs first, after which step, and by how much."""

    step: int
    what: str
    one: str
    other: str
    then: Difference | None = None  # in a checkpoint, where this is one of records

    def __str__(self) -> str:
        then = f"\nand {self.then}" if self.then is not None else ""
        return f"after step {self.step}, {self.what}: {self.one} and {self.other}{then}"


def first_difference(one: Path, other: Path, recipe: Recipe) -> Difference | None:
    """Compares the records and all the checkpoints that both runs kept, step by step.

    Raises:
        ZooError: a checkpoint is damaged, or the runs have no checkpoint in common.
    """
    ours, theirs = records(one), records(other)
    folders = [checkpoint.all_in(run / "checkpoints") for run in (one, other)]
    saved = [{checkpoint.step_of(path) or 0: path for path in each} for each in folders]
    common = saved[0].keys() & saved[1].keys()
    if not common:
        raise ZooError(f"{one} and {other} have no checkpoint of the same step")
    first = None
    for step in sorted({*ours, *theirs, *common}):
        if first is None and ours.get(step) != theirs.get(step):
            first = recorded(step, ours.get(step, []), theirs.get(step, []))
        if step in common:
            pair = [checkpoint.open_checkpoint(each[step]) for each in saved]
            if (found := in_checkpoints(pair[0], pair[1], recipe)) is not None:
                return replace(first, then=found) if first is not None else found
    return first


def records(run: Path) -> dict[int, list[dict[str, Any]]]:
    """The lines of metrics.jsonl by step, without what the clock says."""
    found: dict[int, list[dict[str, Any]]] = {}
    for record in records_in(run):
        timeless = {key: value for key, value in record.items() if key not in TIMES}
        found.setdefault(record["step"], []).append(timeless)
    return found


def recorded(step: int, one: list[dict[str, Any]], other: list[dict[str, Any]]) -> Difference:
    if len(one) != len(other):
        return Difference(step, "the number of records", str(len(one)), str(len(other)))
    for ours, theirs in zip(one, other, strict=True):
        for key in ours.keys() | theirs.keys():
            if ours.get(key) != theirs.get(key):
                what = f"the {key} of {ours.get('event')}"
                return Difference(step, what, str(ours.get(key)), str(theirs.get(key)))
    raise AssertionError("equal records")


def in_checkpoints(
    one: checkpoint.Checkpoint, other: checkpoint.Checkpoint, recipe: Recipe
) -> Difference | None:
    for name, ours, theirs in pairs(one.model, other.model):
        if not same(ours, theirs):
            return Difference(
                one.step, f"{name} ({component_of(name, recipe)})", *apart(ours, theirs)
            )
    made_by = f"optimizer = {recipe.optimizer.entry.name}"
    for name, ours, theirs in pairs(one.optimizer, other.optimizer):
        if not same(ours, theirs):
            return Difference(one.step, f"{name} ({made_by})", *apart(ours, theirs))
    states = [vars(each.state) for each in (one, other)]
    for key in states[0]:
        ours, theirs = (without_times(state[key]) for state in states)
        if key not in TIMES and ours != theirs:
            return Difference(one.step, f"{key} in state.json", str(ours)[:80], str(theirs)[:80])
    return None


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: of for key, of in value.items() if key not in TIMES}
    return value


def pairs(
    one: Mapping[str, Tensor], other: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor | None, Tensor | None]]:
    for name in [*one, *(other.keys() - one.keys())]:
        yield name, one.get(name), other.get(name)


def same(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether both have the same bits."""
    import torch

    if one is None or other is None or (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))


def apart(one: Tensor | None, other: Tensor | None) -> tuple[str, str]:
    """The first numbers that differ."""
    if one is None or other is None:
        return ("missing" if one is None else "there"), ("missing" if other is None else "there")
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{one.dtype} {tuple(one.shape)}", f"{other.dtype} {tuple(other.shape)}"
    at = int((one.reshape(-1) != other.reshape(-1)).nonzero()[0])
    return str(one.reshape(-1)[at].item()), str(other.reshape(-1)[at].item())


def component_of(name: str, recipe: Recipe) -> str:
    """Which choice of the recipe a tensor of the model belongs to.

    ``blocks.0.attention_norm.weight`` is the norm's, ``position_0.table`` the position's.
    """
    options = recipe.model.options
    for part in reversed(name.split(".")):
        role = re.sub(r"_\d+$", "", part).rpartition("_")[2]
        role = "block" if part == "blocks" else role
        entry = getattr(options.get(role), "entry", None)
        if entry is not None:
            return f"{role} = {entry.name}"
    return "the decoder"
