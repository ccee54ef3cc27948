"""The type of an option, parsed once: a tree of nodes that check, convert and describe values.

``zoo.catalog.annotations.schema_of`` makes it. Values are taken strictly: an int for a float,
nothing else is coerced. Unknown names, odd shapes and numbers out of range are refused with the
place and what to write instead.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zoo.contracts.options import Ref
from zoo.errors import did_you_mean

MOST_TIMES = 1000
INT64 = range(-(2**63), 2**63)

At = tuple[str | int, ...]
"""Where a value stands in a recipe: ("model", "attention", 1, "window")."""


def dotted(at: At) -> str:
    """A place as messages write it.

    >>> dotted(("model", "attention", 1, "window"))
    'model.attention[1].window'
    """
    text = ""
    for step in at:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if re.fullmatch(r"[\w-]+", step) else f'"{step}"'
            text += f".{key}" if text else key
    return text


class Reader(Protocol):
    """What checking a value needs from outside."""

    def refuse(self, at: At, message: str) -> None:
        """Notes that the value at this place is wrong."""

    def component(self, kind: str, value: Any, at: At) -> Any:
        """The component that a name or a table stands for."""

    def known(self, kind: str) -> str:
        """The tail of a message: the components of that kind, such as " (known: full)"."""

    def path(self, value: str | Path, at: At) -> Path:
        """A path as its author meant it."""


# ── Nodes ────────────────────────────────────────────────────────────────────────────────────────


class Schema(ABC):
    """A type that a value of a recipe is checked against."""

    admits_none = False
    kind = ""  # of the component that it asks for

    @abstractmethod
    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        """Whether a value has the form that is asked for; not ``deep``: its contents aside."""

    @abstractmethod
    def describe(self) -> str:
        """The type as one says it to someone who writes a recipe."""

    @abstractmethod
    def example(self) -> Any:
        """A value that a recipe could say."""

    def convert(self, value: Any, at: At, reader: Reader) -> Any:
        """``value`` as a factory takes it; what is wrong with it goes to ``reader.refuse``."""
        if not self.accepts(value, deep=False):
            reader.refuse(at, self.mismatch(value) + (self.kind and reader.known(self.kind)))
            return None
        return self.taken(value, at, reader)

    def taken(self, value: Any, at: At, reader: Reader) -> Any:
        """``convert`` of a value whose form is right."""
        return value

    def words(self) -> list[str]:
        """The words that it allows, where it allows only words."""
        return []

    def mismatch(self, value: Any) -> str:
        """Why a value of the wrong form is refused, and what to write instead."""
        if isinstance(value, str) and (words := self.words()):
            return f"{show(value)} is not allowed" + did_you_mean(value, words)
        return f"expected {self.describe()}, got {show(value)}{self.hint(value)}"

    def hint(self, value: Any) -> str:
        word = value.lower() if isinstance(value, str) else ""
        if word in ("none", "null", "nil") and self.admits_none:
            return '; write "none"'
        if word in ("true", "false") and word != value and self.accepts(word == "true"):
            return f"; write {word}"
        if isinstance(value, float) and value.is_integer() and self.accepts(int(value)):
            return f"; write {int(value)}"
        if isinstance(value, str) and any(map(self.accepts, unquoted(value))):
            return f"; write {value} without quotes"
        if not isinstance(value, (Mapping, list, tuple)) and self.accepts([value]):
            return f"; write [{show(value)}]"
        return ""


@dataclass(frozen=True)
class Nothing(Schema):
    """None, which TOML lacks and a recipe writes as "none"."""

    admits_none = True

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        return value is None or bool(value == "none")

    def taken(self, value: Any, at: At, reader: Reader) -> None:
        return None

    def describe(self) -> str:
        return '"none"'

    def example(self) -> str:
        return "none"


@dataclass(frozen=True)
class Scalar(Schema):
    """A bool, an int, a float (``finite`` or not) or a string."""

    type: type
    finite: bool = True

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        if isinstance(value, bool):
            return self.type is bool
        return isinstance(value, (int, float) if self.type is float else self.type)

    def taken(self, value: Any, at: At, reader: Reader) -> Any:
        if isinstance(value, int) and value not in INT64:
            reader.refuse(at, "does not fit into 64 bits")
            return None
        if self.type is not float:
            return value
        if self.finite and not math.isfinite(value):
            reader.refuse(at, f"is {value}: a finite number is needed")
            return None
        return float(value)

    def describe(self) -> str:
        name = {bool: "true or false", str: "string"}.get(self.type, self.type.__name__)
        return name if self.finite else f"{name} (inf and nan too)"

    def example(self) -> Any:
        return {bool: False, int: 1, float: 1.0}.get(self.type, "…")


@dataclass(frozen=True)
class FilePath(Schema):
    """A path, relative to the file that says it."""

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        return isinstance(value, (str, Path))

    def taken(self, value: Any, at: At, reader: Reader) -> Path:
        return reader.path(value, at)

    def describe(self) -> str:
        return "path"

    def example(self) -> str:
        return "…"


@dataclass(frozen=True)
class Choice(Schema):
    """One of some values."""

    values: tuple[Any, ...]

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        return any(type(value) is type(known) and value == known for known in self.values)

    def describe(self) -> str:
        return " or ".join(map(show, self.values))

    def example(self) -> Any:
        return self.values[0]

    def words(self) -> list[str]:
        return [value for value in self.values if isinstance(value, str)]


@dataclass(frozen=True)
class Part(Schema):
    """A component of a kind."""

    kind: str

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        return isinstance(value, (str, Mapping, Ref)) or callable(value)

    def taken(self, value: Any, at: At, reader: Reader) -> Any:
        return reader.component(self.kind, value, at)

    def describe(self) -> str:
        return self.kind

    def example(self) -> str:
        return "…"


@dataclass(frozen=True)
class ListOf(Schema):
    """A list of any length, which a factory takes as a list or a tuple."""

    item: Schema
    make: Callable[[list[Any]], Any] = list

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        return isinstance(value, (list, tuple)) and (not deep or all(map(self.item.accepts, value)))

    def taken(self, value: Any, at: At, reader: Reader) -> Any:
        items = enumerate(value)
        return self.make([self.item.convert(item, (*at, i), reader) for i, item in items])

    def describe(self) -> str:
        return f"list of {self.item.describe()}"

    def example(self) -> list[Any]:
        return [self.item.example()]


@dataclass(frozen=True)
class TupleOf(Schema):
    """A list of a length of its own, each value of its own type."""

    items: tuple[Schema, ...]

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        if not isinstance(value, (list, tuple)) or not deep:
            return isinstance(value, (list, tuple))
        pairs = zip(self.items, value, strict=False)
        return len(value) == len(self.items) and all(item.accepts(one) for item, one in pairs)

    def taken(self, value: Any, at: At, reader: Reader) -> Any:
        if len(value) != len(self.items):
            reader.refuse(at, f"expected {len(self.items)} values, got {len(value)}")
            return None
        pairs = enumerate(zip(self.items, value, strict=True))
        return tuple(item.convert(one, (*at, i), reader) for i, (item, one) in pairs)

    def describe(self) -> str:
        described = ", ".join(item.describe() for item in self.items)
        return f"list of {len(self.items)}: {described}"

    def example(self) -> list[Any]:
        return [item.example() for item in self.items]


@dataclass(frozen=True)
class TableOf(Schema):
    """A table whose keys are any words."""

    item: Schema

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        return isinstance(value, Mapping) and (
            not deep or all(map(self.item.accepts, value.values()))
        )

    def taken(self, value: Any, at: At, reader: Reader) -> Any:
        return {key: self.item.convert(one, (*at, key), reader) for key, one in value.items()}

    def describe(self) -> str:
        return f"table of {self.item.describe()}"

    def example(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Either(Schema):
    """One of several types: the first that a value fits, contents included where one does."""

    members: tuple[Schema, ...]

    @property
    def admits_none(self) -> bool:  # type: ignore[override]
        return any(isinstance(member, Nothing) for member in self.members)

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self.others[0].kind if len(self.others) == 1 else ""

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        return any(member.accepts(value, deep=deep) for member in self.members)

    def taken(self, value: Any, at: At, reader: Reader) -> Any:
        if self.admits_none and (value is None or value == "none"):
            return None
        return self.member_for(value).convert(value, at, reader)

    def member_for(self, value: Any) -> Schema:
        each = ((member, deep) for deep in (True, False) for member in self.members)
        return next(member for member, deep in each if member.accepts(value, deep=deep))

    def describe(self) -> str:
        return " or ".join(one.describe() for one in self.others) + (
            ', or "none"' if self.admits_none else ""
        )

    def example(self) -> Any:
        return self.others[0].example()

    def words(self) -> list[str]:
        words = self.others[0].words() if self.admits_none and len(self.others) == 1 else []
        return [*words, "none"] if words else []

    @property
    def others(self) -> list[Schema]:
        """The members beside none."""
        return [member for member in self.members if not isinstance(member, Nothing)]


@dataclass(frozen=True)
class PerLayer(Schema):
    """One value for all layers, or a list of them, each ``times`` over."""

    item: Schema

    @property
    def admits_none(self) -> bool:  # type: ignore[override]
        return self.item.admits_none

    def accepts(self, value: Any, *, deep: bool = True) -> bool:
        return self.item.accepts(value, deep=deep) or ListOf(self.item).accepts(value, deep=deep)

    def convert(self, value: Any, at: At, reader: Reader) -> Any:
        if not isinstance(value, (list, tuple)):
            return self.item.convert(value, at, reader)
        if not value:
            reader.refuse(at, "an empty list: at least one entry is needed")
        layers: list[Any] = []
        for i, entry in enumerate(value):
            times = 1
            if isinstance(entry, Mapping) and "times" in entry:
                entry = dict(entry)
                times = entry.pop("times")
                if type(times) is not int or not 1 <= times <= MOST_TIMES:
                    wrong = f"expected 1 to {MOST_TIMES}, got {show(times)}"
                    reader.refuse((*at, i, "times"), wrong)
                    times = 1
            layers += [self.item.convert(entry, (*at, i), reader)] * times
        return layers

    def describe(self) -> str:
        return f"{self.item.describe()}, or a list over the layers"

    def example(self) -> Any:
        return self.item.example()


# ── In words ─────────────────────────────────────────────────────────────────────────────────────


def show(value: Any) -> str:
    """A value as a message quotes it."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 60 else f"{value[:57]}…", ensure_ascii=False)
    if isinstance(value, int) and value not in INT64:
        return "a huge number"
    if isinstance(value, (int, float)):
        return repr(value)
    return f"{type(value).__name__} {value}"


def unquoted(text: str) -> list[Any]:
    """The value a string probably meant if its quotes are a mistake."""
    if text in ("true", "false"):
        return [text == "true"]
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return [int(text)]
    return [float(text)] if re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", text, re.I) else []
