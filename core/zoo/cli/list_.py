"""List the components on offer, by kind."""

from __future__ import annotations

import argparse
import json

from zoo.cli.arguments import Parser, add_plugin_option, load_plugins
from zoo.cli.text import table
from zoo.contracts.kinds import KINDS
from zoo.errors import ZooError, did_you_mean

USAGE = "[KIND] [options]"
EXAMPLES = """\
examples:
  zoo list
  zoo list norm
  zoo list --json
"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("kind", metavar="KIND", nargs="?", help=f"one of {', '.join(KINDS)}")
    parser.add_argument("--json", action="store_true", help="for a program to read")
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    if args.kind is not None and args.kind not in KINDS:
        raise ZooError(f"no kind {args.kind!r}{did_you_mean(args.kind, KINDS)}")
    registry = load_plugins(args)
    kinds = KINDS if args.kind is None else [args.kind]
    entries = {kind: registry.entries(kind) for kind in kinds}
    if args.json:
        fields = ("kind", "name", "summary", "owner", "version")
        every = [entry for of_kind in entries.values() for entry in of_kind]
        print(json.dumps([{f: getattr(entry, f) for f in fields} for entry in every], indent=2))
        return
    spelled = {
        kind: [(registry.spelling(entry), entry.owner, entry.summary) for entry in of_kind]
        for kind, of_kind in entries.items()
    }
    # One table for all kinds, so that its columns stand under each other.
    lines = iter(table([row for rows in spelled.values() for row in rows], indent=2).splitlines())
    groups = [
        "\n".join([f"{kind}: {KINDS[kind].summary}", *(next(lines) for _ in rows)])
        for kind, rows in spelled.items()
    ]
    print("\n\n".join(groups))
