"""A component named in a recipe: resolved, with validated options, ready to be made."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zoo.catalog.entries import Entry, Registry
from zoo.catalog.schema import At, dotted, show
from zoo.catalog.signature import Option
from zoo.contracts import Ref
from zoo.contracts.kinds import KINDS
from zoo.errors import Problem, RecipeError, ZooError, did_you_mean
from zoo.storage.paths import expanded

DEEPEST = 32
"""How far components may nest: one whose default is itself would never end."""


_noted: ContextVar[list[tuple[Component, Any]] | None] = ContextVar("noted", default=None)


@contextmanager
def noting_made() -> Iterator[list[tuple[Component, Any]]]:
    """Inside, every component that is made is noted with what was made, parts before the whole."""
    noted: list[tuple[Component, Any]] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


class ComponentError(ZooError, ValueError):
    """A component's constructor refused its options; ``at`` is its place in the recipe."""

    def __init__(self, at: At, message: str) -> None:
        self.at = at
        self.reason = message
        super().__init__(f"{dotted(at)}: {message}" if at else message)


@dataclass(frozen=True)
class Component:
    """A component by entry and options; calling it makes one.

    Two are equal if they make the same, wherever in the recipe they stand.

    Attributes:
        entry: what it is.
        options: a value for every option, defaults filled in.
        name: what a recipe calls it.
        at: where it stands in the recipe.
        context: host arguments known already.
    """

    entry: Entry
    options: Mapping[str, Any]
    name: str = field(compare=False)
    at: At = field(default=(), compare=False)
    context: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def path(self) -> str:
        """The component's place in the recipe, as messages write it."""
        return dotted(self.at)

    def within(self, **context: Any) -> Component:
        """The same component, knowing these host arguments, which its parts inherit."""
        return replace(self, context={**self.context, **context})

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Makes one from the positional arguments of its kind, of which it takes what it needs.

        Raises:
            ComponentError: the constructor raised, or what it made lacks what its kind declares.
        """
        offered = self.entry.offered
        if len(given) > len(offered) or not named.keys() <= set(offered):
            raise TypeError(
                f"{self.entry.kind} {self.name!r} is given {', '.join(offered) or 'nothing'}"
            )
        host = {**self.context, **dict(zip(offered, given, strict=False)), **named}
        # A shorter call leaves the constructor's own defaults and complaints in place.
        taken = {name: host[name] for name in self.entry.given if name in host}
        options = {name: _in_context(value, host) for name, value in self.options.items()}
        try:
            made = self.entry.factory(**taken, **options)
        except ComponentError:
            raise
        except Exception as error:
            raise ComponentError(self.at, reason(error)) from error
        for name in KINDS[self.entry.kind].declares if self.entry.kind in KINDS else ():
            if not hasattr(made, name):
                raise ComponentError(self.at, f"{self.entry.kind} {self.name!r} has no {name!r}")
        if (noted := _noted.get()) is not None:
            noted.append((self, made))
        return made

    def resolved(self) -> dict[str, Any]:
        """The table that a recipe would write, with the owner and every option.

        With the owner, so that it means the same when another plug-in takes the name.
        """
        name = self.name if ":" in self.name else f"{self.entry.owner}:{self.entry.name}"
        return {"name": name, **as_toml(self.options)}

    def __repr__(self) -> str:
        options = "".join(f", {name}={in_short(value)}" for name, value in self.options.items())
        return f"<{self.entry.kind} {self.name!r}{options}>"


def in_short(value: Any) -> str:
    """An option's value for people: of a component the name alone."""
    if isinstance(value, Component):
        return repr(value.name)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(in_short, value))}]"
    return repr(value)


def reason(error: Exception) -> str:
    """Format an exception in one line; name its type unless it is a plain refusal."""
    first = (str(error).splitlines() or [""])[0]
    return first if type(error) in (ValueError, TypeError) else f"{type(error).__name__}: {first}"


def _in_context(value: Any, host: Mapping[str, Any]) -> Any:
    """An option's value to hand over: parts know their host, lists are the component's own."""
    if isinstance(value, Component):
        return value.within(**host)
    if isinstance(value, (list, tuple)):
        return type(value)(_in_context(item, host) for item in value)
    if isinstance(value, dict):
        return {key: _in_context(item, host) for key, item in value.items()}
    return value


