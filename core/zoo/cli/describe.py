"""Explain a component, a kind of component, or a section of a recipe.

Of a component: what it computes, its options with their types and defaults, where its source lies,
and how a recipe names it. Of a kind: what a plug-in must write to offer one.
"""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo.cli.arguments import Parser, add_plugin_option, load_plugins
from zoo.cli.recipe_keys import places
from zoo.cli.text import table
from zoo.contracts import Ref
from zoo.contracts.kinds import KINDS, Kind
from zoo.errors import ZooError, did_you_mean

if TYPE_CHECKING:
    from zoo.catalog.entries import Entry, Registry
    from zoo.catalog.signature import Option

SECTIONS = ("data", "model", "params", "train", "generate")

USAGE = "KIND [NAME] [options]   or   zoo describe SECTION"
EXAMPLES = f"""\
kinds:     {", ".join(KINDS)}
sections:  {", ".join(SECTIONS)}

examples:
  zoo describe norm rmsnorm
  zoo describe rmsnorm
  zoo describe attention
  zoo describe train
"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("subject", metavar="KIND", help="a kind, a section of a recipe, or a name")
    parser.add_argument("name", metavar="NAME", nargs="?", help="a component of that kind")
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    subject, name = args.subject, args.name
    if subject in SECTIONS and name is None:
        print(described_section(subject))
        return
    registry = load_plugins(args)
    if subject not in KINDS:
        if name is not None:
            raise ZooError(f"no kind {subject!r}{instead_of(subject, name)}")
        subject, name = kind_of(subject, registry), subject
    if name is None:
        print(described_kind(KINDS[subject], registry))
    else:
        print(described_component(registry.find(subject, name), registry))


def kind_of(name: str, registry: Registry) -> str:
    """The kind of the component of this name, where only one kind has such a one."""
    kinds = [kind for kind in KINDS if any(e.name == name for e in registry.entries(kind))]
    if not kinds:
        raise ZooError(f"no kind {name!r}{elsewhere(name)}")
    if len(kinds) > 1:
        choices = " or ".join(f"`zoo describe {kind} {name}`" for kind in kinds)
        raise ZooError(f"several kinds have a {name!r}: write {choices}")
    return kinds[0]


def instead_of(subject: str, name: str) -> str:
    """The tail of a message: what to write instead of `describe SUBJECT NAME`."""
    if subject not in SECTIONS:
        return did_you_mean(subject, KINDS)
    one = f" or `zoo describe {name}`" if name in KINDS else ""
    return f", which is a section of a recipe: write `zoo describe {subject}`{one}"


def elsewhere(name: str) -> str:
    """The tail of a message: which page explains a word that is no kind and no component."""
    pages = [kind for kind in KINDS if name in {of.__name__ for of in explained(KINDS[kind])}]
    for place in places(name):
        owner = place.rpartition(".")[0] or place
        pages += [kind.name for kind in KINDS.values() if kind.place == owner]
        pages += [section for section in SECTIONS if section == owner]
    if not pages:
        return did_you_mean(name, [*KINDS, *SECTIONS])
    told = " or ".join(f"`zoo describe {page}`" for page in dict.fromkeys(pages))
    return f": it is explained by {told}"


def described_component(entry: Entry, registry: Registry) -> str:
    source = f"{entry.file}:{entry.line}" if entry.file else "no source file"
    parts = [
        f"{entry.kind} {registry.spelling(entry)}, from {entry.owner} {entry.version}\n{source}",
        entry.doc,
        described_options(entry.options),
        f"in a recipe\n{indented(snippet(entry, registry.spelling(entry)))}",
    ]
    return "\n\n".join(filter(None, parts))


def described_kind(kind: Kind, registry: Registry) -> str:
    return "\n\n".join(
        (
            f"{kind.name}: {kind.summary}",
            f"given by its host: {', '.join(kind.given) or 'nothing'}",
            *(inspect.getsource(of).rstrip() for of in explained(kind)),
            f"in code: {', '.join(f'zoo.{of.__name__}' for of in explained(kind))}",
            "on offer: " + ", ".join(map(registry.spelling, registry.entries(kind.name))),
        )
    )


def explained(kind: Kind) -> tuple[type, ...]:
    """The types that a kind's page shows."""
    return kind.contract, *kind.explains


def described_section(section: str) -> str:
    from zoo.catalog.signature import read_signature
    from zoo.contracts import ParamRule
    from zoo.recipe.reader import sections

    factory = {**sections(), "params": ParamRule}[section]
    heading = "[[params]]" if section == "params" else f"[{section}]"
    options = described_options(read_signature(factory).options)
    return f"{heading} of a recipe\n\n{inspect.getdoc(factory)}\n\n{options}"


def described_options(options: Mapping[str, Option]) -> str:
    rows = [
        (name, option.type, "required" if option.required else f"default {toml(option.default)}")
        for name, option in options.items()
    ]
    return f"options\n{table(rows, indent=2)}" if rows else ""


# ── A recipe's lines ──────────────────────────────────────────────────────────────────────────────


def snippet(entry: Entry, name: str) -> str:
    """The lines of a recipe that choose a component, with its options at their defaults."""
    options = {
        option.name: option.schema.example() if option.required else option.default
        for option in entry.options.values()
    }
    component = toml({"name": name, **options} if options else name)
    kind = KINDS[entry.kind]
    section, _, key = kind.place.partition(".")
    if key:
        return f"[{section}]\n{key} = {f'[{component}]' if kind.is_listed else component}"
    lines = [f"{option} = {toml(value)}" for option, value in {"name": name, **options}.items()]
    return "\n".join([f"[{section}]", *lines])


def toml(value: Any) -> str:
    """A value as a recipe writes it, on one line.

    >>> print(toml({"name": "rope", "base": 10_000.0, "half": False, "limit": None}))
    { name = "rope", base = 10000.0, half = false, limit = "none" }
    """
    if isinstance(value, Ref):
        return toml({"name": value.name, **value.options} if value.options else value.name)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    text = "none" if value is None else str(value)
    return json.dumps(text, ensure_ascii=False)


def indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
