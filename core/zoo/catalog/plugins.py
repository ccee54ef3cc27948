"""Load plug-ins, each isolated, so that a broken one affects no other.

A plug-in is a module (or any object) with a hook::

    @zoo.hookimpl
    def zoo_register(registry):
        registry.norm("dyt", DyT)

and a distribution announces it: ``[project.entry-points.zoo]``, ``dyt = "zoo_dyt"``. The built-in
components arrive in the same way.
"""

from __future__ import annotations

import functools
import gc
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from zoo.catalog.entries import Failure, Plugin, Registrar, Registry
from zoo.catalog.sources import digest, digest_of_file, digests_of_module
from zoo.console.shell import quoted
from zoo.errors import PluginError, ZooError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "zoo"
BUILTIN = "zoo-lm"
HOUSE = ("zoo", BUILTIN)
"""What recipes call zoo itself, where they say whose component they mean."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class Hooks:
    """What a plug-in can implement."""

    @hookspec
    def zoo_register(self, registry: Registrar) -> None:
        """Offers components, by a method a kind: ``registry.norm("dyt", DyT)``."""

    @hookspec
    def zoo_commands(self, commands: Any) -> None:
        """Adds commands to ``zoo``, from the group ``zoo.commands``: see ``zoo.cli.commands``."""

    @hookspec
    def zoo_before_training(self, recipe: Any) -> None:
        """Hears of a run on the first process, before anything is prepared; it may warn."""


@functools.cache
def registry() -> Registry:
    """The registry of this process: everything installed, loaded on the first call."""
    with long_lived():
        return load_installed()


@contextmanager
def long_lived() -> Iterator[None]:
    """What is made inside isn't searched for garbage, then or later: it lives to the end.

    Importing torch makes a million objects, which takes a third longer while they are searched
    again and again, and once more at exit.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def load_plugins(files: Sequence[str | Path] = ()) -> Registry:
    """The registry of this process, with the plug-ins of local files as well.

    Raises:
        ZooError: a file that isn't there or doesn't load.
    """
    for file in files:
        load_file(registry(), Path(file))
    return registry()


def load_plugin(path: str | Path) -> None:
    """Loads the components of a Python file, as ``--plugin`` does.

    Raises:
        ZooError: it isn't there or doesn't load, or has changed since it was loaded.
    """
    load_plugins([path])


def plugin_flags() -> str:
    """What a command must be given to load the same local files as this one, if any."""
    return "".join(f" --plugin {quoted(file)}" for file in registry().files)


def load_installed() -> Registry:
    """A registry of what the installed distributions offer.

    ``ZOO_PLUGINS=a,b`` restricts it to these entry points or distributions; the built-in ones
    always load. What can't be loaded is remembered in ``failures``.
    """
    loaded = Registry()
    found = announced(GROUP)
    chosen = os.environ.get("ZOO_PLUGINS")
    wanted = {name.strip() for name in chosen.split(",")} - {""} if chosen is not None else None
    for point in found:
        names = {point.name, distribution(point)[0]}
        if wanted is None or is_builtin(point) or names & wanted:
            load_entry_point(loaded, point)
        if wanted is not None:
            wanted -= names
    for name in sorted(wanted or ()):
        installed = ", ".join(point.name for point in found)
        reason = f"ZOO_PLUGINS names it, but it is not installed (installed: {installed})"
        loaded.failures.append(Failure(name, "", name, reason))
    return loaded


def announced(group: str) -> list[EntryPoint]:
    """The entry points of a group, zoo's own first."""
    from importlib.metadata import entry_points  # slow to import

    return sorted(entry_points(group=group), key=lambda point: (not is_builtin(point), point.name))


def is_builtin(point: EntryPoint) -> bool:
    return distribution(point)[0] == BUILTIN


