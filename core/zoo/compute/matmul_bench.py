"""Measure speed and error of this processor's matmul backends once, and cache the result."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

from zoo.overrides import environment
from zoo.storage.lock import only_one
from zoo.storage.paths import cache_dir, write_atomically

SIZE = 512
ROUNDS = 12

ROUTES = {"float32": "highest", "float32, fast": "medium", "bfloat16": "highest"}
"""Ways to multiply, and what each asks of ``torch.set_float32_matmul_precision``.

"medium" lets the library choose. On some processors that is another float32, on others bfloat16
in disguise: only its error tells.
"""

THREADS = "ZOO_MEASURED_THREADS"
"""In the environment of processes that ``--nproc`` starts: the threads that one alone would have.

How much faster bfloat16 is depends on them. So that the number of processes doesn't choose between
types, what was measured for one process holds for those in its place.
"""


class Product(NamedTuple):
    """Operations a second, and the error against float64, relative in the Frobenius norm."""

    flops: float
    error: float


def cpu_products() -> dict[str, Product]:
    """What each of ``ROUTES`` gives on this processor, with this torch and number of threads.

    Processes that ``--nproc`` started share what their starter measured with all their threads.
    """
    threads = os.environ.get(THREADS) or torch.get_num_threads()
    kept = cache_dir() / "products" / f"{machine(threads)}.json"
    if (found := products_in(kept)) is not None:
        return found
    kept.parent.mkdir(exist_ok=True)
    # One measures and the others take what it found: each alone might find another way faster.
    with only_one(kept.with_suffix(".lock"), "another process measures matrix products: waiting"):
        if (found := products_in(kept)) is None:
            found = measure()
            write_atomically(kept, (json.dumps(found, indent=2) + "\n").encode())
    return found


def products_in(kept: Path) -> dict[str, Product] | None:
    """What a file says that was measured earlier; None where there is no whole one."""
    try:
        read = json.loads(kept.read_text(encoding="utf-8"))
        return {route: Product(*map(float, read[route])) for route in ROUTES}
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def measured_for_all() -> Iterator[None]:
    """Measures now, and has the processes that this one starts inside use it."""
    cpu_products()
    with environment({THREADS: str(torch.get_num_threads())}):
        yield


def machine(threads: int | str | None = None) -> str:
    """A name for all that a measurement depends on; ``threads`` are those of this process."""
    threads = torch.get_num_threads() if threads is None else threads
    try:
        processor = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
        about = [line for line in processor.splitlines() if line.startswith(("model", "flags"))]
    except OSError:
        about = [platform.processor(), platform.machine()]
    text = "\n".join([*about, torch.__version__, str(threads)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def measure() -> dict[str, Product]:
    """The best of several products each, in turns, since other processes only make them slower."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(SIZE, SIZE, generator=generator) for _ in range(2))
    exact = a.double() @ b.double()
    best = dict.fromkeys(ROUTES, math.inf)
    errors = {}
    for _ in range(ROUNDS):
        for route, precision in ROUTES.items():
            kind = torch.bfloat16 if route == "bfloat16" else torch.float32
            left, right = a.to(kind), b.to(kind)
            with float32_products(precision):
                start = time.perf_counter()
                product = left @ right
                best[route] = min(best[route], time.perf_counter() - start)
            errors[route] = ((product.double() - exact).norm() / exact.norm()).item()
    return {route: Product(2 * SIZE**3 / best[route], errors[route]) for route in ROUTES}


@contextmanager
def float32_products(precision: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
