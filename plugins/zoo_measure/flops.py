"""Count the floating-point operations of matmuls, and measure a machine's matmul rate."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

FUSED = (
    "flash_attention",
    "efficient_attention",
    "cudnn_attention",
    "flash_attention_for_cpu",
    "fused_attention_overrideable",
)
SIZES = (512, 1024, 2048)  # where a processor's products are at their fastest
LARGE_SIZES = (4096, 8192)  # where those of a GPU are
TRIES = 4


class Flops(TorchDispatchMode):
    """Counts the products of everything that runs while it is entered, by any component's code.

    Two for each multiplication and addition, as torch's formulas have them; element-wise work
    counts nothing. A fused attention counts as its two products of all queries with all keys, four
    of that size in backward: neither what it skips where it is causal nor what it computes again,
    as is usual (arXiv:2204.02311, appendix B). Attention put together from products counts as these
    are.

    Attributes:
        total: all of them.
        parts: those of the parts named to ``within``, backward left out.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0
        self.parts: Counter[str] = Counter()
        self._part: str | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        count = FORMULAS.get(func._overloadpacket)
        if count is not None:
            counted = int(count(*args, **kwargs, out_val=out))
            self.total += counted
            if self._part is not None:
                self.parts[self._part] += counted
        return out

    @contextmanager
    def within(self, parts: Mapping[str, nn.Module]) -> Iterator[None]:
        """Notes apart what the forward of each of these modules counts; none is inside another."""

        def enter(name: str | None) -> Callable[..., None]:
            def note(*_: Any) -> None:
                self._part = name

            return note

        hooks = []
        for name, module in parts.items():
            hooks.append(module.register_forward_pre_hook(enter(name)))
            hooks.append(module.register_forward_hook(enter(None)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def attention_flops(q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any) -> int:
    """q kᵀ and the weights times v, for q (…, T, D), k (…, S, D) and v (…, S, E)."""
    return 2 * q[..., 0].numel() * k.shape[-2] * (q.shape[-1] + v.shape[-1])


def attention_backward_flops(
    d_out: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any
) -> int:
    return 2 * attention_flops(q, k, v)


def formulas() -> dict[Any, Callable[..., int]]:
    """Torch's formulas, with ours in the place of those for fused attention."""
    found = dict(flop_registry)
    for kernel in FUSED:
        for end, formula in (("", attention_flops), ("_backward", attention_backward_flops)):
            found[getattr(torch.ops.aten, f"_scaled_dot_product_{kernel}{end}")] = formula
    return found


FORMULAS = formulas()


def product_rate(device: torch.device, precision: str) -> float:
    """The most floating-point operations a second that products of square matrices reach here."""
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    rates = []
    for size in SIZES if device.type == "cpu" else LARGE_SIZES:
        matrix = torch.full((size, size), 0.5, dtype=dtype, device=device)
        rates.append(2 * size**3 / product_seconds(matrix, matrix))
    return max(rates)


def product_seconds(a: Tensor, b: Tensor) -> float:
    """How long the product of two takes: the best of several tries, as others only slow it."""
    tries = []
    for _ in range(TRIES):
        synchronize(a.device)
        start = time.perf_counter()
        a @ b
        synchronize(a.device)
        tries.append(time.perf_counter() - start)
    return min(tries)


def synchronize(device: torch.device) -> None:
    """Waits until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
