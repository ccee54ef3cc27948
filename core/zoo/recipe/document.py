"""Read and merge TOML documents into a tree that records each value's origin.

``extends`` lays a file over its parent, ``--set`` lays one value over all. Tables merge, lists
replace, and a table that changes its ``name`` drops what its parent said of the other component.
Names that are spelt otherwise, with an owner or without, may be the same: ``same`` knows.
"""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import tomli

from zoo.catalog.component import as_toml
from zoo.catalog.schema import At, dotted, show
from zoo.errors import Problem, RecipeError
from zoo.recipe.mistyped import folder_problem, near_files, syntax_problem, without_quotes
from zoo.recipe.toml_lines import key_lines

FORMAT = 1

SET_PATH = re.compile(r"[^.\[\]\s]+(\.[^.\[\]\s]+|\[-?[0-9]{1,9}\])*")
SET_STEP = re.compile(r"\[(-?[0-9]+)\]|([^.\[\]]+)")

DEFAULT_NAMES = {"tokenizer": "bpe", "optimizer": "adamw", "scheduler": "cosine"}
"""The sections that are components, and which ones where a recipe doesn't say."""

RULES = "params"
"""The section of tables whose ``name`` is a pattern of parameters, no component's."""

Same = Callable[[str, str], bool]
"""Whether two names are those of one component."""


@dataclass(frozen=True)
class Origin:
    """Who wrote a value: ``file`` and ``line`` as messages show them.

    ``folder`` is what a relative path there is relative to.
    """

    file: str
    line: int | None
    folder: Path

    @property
    def in_a_file(self) -> bool:
        """Whether it stands in a recipe, not in a ``--set``."""
        return self.line is not None

    def problem(self, at: At, message: str) -> Problem:
        return Problem(message, dotted(at), self.file, self.line)

    def refuse(self, at: At, message: str) -> NoReturn:
        raise RecipeError([self.problem(at, message)])


