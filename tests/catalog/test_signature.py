"""Signatures as schemas: what is read from a factory, what is refused, and strict values."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import zoo
from zoo import AnyFloat, Make, Norm, PerLayer, ref
from zoo.catalog.annotations import schema_of
from zoo.catalog.schema import dotted
from zoo.catalog.signature import read_signature
from zoo.errors import PluginError


class Plain:
    def __init__(self, dim: int, *, eps: float = 1e-5, mode: Literal["a", "b"] = "a") -> None: ...


class Inherits(Plain):
    pass


class Module(nn.Module):
    pass


class OfContract(zoo.Norm):
    pass


@dataclass(kw_only=True)
class Data:
    size: int
    path: Path | None = None


def function(build: zoo.Build, *, inner: Make[Norm] | None = None) -> None: ...


class Callable:
    def __call__(self, dim: int, *, eps: float = 1.0) -> None: ...


@pytest.mark.parametrize(
    ("factory", "given_names", "options"),
    [
        (Plain, ("dim",), {"eps": 1e-5, "mode": "a"}),
        (Inherits, ("dim",), {"eps": 1e-5, "mode": "a"}),
        (Module, (), {}),
        (OfContract, (), {}),
        (Data, (), {"size": None, "path": None}),
        (function, ("build",), {"inner": None}),
        (functools.partial(Plain, eps=1.0), ("dim",), {"eps": 1.0, "mode": "a"}),
        (Callable(), ("dim",), {"eps": 1.0}),
    ],
)
def test_keyword_only_parameters_are_options(
    factory: Any, given_names: tuple[str, ...], options: dict[str, Any]
) -> None:
    signature = read_signature(factory)
    assert signature.given == given_names
    found = signature.options.values()
    assert {o.name: None if o.required else o.default for o in found} == options


def test_an_option_without_a_default_is_required() -> None:
    assert read_signature(Data).options["size"].required
    assert not read_signature(Data).options["path"].required


class Anything:
    def __init__(self, dim: int, **options: Any) -> None: ...


class Untyped:
    def __init__(self, *, eps=1e-5) -> None: ...


class Unsupported:
    def __init__(self, *, when: complex = 1j) -> None: ...


class Unknown:
    def __init__(self, *, eps: NoSuchType = 1) -> None: ...  # type: ignore[name-defined]  # noqa: F821


class WrongDefault:
    def __init__(self, *, eps: float = "small") -> None: ...  # type: ignore[assignment]


class NanDefault:
    def __init__(self, *, eps: float = math.nan) -> None: ...


class ClassAsDefault:
    def __init__(self, *, norm: Make[Norm] = Plain) -> None: ...


class NoKind:
    def __init__(self, *, norm: Make[Plain]) -> None: ...


@pytest.mark.parametrize(
    ("factory", "complaint"),
    [
        (Anything, r"takes \*\*options"),
        (Untyped, "without a type"),
        (Unsupported, "not supported"),
        (Unknown, "TYPE_CHECKING"),
        (WrongDefault, r"eps: expected float, got \"small\""),
        (NanDefault, "finite"),
        (ClassAsDefault, "as ref"),
        (NoKind, "no kind"),
        (3, "a class or a function"),
    ],
)
def test_what_no_recipe_could_fill_in_is_refused(factory: Any, complaint: str) -> None:
    with pytest.raises(PluginError, match=complaint):
        read_signature(factory)


class Reader:
    """Notes refusals; takes every component for its own name."""

    def __init__(self) -> None:
        self.refused: list[tuple[str, str]] = []

    def refuse(self, at: tuple[str | int, ...], message: str) -> None:
        self.refused.append((dotted(at), message))

    def component(self, kind: str, value: Any, at: Any) -> Any:
        return (kind, value)

    def known(self, kind: str) -> str:
        return f" (known: any {kind})"

    def path(self, value: str | Path, at: Any) -> Path:
        return Path(value)


def read(value: Any, annotation: Any) -> tuple[Any, list[tuple[str, str]]]:
    reader = Reader()
    converted = schema_of(annotation).convert(value, ("x",), reader)
    return converted, reader.refused


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (3, int | float, 3),
        (True, bool, True),
        ("a", Literal["a", "b"], "a"),
        ("none", int | None, None),
        ("none", str, "none"),
        (math.inf, AnyFloat, math.inf),
        ([1, 2], tuple[float, float], (1.0, 2.0)),
        ([1, 2, 3], tuple[int, ...], (1, 2, 3)),
        ((1, 2), list[int], [1, 2]),
        (["a"], Sequence[str], ["a"]),
        ({"a": 1}, dict[str, float], {"a": 1.0}),
        ("x.txt", Path, Path("x.txt")),
        ("x.txt", list[Path] | Path, Path("x.txt")),
        ([1, 2], list[str] | list[int], [1, 2]),
        ("rms", Make[Norm], ("norm", "rms")),
        ("none", Make[Norm], ("norm", "none")),
        ("none", Make[Norm] | None, None),
        (["a", "b"], PerLayer[Make[Norm]], [("norm", "a"), ("norm", "b")]),
        (["a", "none"], PerLayer[Make[Norm] | None], [("norm", "a"), None]),
        ([{"times": 2}, "b"], PerLayer[Make[Norm]], [("norm", {}), ("norm", {}), ("norm", "b")]),
    ],
)  # fmt: skip
def test_values_that_fit_are_taken(value: Any, annotation: Any, expected: Any) -> None:
    converted, refused = read(value, annotation)
    assert refused == []
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "path", "message"),
    [
        (1.0, int, "x", "expected int, got 1.0; write 1"),
        (1.5, int, "x", "expected int, got 1.5"),
        (True, int, "x", "expected int, got true"),
        (True, float, "x", "expected float, got true"),
        (1, bool, "x", "expected true or false, got 1"),
        ("3", int, "x", 'expected int, got "3"; write 3 without quotes'),
        ("true", bool, "x", 'expected true or false, got "true"; write true without quotes'),
        ("1e-3", float, "x", 'expected float, got "1e-3"; write 1e-3 without quotes'),
        ("a\nb", int, "x", 'expected int, got "a\\nb"'),
        (3, str, "x", "expected string, got 3"),
        ({}, list[dict[str, int]], "x", "expected list of table of int, got a table"),
        (math.nan, float, "x", "is nan: a finite number is needed"),
        (-math.inf, float | None, "x", "is -inf: a finite number is needed"),
        (2**63, int, "x", "does not fit into 64 bits"),
        (-(2**80), float, "x", "does not fit into 64 bits"),
        ("c", Literal["a", "b"], "x", '"c" is not allowed (known: a, b)'),
        ("aa", Literal["ab"] | None, "x", '"aa" is not allowed (known: ab, none)'),
        ("abb", Literal["ab"], "x", '"abb" is not allowed; did you mean \'ab\'? (known: ab)'),
        (1, Literal[True], "x", "expected true, got 1"),
        ("none", int, "x", 'expected int, got "none"'),
        ("a", list[str], "x", 'expected list of string, got "a"; write ["a"]'),
        ([1, "a"], list[int], "x[1]", 'expected int, got "a"'),
        ([1], tuple[int, int], "x", "expected 2 values, got 1"),
        ({"a": "b"}, dict[str, int], "x.a", 'expected int, got "b"'),
        (3, Make[Norm], "x", "expected norm, got 3 (known: any norm)"),
        (3, Make[Norm] | None, "x", 'expected norm, or "none", got 3 (known: any norm)'),
        (["a", 3], PerLayer[Make[Norm]], "x[1]", "expected norm, got 3 (known: any norm)"),
        ([], PerLayer[Make[Norm]], "x", "an empty list: at least one entry is needed"),
        ([{"times": 0}], PerLayer[Make[Norm]], "x[0].times", "expected 1 to 1000, got 0"),
        (["a", {"times": 1.0}], PerLayer[Make[Norm]], "x[1].times", "expected 1 to 1000, got 1.0"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused_where_they_stand(
    value: Any, annotation: Any, path: str, message: str
) -> None:
    assert read(value, annotation)[1] == [(path, message)]


SCALARS = (bool, int, float, AnyFloat, str, Literal["a", "b"])
UNIONS = (int | None, float | None, str | None, int | str)
LISTS = (list[int], list[float], list[list[str]], tuple[int, float], dict[str, int])
TYPES = st.sampled_from([*SCALARS, *UNIONS, *LISTS])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(TYPES, VALUES)
def test_a_value_is_taken_as_its_type_or_refused(annotation: Any, value: Any) -> None:
    converted, refused = read(value, annotation)
    if not refused:
        assert schema_of(annotation).accepts(converted)
        assert read(converted, annotation) == (converted, []) or converted != converted
    assert (not schema_of(annotation).accepts(value)) <= bool(refused)


@given(TYPES)
def test_every_type_can_be_said(annotation: Any) -> None:
    schema = schema_of(annotation)
    assert schema.describe()
    assert read(schema.example(), annotation)[1] == []


def test_refs_are_defaults_of_parts() -> None:
    def attention(*, norm: Make[Norm] = ref("rmsnorm", eps=1e-6)) -> None: ...

    option = read_signature(attention).options["norm"]
    assert (option.default.name, option.default.options) == ("rmsnorm", {"eps": 1e-6})
