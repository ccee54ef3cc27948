"""Who offers which component under which name."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo.contracts import (
    KINDS,
    Activation,
    Attention,
    Corpus,
    FeedForward,
    Loss,
    Norm,
    Observer,
    Optimizer,
    Position,
    Sampler,
    Scheduler,
    Tokenizer,
)
from zoo.errors import PluginError, ZooError, did_you_mean
from zoo.signature import Option, read_signature

if TYPE_CHECKING:
    from typing import TypeAlias, TypeVar

    T = TypeVar("T")
    Factory: TypeAlias = Callable[..., T]

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")

RESERVED = ("name", "times")
"""What a recipe's table says of the component itself, so that no option can be called so."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A component on offer.

    Attributes:
        kind, name: what it is and what recipes call it.
        factory: makes it; mostly a class.
        owner, version: the plug-in that offers it: a distribution, or a local file.
        offered: the positional arguments that its host has, in order.
        given: those of them that the factory takes.
        options: its keyword-only parameters.
        aliases: what else may stand for the owner in ``"owner:name"``.
    """

    kind: str
    name: str
    factory: Callable[..., Any] = field(repr=False)
    owner: str
    version: str
    offered: tuple[str, ...]
    given: tuple[str, ...]
    options: Mapping[str, Option] = field(repr=False)
    aliases: tuple[str, ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        return (self.owner, *self.aliases)

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
    owner: str,
    version: str,
    *,
    offered: tuple[str, ...],
    aliases: tuple[str, ...] = (),
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
    return Entry(
        kind, name, factory, owner, version, offered, signature.given, signature.options, aliases
    )


@dataclass
class Registrar:
    """Takes what one plug-in offers: ``registry.norm("rmsnorm", RMSNorm)``.

    The plug-in host hands one to ``zoo_register``, and takes over the entries if all went well.
    A test can make its own::

        mine = Registrar("mine", "0")
        mine.norm("dyt", DyT)
        registry.add(mine.entries)
    """

    owner: str
    version: str
    aliases: tuple[str, ...] = ()
    entries: list[Entry] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Registrar of {self.owner!r}, {len(self.entries)} components>"

    def add(self, kind: str, name: str, factory: Factory[Any]) -> None:
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
        self.entries.append(
            read_entry(
                kind,
                name,
                factory,
                self.owner,
                self.version,
                offered=KINDS[kind].given,
                aliases=self.aliases,
            )
        )

    def norm(self, name: str, factory: Factory[Norm]) -> None:
        self.add("norm", name, factory)

    def activation(self, name: str, factory: Factory[Activation]) -> None:
        self.add("activation", name, factory)

    def position(self, name: str, factory: Factory[Position]) -> None:
        self.add("position", name, factory)

    def attention(self, name: str, factory: Factory[Attention]) -> None:
        self.add("attention", name, factory)

    def feedforward(self, name: str, factory: Factory[FeedForward]) -> None:
        self.add("feedforward", name, factory)

    def loss(self, name: str, factory: Factory[Loss]) -> None:
        self.add("loss", name, factory)

    def optimizer(self, name: str, factory: Factory[Optimizer | list[Any]]) -> None:
        self.add("optimizer", name, factory)

    def scheduler(self, name: str, factory: Factory[Scheduler]) -> None:
        self.add("scheduler", name, factory)

    def tokenizer(self, name: str, factory: Factory[Tokenizer]) -> None:
        self.add("tokenizer", name, factory)

    def corpus(self, name: str, factory: Factory[Corpus]) -> None:
        self.add("corpus", name, factory)

    def sampler(self, name: str, factory: Factory[Sampler]) -> None:
        self.add("sampler", name, factory)

    def observer(self, name: str, factory: Factory[Observer]) -> None:
        self.add("observer", name, factory)

    if not TYPE_CHECKING:

        def __getattr__(self, kind: str) -> Any:
            raise AttributeError(f"no kind {kind!r}{did_you_mean(kind, KINDS)}")


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
        self.failures: list[Failure] = []
        self.files: list[str] = []
        """Local files that were loaded as plug-ins, as they were named."""

    def __repr__(self) -> str:
        return f"<Registry of {len(self.entries())} components>"

    def add(self, entries: Iterable[Entry]) -> None:
        """Takes over what a plug-in offers."""
        for entry in entries:
            self._offers[entry.kind].setdefault(entry.name, []).append(entry)

    def entries(self, kind: str | None = None) -> list[Entry]:
        """What is on offer, of one kind or of all, in the order of kinds and names.

        Raises:
            ZooError: no such kind.
        """
        if kind is None:
            return [entry for kind in KINDS for entry in self.entries(kind)]
        by_name = self._of_kind(kind)
        return [entry for name in sorted(by_name) for entry in by_name[name]]

    def find(self, kind: str, ref: str, prefer: str | None = None) -> Entry:
        """The component that ``"name"`` or ``"owner:name"`` stands for.

        Where several plug-ins offer a bare name, that of the owner ``prefer`` is taken, if given.

        Raises:
            ZooError: no such kind or component, or several of that name.
        """
        by_name = self._of_kind(kind)
        owner, colon, name = ref.rpartition(":")
        found = [e for e in by_name.get(name, []) if not colon or owner in e.owners]
        if len(found) > 1 and prefer is not None:
            found = [entry for entry in found if prefer in entry.owners] or found
        if len(found) == 1:
            return found[0]
        if found:
            choices = " or ".join(f'"{self.spelling(entry)}"' for entry in found)
            raise ZooError(f"several plug-ins offer a {kind} named {ref!r}: write {choices}")
        known = [self.spelling(entry) for entry in self.entries(kind)]
        failures = "".join(f"; {failure}" for failure in self.failures)
        raise ZooError(f"no {kind} named {ref!r}{did_you_mean(ref, known)}{failures}")

    def spelling(self, entry: Entry) -> str:
        """What a recipe writes for an entry: its name, with the owner only where it must."""
        rivals = [e for e in self._offers[entry.kind].get(entry.name, []) if e is not entry]
        if not rivals:
            return entry.name
        taken = {owner for rival in rivals for owner in rival.owners}
        owner = next((owner for owner in entry.owners if owner not in taken), entry.owner)
        return f"{owner}:{entry.name}"

    def _of_kind(self, kind: str) -> dict[str, list[Entry]]:
        if kind not in self._offers:
            raise ZooError(f"no kind {kind!r}{did_you_mean(kind, KINDS)}")
        return self._offers[kind]
