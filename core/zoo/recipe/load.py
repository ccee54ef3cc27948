"""Load a recipe from a file: read, validate, dry-run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.catalog.entries import Registry
from zoo.catalog.plugins import registry as default_registry
from zoo.errors import Problem, RecipeError, ZooError
from zoo.recipe.document import override, read_chain
from zoo.recipe.reader import RecipeReader, if_right
from zoo.recipe.recipe import Recipe
from zoo.recipe.swaps import swaps
from zoo.storage.paths import expanded

Overrides = Sequence[str] | Mapping[str, Any]
"""Changes to a recipe: values by their paths, or strings as ``--set`` takes them."""


def load_recipe(
    path: str | Path, overrides: Overrides = (), registry: Registry | None = None
) -> Recipe:
    """Loads a recipe and checks all of it; parts are tried out without memory for their weights.

    ``overrides`` are laid over the file: values by their paths, or strings as ``--set`` takes them,
    or a single such string.

    >>> recipe = load_recipe("recipes/smoke.toml", {"model.norm": "layernorm", "train.steps": 5})
    >>> recipe.model.options["norm"].name, recipe.total_steps
    ('layernorm', 5)
    >>> recipe == load_recipe("recipes/smoke.toml", ["model.norm=layernorm", "train.steps=5"])
    True

    Raises:
        RecipeError: everything that is wrong, each with its file and line.
    """
    return _load(path, overrides, registry, device=False)


def load_to_train(
    path: str | Path, overrides: Overrides = (), registry: Registry | None = None
) -> Recipe:
    """``load_recipe`` for training here: a device that this machine lacks is a problem too.

    Raises:
        RecipeError: everything that is wrong, each with its file and line.
    """
    return _load(path, overrides, registry, device=True)


def _load(
    path: str | Path, overrides: Overrides, registry: Registry | None, *, device: bool
) -> Recipe:
    from zoo.recipe.dry_run import dry_run, try_device

    file = expanded(path)
    registry = registry or default_registry()
    text, root = read_chain(file, registry.same)
    problems: list[Problem] = []
    changes = [overrides] if isinstance(overrides, str) else overrides
    for change in changes.items() if isinstance(changes, Mapping) else changes:
        try:
            root = override(root, change, registry.same)
        except RecipeError as error:
            problems += error.problems
    reader = RecipeReader(root, registry, problems)
    right = reader.read()
    recipe = reader.recipe(file, text, right)
    if recipe is not None:
        recipe = replace(recipe, swaps=swaps(root, recipe.components))
    dry_run(right, recipe, reader.steps, reader.refuse)
    try_device(right["train"].device, reader.refuse, here=device)
    return if_right(recipe, problems)


def recipe_of(recipe: Recipe | str | os.PathLike[str]) -> Recipe:
    """A recipe, or the one in a file.

    Raises:
        ZooError: neither.
        RecipeError: everything that is wrong with the file.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, (str, os.PathLike)):
        return load_recipe(Path(recipe))
    raise ZooError(f"expected a recipe or the path of one, not {recipe!r}")


def check(
    path: str | Path, overrides: Overrides = (), registry: Registry | None = None
) -> list[Problem]:
    """What is wrong with a recipe; nothing if it can be trained on this machine.

    >>> [problem.path for problem in check("recipes/smoke.toml", ["model.norm=rmsnrom"])]
    ['model.norm']
    """
    try:
        load_to_train(path, overrides, registry)
    except RecipeError as error:
        return error.problems
    return []
