"""Look over zoo and this machine: what a bug report should say.

Versions, devices, plug-ins, whether the cache and the current folder can be written, locked and
synced, and a small run from text to text, killed and resumed.
"""

from __future__ import annotations

import argparse

from zoo.cli.arguments import Parser, add_plugin_option, load_plugins
from zoo.cli.text import table

USAGE = "[options]"
EXAMPLES = """\
examples:
  zoo doctor
  zoo doctor --plugin my_norm.py
"""

UNWELL = 1


def add_arguments(parser: Parser) -> None:
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    load_plugins(args)

    from zoo_measure.doctor import CHECKS

    well = True
    for title, look in CHECKS.items():
        rows = []
        for name, finding, good in look():
            rows.append(("  " if good else "! ", name, finding))
            well &= good
        print(f"{title}\n{table(rows)}\n", flush=True)
    print("all is well" if well else "something is wrong: see the lines that begin with !")
    return 0 if well else UNWELL
