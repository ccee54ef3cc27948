"""The registry: which owner offers which component under which name."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from zoo.catalog.signature import Option, read_signature
from zoo.catalog.sources import digest_of_module
from zoo.contracts.kinds import KINDS
from zoo.errors import PluginError, ZooError, did_you_mean

Factory: TypeAlias = Callable[..., Any]
"""What makes a component: a class, mostly."""

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")

RESERVED = ("name", "times")
"""What a recipe's table says of the component itself, so that no option can be called so."""


@dataclass(frozen=True)
class Plugin:
    """Who offers components.

    Attributes:
        owner: the distribution's name, or a local file's without its ending.
        version: the distribution's, or the digest of a local file.
        aliases: what else may stand for the owner in ``"owner:name"``.
        module: the module or package that was installed; "" for a local file.
        builtin: whether it is zoo's own, whose components have the names that they take.
    """

    owner: str
    version: str
    aliases: tuple[str, ...] = ()
    module: str = ""
    builtin: bool = False

    @property
    def owners(self) -> tuple[str, ...]:
        return (self.owner, *self.aliases)

    @cached_property
    def code(self) -> str:
        """The digest of its source, "" where there is none to read or it is zoo's own."""
        if self.builtin:
            return ""
        return digest_of_module(self.module) if self.module else self.version

    def __str__(self) -> str:
        return f"{self.owner} {self.version}".strip()

    def __repr__(self) -> str:
        return f"<Plugin {str(self)!r}>"


@dataclass(frozen=True, eq=False)
class Entry:
    """A component on offer.

    Attributes:
        kind, name: what it is and what recipes call it.
        factory: makes it; mostly a class.
        plugin: who offers it.
        offered: the positional arguments that its host has, in order.
        given: those of them that the factory takes.
        options: its keyword-only parameters.
    """

    kind: str
    name: str
    factory: Callable[..., Any] = field(repr=False)
    plugin: Plugin
    offered: tuple[str, ...]
    given: tuple[str, ...]
    options: Mapping[str, Option] = field(repr=False)

    @property
    def owner(self) -> str:
        return self.plugin.owner

    @property
    def version(self) -> str:
        return self.plugin.version

    @property
    def doc(self) -> str:
        """The docstring."""
        return inspect.cleandoc(getattr(self._source, "__doc__", None) or "")

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.partition("\n")[0]

    @property
    def file(self) -> str | None:
        """The file that defines the factory, where there is one."""
        try:
            return inspect.getsourcefile(self._source)
        except TypeError:
            return None

    @property
    def line(self) -> int | None:
        try:
            return inspect.getsourcelines(self._source)[1]
        except (TypeError, OSError):
            return None

    @property
    def _source(self) -> Any:
        factory = self.factory
        while isinstance(factory, functools.partial):
            factory = factory.func
        return inspect.unwrap(factory)


def read_entry(
    kind: str,
    name: str,
    factory: Callable[..., Any],
    plugin: Plugin,
    *,
    offered: tuple[str, ...],
) -> Entry:
    """An entry whose factory's signature was read and found to fit its kind.

    Raises:
        PluginError: it doesn't fit.
    """
    try:
        signature = read_signature(factory)
        for parameter in signature.given:
            if parameter not in offered:
                raise PluginError(
                    f"takes {parameter!r}, but a host of this kind gives "
                    f"{', '.join(offered) or 'nothing'}; if it is an option, make it keyword-only"
                )
        for word in RESERVED:
            if word in signature.options:
                raise PluginError(f"has an option {word!r}, a word that recipes reserve: rename it")
    except PluginError as error:
        raise PluginError(f"{kind} {name!r} {error}") from None
    return Entry(kind, name, factory, plugin, offered, signature.given, signature.options)


class Registrar:
    """Takes what one plug-in offers: ``registry.norm("rmsnorm", RMSNorm)``.

    The plug-in host hands one to ``zoo_register``, and takes over the entries if all went well.
    A test can make its own::

        mine = Registrar("mine", "0")
        mine.norm("dyt", DyT)
        registry.add(mine.entries)
    """

    def __init__(
        self,
        owner: str,
        version: str,
        aliases: tuple[str, ...] = (),
        *,
        module: str = "",
        builtin: bool = False,
    ) -> None:
        self.plugin = Plugin(owner, version, aliases, module, builtin)
        self.entries: list[Entry] = []
        self.hooks: Any = None  # of the plug-in, once it is loaded

    def __repr__(self) -> str:
        return f"<Registrar of {self.plugin.owner!r}, {len(self.entries)} components>"

    def add(self, kind: str, name: str, factory: Factory) -> None:
        """Offers a component of any kind.

        Raises:
            PluginError: a kind that doesn't exist, a name that can't be written in a recipe or was
                offered before, or a factory whose parameters don't fit.
        """
        if kind not in KINDS:
            raise PluginError(f"no kind {kind!r}{did_you_mean(kind, KINDS)}")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise PluginError(
                f"{kind} {name!r}: a name is lower-case letters, digits, '_', '-' and '.'"
            )
        if any((entry.kind, entry.name) == (kind, name) for entry in self.entries):
            raise PluginError(f"{kind} {name!r} is offered twice")
        self.entries.append(read_entry(kind, name, factory, self.plugin, offered=KINDS[kind].given))

    def __getattr__(self, kind: str) -> Callable[[str, Factory], None]:
        """``registry.norm(name, factory)``, and so on for every kind, is ``add`` for that kind."""
        if kind not in KINDS:
            raise AttributeError(f"no kind {kind!r}{did_you_mean(kind, KINDS)}")
        return functools.partial(self.add, kind)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *KINDS]


