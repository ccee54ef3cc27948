"""Aliases for modules of zoo 0.1.0 that plug-ins import, at their present places."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "zoo.cache": "zoo.model.kv_cache",
    "zoo.compiling": "zoo.compute.compiling",
    "zoo.layers": "zoo.model.layers",
    "zoo.params": "zoo.model.param_groups",
    "zoo.parts": "zoo.model.build",
    "zoo.paths": "zoo.storage.paths",
    "zoo.progress": "zoo.console.progress",
    "zoo.records": "zoo.run_files.metrics",
    "zoo.run": "zoo.api.run",
    "zoo.seq": "zoo.model.sequence",
    "zoo.values": "zoo.catalog.schema",
    "zoo_builtin.blocked_attention": "zoo_builtin.attention.blocked",
    "zoo_builtin.corpora.stories": "zoo_stories",
    "zoo_builtin.muon": "zoo_builtin.optimizers.matrix",
    "zoo_builtin.scaled_dot_product": "zoo_builtin.attention.scaled_dot_product",
}


class OldNames:
    """Finds a module of ``MOVED`` under its old name, and warns."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> object:
        if name not in MOVED:
            return None
        told = f"{name} is now {MOVED[name]}; import from zoo.authoring what that offers"
        warnings.warn(told, DeprecationWarning, stacklevel=2)
        return ModuleSpec(name, OldNames())  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(MOVED[spec.name])
        self.own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It was executed under its new name, which it keeps."""
        module.__spec__ = self.own


def find_moved_modules() -> None:
    """From now on, old names can be imported; where a module is called so, that one is found."""
    finders: list[object] = sys.meta_path  # type: ignore[assignment]
    if OldNames not in finders:
        finders.append(OldNames)
