"""All that zoo overrides of what isn't its own: the environment, functions of other libraries.

Each stands here because the library offers no other way, says so, and is tested with the torch at
hand by ``tests/overrides``; nothing else in the project may. Whatever isn't said to stay is undone.

May import: nothing of zoo.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Inside, this process and those that it starts find these variables.

    For what torch reads nowhere else, and for what the processes that train together are told.
    """
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def environment_default(name: str, value: str) -> None:
    """From now on a variable has this value, unless the user has set it to another."""
    os.environ.setdefault(name, value)


@contextmanager
def optimizers_without_compiler() -> Iterator[None]:
    """Inside, making an optimizer doesn't import torch's compiler, which takes a second.

    Torch excludes ``add_param_group`` from compilation, and imports the compiler to say so. To be
    entered where nothing is compiled, so that the plain function does.
    """
    from torch.optim import Optimizer

    marked = Optimizer.add_param_group
    Optimizer.add_param_group = inspect.unwrap(marked)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Optimizer.add_param_group = marked  # type: ignore[method-assign]


@contextmanager
def uncompiled(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, modules that were compiled by ``nn.Module.compile`` run as they are written.

    Torch can compile a module in place and not put it back.
    """
    calls = {module: call for module in modules if (call := module._compiled_call_impl)}
    for module in calls:
        module._compiled_call_impl = None
    try:
        yield
    finally:
        for module, call in calls.items():
            module._compiled_call_impl = call


@contextmanager
def tiktoken_offline() -> Iterator[None]:
    """Inside, tiktoken takes what it has fetched before and raises OSError for anything else.

    It has no such setting.
    """
    import tiktoken.load

    def refuse(blobpath: str) -> bytes:
        raise OSError(f"{blobpath}: ZOO_OFFLINE is set")

    fetch = tiktoken.load.read_file
    tiktoken.load.read_file = refuse
    try:
        yield
    finally:
        tiktoken.load.read_file = fetch
