"""List the runs: how far each is, how it ended, how to go on with it.

`zoo runs check RUN` verifies every checkpoint of a run.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import Command, Parser, add_commands, path
from zoo.cli.text import count, right, table
from zoo.shell import quoted
from zoo.terminal import on_one_line, readable

if TYPE_CHECKING:
    from zoo.run_states import RunState

USAGE = "[list [DIR] | check RUN]"
EXAMPLES = """\
examples:
  zoo runs
  zoo runs list elsewhere --json
  zoo runs check tinystories-1
"""

DAMAGED = 1


def add_arguments(parser: Parser) -> None:
    listing = "List the runs in a folder."
    checking = "Verify every checkpoint of a run: each file's size and SHA-256."
    add_commands(
        parser,
        {
            "list": Command(listing, "[DIR] [--json]", add_list_arguments),
            "check": Command(checking, "RUN", add_check_arguments),
        },
    )
    parser.set_defaults(run=run_list, dir=Path("runs"), json=False)


def add_list_arguments(parser: Parser) -> None:
    parser.add_argument(
        "dir", metavar="DIR", nargs="?", type=path, default=Path("runs"), help="default: runs"
    )
    parser.add_argument("--json", action="store_true", help="for a program to read")
    parser.set_defaults(run=run_list)


def add_check_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="RUN", help="a run; its folder may leave out runs/")
    parser.set_defaults(run=run_check)


def run_list(args: argparse.Namespace) -> None:
    from zoo.run_states import runs

    found = runs(args.dir)
    if args.json:
        print(json.dumps([{**asdict(run), "dir": str(run.dir)} for run in found], indent=2))
        return
    if not found:
        folder = readable(str(args.dir))
        print(f"no runs in {folder}/; `zoo train recipes/tinystories.toml` makes one")
        return
    header = ("run", "state", "step", "of", "valid loss", "MB")
    print(table(right([header, *map(row, found)], first=2)))
    for run in found:
        if run.owner or run.reason:
            print(f"\n{on_one_line(f'{run.dir.name}: {run.owner or run.reason}')}")
        for problem in run.problems:
            print(f"\n{on_one_line(f'{run.dir.name}: {problem}')}")
        if run.resumable:
            name = on_one_line(run.dir.name)
            print(f"\ngo on with {name}: zoo train --resume {quoted(run.dir)}")


def row(run: RunState) -> tuple[str, ...]:
    loss = f"{run.valid_loss:.4f}" if run.valid_loss is not None else "–"
    total = f"{run.total_steps:,}" if run.total_steps else "–"
    return run.dir.name, run.state, f"{run.step:,}", total, loss, f"{run.bytes / 1e6:.1f}"


def run_check(args: argparse.Namespace) -> int:
    from zoo.run import find_run
    from zoo.run_states import check

    run = find_run(args.path)
    checked = list(check(run))
    if not checked:
        print(readable(f"{run}: no checkpoint"))
        return DAMAGED
    for folder, error in checked:
        print(on_one_line(f"{folder.name}: {ok(folder) if error is None else error}"))
    damaged = sum(error is not None for _, error in checked)
    whole = len(checked) - damaged
    print(f"{count(whole, 'checkpoint')} whole, {damaged} damaged")
    return DAMAGED if damaged else 0


def ok(folder: Path) -> str:
    """What is said of a whole checkpoint."""
    from zoo.checkpoint import unlisted

    others = ", ".join(unlisted(folder))
    return f"ok (not in its manifest, so not used: {others})" if others else "ok"
