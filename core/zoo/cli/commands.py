"""The table of commands: zoo's own and those of plug-ins.

A command is a module. Its docstring says what it is for, USAGE how it is called and EXAMPLES what
to try; ``add_arguments(parser)`` declares its arguments and sets ``run``, which does it. None
imports torch, numpy or rich before it runs, so that ``--help`` is quick.

A plug-in announces its commands in an entry-point group of their own, which is read for every
``zoo --help``: ``[project.entry-points."zoo.commands"]``, ``lab = "zoo_lab"``. The module has a
hook, and imports nothing heavy itself::

    @zoo.hookimpl
    def zoo_commands(commands):
        commands.add("sweep", "zoo_lab.cli.sweep")
"""

from __future__ import annotations

import re
from importlib import import_module

from zoo.catalog.entries import Failure
from zoo.catalog.plugins import announced, blaming_the_plugin, failure_of, hooks_of
from zoo.cli.arguments import Command, Parser
from zoo.errors import PluginError

OWN = ("train", "generate", "check", "list", "describe", "runs", "plugins")
GROUP = "zoo.commands"
NAME = re.compile(r"[a-z][a-z0-9-]*")


class Commands:
    """Takes the commands that plug-ins offer: ``commands.add("sweep", "zoo_lab.cli.sweep")``."""

    def __init__(self) -> None:
        self.modules = {name: f"zoo.cli.{name}" for name in OWN} | {"list": "zoo.cli.list_"}
        self.failures: list[Failure] = []

    def __repr__(self) -> str:
        return f"<Commands {', '.join(self.modules)}>"

    def add(self, name: str, module: str) -> None:
        """Offers a command; its module is imported for the help and for the command itself.

        Raises:
            PluginError: a name that can't be typed or is taken.
        """
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise PluginError(f"command {name!r}: a name is lower-case letters, digits and '-'")
        if name in self.modules:
            raise PluginError(f"there is a command {name!r} already: {self.modules[name]}")
        self.modules[name] = module

    def load(self, name: str) -> Command:
        """Imports a command's module. Raises PluginError, whatever went wrong with it."""
        with blaming_the_plugin():
            command = Command.of(import_module(self.modules[name]))
            if name not in OWN:
                command.add_arguments(Parser())  # here rather than where it would cost all others
            return command


def load_commands() -> Commands:
    """Every command there is. A plug-in whose hook fails is remembered, and adds none."""
    commands = Commands()
    for point in announced(GROUP):
        offered = Commands()
        offered.modules = dict(commands.modules)
        try:
            with blaming_the_plugin():
                hooks_of(point.load()).zoo_commands(commands=offered)
        except PluginError as error:
            commands.failures.append(failure_of(point, error))
        else:
            commands.modules = offered.modules
    return commands
