"""Measure recipes and runs: bench, plan, doctor, verify-resume, data reports.

Uses the core as anyone's plug-in could, through the hooks below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import zoo

if TYPE_CHECKING:
    from zoo.cli.commands import Commands
    from zoo.recipe.recipe import Recipe

COMMANDS = {
    "plan": "zoo_measure.cli.plan",
    "bench": "zoo_measure.cli.bench",
    "data": "zoo_measure.cli.data",
    "verify-resume": "zoo_measure.cli.verify_resume",
    "doctor": "zoo_measure.cli.doctor",
}


@zoo.hookimpl
def zoo_commands(commands: Commands) -> None:
    for name, module in COMMANDS.items():
        commands.add(name, module)


@zoo.hookimpl
def zoo_before_training(recipe: Recipe) -> None:
    """Warns where the memory of this machine won't hold the run."""
    from zoo_measure.plan import warn_if_too_large

    warn_if_too_large(recipe)