@dataclass(frozen=True)
class Node:
    """A value and its origin: a table of nodes (dict), a list of nodes, or something plain.

    ``replaced`` is the component in whose place it was written, if that had options.
    """

    value: Any
    origin: Origin
    replaced: Node | None = None

    def plain(self) -> Any:
        """The value without origins."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, step: str | int) -> Node | None:
        """The node at this key, if it exists."""
        if isinstance(self.value, dict):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            found: Node = self.value[step]
            return found
        return None

    def origin_of(self, at: At) -> Origin:
        """The origin of a place below, or of what is nearest above it."""
        node = self
        for step in at:
            below = node.child(step)
            if below is None:
                break
            node = below
        return node.origin


# ── Files ────────────────────────────────────────────────────────────────────────────────────────


def read_chain(
    path: Path, same: Same = operator.eq, below: tuple[tuple[Path, Path], ...] = ()
) -> tuple[str, Node]:
    """A recipe's text, and what it says on top of what it extends.

    ``below`` are the files that led here, each as it was called and as it is on disk.

    Raises:
        RecipeError: a file of the chain can't be read, or `extends` is circular.
    """
    text = read_text(path)
    node = parse(text, path)
    tables = dict(node.value)
    extends = tables.pop("extends", None)
    node = Node(tables, node.origin)
    if extends is None:
        return text, with_names(node)
    if not isinstance(extends.value, str):
        message = f"expected the file name of a recipe, got {show(extends.plain())}"
        extends.origin.refuse(("extends",), message)
    if not extends.value or any(letter < " " for letter in extends.value):
        extends.origin.refuse(
            ("extends",), "is no name: write a recipe's file name, or leave it out"
        )
    parent = Path(os.path.normpath(path.parent / extends.value))
    chain = (*below, (path, path.resolve()))
    if parent.resolve() in [real for _, real in chain]:
        circle = " → ".join(str(called) for called in (*(c for c, _ in chain), parent))
        extends.origin.refuse(("extends",), f"goes in a circle: {circle}")
    if not os.path.isfile(parent):  # unlike Path.is_file, lets any name be asked for
        extends.origin.refuse(("extends",), f"{parent}: no such file")
    _, base = read_chain(parent, same, chain)
    return text, with_names(merge(base, node, same))


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        RecipeError: a file that can't be read, or is no UTF-8.
    """

    def refuse(message: str, line: int | None = None) -> NoReturn:
        raise RecipeError([Problem(message, file=str(path), line=line)])

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        refuse("no such file" + near_files(path))
    except (OSError, ValueError) as error:
        refuse(folder_problem(path) if path.is_dir() else f"can't be read ({error})")
    if data.startswith(b"\xef\xbb\xbf"):
        refuse("begins with a byte-order mark: save it as UTF-8 without one", 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        refuse(f"byte 0x{data[error.start]:02x} is no UTF-8: save it as UTF-8", line)
    if "\0" in text:
        refuse(
            "contains a NUL character: is it a text file?", text[: text.index("\0")].count("\n") + 1
        )
    return text


def deepest_line(text: str) -> int:
    """The number of the line with the most brackets."""
    lines = text.splitlines()
    return max(range(len(lines)), key=lambda at: lines[at].count("[") + lines[at].count("{")) + 1


def parse(text: str, path: Path) -> Node:
    """The tree of a TOML document.

    Raises:
        RecipeError: no TOML, or a recipe in a format that this zoo can't read.
    """
    file, folder = str(path), path.absolute().parent
    try:
        table = tomli.loads(text)
        lines = key_lines(text)
        node = locate(table, (), lines, Origin(file, None, folder))
    except RecursionError:
        line = deepest_line(text)
        raise RecipeError([Problem("nested too deeply", file=file, line=line)]) from None
    except ValueError as error:
        raise RecipeError([syntax_problem(str(error), text, file)]) from None
    if (version := node.value.get("zoo")) is not None:
        check_format(version)
    return node


def check_format(version: Node) -> None:
    """Raises RecipeError unless ``zoo = 1``."""
    value = version.value
    if type(value) is int and value > FORMAT:
        version.origin.refuse(
            ("zoo",),
            f"format {value} is newer than this zoo, which reads format {FORMAT}: "
            "upgrade with `pip install --upgrade zoo-lm`",
        )
    if type(value) is not int or value != FORMAT:
        version.origin.refuse(
            ("zoo",), f"expected the format {FORMAT}, got {show(version.plain())}"
        )


def locate(value: Any, at: At, lines: dict[At, int], above: Origin) -> Node:
    """A parsed value as nodes."""
    origin = Origin(above.file, lines.get(at, above.line), above.folder)
    if isinstance(value, dict):
        below = {key: locate(item, (*at, key), lines, origin) for key, item in value.items()}
        return Node(below, origin)
    if isinstance(value, list):
        items = [locate(item, (*at, i), lines, origin) for i, item in enumerate(value)]
        return Node(items, origin)
    return Node(value, origin)


# ── Merging ──────────────────────────────────────────────────────────────────────────────────────


def merge(base: Node, over: Node, same: Same = operator.eq) -> Node:
    """``over`` laid over ``base``. A component's string and its table are one form."""
    table, called, now = as_table(base), name_of(base), name_of(over)
    kept = isinstance(called, str) and isinstance(now, str) and same(called, now)
    if isinstance(over.value, str) and kept:
        return base
    if not isinstance(over.value, dict):
        return in_place_of(base, over)
    if table is None or ("name" in over.value and not kept):
        return in_place_of(base, over)
    return laid_over(table, base, over, same)


def laid_over(table: dict[str, Node], base: Node, over: Node, same: Same) -> Node:
    """The table of ``base`` with the keys of ``over``."""
    merged = dict(table)
    for key, node in over.value.items():
        merged[key] = merge(table[key], node, same) if key in table else node
    # A table that only leads to others says nothing itself.
    speaks = any(not isinstance(node.value, dict) for node in over.value.values())
    return Node(merged, over.origin if speaks else base.origin, base.replaced)


def in_place_of(base: Node, over: Node) -> Node:
    """``over``, knowing which component with options it drops: ``base``, or what that dropped."""
    drops = isinstance(base.value, dict) and base.value.keys() - {"name"}
    return replace(over, replaced=base if drops else base.replaced)


def with_names(root: Node) -> Node:
    """The tree with the default names written out, so that a child's name can be compared."""
    tables = dict(root.value)
    for section, name in DEFAULT_NAMES.items():
        node = tables.get(section)
        if node is not None and isinstance(node.value, dict) and "name" not in node.value:
            named = {"name": Node(name, node.origin), **node.value}
            tables[section] = replace(node, value=named)
    return replace(root, value=tables)


def name_of(node: Node) -> Any:
    """What a component's string or table calls it."""
    if isinstance(node.value, dict):
        return node.value["name"].value if "name" in node.value else None
    return node.value if isinstance(node.value, str) else None


def as_table(node: Node) -> dict[str, Node] | None:
    if isinstance(node.value, str):
        return {"name": node}
    return node.value if isinstance(node.value, dict) else None


# ── Overrides ────────────────────────────────────────────────────────────────────────────────────


def override(root: Node, change: str | tuple[str, Any], same: Same = operator.eq) -> Node:
    """The tree after ``--set path=value``, or after a path and a value from Python.

    Raises:
        RecipeError: no such form, or an index that the list doesn't have.
    """
    if isinstance(change, str):
        path, equals, written = change.partition("=")
        path = path.strip()
        origin = Origin(f"--set {change}", None, Path.cwd())
        if not equals or not SET_PATH.fullmatch(path):
            origin.refuse((), "expected PATH=VALUE, such as model.norm=layernorm")
        value = parse_value(written.strip(), path, origin)
    else:
        path, given = change
        origin = Origin(f"{{{path!r}: {given!r}}}", None, Path.cwd())
        if not isinstance(path, str) or not SET_PATH.fullmatch(path):
            origin.refuse((), 'expected the path of a key, such as {"model.norm": "layernorm"}')
        value = as_toml(given)
        check_plain(value, origin)
    steps = steps_of(path)
    if steps[0] in ("zoo", "extends"):
        origin.refuse((steps[0],), "can't be set from outside: write it in a recipe")
    return _set(root, steps, locate(value, (), {}, origin), (), same)


def check_plain(value: Any, origin: Origin) -> None:
    """Raises RecipeError for what no recipe can hold, such as a class."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value:
            check_plain(item, origin)
    elif not isinstance(value, (str, bool, int, float)):
        wanted = "write a string, a number, true or false, a list or a dict of them, or None"
        origin.refuse((), f"a recipe can't hold a {type(value).__name__}: {wanted}")


def steps_of(path: str) -> list[str | int]:
    """
    >>> steps_of("model.attention[1].window")
    ['model', 'attention', 1, 'window']
    """
    return [int(index) if index else key for index, key in SET_STEP.findall(path)]


def parse_value(text: str, path: str, origin: Origin) -> Any:
    """A value in TOML's syntax, in which a bare word is a string; ``path`` is where it goes."""
    if not text:
        origin.refuse((), 'nothing follows "=": write "" for an empty string')
    try:
        parsed = tomli.loads(f"value = {text}")
    except RecursionError:
        origin.refuse((), "nested too deeply")
    except ValueError as error:
        if text[0] in "[{\"'" or re.fullmatch(r"[+-]?\d+", text):
            told = without_quotes(path, text) if text[0] in "[{" else None
            origin.refuse((), told or syntax_problem(str(error), f"value = {text}", "").message)
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def _set(node: Node, steps: Sequence[str | int], value: Node, at: At, same: Same) -> Node:
    """``node`` with ``value`` laid over what stands at ``steps`` below it."""
    if not steps:
        return _merge_at(at, node, value, same)
    step, rest = steps[0], steps[1:]
    if isinstance(node.value, list):
        items = list(node.value)
        index = int(step) if re.fullmatch("[0-9]{1,9}", str(step)) else len(items)
        if index >= len(items):
            message = f"no entry '{step}' in a list of {len(items)} (the first is [0])"
            value.origin.refuse(at, message)
        items[index] = _set(items[index], rest, value, (*at, index), same)
        return replace(node, value=items)
    if isinstance(step, int):
        message = f"{dotted(at)} holds no list: leave out [{step}], or set a whole list"
        value.origin.refuse((*at, step), message)
    inner = (as_table(node) or {}).get(step, Node({}, value.origin))
    below = _set(inner, rest, value, (*at, step), same)
    return _merge_at(at, node, Node({step: below}, value.origin), same)


def _merge_at(at: At, base: Node, over: Node, same: Same) -> Node:
    """``over`` laid over what stands at a place, where it may be a rule and no component."""
    tables = isinstance(base.value, dict) and isinstance(over.value, dict)
    if tables and len(at) == 2 and at[0] == RULES:
        return laid_over(base.value, base, over, same)
    return merge(base, over, same)
