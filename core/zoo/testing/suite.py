"""Run the conformance suite of a kind on a component."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from zoo.catalog.component import Component, ComponentError, find_component
from zoo.catalog.entries import Registrar, Registry
from zoo.catalog.plugins import registry
from zoo.contracts.kinds import KINDS
from zoo.errors import PluginError, ZooError, did_you_mean
from zoo.recipe.dry_run import unchanged_randomness

Property = Callable[[Component], Iterator[str]]
"""Yields what speaks against a component; its docstring says what is asked."""

NO_COMPONENTS = (Path(torch.__file__).resolve().parent, Path(__file__).resolve().parents[1])
"""Folders of torch and of core."""

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


def check(kind: str, factory: Callable[..., Any] | str, /, **options: Any) -> None:
    """Checks a component against everything that the core relies on in its kind.

    ``factory`` is what a plug-in registers, or the name under which one did. ``options`` are its
    own, as a recipe would set them. Runs on the CPU, in a second or so, and
    leaves the generators of random numbers as they were.

    Raises:
        ConformanceError: everything that was found; an exception of the component is its cause.
        ZooError: no such kind or name, options that the component doesn't have or refuses.
    """
    name = factory if isinstance(factory, str) else getattr(factory, "__name__", repr(factory))
    suite = suite_of(kind)
    try:
        component = component_of(kind, factory, options)
    except PluginError as error:
        raise ConformanceError(kind, name, {SIGNATURE: str(error)}) from error
    broken: dict[str, str] = {}
    cause: Exception | None = None
    for number, holds in enumerate(suite):
        seen, raised = first_complaint(holds, component)
        refused = isinstance(raised, ComponentError) and type(raised.__cause__) is ValueError
        if refused and options:
            given = ", ".join(f"{option}={value!r}" for option, value in options.items())
            raise ZooError(f"{kind} {name} refuses {given}: {raised}") from raised
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


def component_of(
    kind: str, factory: Callable[..., Any] | str, options: Mapping[str, Any]
) -> Component:
    """The component as a recipe would resolve it."""
    if isinstance(factory, str):
        return find_component(registry(), kind, factory, options)
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
            if isinstance(error, ComponentError):
                return f"can't be made: {said}{place(error.__cause__ or error)}", error
            return f"raised {type(error).__name__}: {said}{place(error)}", error


def place(error: BaseException) -> str:
    """Where an exception came up: the innermost line of code that is neither torch's nor core's."""
    found = ""
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename).resolve()
        if not any(path.is_relative_to(folder) for folder in NO_COMPONENTS):
            found = f", at {shown(path)}:{frame.lineno}"
    return found


def shown(path: Path) -> str:
    """A file as seen from the working directory, if it is there."""
    here = Path.cwd().resolve()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
