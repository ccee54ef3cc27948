"""Argument parsing: types, help formatting, and options that several commands share."""

from __future__ import annotations

import argparse
import difflib
import math
import os
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from zoo.cli.text import table
from zoo.console.shell import quoted
from zoo.errors import ZooError
from zoo.recipe.mistyped import cut_off, without_quotes
from zoo.storage.paths import expanded

if TYPE_CHECKING:
    from zoo.catalog.entries import Registry


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps examples as written, and the longest options on the line of their explanation."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """``-o, --out DIR``, as Python 3.13 and later write it."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {action.metavar or action.dest.upper()}"


OPTION = re.compile(r"(--?[^\W\d_][\w.-]*)(?:=(.*))?", re.DOTALL)
"""What is meant as an option, known or not, rather than as text that begins with a dash."""


class Parser(argparse.ArgumentParser):
    """Reports a mistake the way every other one is reported, and each command its own.

    What follows an option is its value, with a dash in front too, unless it is an option itself.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.has_commands = False
        self.takes_recipe = False
        self.named: Callable[[list[str]], list[str]] | None = None
        """Names the command that arguments imply, for a parser that is followed by commands."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if not self.has_commands:  # else most of it is a command's own
            args = self.sorted(args)
        elif self.named is not None:
            args = self.named(list(args))
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            words = [word for word in unknown if word != "--"]
            change = next((word for word in words if "=" in word), None)
            meant = ""
            if self.takes_recipe and change is not None:
                meant = f"; to change the recipe, write --set {quoted(change)}"
            self.error(f"unrecognized arguments: {' '.join(words)}{meant}")
        return known, unknown

    def sorted(self, args: Sequence[str]) -> list[str]:
        """The options, each with its value joined to it, then what stands alone.

        Raises:
            ZooError: an option that isn't there, or an option where a value belongs.
        """
        left, options, alone = deque(args), list[str](), list[str]()
        while left:
            arg = left.popleft()
            action = self._option_string_actions.get(arg)
            if arg == "--":
                alone += left
                break
            if action is not None and action.nargs is None and left:
                value = left.popleft()
                if self.is_option(value):
                    self.error(f"{arg} lacks its value: if that is {value}, write {arg}={value}")
                options.append(f"{arg}={value}")
            elif self.is_option(arg):
                options.append(arg)
            elif told := OPTION.fullmatch(arg):
                self.refuse_option(told[1], told[2] or (left[0] if left else ""))
            else:
                alone.append(arg)
        return [*options, "--", *alone] if alone else options

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Beside what argparse does, ``--`` as the text of an option, which older ones drop."""
        if action.option_strings and action.nargs is None and arg_strings == ["--"]:
            return self._get_value(action, "--")
        return super()._get_values(action, arg_strings)

    def is_option(self, text: str) -> bool:
        """Whether this is an option of the command, its value with it or not."""
        known = self._option_string_actions
        if text.partition("=")[0] in known:
            return True
        short = known.get(text[:2]) if not text.startswith("--") else None
        return short is not None and short.nargs is None  # -oFILE

    def refuse_option(self, option: str, value: str) -> NoReturn:
        if self.takes_recipe:
            from zoo.cli.recipe_keys import set_instead

            told = "VALUE" if not value or self.is_option(value) else value
            if meant := set_instead(option, told):
                self.error(f"no option {option}; {meant}")
        near = difflib.get_close_matches(option, self._option_string_actions, n=1, cutoff=0.75)
        if near:
            self.error(f"no option {option}; did you mean {near[0]}?")
        self.error(f"no option {option} (if it is none, write it at the end, after --)")

    def error(self, message: str) -> NoReturn:
        raise ZooError(f"{message}; see `{self.prog} --help`")


@dataclass(frozen=True)
class Command:
    """How a command is called, what it is for, and who declares its arguments."""

    about: str
    usage: str
    add_arguments: Callable[[Parser], None]
    examples: str | None = None

    @classmethod
    def of(cls, module: ModuleType) -> Command:
        """The command that a module describes: see ``zoo.cli.commands``."""
        about = (module.__doc__ or "").strip()
        return cls(about, module.USAGE, module.add_arguments, getattr(module, "EXAMPLES", None))

    @property
    def summary(self) -> str:
        """The first line of what it is for."""
        return self.about.partition("\n")[0].rstrip(".")


def add_commands(parser: Parser, commands: Mapping[str, Command]) -> None:
    """Lets a parser be followed by one of these commands; alone it prints its help."""
    parser.has_commands = True
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
    parser.takes_recipe = True
    parser.add_argument(
        "--set",
        metavar="PATH=VALUE",
        type=change,
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
    from zoo.catalog.plugins import load_plugins

    return load_plugins(args.plugin)


def change(text: str) -> str:
    """The type of an argument that changes a recipe; what a shell has cut off is said at once.

    Else the pieces, which stand where other arguments belong, would be complained of.
    """
    place, _, value = text.partition("=")
    if cut_off(value):
        raise argparse.ArgumentTypeError(f"{text}: {without_quotes(place, value)}")
    return text


def path(text: str) -> Path:
    """The type of an argument that names a file or a folder; ``~`` is the user's own one.

    A shell replaces it where the path stands alone, but not in ``--out=~/x``.
    """
    if not text:
        raise argparse.ArgumentTypeError("'' is no name for a file or a folder")
    try:
        return expanded(text)
    except ZooError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def new_path(text: str) -> Path:
    """The type of an argument that names what will be written."""
    if not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!a} is no name for a file or a folder")
    return path(text)


def existing_file(text: str) -> Path:
    file = path(text)
    if not os.path.isfile(file):  # unlike Path.is_file, lets any name be asked for
        is_folder = os.path.isdir(file)
        raise argparse.ArgumentTypeError(f"{text}: {'a folder' if is_folder else 'no such file'}")
    return file


def existing_path(text: str) -> Path:
    found = path(text)
    if not os.path.exists(found):  # unlike Path.exists, lets any name be asked for
        raise argparse.ArgumentTypeError(f"{text}: no such file or folder")
    return found


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
