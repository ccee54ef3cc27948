"""The command line: ``zoo COMMAND``. `commands` says what there is, a module each.

May import: console, errors, contracts, storage, catalog, parallel, compute, recipe, run_files,
training, generation, api.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.catalog.version import zoo_version
from zoo.cli.arguments import Command, Formatter, Parser, add_commands
from zoo.cli.commands import Commands, load_commands
from zoo.cli.text import count
from zoo.console.terminal import readable, say
from zoo.errors import PluginError, RecipeError, ZooError, did_you_mean
from zoo.parallel.interrupts import Interrupted, Interrupts
from zoo.parallel.launcher import check_environment, is_first_process, rank
from zoo.storage.paths import cache_dir

EXAMPLES = """\
examples:
  zoo train recipes/tinystories.toml
  zoo generate --prompt "Once upon a time"
  zoo train recipes/tinystories.toml --set model.norm=layernorm
  zoo list norm
"""

OK, USER_ERROR, PIPE_CLOSED = 0, 2, 128 + 13  # the last as if by SIGPIPE

PATIENCE = 10.0  # seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Returns the exit code: 0, 2 after a user's error, 128 + the signal's number after an interrupt.
    """
    open_missing_streams()
    speak_utf8()
    try:
        with Interrupts(), plain_warnings():
            check_environment()
            code = run_command(sys.argv[1:] if argv is None else argv)
            sys.stdout.flush()  # here, where a closed pipe can still be met quietly
            return code
    except BrokenPipeError:
        # Nobody reads any more (`| head`). What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Interrupted as stopped:
        if is_first_process():
            say(": ".join(filter(None, ("interrupted", str(stopped)))))
        return stopped.exit_code
    except ZooError as error:
        if is_first_process():
            print_error(error)
        else:
            # Mostly all met the same mistake. Torchrun stops the others as soon as one of them
            # ends, so let the first one speak. If it doesn't, this is a mistake of this one alone.
            time.sleep(PATIENCE)
            print(f"on rank {rank()}: ", end="", file=sys.stderr)
            print_error(error)
        return USER_ERROR
    except OSError as error:
        if error.errno is None:  # not the operating system's, so a bug
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        room = f" ({room_left()})" if error.errno == errno.ENOSPC and not where else ""
        say(f"error: {where}{error.strerror}{room}")
        return USER_ERROR


def room_left() -> str:
    """How much room there is where zoo writes: which disk was full, not every error says."""
    from zoo.console.progress import amount

    free = [(folder, shutil.disk_usage(folder).free) for folder in (cache_dir(), Path.cwd())]
    return ", ".join(f"{amount(room, 'B')} free in {folder}" for folder, room in free)


def run_command(argv: Sequence[str]) -> int:
    commands = load_commands()
    if argv and not argv[0].startswith("-") and argv[0] not in commands.modules:
        failed = "".join(f"; {failure}" for failure in commands.failures)
        raise ZooError(f"no command {argv[0]!r}{did_you_mean(argv[0], commands.modules)}{failed}")
    parser = make_parser(commands)
    args = parser.parse_args(argv)
    args.argv = argv
    return args.run(args) or OK


def make_parser(commands: Commands) -> Parser:
    parser = Parser(
        prog="zoo",
        usage="zoo COMMAND …",
        description="A component zoo for small decoder-only language models.",
        epilog=EXAMPLES + "\n`zoo COMMAND --help` tells more about a command.",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"zoo {zoo_version()}")
    add_commands(parser, described(commands))
    return parser


def described(commands: Commands) -> dict[str, Command]:
    """Load the description of each command; report and skip those that fail."""
    found = {}
    for name in list(commands.modules):
        try:
            found[name] = commands.load(name)
        except PluginError as error:
            say(f"warning: command {name!r} could not be loaded: {error}")
    return found


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Shows warnings as what they say, without the line of source that says it.

    Those of what is deprecated are for who wrote that line, and name it.
    """

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        *_: Any,
        **__: Any,
    ) -> None:
        if is_first_process():
            at = f"{filename}:{lineno}: " if issubclass(category, DeprecationWarning) else ""
            print(readable(f"warning: {at}{message}"), file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def open_missing_streams() -> None:
    """What goes to a stream that was closed before the start (`>&-`) goes nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def speak_utf8() -> None:
    """Files and pipes carry UTF-8 everywhere; a terminal that lacks a character shows another."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


def print_error(error: ZooError) -> None:
    if not isinstance(error, RecipeError):
        print(f"error: {error}", file=sys.stderr)
        return
    print(error, file=sys.stderr)
    print(count(len(error.problems), "problem"), file=sys.stderr)
