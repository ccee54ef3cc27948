"""Annotations for the options of components, besides plain types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Make(Protocol[T_co]):
    """Annotates an option that is itself a component: ``qk_norm: Make[Norm] | None = None``.

    The recipe writes a name or a table; the component receives a callable that takes the
    positional arguments of that kind (``qk_norm(head_dim)``). Without a recipe, pass the class.
    """

    def __call__(self, *given: Any, **more: Any) -> T_co: ...


class PerLayerMark:
    """Marks an option that may be a list, tiled over the layers."""


PerLayer = Annotated[T | Sequence[T], PerLayerMark]
"""Annotates an option that a recipe may give as one value or as a list tiled over the layers."""


def per_layer(value: T | Sequence[T], n_layers: int) -> list[T]:
    """One value a layer: a list is repeated until every layer has one.

    Raises ValueError if the list is longer than the model is deep, since its end would be unused.

    >>> per_layer(["sliding", "full"], 4)
    ['sliding', 'full', 'sliding', 'full']
    """
    values: list[T] = list(value) if isinstance(value, (list, tuple)) else [value]  # type: ignore[list-item]
    if not values or len(values) > n_layers:
        raise ValueError(f"a list of {len(values)} entries for {n_layers} layers")
    return [values[layer % len(values)] for layer in range(n_layers)]


@dataclass(frozen=True)
class Ref:
    """A component by name, with some of its options: what a recipe's string or table says."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


def ref(name: str, **options: Any) -> Any:
    """A default for an option of type ``Make[…]``: ``rest: Make[Optimizer] = ref("adamw")``."""
    return Ref(name, options)


class NonFinite:
    """Marks a float that may be infinite or not a number."""


AnyFloat = Annotated[float, NonFinite]
"""Annotates an option that may be ``inf`` or ``nan``, which a plain float may not."""
