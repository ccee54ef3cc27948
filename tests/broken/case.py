"""What is told of a component that breaks something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Case(NamedTuple):
    """A component, the property it breaks, a part of what is seen, and what breaks with it."""

    kind: str
    factory: Callable[..., Any]
    breaks: str
    seen: str
    also: tuple[str, ...] = ()
    options: dict[str, Any] = {}  # noqa: RUF012
