"""Show which plug-ins are installed, what each offers, and which failed to load."""

from __future__ import annotations

import argparse
from itertools import groupby

from zoo.cli.arguments import Parser, add_plugin_option, load_plugins
from zoo.cli.commands import load_commands
from zoo.cli.text import table
from zoo.console.terminal import on_one_line, readable

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
    for plugin in registry.plugins:
        print(on_one_line(f"{plugin} ({', '.join(plugin.aliases)})"))
        entries = [entry for entry in registry.entries() if entry.plugin == plugin]
        offers = groupby(entries, key=lambda entry: entry.kind)
        rows = [(kind, ", ".join(map(registry.spelling, group))) for kind, group in offers]
        print(table(rows, indent=2), end="\n\n")
    if taken := [e.name for e in registry.entries() if e.plugin.builtin and registry.rivals(e)]:
        print(on_one_line(f"{', '.join(taken)}: alone, such a name means zoo's own") + "\n")
    for failure in [*registry.failures, *load_commands().failures]:
        print(on_one_line(f"{failure.owner} {failure.version} ({failure.entry_point})"))
        print(readable(f"  could not be loaded: {failure.reason}\n"))
