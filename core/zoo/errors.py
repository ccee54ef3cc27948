"""User errors: one line each, with the place and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from zoo.console.terminal import readable


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where: prints as ``file:line: dotted.path: message``."""

    message: str
    path: str = ""
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return readable(": ".join(part for part in (where, self.path, self.message) if part))


class ZooError(Exception):
    """A mistake in what zoo was given: the command line prints it and exits with 2."""

    def __str__(self) -> str:
        return readable(super().__str__())


class RecipeError(ZooError):
    """Everything that is wrong with a recipe, at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class PluginError(ZooError):
    """A plug-in offers something that zoo can't take."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an "unknown name" message: the nearest known names, then all of them.

    >>> did_you_mean("rmsnrom", ["layernorm", "rmsnorm"])
    "; did you mean 'rmsnorm'? (known: layernorm, rmsnorm)"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if name.lower() in ("none", "null", "nil") and "none" in names:
        near = ["none"]
    guess = f"; did you mean {near[0]!r}?" if near else ""
    return f"{guess} (known: {', '.join(names) or 'none'})"
