"""Train a recipe, or resume a run."""

from __future__ import annotations

from pathlib import Path

from zoo.api.run import Run
from zoo.console.terminal import say
from zoo.parallel.launcher import is_first_process
from zoo.recipe.load import recipe_of
from zoo.recipe.recipe import Recipe
from zoo.run_files.kept_recipe import finished
from zoo.run_files.saved import SavedRun, open_saved
from zoo.storage.paths import expanded
from zoo.training.start import start


def train(recipe: Recipe | str | Path, *, out: str | Path | None = None) -> Run:
    """Trains what a recipe, or the file of one, describes.

    The run goes to ``out``, else to ``runs/<recipe>-<number>``.

    Raises:
        RecipeError: everything that is wrong with the file.
        ZooError: what the recipe asks for can't be had here, or the loss is no longer finite.
        Interrupted: after Ctrl-C or SIGTERM; the run was saved.
    """
    return Run.of(start(recipe_of(recipe), out=expanded(out) if out is not None else None))


def resume(run: str | Path | SavedRun) -> Run:
    """Goes on with a run from its newest checkpoint, as if it had never stopped.

    It keeps its recipe. Says so of one that is finished, as nothing is left to train then.
    """
    resumed = run if isinstance(run, SavedRun) else open_saved(run, resumable=True)
    resumed.check_shapes()
    if is_first_process() and resumed.checkpoint.step >= resumed.recipe.total_steps:
        say(finished(resumed.dir, resumed.recipe))
    return Run.of(start(resumed.recipe, resumed=resumed))
