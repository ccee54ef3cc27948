"""torch.compile integration.

A run compiles the model's blocks, with whatever components are in them, and the functions that are
marked with ``compiled``. Whether it does is up to the run, so that a component can be called,
tested and read without a compiler.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from zoo.compute.compile_cache import COMPILED, enter_own
from zoo.compute.compile_trouble import watch
from zoo.compute.device import operations_per_second
from zoo.compute.matmul_bench import machine
from zoo.console.terminal import say
from zoo.errors import ZooError
from zoo.storage.paths import cache_dir

WORTH_SECONDS = 120.0
"""Compiling for the first time takes half a minute and saves a third of the time."""

SHARE_OF_PEAK = 0.4
"""Of the rate of its products, what training reaches without being compiled."""

VARIANTS = 64
"""How many kinds of blocks may be compiled, each for training and for evaluation."""

P = ParamSpec("P")
T = TypeVar("T")

_active: ContextVar[bool] = ContextVar("compiling", default=False)


def active() -> bool:
    """Whether functions marked with ``compiled`` are compiled here."""
    return _active.get()


def choose_compile(
    setting: bool | Literal["auto"], device: torch.device, precision: str, operations: float
) -> bool:
    """Whether to compile a run of ``operations``; "auto" does if that saves time.

    Raises:
        ZooError: it was asked for and there is no compiler.
    """
    if setting is False:
        return False
    lacking = missing_compiler(device)
    if setting is True:
        if lacking:
            raise ZooError(f"train.compile = true needs {lacking}, which is not here")
        return True
    seconds = operations / (SHARE_OF_PEAK * operations_per_second(device, precision))
    if seconds < WORTH_SECONDS:
        return False
    if lacking:
        say(f"not compiled, so slower: there is no {lacking}")
    return not lacking


def missing_compiler(device: torch.device) -> str | None:
    """What compiling for this device lacks here, None if nothing."""
    if device.type == "cuda":
        return None if importlib.util.find_spec("triton") else "triton"
    usual = {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    return None if shutil.which(os.environ.get("CXX", usual)) else "C++ compiler"  # as torch looks


def compile_blocks(blocks: Iterable[nn.Module], device: torch.device, *, forgiving: bool) -> None:
    """Has a model's blocks compiled when they are first called; kept in zoo's cache folder.

    Blocks of the same kind share their code. ``forgiving``: what can't be compiled runs as it is.
    """
    import torch._dynamo.config as dynamo
    import torch._functorch.config as functorch

    watch()
    enter_own()
    functorch.autograd_cache_allow_custom_autograd_functions = True
    dynamo.recompile_limit = VARIANTS
    dynamo.suppress_errors = forgiving
    if device.type == "cpu":
        remember_instructions()
    for block in blocks:
        block.compile()


def remember_instructions() -> None:
    """Spares later processes a second: that compiled code may use what the processor says it can.

    Torch's compiler tries each set of instructions again in every process. Where all that are there
    have worked once, it is told so.
    """
    import torch._inductor.config as inductor
    from torch._inductor import cpu_vec_isa

    kept = cache_dir() / COMPILED / f"instructions-{machine()}"
    if not kept.exists():
        try:
            tried = cpu_vec_isa.valid_vec_isa_list()
        except (RuntimeError, OSError):  # a compiler that doesn't work, as will be told
            return
        cpu_vec_isa.valid_vec_isa_list.cache_clear()
        with inductor.patch({"cpp.vec_isa_ok": True}):
            there = cpu_vec_isa.valid_vec_isa_list()
        cpu_vec_isa.valid_vec_isa_list.cache_clear()
        if tried != there:
            return
        kept.parent.mkdir(exist_ok=True)
        kept.touch()
    inductor.cpp.vec_isa_ok = True


@contextmanager
def compiling(active: bool) -> Iterator[None]:
    """Inside, functions marked with ``compiled`` are compiled if ``active``."""
    token = _active.set(active)
    try:
        yield
    finally:
        _active.reset(token)


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator: runs through ``torch.compile`` where the run compiles, else as it is written.

    Dimensions that were marked with ``of_any_size`` don't lead to code of their own.
    """
    fast: Any = None

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal fast
        if not _active.get():
            return function(*args, **kwargs)
        if fast is None:
            fast = torch.compile(function)
        result: T = fast(*args, **kwargs)
        return result

    return call


def of_any_size(tensor: Tensor, dim: int = 0) -> Tensor:
    """Marks a dimension of an argument of a compiled function as one that varies."""
    torch._dynamo.maybe_mark_dynamic(tensor, dim)
    return tensor
