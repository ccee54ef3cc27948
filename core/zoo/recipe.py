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
from zoo.component import Component, Resolver, as_toml, components_in
from zoo.contracts import Make, Optimizer, Scheduler, Tokenizer, ref
from zoo.document import DEFAULT_NAMES, FORMAT, Node, override, parse, read_chain
from zoo.errors import Problem, RecipeError, ZooError, did_you_mean
from zoo.kinds import KINDS
from zoo.paths import expanded
from zoo.plugins import registry as default_registry
from zoo.registry import Entry, Plugin, Registry, read_entry
from zoo.settings import (
    DataOptions,
    GenerateOptions,
    ParamRule,
    TrainOptions,
    batch_flaws,
    length_flaws,
    model_flaws,
    rule_flaws,
    value_flaws,
)
from zoo.signature import Option, read_signature
from zoo.swaps import swaps
from zoo.values import At, show

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


SECTIONS: dict[str, Callable[..., Any]] = {
    "data": DataOptions,
    "train": TrainOptions,
    "generate": GenerateOptions,
}


def sections() -> dict[str, Callable[..., Any]]:
    """The sections whose keys are the keyword-only parameters of these factories."""
    from zoo.model import Decoder  # only now: it needs torch

    return {**SECTIONS, "model": Decoder}


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
    return _load(path, overrides, registry, device=False)


def load_to_train(
    path: str | Path, overrides: Sequence[str] = (), registry: Registry | None = None
) -> Recipe:
    """``load_recipe`` for training here: a device that this machine lacks is a problem too.

    Raises:
        RecipeError: everything that is wrong, each with its file and line.
    """
    return _load(path, overrides, registry, device=True)


def _load(
    path: str | Path, overrides: Sequence[str], registry: Registry | None, *, device: bool
) -> Recipe:
    from zoo.dry_run import dry_run, try_device

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
    right = reader.read()
    recipe = reader.recipe(file, text, right)
    if recipe is not None:
        recipe = replace(recipe, swaps=swaps(root, recipe.components))
    dry_run(right, recipe, reader.steps, reader.refuse)
    try_device(right["train"].device, reader.refuse, here=device)
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
    return _if_right(reader.recipe(file, text, reader.read()), problems)


def check(
    path: str | Path, overrides: Sequence[str] = (), registry: Registry | None = None
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


def _if_right(recipe: Recipe | None, problems: list[Problem]) -> Recipe:
    if recipe is None or problems:
        distinct = dict.fromkeys(problems)
        raise RecipeError(sorted(distinct, key=lambda problem: (problem.file, problem.line or 0)))
    return recipe


class _RecipeReader:
    """Turns a document into the parts of a recipe, noting every problem on the way.

    A problem with one part keeps no other from being read: all are told at once.
    """

    def __init__(self, root: Node, registry: Registry, problems: list[Problem]) -> None:
        self.root = root
        self.problems = problems
        self.places: list[At] = []
        self.complete = True
        self.steps: int | None = None
        self.resolver = Resolver(registry, self.refuse, lambda at: root.origin_of(at).folder)

    def refuse(self, at: At, message: str) -> None:
        self.places.append(at)
        self.problems.append(self.root.origin_of(at).problem(at, message))

    def read(self) -> dict[str, Any]:
        """What a Recipe is made of, without what could not be read.

        What is there has the right types. Whether it fits, the problems tell.
        """
        document = self.root.plain()
        for key in document:
            if key not in KEYS:
                self.refuse((key,), f"a recipe has no such section{did_you_mean(key, KEYS)}")
        if "zoo" not in document:
            self.refuse((), f"the format is missing: begin with zoo = {FORMAT}")
        right: dict[str, Any] = {"params": self.rules(document.get("params", []))}
        for name, factory in sections().items():
            table = document.get(name, {})
            right[name] = self.section(name, *self.table(table, factory, (name,), f"[{name}]"))
        parts: dict[str, Any] = {}
        for name, option in COMPONENTS.items():
            table = {name: document[name]} if name in document else {}
            before = len(self.places)
            parts |= self.resolver.options({name: option}, table, (), "a recipe")
            if len(self.places) == before:
                right[name] = parts[name]
            else:
                self.complete = False
        self.check_schedule(parts)
        self.check_batch(right)
        return {name: part for name, part in right.items() if part is not None or name in parts}

    def section(self, name: str, values: dict[str, Any], unread: set[Any]) -> Any:
        """A section, of None where a value could not be read; None if that would be too little."""
        self.complete &= not unread
        self.refuse_all((name,), value_flaws(values))
        if name == "train":
            self.check_length(values, unread)
        if name == "model":
            return self.model(values, unread)
        return None if unread and name == "data" else SECTIONS[name](**values)

    def check_length(self, values: Mapping[str, Any], unread: set[Any]) -> None:
        """Notes the number of steps, where it can be told."""
        if unread - values.keys() or unread & {"steps", "tokens"}:
            return  # a key without meaning may have been meant for one of these
        train = TrainOptions(**values)
        flaws = [*length_flaws(train)]
        self.refuse_all(("train",), flaws)
        wrong = unread | dict(value_flaws(values)).keys()
        if not flaws and not wrong & {"steps", "tokens", "batch_tokens"}:
            self.steps = train.total_steps

    def model(self, values: dict[str, Any], unread: set[Any]) -> Component | None:
        """The model. Something stands in for a part not read, so that the others are tried."""
        if unread - KINDS.keys():
            return None
        self.refuse_all(("model",), model_flaws(values))
        if unread:
            from zoo.stand_ins import stand_in  # only now: it needs torch

            values = values | dict.fromkeys(unread, stand_in)
        return Component(decoder_entry(), values, "decoder", ("model",))

    def recipe(self, file: Path, text: str, right: Mapping[str, Any]) -> Recipe | None:
        """The recipe of what was read; None if something could not be."""
        if not self.complete:
            return None
        return Recipe(name=file.stem, file=file, source=text, **right)

    def table(
        self, table: Any, factory: Callable[..., Any], at: At, whose: str
    ) -> tuple[dict[str, Any], set[Any]]:
        """The values of a table, and the keys that could not be read, "" for the table itself.

        The value of an option that could not be read is None.
        """
        options = read_signature(factory).options
        if not isinstance(table, Mapping):
            self.refuse(at, f"expected a table, got {show(table)}")
            return dict.fromkeys(options), {""}
        before = len(self.places)
        values = self.resolver.options(options, table, at, whose)
        unread: set[Any] = {(*place, "")[len(at)] for place in self.places[before:]}
        return values | dict.fromkeys(unread & values.keys()), unread

    def rules(self, tables: Any) -> tuple[ParamRule, ...]:
        if not isinstance(tables, list):
            self.refuse(("params",), f"expected a list of tables, got {show(tables)}: [[params]]")
            return ()
        rules = []
        for i, table in enumerate(tables):
            values, unread = self.table(table, ParamRule, ("params", i), "[[params]]")
            if not unread:
                rules.append(ParamRule(**values))
                self.refuse_all(("params", i), rule_flaws(rules[-1]))
        return tuple(rules)

    def check_batch(self, right: Mapping[str, Any]) -> None:
        """How the rows of a batch fit the model's context, where these numbers are right."""
        if right["model"] is None:
            return
        train, length = right["train"], right["model"].options["max_seq_len"]
        wrong = dict(value_flaws(vars(train))).keys() & {"batch_tokens", "micro_batch"}
        if length > 0 and train.batch_tokens is not None and not wrong:
            self.refuse_all(("train",), batch_flaws(train, length))

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
