"""Refuse changes to a run's recipe, and warn of edited copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalog.plugins import plugin_flags
from zoo.catalog.sources import digest
from zoo.console.shell import quoted
from zoo.contracts.run_folder import RECIPE, RESOLVED
from zoo.errors import RecipeError, ZooError

if TYPE_CHECKING:
    from zoo.recipe.recipe import Recipe


def retrain_command(run: Path, changes: Sequence[str] = ("PATH=VALUE",)) -> str:
    """The command that trains from new weights what a run was trained on, with changes."""
    sets = "".join(f" --set {quoted(change)}" for change in changes)
    return f"zoo train {quoted(run / RESOLVED)}{sets}{plugin_flags()}"


def finished(run: Path, recipe: Recipe) -> str:
    """What is said where a run is resumed that has taken all its steps."""
    steps = recipe.total_steps
    length = "steps" if recipe.train.tokens is None else "tokens"
    more = 2 * (steps if recipe.train.tokens is None else recipe.train.tokens)
    return (
        f"{run} is finished: it has taken all {steps:,} steps of its recipe, and more can't be "
        "added to them. To train for longer, or otherwise, begin with new weights: "
        f"{retrain_command(run, [f'train.{length}={more}'])}"
    )


@contextmanager
def as_it_was(run: Path | None) -> Iterator[None]:
    """Context in which errors about a resumed run's recipe say what can be done instead.

    ``run`` is its folder, None for a new one, whose recipe can be changed.
    """
    try:
        yield
    except ZooError as error:
        if run is None:
            raise
        raise ZooError(
            f"{error}. But a resumed run keeps its recipe: go on with it on a machine, and with a "
            "number of processes, that it fits, or train with a change from new weights: "
            f"{retrain_command(run)}"
        ) from error


def digests(copies: Mapping[str, bytes]) -> dict[str, str]:
    """The digest of each copy of the recipe, by the name of its file."""
    return {name: f"sha256:{digest(data)}" for name, data in copies.items()}


def copies_in(run: Path) -> dict[str, bytes]:
    """The copies of the recipe that are in a run's folder now."""
    found = {}
    for name in (RECIPE, RESOLVED):
        with suppress(OSError):
            found[name] = (run / name).read_bytes()
    return found


def digests_at_the_start(run: Path, before: Mapping[str, Any], recipe: Recipe) -> dict[str, str]:
    """What the copies of the recipe were when the run began.

    ``before`` is what run.json said. Runs of zoo 0.1.0 recorded nothing: of theirs, resolved.toml
    is what the checkpoint's ``recipe`` says, and recipe.toml is taken as it is.
    """
    recorded = before.get("recipe_files")
    if isinstance(recorded, dict):
        return recorded
    copies = copies_in(run)
    if RESOLVED in copies and not says_the_same(copies[RESOLVED], recipe):
        copies[RESOLVED] = recipe.source.encode()
    return digests(copies)


def told_of_edits(run: Path, start: Mapping[str, str]) -> str | None:
    """What is said of copies of the recipe that were edited since the run began, if any."""
    now = digests(copies_in(run))
    edited = [name for name in now if name in start and start[name] != now[name]]
    if not edited:
        return None
    files = " and ".join(str(run / name) for name in edited)
    # resolved.toml holds the change already.
    how = retrain_command(run, ()) if RESOLVED in edited else retrain_command(run)
    return (
        f"{files}: edited since the run began, which changes nothing: a run that goes on keeps the "
        f"recipe of its checkpoint. To train with a change, begin with new weights: {how}"
    )


def says_the_same(copy: bytes, recipe: Recipe) -> bool:
    """Whether a copy says what the recipe that a checkpoint holds says, in whatever form."""
    from zoo.recipe.document import parse

    try:
        said = parse(copy.decode(), recipe.file)
    except (ValueError, RecipeError):
        return False
    return bool(said.plain() == parse(recipe.source, recipe.file).plain())