@dataclass(frozen=True)
class Failure:
    """A plug-in that could not be loaded, and why."""

    owner: str
    version: str
    entry_point: str
    reason: str

    def __str__(self) -> str:
        name = f"{self.owner} {self.version}".strip()
        return f"plug-in {name} could not be loaded: {self.reason}"


class Registry:
    """All components on offer, and the plug-ins that failed to offer theirs."""

    def __init__(self) -> None:
        self._offers: dict[str, dict[str, list[Entry]]] = {kind: {} for kind in KINDS}
        self._stand_ins: dict[str, str] = {}
        self.failures: list[Failure] = []
        self.hooks: list[tuple[Plugin, Any]] = []
        """What each loaded plug-in implements, to be called."""
        self.files: list[str] = []
        """Local files that were loaded as plug-ins, as they were named."""

    def __repr__(self) -> str:
        return f"<Registry of {len(self.entries())} components>"

    def add(self, entries: Iterable[Entry]) -> None:
        """Takes over what a plug-in offers."""
        for entry in entries:
            self._offers[entry.kind].setdefault(entry.name, []).append(entry)

    def remove(self, plugin: Plugin) -> None:
        """Forgets what a plug-in offers."""
        for by_name in self._offers.values():
            for name, entries in list(by_name.items()):
                by_name[name] = [entry for entry in entries if entry.plugin != plugin]
                if not by_name[name]:
                    del by_name[name]
        self.hooks = [(each, hooks) for each, hooks in self.hooks if each != plugin]

    def let_stand_in(self, owner: str, plugin: Plugin) -> None:
        """From now on, ``"owner:name"`` is the plug-in's component of that name."""
        self._stand_ins[owner] = plugin.owner

    def copy(self) -> Registry:
        """A registry that offers the same, and of which more can be said."""
        other = Registry()
        other.add(self.entries())
        other._stand_ins = dict(self._stand_ins)
        other.failures, other.files = list(self.failures), list(self.files)
        other.hooks = list(self.hooks)
        return other

    @property
    def plugins(self) -> list[Plugin]:
        """Those that offer something, zoo's own first."""
        distinct = dict.fromkeys(entry.plugin for entry in self.entries())
        return sorted(distinct, key=lambda plugin: (not plugin.builtin, plugin.owner))

    def plugin(self, owner: str) -> Plugin | None:
        """The plug-in that ``"owner:…"`` means, or the first of them; None where there is none."""
        owner = self._stand_ins.get(owner, owner)
        return next((plugin for plugin in self.plugins if owner in plugin.owners), None)

    def names(self, plugin: Plugin) -> list[str]:
        """What a plug-in calls its components."""
        return [entry.name for entry in self.entries() if entry.plugin == plugin]

    def entries(self, kind: str | None = None) -> list[Entry]:
        """What is on offer, of one kind or of all, in the order of kinds and names.

        Raises:
            ZooError: no such kind.
        """
        if kind is None:
            return [entry for kind in KINDS for entry in self.entries(kind)]
        by_name = self._of_kind(kind)
        return [entry for name in sorted(by_name) for entry in by_name[name]]

    def find(self, kind: str, ref: str) -> Entry:
        """The component that ``"name"`` or ``"owner:name"`` stands for.

        A bare name that zoo itself offers means zoo's, whoever else takes it, so that a recipe
        means the same beside any plug-in.

        Raises:
            ZooError: no such kind or component, or several of that name.
        """
        found = self._meant(kind, ref)
        if len(found) == 1:
            return found[0]
        if found:
            choices = " or ".join(f'"{self.spelling(entry)}"' for entry in found)
            raise ZooError(f"several plug-ins offer a {kind} named {ref!r}: write {choices}")
        known = [self.spelling(entry) for entry in self.entries(kind)]
        failures = "".join(f"; {failure}" for failure in self.failures)
        raise ZooError(f"no {kind} named {ref!r}{did_you_mean(ref, known)}{failures}")

    def same(self, one: str, other: str) -> bool:
        """Whether two names stand for the same component, whatever its kind is.

        They do as "adamw" and "zoo:adamw": where both mean something, both mean the same.
        """
        if one == other or one.rpartition(":")[2] != other.rpartition(":")[2]:
            return one == other
        meant = [(self._meant(kind, one), self._meant(kind, other)) for kind in KINDS]
        agree = [first == second for first, second in meant if first and second]
        return bool(agree) and all(agree)

    def rivals(self, entry: Entry) -> list[Entry]:
        """The components of other plug-ins that have the same kind and name."""
        return [e for e in self._offers[entry.kind].get(entry.name, []) if e is not entry]

    def spelling(self, entry: Entry) -> str:
        """What a recipe writes for an entry: its name, with the owner only where it must."""
        rivals = self.rivals(entry)
        if not rivals or entry.plugin.builtin:
            return entry.name
        taken = {owner for rival in rivals for owner in rival.plugin.owners}
        owners = entry.plugin.owners
        return (
            f"{next((owner for owner in owners if owner not in taken), entry.owner)}:{entry.name}"
        )

    def _meant(self, kind: str, ref: str) -> list[Entry]:
        """What a name can stand for: several where it doesn't say whose, and none is zoo's."""
        owner, colon, name = ref.rpartition(":")
        owner = self._stand_ins.get(owner, owner)
        offers = self._of_kind(kind).get(name, [])
        found = [entry for entry in offers if not colon or owner in entry.plugin.owners]
        return [entry for entry in found if entry.plugin.builtin] or found

    def _of_kind(self, kind: str) -> dict[str, list[Entry]]:
        if kind not in self._offers:
            raise ZooError(f"no kind {kind!r}{did_you_mean(kind, KINDS)}")
        return self._offers[kind]
