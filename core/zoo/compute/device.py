"""Choose the device and the precision."""

from __future__ import annotations

import ctypes
import sys
from contextlib import AbstractContextManager, nullcontext, suppress

import torch

from zoo.compute.compile_cache import COMPILED
from zoo.compute.matmul_bench import ROUTES, cpu_products
from zoo.errors import ZooError
from zoo.overrides import environment_default
from zoo.parallel.launcher import local_rank
from zoo.storage.paths import cache_dir

CLEARLY, WORTHWHILE, AS_EXACT = 1.4, 1.05, 4.0

GPU_OPERATIONS = 100e12
"""A second, in products: an order of magnitude, to tell long runs from short ones."""

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h


def choose_device(name: str) -> torch.device:
    """The device of a recipe's ``train.device``, made torch's current one if it is a CUDA device.

    Raises:
        ZooError: a device that this machine lacks.
    """
    device = find_device(name, "train.device")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def find_device(name: str, asked: str) -> torch.device:
    """The device of this name; "auto" takes CUDA, else MPS, else the CPU.

    Raises:
        ZooError: a device that this machine lacks; ``asked`` says which setting names it.
    """
    if name == "auto":
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    if reason := no_device(name) or missing_here(name):
        raise ZooError(f"{asked} = {unusable(name, reason)}")
    device = torch.device(name)
    if device.type == "cuda":
        device = torch.device("cuda", local_rank() if device.index is None else device.index)
        try:
            torch.empty(1, device=device)
        except RuntimeError as error:  # it is there, but it is full or broken
            raise ZooError(f"{asked} = {unusable(name, first_line(error))}") from None
    return device


def unusable(name: str, reason: str) -> str:
    """What is said of a device that can't be used, and why not."""
    return f'{name!r} can\'t be used here ({reason}); write "auto" or "cpu"'


def no_device(name: str) -> str | None:
    """Why a device can be none of any machine; None if it can."""
    try:
        device = torch.device(name)
    except RuntimeError:
        return 'there are "cpu", "cuda", "cuda:1", "mps"'
    return "it holds no numbers" if device.type == "meta" else None


def missing_here(name: str) -> str | None:
    """Why this machine can't compute on a device; None if it can.

    Takes no memory of a CUDA device, as a tensor there would.
    """
    device = torch.device(name)
    if device.type == "cuda":
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        index = local_rank() if device.index is None else device.index
        if index < found:
            return None
        if torch.version.cuda is None and torch.version.hip is None:
            return "this torch is built without CUDA"
        if not found:
            return "torch sees no CUDA device"
        devices = "1 CUDA device" if found == 1 else f"{found} CUDA devices"
        return f"torch sees {devices}, and this would be cuda:{index}"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        return first_line(error)
    return None


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def choose_precision(name: str, device: torch.device) -> str:
    """ "float32" or "bfloat16"; "auto" takes bfloat16 where its products are clearly faster."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
    products = cpu_products()
    wide, narrow = products[float32_route()], products["bfloat16"]
    return "bfloat16" if narrow.flops > CLEARLY * wide.flops else "float32"


def float32_route() -> str:
    """Which way this processor takes for float32: the fast one if it is that, and as exact."""
    products = cpu_products()
    plain, fast = products["float32"], products["float32, fast"]
    faster = fast.flops > WORTHWHILE * plain.flops
    return "float32, fast" if faster and fast.error < AS_EXACT * plain.error else "float32"


def operations_per_second(device: torch.device, precision: str) -> float:
    """Floating-point operations a second in matrix products of this precision."""
    if device.type != "cpu":
        return GPU_OPERATIONS
    return cpu_products()["bfloat16" if precision == "bfloat16" else float32_route()].flops


def prepare_device(device: torch.device, products: str | None = None) -> None:
    """Settings of this process that make the same arithmetic faster.

    ``products`` is what an earlier run asked of ``torch.set_float32_matmul_precision``; else the
    faster way is taken, which another measurement may see otherwise.

    To be called before torch's compiler is imported, which takes its cache folder from them.
    """
    environment_default("TORCHINDUCTOR_CACHE_DIR", str(cache_dir() / COMPILED))
    if device.type == "cpu":
        torch.set_float32_matmul_precision(products or ROUTES[float32_route()])
        keep_freed_memory()


def keep_freed_memory() -> None:
    """Has glibc keep the memory that tensors leave behind, which the next step needs again.

    Else it goes back to the system, and every step pays for having its pages mapped and zeroed.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 64 * 2**20)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Runs products in the given precision; weights and optimizer state stay float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
