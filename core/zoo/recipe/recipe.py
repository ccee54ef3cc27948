"""A validated recipe: data, model, optimizer, schedule, settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from zoo.catalog.component import Component, as_toml, components_in
from zoo.catalog.entries import Plugin
from zoo.contracts import ParamRule
from zoo.recipe.document import FORMAT
from zoo.recipe.sections import DataOptions, GenerateOptions, TrainOptions


@dataclass(frozen=True)
class Recipe:
    """A recipe whose every value was checked.

    Attributes:
        name: the file's name without its ending.
        file, source: the file and its text, as written.
        data, train, generate: the sections of that name, with every default filled in.
        tokenizer, optimizer, scheduler: call them to make one; no scheduler is None.
        model: ``recipe.model(vocab_size, seed)`` makes the Decoder.
        params: multipliers for groups of parameters.
        swaps: a line for each component that another took the place of, whose options went with it.
    """

    name: str
    file: Path
    source: str
    data: DataOptions
    tokenizer: Component
    model: Component
    optimizer: Component
    scheduler: Component | None
    train: TrainOptions
    generate: GenerateOptions
    params: tuple[ParamRule, ...] = ()
    swaps: tuple[str, ...] = field(default=(), compare=False)

    def __repr__(self) -> str:
        return f"<Recipe {str(self.file)!r}, {self.total_steps:,} steps>"

    @property
    def total_steps(self) -> int:
        """Number of updates of the run."""
        return self.train.total_steps

    @property
    def components(self) -> list[Component]:
        """All that it names, parts of parts included."""
        parts = [self.tokenizer, self.model, self.optimizer, self.scheduler]
        settings = [vars(section) for section in (self.data, self.train, self.generate)]
        return components_in([*parts, *settings])

    @property
    def plugins(self) -> dict[str, str]:
        """The plug-ins whose components are used, with their versions."""
        return {plugin.owner: plugin.version for plugin in self._plugins()}

    @property
    def code(self) -> dict[str, str]:
        """The plug-ins from outside whose components are used, with the digest of their source."""
        return {plugin.owner: plugin.code for plugin in self._plugins() if plugin.code}

    def _plugins(self) -> list[Plugin]:
        used = {component.entry.plugin for component in self.components}
        return sorted(used, key=lambda plugin: plugin.owner)

    def resolved(self) -> dict[str, Any]:
        """The recipe with every default written out: a recipe that trains the same model."""
        return {
            "zoo": FORMAT,
            "data": as_toml(vars(self.data)),
            "tokenizer": as_toml(self.tokenizer),
            "model": as_toml(self.model.options),
            "optimizer": as_toml(self.optimizer),
            "scheduler": as_toml(self.scheduler),
            "train": as_toml(vars(self.train)),
            "generate": as_toml(vars(self.generate)),
            "params": [as_toml(vars(rule)) for rule in self.params],
        }

    def to_toml(self) -> str:
        """``resolved()`` as a file, which names the plug-ins and their versions."""
        versions = ", ".join(f"{owner} {version}" for owner, version in self.plugins.items())
        return (
            f"# Every option written out; made with {versions}.\n{tomli_w.dumps(self.resolved())}"
        )
