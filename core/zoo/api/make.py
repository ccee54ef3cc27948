"""Make a component by name, and build the model of a recipe."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalog.component import find_component
from zoo.catalog.plugins import registry
from zoo.contracts import UNKNOWN_VOCAB, Dims
from zoo.contracts.kinds import KINDS
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.catalog.entries import Entry
    from zoo.model.decoder import Decoder
    from zoo.recipe.recipe import Recipe


GIVEN: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "dim": ("an integer", lambda value: isinstance(value, int)),
    "dims": ("a zoo.Dims", lambda value: isinstance(value, Dims)),
    "build": ("a zoo.Build", lambda value: hasattr(value, "linear")),
    "total_steps": ("an integer", lambda value: isinstance(value, int)),
}
"""What positional arguments must be, where a wrong one would fail with an error of Python's own."""


def make(kind: str, name: str, *given: Any, **options: Any) -> Any:
    """Makes a component by name, as a recipe would.

    ``given`` are the positional arguments of its kind, of which it takes what it needs; options
    are checked as strictly as in a recipe. A part inside it is a name, a dict with a ``"name"``, or
    a class.

    >>> norm = make("norm", "rmsnorm", 512, eps=1e-6)
    >>> norm.weight.shape
    torch.Size([512])
    >>> make("tokenizer", "byte").decode([122, 111, 111])
    'zoo'

    Raises:
        ZooError: no such kind, component or option, or a value that doesn't fit.
    """
    for what, value in (("kind", kind), ("name", name)):
        if not isinstance(value, str):
            raise ZooError(f"the {what} of a component must be a string, not {value!r}")
    component = find_component(registry(), kind, name, options)
    offered = KINDS[kind].given
    if len(given) > len(offered):
        raise ZooError(
            f"{kind} {name!r} is given {len(given)} positional arguments; "
            f"there are {len(offered)} ({', '.join(offered) or 'none'}). Options go by name"
        )
    for what, value in zip(offered, given, strict=False):
        expected, fits = GIVEN.get(what, ("anything", lambda _: True))
        if what in component.entry.given and not fits(value):
            raise ZooError(f"{kind} {name!r} is given {expected} as its {what}, not {value!r}")
    if "build" in offered[len(given) :] and needs_build(component.entry):
        raise ZooError(
            f"{kind} {name!r} is given its build by the model that it is part of: write "
            f"zoo.build(zoo.load_recipe(path, { {f'model.{kind}': name} })), or pass a zoo."
            f"{'Block' if kind == 'block' else ''}Build of your own"
        )
    return component(*given)


def needs_build(entry: Entry) -> bool:
    """Whether nothing can be made without a build."""
    asked = inspect.signature(entry.factory).parameters.get("build")
    return asked is not None and asked.default is inspect.Parameter.empty


def build(recipe: Recipe | str | Path, vocab_size: int | None = None) -> Decoder:
    """The untrained model that a recipe, or the file of one, describes, on the CPU.

    ``vocab_size`` is needed where the tokenizer learns it from the text. Several threads may build
    at once.

    >>> import zoo
    >>> zoo.build("recipes/smoke.toml").dims.vocab_size
    512

    Raises:
        ZooError: the size of the vocabulary isn't known, or sizes don't fit together.
        RecipeError: everything that is wrong with the file.
    """
    from zoo.recipe.load import recipe_of

    recipe = recipe_of(recipe)
    if vocab_size is None:
        vocab_size = recipe.tokenizer().vocab_size
    if vocab_size is None:
        raise ZooError(
            f"tokenizer {recipe.tokenizer.name!r} learns its vocabulary from the text: "
            "pass vocab_size"
        )
    model: Decoder = recipe.model(vocab_size, recipe.train.seed)
    return model


def count_parameters(recipe: Recipe) -> int:
    """The recipe's parameter count, computed on the meta device.

    A vocabulary that only training can tell is counted as 256 ids.
    """
    import torch

    with torch.device("meta"):
        model = build(recipe, recipe.tokenizer().vocab_size or UNKNOWN_VOCAB)
    return sum(parameter.numel() for parameter in model.parameters())
