"""Open a run on disk at one of its checkpoints."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.contracts.run_folder import (
    CHECKPOINTS,
    LOCK,
    MANIFEST,
    METRICS,
    RECIPE,
    RESOLVED,
    RUN_INFO,
    run_of,
)
from zoo.errors import PluginError, RecipeError, ZooError
from zoo.run_files.kept_recipe import retrain_command
from zoo.run_files.metrics import records_in, table_in
from zoo.run_files.places import find_run, newest_run
from zoo.storage.lock import owner_of

if TYPE_CHECKING:
    from zoo.contracts import Tokenizer
    from zoo.model.decoder import Decoder
    from zoo.recipe.recipe import Recipe
    from zoo.run_files.checkpoint import Checkpoint

LAYERS = 1000  # that a model may have without a tensor for each


@dataclass
class SavedRun:
    """A run directory, opened at a checkpoint; ``open_saved(path)`` makes one. Needs no torch.

    Attributes:
        opening: how its validation text begins; "" unless it was just trained.

    Raises:
        ZooError: no run or no checkpoint there.
    """

    dir: Path
    opened: Checkpoint | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    opening: str = ""

    def __repr__(self) -> str:
        step = self.opened.step if self.opened is not None else self.summary.get("step", 0)
        return f"<{type(self).__name__} {str(self.dir)!r}, step {step:,}>"

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint this run was opened at, or its newest.

        Raises:
            ZooError: no checkpoint there, as on a machine that doesn't share the run's folder.
        """
        return self.opened or open_saved(self.dir).checkpoint

    @cached_property
    def recipe(self) -> Recipe:
        """The resolved recipe that the checkpoint was trained with.

        Warns of a plug-in that is another than it was.

        Raises:
            PluginError: a plug-in is not here, or no longer takes what the recipe says.
        """
        from zoo.catalog.plugins import registry
        from zoo.recipe.document import parse
        from zoo.recipe.reader import parse_recipe
        from zoo.run_files.run_plugins import present_plugins

        saved = self.checkpoint
        text, file = saved.recipe_toml, saved.folder / RECIPE
        present = present_plugins(saved.state, parse(text, file).plain(), registry())
        told = f"{self.dir} was made with {'; '.join(present.told)}"
        try:
            recipe = parse_recipe(text, file, present.registry)
        except RecipeError as error:
            failed = "".join(f"; {failure}" for failure in registry().failures)
            if present.lacking:
                lacking = ", ".join(present.lacking)
                raise PluginError(
                    f"{self.dir} was made with {lacking}: install it, or name its file with "
                    f"--plugin (in Python, zoo.load_plugin){failed}"
                ) from error
            if present.told:
                raise PluginError(f"{told}; its recipe can't be read with that: {error}") from error
            raise
        if present.told:
            warnings.warn(
                f"{told}; it may compute something else, and training may not go on exactly",
                stacklevel=2,
            )
        return recipe

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the run was trained with."""
        factory: Any = self.recipe.tokenizer.entry.factory
        with self.checkpoint.tokenizer_dir() as folder:
            loaded: Tokenizer = factory.load(folder)
        return loaded

    def check_shapes(self) -> None:
        """Compares the checkpoint's tensors with the recipe's model, before either takes memory.

        Raises:
            ZooError: they are not those of that model.
        """
        import torch

        from zoo.model.init import undrawn

        shapes = self.checkpoint.header.all_shapes
        told = f"{self.checkpoint.folder}: the tensors are not those of the recipe's model"
        layers = self.recipe.model.options["n_layers"]
        if layers > max(LAYERS, len(shapes)):
            raise ZooError(f"{told}: {len(shapes):,} tensors for {layers:,} layers")
        vocab_size = self.tokenizer.vocab_size
        with torch.device("meta"), undrawn():
            model: Decoder = self.recipe.model(vocab_size, self.recipe.train.seed)
            if shapes == {name: tuple(of.shape) for name, of in model.state_dict().items()}:
                return
            try:  # parts may load what was saved under other names
                model.load_state_dict({name: torch.empty(of) for name, of in shapes.items()})
            except (RuntimeError, TypeError) as error:
                reason = "; ".join(line.strip() for line in str(error).splitlines()[1:3])
                raise ZooError(f"{told}: {reason or error}") from error

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        path = self.dir / METRICS
        return list(records_in(self.dir)) if path.exists() else []

    @property
    def info(self) -> dict[str, Any]:
        """What run.json says of where, with what and on which text the run was trained."""
        return table_in(self.dir / RUN_INFO)


def open_saved(path: str | Path | None = None, *, resumable: bool = False) -> SavedRun:
    """Opens a run, or one checkpoint of it; the newest run under ``runs/`` where no path is given.

    A path may leave out ``runs/``. The checkpoint is the newest whole one, in which the optimizer's
    state is looked at only if training shall be ``resumable``. Needs no torch.

    Raises:
        ZooError: no run or no checkpoint there.
    """
    from zoo.run_files import checkpoint

    def accept(found: Checkpoint) -> None:
        SavedRun(run, found).check_shapes()

    folder = run = find_run(path) if path is not None else newest_run()
    if (folder / MANIFEST).exists():
        run = run_of(folder)
        found = checkpoint.open_checkpoint(folder, resumable=resumable, accept=accept)
        return SavedRun(run, found)
    newest = checkpoint.newest(folder / CHECKPOINTS, resumable=resumable, accept=accept)
    if newest is None and (owner := owner_of(folder / LOCK)) is not None:
        raise ZooError(f"{folder} has no checkpoint yet, and is in use by {owner}")
    if newest is None:
        told = f"{folder}: no checkpoint there; was it stopped before its first one? Train it again"
        raise ZooError(
            f"{told}: {retrain_command(folder, ())}" if (folder / RESOLVED).exists() else told
        )
    return SavedRun(folder, newest)
