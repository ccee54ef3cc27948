"""Report the options that a swap of components drops, and the values that apply instead.

Options belong to a component: those of the one that went don't hold for the one that came, whose
defaults hold instead, be the option of the same name or not. A file that names a component together
with options of its own means what it says: of that swap only the options are told that the new
component has too, at another value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from zoo.catalog.component import Component, as_toml
from zoo.catalog.schema import At, dotted, show
from zoo.recipe.document import Node, name_of


def swaps(root: Node, components: Iterable[Component]) -> tuple[str, ...]:
    """A line for each component that took another's place and left options behind.

    ``components`` are those that the recipe resolved to, which know what holds now.
    """
    made = {component.at: component for component in components}
    lines = (line(at, node, made.get(at)) for at, node in replacing(root, ()))
    return tuple(filter(None, lines))


def replacing(node: Node, at: At) -> Iterator[tuple[At, Node]]:
    """The places at which a component with options replaces another."""
    if node.replaced is not None:
        yield at, node
    below = node.value
    if isinstance(below, (dict, list)):
        steps: Any = below.items() if isinstance(below, dict) else enumerate(below)
        for step, child in steps:
            yield from replacing(child, (*at, step))


def line(at: At, node: Node, made: Component | None) -> str | None:
    """What was dropped at a place and not written again; None if nothing was."""
    replaced = node.replaced
    assert replaced is not None
    if made is None and not isinstance(node.value, list):
        return None  # nothing is there now, so nothing has other options
    options: Mapping[str, Any] = made.options if made is not None else {}
    rewritten = written(node)
    lost = {
        name: old
        for name, old in replaced.value.items()
        if name not in {"name", *rewritten} and not (name in options and same(old, options[name]))
    }
    if in_full(node):
        lost = {name: old for name, old in lost.items() if name in options}
    if not lost:
        return None
    told = ", ".join(f"{name} = {inline(old.plain())}" for name, old in lost.items())
    whose = " and ".join(dict.fromkeys(old.origin.file for old in lost.values()))
    verb = "does" if len(lost) == 1 else "do"
    new = made.name if made is not None else "a list"
    now = [f"{name} is now {spoken(options[name])}" for name in lost if name in options]
    return (
        f"{dotted(at)}: {new} in place of {name_of(replaced) or 'the default'}: "
        f"{told} of {whose} {verb} not carry over{'; ' * bool(now)}{', '.join(now)}"
    )


def in_full(node: Node) -> bool:
    """Whether a file, not ``--set``, names the component, and options are written for it."""
    if not isinstance(node.value, dict) or "name" not in node.value:
        return False
    return node.value.keys() != {"name"} and node.value["name"].origin.in_a_file


def written(node: Node) -> set[str]:
    """The options that a component's table says, or those of a list together."""
    if isinstance(node.value, list):
        return {name for item in node.value for name in written(item)}
    return set(node.value) if isinstance(node.value, dict) else set()


def same(old: Node, new: Any) -> bool:
    return bool(old.plain() == as_toml(new))


def spoken(value: Any) -> str:
    return show(value.name) if isinstance(value, Component) else inline(as_toml(value))


def inline(value: Any) -> str:
    """A value as TOML on one line.

    >>> inline({"betas": [0.9, 0.99], "fused": True})
    '{betas = [0.9, 0.99], fused = true}'
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {inline(item)}' for key, item in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(inline, value))}]"
    return show(value)
