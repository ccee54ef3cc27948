"""Linear and Embedding, and how weights are first drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_drawn = ContextVar("drawn", default=True)


@contextmanager
def undrawn() -> Iterator[None]:
    """Inside, weights are not drawn but left as memory happens to be: others will be loaded."""
    token = _drawn.set(False)
    try:
        yield
    finally:
        _drawn.reset(token)


def truncated_normal_(tensor: Tensor, std: float, cut: float = 3.0) -> Tensor:
    """Fills ``tensor`` with N(0, std²) cut off at ± ``cut`` · std, by inverting the distribution.

    A uniform draw between the cumulative probabilities of the two ends, put through the normal's
    quantile function, √2 · erf⁻¹(u).
    """
    if tensor.is_meta or not _drawn.get():  # for meta, torch would import its compiler to say so
        return tensor
    end = math.erf(cut / math.sqrt(2))
    with torch.no_grad():
        tensor.uniform_(-end, end).erfinv_().mul_(std * math.sqrt(2))
        return tensor.clamp_(-cut * std, cut * std)  # erfinv rounds beyond the ends


def packed(weight: Tensor, rows: int) -> Tensor:
    """A matrix (d_out, d_in) in the order in which oneDNN's products with so many rows read it."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)  # type: ignore[no-any-return]


def product(x: Tensor, weight: Tensor, packed: Tensor | None) -> Tensor:
    """x Wᵀ, with the packed matrix where there is one."""
    if packed is None:
        return x @ weight.T
    return torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")  # type: ignore[no-any-return]


class Linear(nn.Module):
    """y = x Wᵀ, without bias: (…, d_in) -> (…, d_out).

    W is (d_out, d_in), drawn from a normal of standard deviation √(2 / (d_in + d_out)) (Glorot &
    Bengio 2010) or ``std``, times ``scale``, cut at three. Where ``d_out`` names several products
    of one input (``{"q": 64, "k": 16, "v": 16}``), they are computed as one, each drawn as if it
    stood alone, and saved apart, as ``q.weight`` and so on. ``draws(name)`` is entered to draw the
    product of that name ("" where there is one alone), so that each can have a seed of its own.
    """

    def __init__(
        self,
        d_in: int,
        d_out: int | Mapping[str, int],
        *,
        std: float | None = None,
        scale: float = 1.0,
        draws: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
    ) -> None:
        super().__init__()
        self.d_in = d_in
        self.parts = {} if isinstance(d_out, int) else dict(d_out)
        self.d_out = d_out if isinstance(d_out, int) else sum(d_out.values())
        self.packed: Tensor | None = None
        self.weight = nn.Parameter(torch.empty(self.d_out, d_in))
        rows = self.weight.data.split(list(self.parts.values()) or [self.d_out])
        for name, part in zip(self.parts or [""], rows, strict=True):
            glorot = math.sqrt(2 / (d_in + part.shape[0]))
            with draws(name):
                truncated_normal_(part, scale * (glorot if std is None else std))

    def forward(self, x: Tensor) -> Tensor:
        return product(x, self.weight, self.packed)

    def split(self, y: Tensor) -> tuple[Tensor, ...]:
        """The products of a fused output (…, d_out), in the order in which they were named."""
        return torch.split(y, list(self.parts.values()), dim=-1)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        if not self.parts:
            super()._save_to_state_dict(destination, prefix, keep_vars)
            return
        weight = self.weight if keep_vars else self.weight.detach()
        for name, part in zip(self.parts, self.split(weight.T), strict=True):
            destination[f"{prefix}{name}.weight"] = part.T

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, *lists: Any
    ) -> None:
        if self.parts:
            names = [f"{prefix}{name}.weight" for name in self.parts]
            if all(name in state_dict for name in names):
                # The caller's dict stays as it was: torch hands this method a copy.
                state_dict[f"{prefix}weight"] = torch.cat([state_dict.pop(name) for name in names])
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *lists)

    def extra_repr(self) -> str:
        return f"{self.d_in}, {self.parts or self.d_out}"


class Embedding(nn.Module):
    """Rows of a table: ids (…) -> (…, dim).

    The table (num, dim) is drawn from a normal of standard deviation ``std`` cut at three.
    """

    def __init__(self, num: int, dim: int, *, std: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(truncated_normal_(torch.empty(num, dim), std))

    def forward(self, ids: Tensor) -> Tensor:
        # Indexing adds up the gradients of equal ids in whatever order the threads come to them.
        return F.embedding(ids, self.weight)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))
