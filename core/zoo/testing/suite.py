"""Run the conformance suite of a kind on a component."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import torch

from zoo.catalog.component import Component, find_component
from zoo.catalog.entries import Registrar, Registry
from zoo.catalog.plugins import registry
from zoo.contracts.kinds import KINDS
from zoo.errors import PluginError, ZooError, did_you_mean
from zoo.recipe.dry_run import unchanged_randomness

Property = Callable[[Component], Iterator[str]]
"""Yields what speaks against a component; its docstring says what is asked."""

SIGNATURE = "signature"
SIGNATURE_ASKS = "Positional parameters are those that a host gives, options are keyword-only."


class ConformanceError(AssertionError):
    """What a component breaks: ``broken`` maps each property to what was seen."""

    def __init__(self, kind: str, name: str, broken: Mapping[str, str]) -> None:
        self.broken = dict(broken)
        asked = properties(kind)
        lines = [f"  {which}: {seen} (asked: {asked[which]})" for which, seen in broken.items()]
        count = f"{len(lines)} of {len(asked)} properties" if len(lines) > 1 else "a property"
        super().__init__("\n".join([f"{kind} {name} breaks {count} that zoo relies on:", *lines]))


def check(kind: str, factory: Callable[..., Any], /, **options: Any) -> None:
    """Checks a component against everything that the core relies on in its kind.

    ``options`` are its own, as a recipe would set them. Runs on the CPU, in a second or so, and
    leaves the generators of random numbers as they were.

    Raises:
        ConformanceError: everything that was found; an exception of the component is its cause.
        ZooError: no such kind, or options that the component doesn't have.
    """
    name = getattr(factory, "__name__", repr(factory))
    suite = suite_of(kind)
    try:
        component = component_of(kind, factory, options)
    except PluginError as error:
        raise ConformanceError(kind, name, {SIGNATURE: str(error)}) from error
    broken: dict[str, str] = {}
    cause: Exception | None = None
    for number, holds in enumerate(suite):
        seen, raised = first_complaint(holds, component)
        if seen is not None:
            broken[name_of(holds)] = seen
            cause = cause or raised
            if number == 0:
                break
    if broken:
        raise ConformanceError(kind, name, broken) from cause


def properties(kind: str) -> dict[str, str]:
    """The properties that ``check`` looks at, and what each asks, in their order.

    >>> properties("scheduler")["pure"]
    'The multiplier is a function of the step alone, in whatever order it is asked.'

    Raises:
        ZooError: no such kind.
    """
    asked = {name_of(holds): inspect.getdoc(holds) or "" for holds in suite_of(kind)}
    return {SIGNATURE: SIGNATURE_ASKS, **asked}


def suite_of(kind: str) -> Sequence[Property]:
    """The properties of a kind; the others mean nothing where the first is broken."""
    if kind not in KINDS:
        raise ZooError(f"no kind {kind!r}{did_you_mean(kind, KINDS)}")
    suite: Sequence[Property] = import_module(f"zoo.testing.{KINDS[kind].suite}").PROPERTIES
    return suite


def name_of(holds: Property) -> str:
    return str(holds.__name__)


def component_of(kind: str, factory: Callable[..., Any], options: Mapping[str, Any]) -> Component:
    """The component as a recipe would resolve it."""
    mine = Registrar("under-test", "")
    mine.add(kind, "under-test", factory)
    everything = Registry()
    everything.add([*registry().entries(), *mine.entries])
    return find_component(everything, kind, "under-test", options)


def first_complaint(holds: Property, component: Component) -> tuple[str | None, Exception | None]:
    """The first thing that speaks against it, an exception included, which is handed back too."""
    with unchanged_randomness(), torch.enable_grad():
        torch.manual_seed(0)
        try:
            return next(holds(component), None), None
        except Exception as error:
            said = " ".join(str(error).split())
            return f"raised {type(error).__name__}: {said}", error
