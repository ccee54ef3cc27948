"""How arguments are declared, and what several commands take."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from zoo.cli.text import table
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.registry import Registry


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps examples as written, and the longest options on the line of their explanation."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """``-o, --out DIR``, as Python 3.13 and later write it."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {action.metavar or action.dest.upper()}"


class Parser(argparse.ArgumentParser):
    """Reports a mistake the way every other one is reported, and each command its own."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        raise ZooError(f"{message}; see `{self.prog} --help`")


@dataclass(frozen=True)
class Command:
    """How a command is called, what it is for, and who declares its arguments."""

    about: str
    usage: str
    add_arguments: Callable[[Parser], None]
    examples: str | None = None

    @property
    def summary(self) -> str:
        """The first line of what it is for."""
        return self.about.partition("\n")[0].rstrip(".")


def add_commands(parser: Parser, commands: Mapping[str, Command]) -> None:
    """Lets a parser be followed by one of these commands; alone it prints its help."""
    parser.set_defaults(run=lambda args: parser.print_help())
    listed = table([(name, command.summary) for name, command in commands.items()], indent=2)
    parser.description = f"{parser.description}\n\ncommands:\n{listed}"
    subparsers = parser.add_subparsers(metavar="COMMAND", help=argparse.SUPPRESS, prog=parser.prog)
    for name, command in commands.items():
        command.add_arguments(
            subparsers.add_parser(
                name,
                usage=f"{parser.prog} {name} {command.usage}",
                description=command.about,
                epilog=command.examples,
                formatter_class=Formatter,
                allow_abbrev=False,
            )
        )


def add_recipe_options(parser: Parser) -> None:
    parser.add_argument(
        "--set",
        metavar="PATH=VALUE",
        action="append",
        default=[],
        help="change one value of the recipe, such as model.norm=layernorm; may be repeated",
    )
    add_plugin_option(parser)


def add_plugin_option(parser: Parser) -> None:
    parser.add_argument(
        "--plugin",
        metavar="FILE.py",
        type=existing_file,
        action="append",
        default=[],
        help="load the components of a Python file too; may be repeated",
    )


def load_plugins(args: argparse.Namespace) -> Registry:
    """The registry of this process, with the files that ``--plugin`` names."""
    from zoo.plugins import load_plugins

    return load_plugins(args.plugin)


def existing_file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        is_folder = path.is_dir()
        raise argparse.ArgumentTypeError(f"{text}: {'a folder' if is_folder else 'no such file'}")
    return path


def existing_path(text: str) -> Path:
    if not Path(text).exists():
        raise argparse.ArgumentTypeError(f"{text}: no such file or folder")
    return Path(text)


def new_folder(text: str) -> Path:
    """The type of an argument that names a folder to make."""
    if not text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!a} is no name for a folder")
    return Path(text)


def integer(least: int) -> Callable[[str], int]:
    """The type of an argument that is an integer of at least this."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no integer") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return parse


def number(text: str) -> float:
    """The type of an argument that is a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no finite number")
    return value