def as_toml(value: Any) -> Any:
    """A checked value in the form in which a recipe can write it."""
    if value is None:
        return "none"
    if isinstance(value, Component):
        return value.resolved()
    if isinstance(value, Mapping):
        return {key: as_toml(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_toml(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def components_in(value: Any) -> list[Component]:
    """All components in a value, parts of parts included."""
    if isinstance(value, Component):
        return [value, *components_in(value.options)]
    if isinstance(value, Mapping):
        return [found for item in value.values() for found in components_in(item)]
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in components_in(item)]
    return []


class Resolver:
    """Turns what a recipe says into components and checked values.

    Args:
        registry: where names are looked up.
        refuse: told the place and the reason of everything that is wrong.
        folder: what a relative path at a place is relative to.
    """

    def __init__(
        self,
        registry: Registry,
        refuse: Callable[[At, str], None],
        folder: Callable[[At], Path | None] = lambda at: None,
    ) -> None:
        self.registry = registry
        self.refuse = refuse
        self.folder = folder

    def component(self, kind: str, value: Any, at: At) -> Any:
        """Resolve a name, a table or a Ref to a component; None if it was refused."""
        if isinstance(value, Component) or not isinstance(value, (str, Mapping, Ref)):
            return value  # from Python: made to measure, or a class
        default = isinstance(value, Ref)
        if isinstance(value, Ref):
            value = {"name": value.name, **value.options}
        table = {"name": value} if isinstance(value, str) else dict(value)
        name = table.pop("name", None)
        if not isinstance(name, str):
            wrong = "needs a name" if name is None else f"expected a name, got {show(name)}"
            self.refuse(at, f'{wrong}: write name = "…"')
            return None
        if "times" in table:
            self.refuse((*at, "times"), "belongs into a list over the layers")
            del table["times"]
        if len(at) > DEEPEST:
            self.refuse(at, f"components nested more than {DEEPEST} deep; is one its own part?")
            return None
        try:
            entry = self.registry.find(kind, name)
        except ZooError as error:
            if name == "none" and table:
                wrong = f"the {kind} is none and has no options: give it a name{self.known(kind)}"
                self.refuse((*at, next(iter(table))), wrong)
            else:
                self.refuse((*at, "name") if isinstance(value, Mapping) else at, str(error))
            return None
        if ":" not in name and not default:
            self.tell_of_rivals(entry, at)
        options = self.options(entry.options, table, at, f"{kind} {name!r}")
        return Component(entry, options, self.registry.spelling(entry), at)

    def tell_of_rivals(self, entry: Entry, at: At) -> None:
        """Warns where a bare name that means zoo's component is that of a ``--plugin`` file too.

        Whoever names a file probably means its component. What is installed beside zoo is met by
        every recipe: `zoo list` tells of it.
        """
        rivals = [rival for rival in self.registry.rivals(entry) if not rival.plugin.module]
        others = " or ".join(f'"{self.registry.spelling(rival)}"' for rival in rivals)
        if others:
            told = f"{entry.kind} {entry.name!r} is zoo's own; write {others} for the other one"
            warnings.warn(f"{dotted(at)}: {told}" if at else told, stacklevel=2)

    def options(
        self, options: Mapping[str, Option], table: Mapping[str, Any], at: At, whose: str
    ) -> dict[str, Any]:
        """A value for every option, from a table and from the defaults."""
        for key in table:
            if key not in options:
                self.refuse((*at, key), f"{whose} has no such option{did_you_mean(key, options)}")
        values = {}
        for name, option in options.items():
            if name in table:
                value = completed(table[name], option.default)
            elif option.required:
                self.refuse(at, f"{name} is missing: {whose} needs it ({option.type})")
                continue
            else:
                value = option.default
            values[name] = option.schema.convert(value, (*at, name), self)
        return values

    def known(self, kind: str) -> str:
        """The tail of a message: the components of that kind."""
        names = map(self.registry.spelling, self.registry.entries(kind))
        return f" (known: {', '.join(names) or 'none'})"

    def path(self, value: str | Path, at: At) -> Path:
        """A path as its author meant it: relative to the file that says so."""
        try:
            path, folder = expanded(value), self.folder(at)
        except ZooError as error:
            self.refuse(at, str(error))
            return Path(value)
        return path if folder is None else (folder / path).absolute()


def completed(value: Any, default: Any) -> Any:
    """A table without a name changes options of the default component."""
    if isinstance(value, Mapping) and "name" not in value and isinstance(default, Ref):
        return {"name": default.name, **default.options, **value}
    return value


def find_component(
    registry: Registry, kind: str, name: str, options: Mapping[str, Any]
) -> Component:
    """The component of that name with these options, as Python code asks for it.

    Raises:
        ZooError: no such component.
        RecipeError: everything that is wrong with the options.
    """
    entry = registry.find(kind, name)
    problems: list[Problem] = []
    resolver = Resolver(registry, lambda at, message: problems.append(Problem(message, dotted(at))))
    if ":" not in name:
        resolver.tell_of_rivals(entry, ())
    values = resolver.options(entry.options, options, (), f"{kind} {name!r}")
    if problems:
        raise RecipeError(problems)
    return Component(entry, values, registry.spelling(entry))
