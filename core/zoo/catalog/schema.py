"""Validate a value of a recipe against the annotated type of an option.

Strictly: an int is taken for a float, nothing else is coerced. Unknown names, odd shapes and
numbers out of range are refused with the place and what to write instead.
"""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from zoo.contracts.kinds import KIND_OF_CONTRACT
from zoo.contracts.options import AnyFloat, Make, NonFinite, PerLayerMark, Ref
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

    def path(self, value: str | Path, at: At) -> Path:
        """A path as its author meant it."""


def convert(value: Any, annotation: Any, at: At, reader: Reader) -> Any:
    """``value`` as a factory takes it; what is wrong with it goes to ``reader.refuse``."""
    origin, args = get_origin(annotation), get_args(annotation)
    if is_per_layer(annotation):
        return _convert_per_layer(value, item_of(annotation), at, reader)
    if origin is Annotated and NonFinite not in args[1:]:
        return convert(value, args[0], at, reader)
    if origin in (Union, types.UnionType):
        if admits_none(annotation) and fits(value, type(None)):
            return None
        member = member_for(value, args)
        if member is not None:
            return convert(value, member, at, reader)
    if not fits(value, annotation, deep=False):
        reader.refuse(at, mismatch(value, annotation))
        return None
    if origin is Make:
        return reader.component(KIND_OF_CONTRACT[args[0]], value, at)
    if origin in (list, Sequence):
        return [convert(item, args[0], (*at, i), reader) for i, item in enumerate(value)]
    if origin is tuple:
        return _convert_tuple(value, args, at, reader)
    if origin in (dict, Mapping):
        return {key: convert(item, args[1], (*at, key), reader) for key, item in value.items()}
    return _convert_scalar(value, annotation, at, reader)


def _convert_scalar(value: Any, annotation: Any, at: At, reader: Reader) -> Any:
    if annotation is Path:
        return reader.path(value, at)
    if isinstance(value, int) and value not in INT64:
        reader.refuse(at, "does not fit into 64 bits")
        return None
    if annotation is float and not math.isfinite(value):
        reader.refuse(at, f"is {value}: a finite number is needed")
        return None
    if annotation in (float, AnyFloat):
        return float(value)
    return None if value == "none" and annotation is type(None) else value


def _convert_tuple(value: Any, args: tuple[Any, ...], at: At, reader: Reader) -> Any:
    if args[-1] is ...:
        args = args[:1] * len(value)
    if len(args) != len(value):
        reader.refuse(at, f"expected {len(args)} values, got {len(value)}")
        return None
    pairs = enumerate(zip(value, args, strict=True))
    return tuple(convert(item, arg, (*at, i), reader) for i, (item, arg) in pairs)


def _convert_per_layer(value: Any, item: Any, at: At, reader: Reader) -> Any:
    """One value for all layers, or a list of them, each ``times`` over."""
    if not isinstance(value, (list, tuple)):
        return convert(value, item, at, reader)
    if not value:
        reader.refuse(at, "an empty list: at least one entry is needed")
    layers: list[Any] = []
    for i, entry in enumerate(value):
        times = 1
        if isinstance(entry, Mapping) and "times" in entry:
            entry = dict(entry)
            times = entry.pop("times")
            if type(times) is not int or not 1 <= times <= MOST_TIMES:
                reader.refuse((*at, i, "times"), f"expected 1 to {MOST_TIMES}, got {show(times)}")
                times = 1
        layers += [convert(entry, item, (*at, i), reader)] * times
    return layers


