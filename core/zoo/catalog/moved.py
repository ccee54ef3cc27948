"""Aliases for modules of zoo 0.1.0 that plug-ins import, at their present places."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from zoo.catalog import moved_names
from zoo.catalog.moved_names import MOVED, SPLIT

PACKAGES = ("zoo.api", "zoo.contracts", "zoo.data", "zoo.model", "zoo.recipe")
"""Packages called as modules that were split up: they know the old names too."""

FUNCTIONS = ("zoo.registry", "zoo.runs")
"""Functions called as modules that were split up, which importing these must not hide."""

ADVICE = "import from zoo.authoring what that offers"


class OldNames:
    """Finds a module of ``MOVED`` under its old name, and warns; or one of ``SPLIT``."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> object:
        if name in MOVED:
            told = f"{name} is now {MOVED[name]}; {ADVICE}"
            warnings.warn(told, DeprecationWarning, stacklevel=2)
        elif name not in SPLIT:
            return None
        return ModuleSpec(name, OldNames())  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        if spec.name in SPLIT:
            self.own: ModuleSpec | None = spec
            return split_up(spec.name)
        module = import_module(MOVED[spec.name])
        self.own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It was executed under its new name, which it keeps."""
        module.__spec__ = self.own


def split_up(name: str) -> ModuleType:
    """A module that finds each of its names where it is now."""
    places = ", ".join(SPLIT[name])
    module = ModuleType(name, f"A module of zoo 0.1.0, whose names are in {places}.")
    module.__file__ = moved_names.__file__  # which errors about a name that is gone point at
    vars(module)["__getattr__"] = looking_up(module)
    return module


def looking_up(module: ModuleType) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module for the names that it had in zoo 0.1.0."""
    where = {
        name: place for place, names in SPLIT[module.__name__].items() for name in names.split()
    }
    return partial(moved_value, module, where)


def moved_value(module: ModuleType, where: dict[str, str], name: str) -> Any:
    """What is called so now; warns at the first time.

    Raises:
        AttributeError: nothing is. ``from … import`` makes it an ImportError.
    """
    if name not in where:
        places = ", ".join(SPLIT[module.__name__])
        told = f"module {module.__name__!r} has no attribute {name!r}"
        raise AttributeError(f"{told}: what zoo 0.1.0 had there is in {places}, or gone")
    told = f"{module.__name__}.{name} is now {where[name]}.{name}; {ADVICE}"
    warnings.warn(told, DeprecationWarning, stacklevel=2)
    value = getattr(import_module(where[name]), name)
    setattr(module, name, value)
    return value


def find_moved_modules() -> None:
    """From now on, old names can be imported; where a module is called so, that one is found."""
    finders: list[object] = sys.meta_path  # type: ignore[assignment]
    if OldNames in finders:
        return
    finders.append(OldNames)
    for name in PACKAGES:
        package = import_module(name)
        vars(package)["__getattr__"] = looking_up(package)
    for name in FUNCTIONS:  # nothing that is there already becomes an attribute of zoo
        sys.modules.setdefault(name, split_up(name))
