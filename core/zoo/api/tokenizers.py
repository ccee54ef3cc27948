"""Save tokenizers, and load those of zoo and of other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalog.plugins import registry
from zoo.contracts.run_folder import CHECKPOINTS
from zoo.errors import ZooError
from zoo.storage.paths import expanded, write_atomically

if TYPE_CHECKING:
    from zoo.contracts import Tokenizer

COMPONENT_FILE = "component.json"


def save_tokenizer(tokenizer: Tokenizer, name: str, dir: str | Path) -> None:
    """Saves a trained tokenizer, and what it is called, for ``load_tokenizer``.

    >>> import tempfile
    >>> dir = tempfile.mkdtemp()
    >>> from zoo.api.make import make
    >>> save_tokenizer(make("tokenizer", "byte"), "byte", dir)
    >>> load_tokenizer(dir).encode("zoo").tolist()
    [122, 111, 111]
    """
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
    from zoo.run_files.saved import open_saved

    path = expanded(path)
    about = path / COMPONENT_FILE
    if about.exists():
        refuse_options(path, options)
        return load_saved(path, about)
    found = read_file(path, options) if path.exists() else None
    if found is not None:
        return found
    try:
        run = open_saved(path)
    except ZooError as error:
        as_run = f". As a run: {error}" if (path / CHECKPOINTS).is_dir() else ""
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
