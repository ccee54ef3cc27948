"""From the annotation of an option to its schema."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from zoo.catalog.schema import (
    Choice,
    Either,
    FilePath,
    ListOf,
    Nothing,
    Part,
    PerLayer,
    Scalar,
    Schema,
    TableOf,
    TupleOf,
)
from zoo.contracts import AnyFloat, Make
from zoo.contracts.kinds import KIND_OF_CONTRACT
from zoo.contracts.options import PerLayerMark
from zoo.errors import PluginError

SUPPORTED = (
    "bool, int, float, str, Path, Literal[…], list[…], tuple[…], dict[str, …], … | None, "
    "Make[…], PerLayer[…]"
)


def schema_of(annotation: Any) -> Schema:
    """The schema that an option's annotation asks for.

    >>> schema_of(list[float] | None).describe()
    'list of float, or "none"'

    Raises:
        TypeError: an annotation that no value of a recipe could be checked against.
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return Nothing()
    if annotation in (bool, int, float, str):
        return Scalar(annotation)
    if annotation is Path:
        return FilePath()
    if origin is Literal:
        return Choice(args)
    if origin is Make:
        if args[0] not in KIND_OF_CONTRACT:
            raise TypeError(f"of type {annotation}, which is no kind")
        return Part(KIND_OF_CONTRACT[args[0]])
    if origin is Annotated:
        if PerLayerMark in args[1:]:
            lists = next(m for m in get_args(args[0]) if get_origin(m) is Sequence)
            return PerLayer(schema_of(get_args(lists)[0]))
        return Scalar(float, finite=False) if annotation == AnyFloat else schema_of(args[0])
    if origin in (Union, types.UnionType):
        return Either(tuple(map(schema_of, args)))
    if origin in (list, Sequence):
        return ListOf(schema_of(args[0]))
    if origin is tuple:
        if args[1:] == (...,):
            return ListOf(schema_of(args[0]), tuple)
        return TupleOf(tuple(map(schema_of, args)))
    if origin in (dict, Mapping) and args[0] is str:
        return TableOf(schema_of(args[1]))
    raise TypeError(f"of type {annotation}, which is not supported: use {SUPPORTED}")


def resolve_annotation(name: str, annotation: Any, namespace: dict[str, Any]) -> Any:
    """An annotation as an object, where ``from __future__ import annotations`` left a string."""

    def bearer() -> None: ...

    bearer.__annotations__ = {name: annotation}
    try:
        return get_type_hints(bearer, globalns=namespace, include_extras=True)[name]
    except NameError as error:
        raise PluginError(
            f"has an option {name!r} of type {annotation}, but {error}: "
            "import what an option's type names outside of TYPE_CHECKING"
        ) from error
    except (TypeError, SyntaxError, AttributeError) as error:
        raise PluginError(f"has an option {name!r} of type {annotation}: {error}") from error
