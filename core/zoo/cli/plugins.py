"""Show which plug-ins are installed, what each offers, and which failed to load."""

from __future__ import annotations

import argparse
from itertools import groupby
from typing import TYPE_CHECKING

from zoo.cli.arguments import Parser, add_plugin_option, load_plugins
from zoo.cli.text import table

if TYPE_CHECKING:
    from zoo.registry import Entry

USAGE = "[options]"
EXAMPLES = """\
examples:
  zoo plugins
  ZOO_PLUGINS=dyt zoo plugins
  zoo plugins --plugin my_norm.py
"""


def add_arguments(parser: Parser) -> None:
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    registry = load_plugins(args)
    by_owner: dict[tuple[str, ...], list[Entry]] = {}
    for entry in registry.entries():
        by_owner.setdefault((entry.owner, entry.version, *entry.aliases), []).append(entry)
    for (owner, version, *aliases), entries in by_owner.items():
        print(f"{owner} {version} ({', '.join(aliases)})")
        offers = groupby(entries, key=lambda entry: entry.kind)
        rows = [(kind, ", ".join(entry.name for entry in group)) for kind, group in offers]
        print(table(rows, indent=2), end="\n\n")
    for failure in registry.failures:
        print(f"{failure.owner} {failure.version} ({failure.entry_point})")
        print(f"  could not be loaded: {failure.reason}\n")
