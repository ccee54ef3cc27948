"""Read a component's host parameters and options from its signature.

Positional parameters come from the host, keyword-only ones are the options of a recipe: an option's
annotation says which values it takes, its default what it is if the recipe is silent.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.catalog.annotations import resolve_annotation, schema_of
from zoo.catalog.schema import At, Schema, dotted
from zoo.contracts import Ref
from zoo.errors import PluginError

REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter: what a recipe may set."""

    name: str
    schema: Schema
    default: Any = REQUIRED

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def type(self) -> str:
        """The annotation in words, as ``zoo describe`` shows it."""
        return self.schema.describe()


@dataclass(frozen=True)
class Signature:
    """What a factory takes: ``given`` by its host, by name, and ``options`` from the recipe."""

    given: tuple[str, ...]
    options: Mapping[str, Option]


def read_signature(factory: Callable[..., Any]) -> Signature:
    """The signature of a class or a function, with its annotations resolved and checked.

    Raises:
        PluginError: something that a recipe couldn't fill in.
    """
    given: list[str] = []
    options: dict[str, Option] = {}
    namespace = getattr(implementation(factory), "__globals__", {})
    for parameter in parameters(factory):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(
                f"takes {parameter}, which no recipe can fill in: name every option, keyword-only"
            )
        if parameter.kind is parameter.KEYWORD_ONLY:
            options[parameter.name] = read_option(parameter, namespace)
        else:
            given.append(parameter.name)
    return Signature(tuple(given), options)


def parameters(factory: Callable[..., Any]) -> list[inspect.Parameter]:
    if not callable(factory):
        raise PluginError(f"is {factory!r}: a class or a function is needed")
    if isinstance(factory, type) and not has_constructor(factory):
        return []
    try:
        return list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError) as error:
        raise PluginError(f"has no signature that can be read ({error})") from error


def has_constructor(cls: type) -> bool:
    """Whether a class, or one it derives from, defines parameters of its own.

    ``nn.Module`` and Protocols have a constructor that takes anything and stands for none.
    """
    if any("__new__" in vars(base) for base in cls.__mro__ if base is not object):
        return True
    owner = next(base for base in cls.__mro__ if "__init__" in vars(base))
    torch_nn = sys.modules.get("torch.nn")
    takes_anything = getattr(owner, "_is_protocol", False) or (
        torch_nn is not None and owner is torch_nn.Module
    )
    return owner is not object and not takes_anything


def implementation(factory: Callable[..., Any]) -> Callable[..., Any]:
    """The function that runs when a factory is called: its globals give annotations a meaning."""
    factory = inspect.unwrap(factory)
    if isinstance(factory, functools.partial):
        return implementation(factory.func)
    if isinstance(factory, type):
        constructor: Any = factory.__init__  # type: ignore[misc]
        if constructor is object.__init__:
            constructor = factory.__new__
        function: Callable[..., Any] = inspect.unwrap(constructor)
        return function
    if isinstance(factory, (types.FunctionType, types.MethodType)):
        return factory
    call: Callable[..., Any] = type(factory).__call__
    return call


def read_option(parameter: inspect.Parameter, namespace: dict[str, Any]) -> Option:
    name = parameter.name
    if parameter.annotation is REQUIRED:
        raise PluginError(f"has an option {name!r} without a type: annotate it")
    try:
        schema = schema_of(resolve_annotation(name, parameter.annotation, namespace))
    except TypeError as error:
        raise PluginError(f"has an option {name!r} {error}") from None
    if parameter.default is not REQUIRED:
        reader = _DefaultReader()
        schema.convert(parameter.default, (name,), reader)
        if reader.refused:
            raise PluginError(f"has a default that its type refuses: {'; '.join(reader.refused)}")
    return Option(name, schema, parameter.default)


class _DefaultReader:
    """Checks defaults when a plug-in is loaded, before the names in them can be looked up."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def refuse(self, at: At, message: str) -> None:
        self.refused.append(f"{dotted(at)}: {message}")

    def component(self, kind: str, value: Any, at: At) -> Any:
        if not isinstance(value, Ref):
            self.refuse(at, f'write a default {kind} as ref("name", option=…)')
        return value

    def known(self, kind: str) -> str:
        return ""

    def path(self, value: str | Path, at: At) -> Path:
        return Path(value)
