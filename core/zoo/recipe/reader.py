"""A recipe: what to train, on what, how. Loaded from TOML with everything checked at once."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

import zoo
from zoo.catalog.component import Component, Resolver, as_toml, components_in
from zoo.catalog.entries import Entry, Plugin, Registry, read_entry
from zoo.catalog.plugins import registry as default_registry
from zoo.catalog.schema import At, show
from zoo.catalog.signature import Option, read_signature
from zoo.contracts import Make, Optimizer, Scheduler, Tokenizer, ref
from zoo.errors import Problem, RecipeError, ZooError, did_you_mean
from zoo.recipe.document import DEFAULT_NAMES, FORMAT, Node, override, parse, read_chain
from zoo.recipe.sections import (
    DataOptions,
    GenerateOptions,
    ParamRule,
    TrainOptions,
    batch_flaws,
    model_flaws,
    rule_flaws,
    too_small,
    train_flaws,
)
from zoo.recipe.swaps import swaps
from zoo.storage.paths import expanded

CONTRACTS = {
    "tokenizer": Make[Tokenizer],
    "optimizer": Make[Optimizer],
    "scheduler": Make[Scheduler] | None,
}
COMPONENTS = {
    section: Option(section, contract, ref(DEFAULT_NAMES[section]))
    for section, contract in CONTRACTS.items()
}
"""The sections that are components."""

KEYS = ("zoo", "extends", "data", "model", *COMPONENTS, "train", "generate", "params")


def sections() -> dict[str, Callable[..., Any]]:
    """The sections whose keys are the keyword-only parameters of these factories."""
    from zoo.model.decoder import Decoder  # only now: it needs torch

    return {
        "data": DataOptions,
        "model": Decoder,
        "train": TrainOptions,
        "generate": GenerateOptions,
    }


@functools.cache
def decoder_entry() -> Entry:
    """The Decoder as a component, given ``vocab_size`` and ``seed``."""
    factory, offered = sections()["model"], ("vocab_size", "seed")
    plugin = Plugin("zoo", zoo.__version__, builtin=True)
    return read_entry("model", "decoder", factory, plugin, offered=offered)


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


def load_recipe(
    path: str | Path, overrides: Sequence[str] = (), registry: Registry | None = None
) -> Recipe:
    """Loads a recipe and checks all of it; parts are tried out without memory for their weights.

    ``overrides`` are laid over the file, each as ``--set`` takes it; a string is a single one.

    >>> recipe = load_recipe("recipes/smoke.toml", ["model.norm=layernorm", "train.steps=5"])
    >>> recipe.model.options["norm"].name, recipe.total_steps
    ('layernorm', 5)

    Raises:
        RecipeError: everything that is wrong, each with its file and line.
    """
    from zoo.recipe.dry_run import dry_run

    file = expanded(path)
    registry = registry or default_registry()
    text, root = read_chain(file, registry.same)
    problems: list[Problem] = []
    for change in [overrides] if isinstance(overrides, str) else overrides:
        try:
            root = override(root, change, registry.same)
        except RecipeError as error:
            problems += error.problems
    reader = _RecipeReader(root, registry, problems)
    recipe = reader.read(file, text)
    if recipe is not None:
        recipe = replace(recipe, swaps=swaps(root, recipe.components))
        dry_run(recipe, reader.refuse)
    return _if_right(recipe, problems)


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


def parse_recipe(text: str, file: Path, registry: Registry | None = None) -> Recipe:
    """A recipe from its text alone, as a run keeps it; nothing is tried out.

    Raises:
        RecipeError: everything that is wrong, each with its file and line.
    """
    problems: list[Problem] = []
    reader = _RecipeReader(parse(text, file), registry or default_registry(), problems)
    return _if_right(reader.read(file, text), problems)


def check(
    path: str | Path, overrides: Sequence[str] = (), registry: Registry | None = None
) -> list[Problem]:
    """What is wrong with a recipe; nothing if it can be trained.

    >>> [problem.path for problem in check("recipes/smoke.toml", ["model.norm=rmsnrom"])]
    ['model.norm']
    """
    try:
        load_recipe(path, overrides, registry)
    except RecipeError as error:
        return error.problems
    return []


def _if_right(recipe: Recipe | None, problems: list[Problem]) -> Recipe:
    if recipe is None or problems:
        distinct = dict.fromkeys(problems)
        raise RecipeError(sorted(distinct, key=lambda problem: (problem.file, problem.line or 0)))
    return recipe


class _RecipeReader:
    """Turns a document into a recipe, noting every problem on the way."""

    def __init__(self, root: Node, registry: Registry, problems: list[Problem]) -> None:
        self.root = root
        self.problems = problems
        self.resolver = Resolver(registry, self.refuse, lambda at: root.origin_of(at).folder)

    def refuse(self, at: At, message: str) -> None:
        self.problems.append(self.root.origin_of(at).problem(at, message))

    def read(self, file: Path, text: str) -> Recipe | None:
        """The recipe, or None if there were problems."""
        document = self.root.plain()
        for key in document:
            if key not in KEYS:
                self.refuse((key,), f"a recipe has no such section{did_you_mean(key, KEYS)}")
        if "zoo" not in document:
            self.refuse((), f"the format is missing: begin with zoo = {FORMAT}")
        values = {name: self.section(name, document.get(name, {})) for name in sections()}
        parts = self.resolver.options(
            COMPONENTS,
            {key: document[key] for key in COMPONENTS if key in document},
            (),
            "a recipe",
        )
        params = self.rules(document.get("params", []))
        self.check_schedule(parts)
        train = self.train(values["train"], values["model"])
        generate = GenerateOptions(**values["generate"] or {})
        self.refuse_all(("generate",), too_small(generate))
        model = self.model(values["model"])
        if self.problems or train is None or model is None or values["data"] is None:
            return None
        data = DataOptions(**values["data"])
        return Recipe(
            name=file.stem,
            file=file,
            source=text,
            data=data,
            model=model,
            train=train,
            generate=generate,
            params=params,
            **parts,
        )

    def section(self, name: str, table: Any) -> dict[str, Any] | None:
        """The checked options of a section, or None if something is wrong with them."""
        return self.table(table, sections()[name], (name,), f"[{name}]")

    def table(
        self, table: Any, factory: Callable[..., Any], at: At, whose: str
    ) -> dict[str, Any] | None:
        if not isinstance(table, Mapping):
            self.refuse(at, f"expected a table, got {show(table)}")
            return None
        before = len(self.problems)
        values = self.resolver.options(read_signature(factory).options, table, at, whose)
        return values if len(self.problems) == before else None

    def rules(self, tables: Any) -> tuple[ParamRule, ...]:
        if not isinstance(tables, list):
            self.refuse(("params",), f"expected a list of tables, got {show(tables)}: [[params]]")
            return ()
        rules = []
        for i, table in enumerate(tables):
            values = self.table(table, ParamRule, ("params", i), "[[params]]")
            if values is not None:
                rules.append(ParamRule(**values))
                self.refuse_all(("params", i), rule_flaws(rules[-1]))
        return tuple(rules)

    def train(
        self, values: dict[str, Any] | None, model: dict[str, Any] | None
    ) -> TrainOptions | None:
        if values is None:
            return None
        train = TrainOptions(**values)
        flaws = [*train_flaws(train)]
        if not flaws and model is not None and model["max_seq_len"] > 0:
            flaws += batch_flaws(train, model["max_seq_len"])
        self.refuse_all(("train",), flaws)
        return train

    def model(self, values: dict[str, Any] | None) -> Component | None:
        if values is None:
            return None
        for name, message in model_flaws(values):
            self.refuse(("model", name), message)
        return Component(decoder_entry(), values, "decoder", ("model",))

    def check_schedule(self, parts: Mapping[str, Any]) -> None:
        """An optimizer that sets its own learning rate admits no scheduler beside it."""
        optimizer, scheduler = parts.get("optimizer"), parts.get("scheduler")
        if optimizer is None or scheduler is None:
            return
        if getattr(optimizer.entry.factory, "own_schedule", False):
            message = f"{optimizer.name} sets its own learning rate: write scheduler = "
            self.refuse(("scheduler",), message + '"none"')

    def refuse_all(self, at: At, flaws: Iterable[tuple[str, str]]) -> None:
        for name, message in flaws:
            self.refuse((*at, name) if name else at, message)
