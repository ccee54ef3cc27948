"""Compare the plug-ins a run was made with to those loaded now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo.catalog.entries import Registry
from zoo.run_files.train_state import TrainState


@dataclass
class Present:
    """What is here of the plug-ins that a run was made with.

    Attributes:
        registry: in which the run's recipe means what it did, as far as that can be had.
        lacking: plug-ins that are not here, nor anything that offers what the run took of them.
        told: what is another than it was: the same under its name, or another in its place.
    """

    registry: Registry
    lacking: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def present_plugins(state: TrainState, recipe: Mapping[str, Any], registry: Registry) -> Present:
    """Finds the plug-ins that a checkpoint's state names, by name, by content, by what they offer.

    A file may have been renamed since, or developed into a package that is installed. ``recipe`` is
    the checkpoint's, as plain values.
    """
    present = Present(registry.copy())
    for owner, version in state.plugins.items():
        was = f"{owner} {version}"
        code = state.code.get(owner, version)
        found = registry.plugin(owner)
        if found is not None and (found.builtin or code in (found.code, found.version)):
            continue
        outside = [plugin for plugin in registry.plugins if not plugin.builtin]
        same = next((plugin for plugin in outside if code and plugin.code == code), None)
        if same is not None:
            present.registry.let_stand_in(owner, same)
        elif found is not None:
            present.told.append(f"{was}, which has changed since and is now {found}")
        else:
            names = set(names_of(owner, recipe))
            able = [plugin for plugin in outside if names <= set(registry.names(plugin))]
            if names and len(able) == 1:
                present.registry.let_stand_in(owner, able[0])
                offers = ", ".join(sorted(names))
                present.told.append(
                    f"{was}, which is not here; {able[0]} offers {offers} too and is used"
                )
            else:
                present.lacking.append(was)
    return present


def names_of(owner: str, value: Any) -> Iterator[str]:
    """The names of a plug-in's components in a resolved recipe, written as ``"owner:name"``."""
    if isinstance(value, Mapping):
        name = value.get("name")
        if isinstance(name, str) and name.startswith(f"{owner}:"):
            yield name.removeprefix(f"{owner}:")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from names_of(owner, item)
