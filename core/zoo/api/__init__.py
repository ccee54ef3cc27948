"""What Python code does beside training: make components, build models, keep tokenizers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalog.component import find_component
from zoo.catalog.plugins import registry
from zoo.contracts import Dims
from zoo.contracts.kinds import KINDS
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.contracts import Tokenizer
    from zoo.model.decoder import Decoder
    from zoo.recipe.reader import Recipe

COMPONENT_FILE = "component.json"
BYTES = 256  # a tokenizer that only training tells how many ids it needs counts as one of bytes

GIVEN: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "dim": ("an integer", lambda value: isinstance(value, int)),
    "dims": ("a zoo.Dims", lambda value: isinstance(value, Dims)),
    "build": ("a zoo.parts.Build", lambda value: hasattr(value, "linear")),
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
    return component(*given)


def build(recipe: Recipe | str | Path, vocab_size: int | None = None) -> Decoder:
    """The untrained model that a recipe, or the file of one, describes, on the CPU.

    ``vocab_size`` is needed where the tokenizer learns it from the text.

    >>> import zoo
    >>> zoo.build("recipes/smoke.toml").dims.vocab_size
    512

    Raises:
        ZooError: the size of the vocabulary isn't known, or sizes don't fit together.
        RecipeError: everything that is wrong with the file.
    """
    from zoo.recipe.reader import recipe_of

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
    """How many numbers the recipe's model learns, told without making them.

    A vocabulary that only training can tell is counted as 256 ids.
    """
    import torch

    with torch.device("meta"):
        model = build(recipe, recipe.tokenizer().vocab_size or BYTES)
    return sum(parameter.numel() for parameter in model.parameters())


def save_tokenizer(tokenizer: Tokenizer, name: str, dir: str | Path) -> None:
    """Saves a trained tokenizer, and what it is called, for ``load_tokenizer``.

    >>> import tempfile
    >>> dir = tempfile.mkdtemp()
    >>> save_tokenizer(make("tokenizer", "byte"), "byte", dir)
    >>> load_tokenizer(dir).encode("zoo").tolist()
    [122, 111, 111]
    """
    from zoo.storage.paths import expanded, write_atomically

    folder = expanded(dir)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder)
    about = json.dumps({"kind": "tokenizer", "name": name}) + "\n"
    write_atomically(folder / COMPONENT_FILE, about.encode())


def load_tokenizer(path: str | Path, **options: Any) -> Tokenizer:
    """A tokenizer from disk.

    Reads what ``save_tokenizer`` and ``zoo tokenizer train`` saved, the tokenizer of a run, and any
    file or folder that some tokenizer's ``from_file(path, **options)`` recognises; options are for
    the latter, such as a file that doesn't say all.

    Raises:
        ZooError: nothing that can be read lies there, it is damaged, or options don't fit.
    """
    from zoo.runs.run import open_run
    from zoo.storage.paths import expanded

    path = expanded(path)
    about = path / COMPONENT_FILE
    if about.exists():
        refuse_options(path, options)
        return load_saved(path, about)
    found = read_file(path, options) if path.exists() else None
    if found is not None:
        return found
    try:
        run = open_run(path)
    except ZooError as error:
        as_run = f". As a run: {error}" if (path / "checkpoints").is_dir() else ""
        known = "; ".join((f"a folder with a {about.name}", "a run", *readable()))
        what = "no tokenizer that can be read" if path.exists() else "no such file, folder or run"
        raise ZooError(f"{path}: {what} ({known}){as_run}") from None
    refuse_options(path, options)
    return run.tokenizer


def load_saved(folder: Path, about: Path) -> Tokenizer:
    try:
        name = json.loads(about.read_text(encoding="utf-8"))["name"]
        factory: Any = registry().find("tokenizer", name).factory
        tokenizer: Tokenizer = factory.load(folder)
    except (ValueError, KeyError, TypeError) as error:
        raise ZooError(f"{folder}: no tokenizer that can be read ({error})") from error
    return tokenizer


def read_file(path: Path, options: dict[str, Any]) -> Tokenizer | None:
    """What the first tokenizer makes of a file that knows its format; None where none does."""
    refused: Exception | None = None
    for entry in registry().entries("tokenizer"):
        from_file = getattr(entry.factory, "from_file", None)
        if from_file is None:
            continue
        try:
            tokenizer: Tokenizer | None = from_file(path, **options)
        except (ValueError, TypeError, OSError) as error:  # another one may still read it
            refused = refused or error
            continue
        if tokenizer is not None:
            return tokenizer
    if refused is not None:
        where = "" if str(path) in str(refused) else f"{path}: "
        raise ZooError(f"{where}{refused}") from refused
    return None


def readable() -> list[str]:
    """What the tokenizers' ``from_file`` can read, as their ``reads`` says."""
    found = (getattr(entry.factory, "reads", ()) for entry in registry().entries("tokenizer"))
    return list(dict.fromkeys(name for reads in found for name in reads))


def refuse_options(path: Path, options: dict[str, Any]) -> None:
    if options:
        raise ZooError(f"{path}: this tokenizer is complete and takes no {', '.join(options)}")
