"""Compile functions with numba at first use and cache the machine code on disk.

Modules that define kernels are imported only when a tokenizer needs them, since numba takes a
moment to import.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, event, types
from numba.extending import intrinsic

from zoo.authoring import cache_dir

HERE = Path(__file__).parent
BYTE = ir.IntType(8)
LANES = 16


def code_folder() -> Path:
    """Where compiled code is kept: beside the source, or in the user's cache where that can't be.

    Its name holds a hash of all sources: numba notices a change in a kernel's own file, but not in
    the functions that it calls from others.
    """
    digest = hashlib.sha256()
    for source in sorted(HERE.glob("*.py")):
        digest.update(source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    beside = HERE / "__pycache__"
    try:
        beside.mkdir(exist_ok=True)
        if os.access(beside, os.W_OK):
            return beside / name
    except OSError:
        pass
    return cache_dir() / name


CODE_FOLDER = code_folder()


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles a function, without the GIL while it runs and without checks of indices."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(CODE_FOLDER)  # read when the cache is attached, so here
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    finally:
        numba.config.CACHE_DIR = before


inline = numba.njit(nogil=True, error_model="numpy", forceinline=True, _nrt=False)
"""For functions that only kernels call."""


class Announcer(event.Listener):  # type: ignore[misc]
    """Says once a process that compiling takes a while."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, what: Any) -> None:
        file = what.data["dispatcher"].py_func.__code__.co_filename
        if not self.said and Path(file).parent == HERE:
            self.said = True
            print("compiling the tokenizer, which takes some seconds, once", file=sys.stderr)

    def on_end(self, what: Any) -> None:
        pass


event.register("numba:compile", Announcer())


# ── What numba doesn't offer: bytes at any address, taken as numbers ──────────────────────────────


def _address(context: Any, builder: Any, signature: Any, args: Any, to: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    raw = builder.bitcast(array.data, BYTE.as_pointer())
    return builder.bitcast(builder.gep(raw, [args[1]]), to.as_pointer())


def _intrinsic(builder: Any, name: str, result: Any, given: list[Any]) -> Any:
    """A function that LLVM knows by name."""
    return cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(result, given), f"llvm.{name}"
    )


@intrinsic  # type: ignore[untyped-decorator]
def load64(typing_context: Any, data: Any, offset: Any) -> Any:
    """Eight bytes of an array from a byte offset on, as uint64, the first byte lowest."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, signature, args, ir.IntType(64)), align=1)

    return types.uint64(data, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def store64(typing_context: Any, data: Any, offset: Any, value: Any) -> Any:
    """Puts a uint64 at a byte offset of an array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, signature, args, ir.IntType(64)), align=1)
        return context.get_dummy_value()

    return types.void(data, types.intp, types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def load8(typing_context: Any, data: Any, offset: Any) -> Any:
    """A byte of an array as an integer."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = builder.load(_address(context, builder, signature, args, BYTE))
        return builder.zext(byte, ir.IntType(64))

    return types.intp(data, types.intp), generate


@inline
def same_bytes(one: Any, start: Any, other: Any, other_start: Any, length: Any) -> Any:
    """Whether two arrays have the same bytes, each from its offset on."""
    k = 0
    while k < length and load8(one, start + k) == load8(other, other_start + k):
        k += 1
    return k == length


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(typing_context: Any, value: Any) -> Any:
    """How many of a number's lowest bits are 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], cgutils.true_bit)

    return types.intp(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def lowest(typing_context: Any, data: Any, offset: Any) -> Any:
    """The lowest of LANES numbers of an int32 array, from a byte offset on, compared at once."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = ir.VectorType(ir.IntType(32), LANES)
        minimum = _intrinsic(builder, f"vector.reduce.smin.v{LANES}i32", ir.IntType(32), [lanes])
        loaded = builder.load(_address(context, builder, signature, args, lanes), align=4)
        return builder.call(minimum, [loaded])

    return types.int32(data, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typing_context: Any, data: Any, offset: Any) -> Any:
    """Asks for the cache line at a byte offset of an array, which will be read soon."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32, pointer = ir.IntType(32), BYTE.as_pointer()
        function = _intrinsic(builder, "prefetch.p0", ir.VoidType(), [pointer, i32, i32, i32])
        address = _address(context, builder, signature, args, BYTE)
        builder.call(function, [address, i32(0), i32(3), i32(1)])
        return context.get_dummy_value()

    return types.void(data, types.intp), generate
