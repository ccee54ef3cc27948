"""List the runs: how far each is, how it ended, how to go on with it.

`zoo runs RUN` tells more of one run, and `zoo runs check RUN` verifies every checkpoint of it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.arguments import Command, Parser, add_commands, path
from zoo.cli.text import count, right, table
from zoo.console.shell import quoted
from zoo.console.terminal import on_one_line, readable
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.run_files.listing import RunState

USAGE = "[list [DIR] | RUN] [--json]   or   zoo runs check RUN"
EXAMPLES = """\
examples:
  zoo runs
  zoo runs tinystories-1 --json
  zoo runs list elsewhere --json
  zoo runs check tinystories-1
"""

DAMAGED = 1


def add_arguments(parser: Parser) -> None:
    listing = "List the runs in a folder."
    showing = "Tell of one run how far it is, with what it was trained and how to go on with it."
    checking = "Verify every checkpoint of a run: each file's size and SHA-256."
    add_commands(
        parser,
        {
            "list": Command(listing, "[DIR] [--json]", add_list_arguments),
            "show": Command(showing, "RUN [--json]", add_show_arguments),
            "check": Command(checking, "RUN", add_check_arguments),
        },
    )
    parser.named = named


def named(args: list[str]) -> list[str]:
    """Insert the subcommand: ``show`` for a lone run, else ``list``.

    >>> named([]), named(["--json"]), named(["a", "--json"]), named(["--json", "list", "a"])
    (['list'], ['list', '--json'], ['show', 'a', '--json'], ['list', '--json', 'a'])
    """
    words = [word for word in args if not word.startswith("-")]
    if words and words[0] in ("list", "show", "check"):
        at = args.index(words[0])
        return [words[0], *args[:at], *args[at + 1 :]]
    if words:
        return ["show", *args]
    return args if {"-h", "--help"} & {*args} else ["list", *args]


def add_list_arguments(parser: Parser) -> None:
    parser.add_argument(
        "dir", metavar="DIR", nargs="?", type=path, default=Path("runs"), help="default: runs"
    )
    parser.add_argument("--json", action="store_true", help="for a program to read")
    parser.set_defaults(run=run_list)


def add_show_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="RUN", help="a run; its folder may leave out runs/")
    parser.add_argument("--json", action="store_true", help="for a program to read")
    parser.set_defaults(run=run_show)


def add_check_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="RUN", help="a run; its folder may leave out runs/")
    parser.set_defaults(run=run_check)


def run_list(args: argparse.Namespace) -> None:
    from zoo.run_files.listing import runs

    found = runs(args.dir)
    if args.json:
        print(json.dumps([as_json(run) for run in found], indent=2))
        return
    if not found:
        folder = readable(str(args.dir))
        print(f"no runs in {folder}/; `zoo train recipes/tinystories.toml` makes one")
        return
    header = ("run", "state", "step", "of", "valid loss", "MB")
    print(table(right([header, *map(row, found)], first=2)))
    for run in found:
        print_remarks(run)


def as_json(run: RunState) -> dict[str, Any]:
    return {**asdict(run), "dir": str(run.dir)}


def print_remarks(run: RunState) -> None:
    """Who trains it or why it failed, what is wrong with its files, and how to go on with it."""
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


def run_show(args: argparse.Namespace) -> None:
    from zoo.contracts.run_folder import RUN_INFO, SUMMARY, is_run
    from zoo.run_files.checkpoint import all_in
    from zoo.run_files.listing import state_of
    from zoo.run_files.metrics import jsonable, table_in
    from zoo.run_files.places import find_run

    folder = find_run(args.path)
    if not is_run(folder):
        has_runs = any(map(is_run, folder.iterdir()))
        told = f"; list its runs by `zoo runs list {quoted(folder)}`" if has_runs else ""
        raise ZooError(f"{folder}: no run{told}")
    run = state_of(folder)
    about, summary = table_in(folder / RUN_INFO), table_in(folder / SUMMARY)
    checkpoints = [saved.name for saved in all_in(folder / "checkpoints")]
    if args.json:
        more = {"checkpoints": checkpoints, "about": about, "summary": summary}
        print(json.dumps(jsonable({**as_json(run), **more}), indent=2))
        return
    print(table(described(run, about, summary, checkpoints)))
    notices = about.get("notices")
    for notice in notices if isinstance(notices, list) else ():
        print(f"\nnote: {on_one_line(str(notice))}")
    print_remarks(run)
    if checkpoints:
        print(f"\ngenerate with it: zoo generate {quoted(folder)}")


def described(
    run: RunState, about: Mapping[str, Any], summary: Mapping[str, Any], checkpoints: Sequence[str]
) -> list[tuple[str, str]]:
    """A run in rows: what is known of it. What its files leave out, or garble, has no row."""
    from zoo.console.progress import amount, duration

    def number(values: Mapping[str, Any], name: str) -> float | None:
        value = values.get(name)
        usable = isinstance(value, (int, float)) and math.isfinite(value)
        return value if usable and not isinstance(value, bool) else None

    def words(*names: str) -> str:
        return ", ".join(f"{name} {about[name]}" for name in names if name in about)

    plugins = about.get("plugins")
    others = plugins.items() if isinstance(plugins, dict) else ()
    bits, seconds = number(summary, "bits_per_byte"), number(summary, "seconds")
    loss = "" if run.valid_loss is None else f"{run.valid_loss:.4f} nats per token"
    if loss and bits is not None and run.valid_loss == summary.get("valid_loss"):
        loss += f", {bits:.4f} bits per byte"
    of = f" of {run.total_steps:,}" if run.total_steps else ""
    parameters, tokens = number(about, "parameters"), number(summary, "tokens")
    rows = [
        ("run", str(run.dir)),
        ("state", run.state),
        ("step", f"{run.step:,}{of}"),
        ("tokens", f"{tokens:,.0f}" if tokens is not None else ""),
        ("validation loss", loss),
        ("text", str(about.get("corpus", ""))),
        ("parameters", f"{parameters:,.0f}" if parameters is not None else ""),
        ("trained on", words("device", "precision", "processes", "threads")),
        ("took", duration(seconds) if seconds is not None else ""),
        ("made with", words("zoo", "torch", "python")),
        ("plug-ins", ", ".join(f"{name} {version}" for name, version in others if name != "zoo")),
        ("checkpoints", ", ".join(checkpoints)),
        ("size", amount(run.bytes, "B")),
    ]
    return [(name, value) for name, value in rows if value]


def run_check(args: argparse.Namespace) -> int:
    from zoo.run_files.listing import check
    from zoo.run_files.places import find_run

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
    from zoo.run_files.checkpoint import unlisted

    others = ", ".join(unlisted(folder))
    return f"ok (not in its manifest, so not used: {others})" if others else "ok"
