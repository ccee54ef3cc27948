"""From a TOML document to a recipe, with every problem noted on the way."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo.catalog.component import Component, Resolver
from zoo.catalog.entries import Entry, Plugin, Registry, read_entry
from zoo.catalog.plugins import registry as default_registry
from zoo.catalog.schema import At, show
from zoo.catalog.signature import Option, read_signature
from zoo.catalog.version import zoo_version
from zoo.contracts import Make, Optimizer, ParamRule, Scheduler, Tokenizer, ref
from zoo.errors import Problem, RecipeError, did_you_mean
from zoo.recipe.document import DEFAULT_NAMES, FORMAT, Node, parse
from zoo.recipe.recipe import Recipe
from zoo.recipe.sections import (
    DataOptions,
    GenerateOptions,
    TrainOptions,
    batch_flaws,
    model_flaws,
    rule_flaws,
    too_small,
    train_flaws,
)

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
    plugin = Plugin("zoo", zoo_version(), builtin=True)
    return read_entry("model", "decoder", factory, plugin, offered=offered)


def parse_recipe(text: str, file: Path, registry: Registry | None = None) -> Recipe:
    """A recipe from its text alone, as a run keeps it; nothing is tried out.

    Raises:
        RecipeError: everything that is wrong, each with its file and line.
    """
    problems: list[Problem] = []
    reader = RecipeReader(parse(text, file), registry or default_registry(), problems)
    return if_right(reader.read(file, text), problems)


def if_right(recipe: Recipe | None, problems: list[Problem]) -> Recipe:
    if recipe is None or problems:
        distinct = dict.fromkeys(problems)
        raise RecipeError(sorted(distinct, key=lambda problem: (problem.file, problem.line or 0)))
    return recipe


class RecipeReader:
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