def distribution(point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that announces an entry point."""
    try:
        assert point.dist is not None
        return point.dist.name or point.name, point.dist.version or ""
    except Exception:  # metadata is whatever somebody left on the path
        return point.name, ""


def load_entry_point(registry: Registry, point: EntryPoint) -> None:
    """Adds what a plug-in offers: all of it, or nothing and a failure."""
    owner, version = distribution(point)
    aliases: tuple[str, ...] = (point.name,)
    if builtin := is_builtin(point):
        owner, aliases = HOUSE[0], (BUILTIN, point.name)
    module = point.value.partition(":")[0].partition(".")[0].strip()
    registrar = Registrar(owner, version, aliases, module=module, builtin=builtin)
    try:
        if owner in HOUSE and not builtin:
            raise PluginError(f"{owner!r} is zoo's own name: give the distribution another")
        register(point.load, registrar)
    except PluginError as error:
        registry.failures.append(failure_of(point, error))
    else:
        registry.add(registrar.entries)
        registry.hooks.append((registrar.plugin, registrar.hooks))


def failure_of(point: EntryPoint, error: PluginError) -> Failure:
    return Failure(*distribution(point), point.name, str(error))


def tell_before_training(registry: Registry, recipe: Any) -> None:
    """Call the plug-ins' ``zoo_before_training``; one that fails is reported and skipped."""
    for plugin, hooks in registry.hooks:
        try:
            with blaming_the_plugin():
                hooks.zoo_before_training(recipe=recipe)
        except PluginError as error:
            warnings.warn(f"plug-in {plugin}: zoo_before_training failed: {error}", stacklevel=2)


def load_file(registry: Registry, path: Path) -> None:
    """Adds what a Python file offers; its owner is the file's stem.

    A file of the same content as one that was loaded is the same plug-in, whatever its name. A file
    takes the place of the installed plug-in that was made of it, which is said.

    Raises:
        ZooError: a file that isn't there, doesn't load or has changed since it was, or that is
            called as zoo itself is.
    """
    if not path.is_file():
        raise ZooError(f"{path}: no such file")
    full_path, version = path.resolve().as_posix(), digest_of_file(path)
    file = Registrar(path.stem, version, (full_path,))
    replaced = []
    for plugin in registry.plugins:
        if plugin.builtin and path.stem in plugin.owners:
            raise ZooError(f"{path}: {path.stem!r} stands for zoo itself: rename the file")
        if full_path in plugin.aliases and plugin.version != version:
            raise ZooError(f"{path} has changed since it was loaded: start Python again")
        if not plugin.module and plugin.version == version:
            if registry.plugin(path.stem) is None:
                registry.let_stand_in(path.stem, plugin)
            return
        if is_installed_as(plugin, file.plugin):
            replaced.append(plugin)
    try:
        register(lambda: import_file(f"zoo_file_{digest(full_path.encode())}", path), file)
    except PluginError as error:
        raise ZooError(f"{path}: this plug-in could not be loaded: {error}") from error
    for plugin in replaced:
        registry.remove(plugin)
        for owner in plugin.owners:
            registry.let_stand_in(owner, file.plugin)
        warnings.warn(f"{path} takes the place of {plugin}, which is installed", stacklevel=2)
    registry.add(file.entries)
    registry.hooks.append((file.plugin, file.hooks))
    registry.files.append(str(path))


def is_installed_as(plugin: Plugin, file: Plugin) -> bool:
    """Whether a file is what an installed plug-in was made of: by name, or by content."""
    if plugin.builtin or not plugin.module:
        return False
    names = {name.replace("-", "_") for name in (plugin.owner, plugin.module)}
    return file.owner.replace("-", "_") in names or file.version in digests_of_module(plugin.module)


def import_file(name: str, path: Path) -> Any:
    """Imports a file as a module of that name."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("no Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def register(load: Callable[[], Any], registrar: Registrar) -> None:
    """Imports a plug-in and lets it offer its components to the registrar.

    Raises:
        PluginError: whatever went wrong, a ``SystemExit`` included; only Ctrl-C goes through.
    """
    with blaming_the_plugin():
        registrar.hooks = hooks_of(load())
        registrar.hooks.zoo_register(registry=registrar)


def hooks_of(plugin: Any) -> Any:
    """What a plug-in implements, to be called: ``hooks_of(plugin).zoo_register(registry=…)``.

    By a plug-in manager of its own, which keeps it from disturbing the others.

    Raises:
        PluginError: it implements nothing.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    manager.register(plugin)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise PluginError(
            "it implements no hook: write `@zoo.hookimpl` above `def zoo_register(registry)`"
        )
    return manager.hook


@contextmanager
def blaming_the_plugin() -> Iterator[None]:
    """Inside, whatever goes wrong is a PluginError, a ``SystemExit`` too; only Ctrl-C is not."""
    try:
        yield
    except (KeyboardInterrupt, PluginError):
        raise
    except BaseException as error:
        raise PluginError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error