def fits(value: Any, annotation: Any, *, deep: bool = True) -> bool:
    """Whether a value has the form that a type asks for; not ``deep``: its contents aside."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return fits(value, args[0], deep=deep)
    if origin in (Union, types.UnionType):
        return any(fits(value, arg, deep=deep) for arg in args)
    if origin is Literal:
        return any(type(value) is type(arg) and value == arg for arg in args)
    if origin is Make:
        return isinstance(value, (str, Mapping, Ref)) or callable(value)
    if origin in (list, Sequence, tuple):
        if not isinstance(value, (list, tuple)) or not deep:
            return isinstance(value, (list, tuple))
        each = args if origin is tuple and args[-1] is not ... else args[:1] * len(value)
        return len(each) == len(value) and all(map(fits, value, each))
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping) or not deep:
            return isinstance(value, Mapping)
        return all(fits(item, args[1]) for item in value.values())
    if annotation is type(None):
        return value is None or value == "none"
    if isinstance(value, bool):
        return annotation is bool
    accepted = {float: (int, float), Path: (str, Path)}
    return isinstance(value, accepted.get(annotation, annotation))


def member_for(value: Any, members: Sequence[Any]) -> Any:
    """The first member of a union that accepts a value, contents included."""
    for deep in (True, False):
        for member in members:
            if fits(value, member, deep=deep):
                return member
    return None


def is_per_layer(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated and PerLayerMark in get_args(annotation)[1:]


def item_of(annotation: Any) -> Any:
    """T of ``PerLayer[T]``."""
    members = get_args(get_args(annotation)[0])
    return next(get_args(m)[0] for m in members if get_origin(m) is Sequence)


def admits_none(annotation: Any) -> bool:
    if is_per_layer(annotation):
        return admits_none(item_of(annotation))
    return type(None) in get_args(annotation)


# ── In words ─────────────────────────────────────────────────────────────────────────────────────


def show_type(annotation: Any) -> str:
    """A type as one says it to someone who writes a recipe.

    >>> show_type(list[float] | None)
    'list of float, or "none"'
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if is_per_layer(annotation):
        return f"{show_type(item_of(annotation))}, or a list over the layers"
    if origin is Annotated:
        return show_type(args[0]) + (" (inf and nan too)" if NonFinite in args[1:] else "")
    if origin in (Union, types.UnionType):
        members = [show_type(arg) for arg in args if arg is not type(None)]
        return " or ".join(members) + (', or "none"' if admits_none(annotation) else "")
    if origin is Literal:
        return " or ".join(map(show, args))
    if origin is Make:
        return KIND_OF_CONTRACT[args[0]]
    if origin in (list, Sequence) or (origin is tuple and args[-1] is ...):
        return f"list of {show_type(args[0])}"
    if origin is tuple:
        return f"list of {len(args)}: {', '.join(map(show_type, args))}"
    if origin in (dict, Mapping):
        return f"table of {show_type(args[1])}"
    names = {bool: "true or false", int: "int", float: "float", str: "string", Path: "path"}
    return names[annotation]


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


def mismatch(value: Any, annotation: Any) -> str:
    """Why a value of the wrong form is refused, and what to write instead."""
    words = literal_strings(annotation)
    if words and isinstance(value, str):
        return f"{show(value)} is not allowed" + did_you_mean(value, words)
    hint = ""
    word = value.lower() if isinstance(value, str) else ""
    if word in ("none", "null", "nil") and admits_none(annotation):
        hint = '; write "none"'
    elif word in ("true", "false") and word != value and fits(word == "true", annotation):
        hint = f"; write {word}"
    elif isinstance(value, float) and value.is_integer() and fits(int(value), annotation):
        hint = f"; write {int(value)}"
    elif isinstance(value, str) and any(fits(meant, annotation) for meant in unquoted(value)):
        hint = f"; write {value} without quotes"
    elif not isinstance(value, (Mapping, list, tuple)) and fits([value], annotation):
        hint = f"; write [{show(value)}]"
    return f"expected {show_type(annotation)}, got {show(value)}{hint}"


def unquoted(text: str) -> list[Any]:
    """The value a string probably meant if its quotes are a mistake."""
    if text in ("true", "false"):
        return [text == "true"]
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return [int(text)]
    return [float(text)] if re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", text, re.I) else []


def literal_strings(annotation: Any) -> list[str]:
    """The words that a type allows, where it allows only words."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return [arg for arg in args if isinstance(arg, str)]
    if origin in (Union, types.UnionType) and admits_none(annotation):
        rest = [arg for arg in args if arg is not type(None)]
        words = literal_strings(rest[0]) if len(rest) == 1 else []
        return [*words, "none"] if words else []
    return []
