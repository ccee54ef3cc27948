"""Convert a TOML document to a recipe and collect every problem."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo.catalog.annotations import schema_of
from zoo.catalog.component import Component, Resolver
from zoo.catalog.entries import Entry, Plugin, Registry, read_entry
from zoo.catalog.plugins import registry as default_registry
from zoo.catalog.schema import At, show
from zoo.catalog.signature import Option, read_signature
from zoo.catalog.version import zoo_version
from zoo.contracts import Make, Optimizer, ParamRule, Scheduler, Tokenizer, ref
from zoo.contracts.kinds import KINDS
from zoo.errors import Problem, RecipeError, did_you_mean
from zoo.recipe.document import DEFAULT_NAMES, FORMAT, Node, parse
from zoo.recipe.recipe import Recipe
from zoo.recipe.sections import (
    DataOptions,
    GenerateOptions,
    TrainOptions,
    batch_flaws,
    length_flaws,
    model_flaws,
    rule_flaws,
    value_flaws,
)

CONTRACTS = {
    "tokenizer": Make[Tokenizer],
    "optimizer": Make[Optimizer],
    "scheduler": Make[Scheduler] | None,
}
COMPONENTS = {
    section: Option(section, schema_of(contract), ref(DEFAULT_NAMES[section]))
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
    from zoo.model.decoder import Decoder  # only now: it needs torch

    return {**SECTIONS, "model": Decoder}


@functools.cache
def decoder_entry() -> Entry:
    """The Decoder as a component, given ``vocab_size`` and ``seed``."""
    factory, offered = sections()["model"], ("vocab_size", "seed")
    plugin = Plugin("zoo", zoo_version(), builtin=True)
    return read_entry("model", "decoder", factory, plugin, offered=offered)


def parse_recipe(text: str, file: Path, registry: Registry | None = None) -> Recipe:
    """A recipe from its text alone, as a run keeps it; nothing is tried out.

    Raises:
        RecipeError: everything that is wrong, each with its file and line.
    """
    problems: list[Problem] = []
    reader = RecipeReader(parse(text, file), registry or default_registry(), problems)
    return if_right(reader.recipe(file, text, reader.read()), problems)


def if_right(recipe: Recipe | None, problems: list[Problem]) -> Recipe:
    if recipe is None or problems:
        distinct = dict.fromkeys(problems)
        raise RecipeError(sorted(distinct, key=lambda problem: (problem.file, problem.line or 0)))
    return recipe


class RecipeReader:
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
        """Record the number of steps, if it is known."""
        if unread - values.keys() or unread & {"steps", "tokens"}:
            return  # a key without meaning may have been meant for one of these
        train = TrainOptions(**values)
        flaws = [*length_flaws(train)]
        self.refuse_all(("train",), flaws)
        wrong = unread | dict(value_flaws(values)).keys()
        if not flaws and not wrong & {"steps", "tokens", "batch_tokens"}:
            self.steps = train.total_steps

    def model(self, values: dict[str, Any], unread: set[Any]) -> Component | None:
        """The model, with placeholders for unreadable parts so that the others are checked."""
        if unread - KINDS.keys():
            return None
        self.refuse_all(("model",), model_flaws(values))
        if unread:
            from zoo.recipe.stand_ins import stand_in  # only now: it needs torch

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
        """Refuse a scheduler beside an optimizer that sets its own learning rate."""
        optimizer, scheduler = parts.get("optimizer"), parts.get("scheduler")
        if optimizer is None or scheduler is None:
            return
        if getattr(optimizer.entry.factory, "own_schedule", False):
            message = f"{optimizer.name} sets its own learning rate: write scheduler = "
            self.refuse(("scheduler",), message + '"none"')

    def refuse_all(self, at: At, flaws: Iterable[tuple[str, str]]) -> None:
        for name, message in flaws:
            self.refuse((*at, name) if name else at, message)
