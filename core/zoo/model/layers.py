"""Linear and Embedding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.model.init import Init, truncated_normal_


def packed(weight: Tensor, rows: int) -> Tensor:
    """A matrix (d_out, d_in) in the order in which oneDNN's products with so many rows read it."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)  # type: ignore[no-any-return]


def product(x: Tensor, weight: Tensor, packed: Tensor | None) -> Tensor:
    """x Wᵀ, with the packed matrix where there is one."""
    if packed is None:
        return x @ weight.T
    return torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")  # type: ignore[no-any-return]


def glorot_(weight: Tensor, name: str = "") -> None:
    """Draw a matrix (d_out, d_in) of standard deviation √(2 / (d_in + d_out))."""
    d_out, d_in = weight.shape
    truncated_normal_(weight, Init().linear(d_in, d_out))


class Linear(nn.Module):
    """y = x Wᵀ, without bias: (…, d_in) -> (…, d_out).

    W is (d_out, d_in). Where ``d_out`` names several products of one input (``{"q": 64, "k": 16,
    "v": 16}``), they are computed as one, each initialised as if it stood alone, and saved apart,
    as ``q.weight`` and so on. ``draw(rows, name)`` initialises the rows of the product of that
    name, "" where there is one alone.
    """

    def __init__(
        self,
        d_in: int,
        d_out: int | Mapping[str, int],
        *,
        draw: Callable[[Tensor, str], None] = glorot_,
    ) -> None:
        super().__init__()
        self.d_in = d_in
        self.parts = {} if isinstance(d_out, int) else dict(d_out)
        self.d_out = d_out if isinstance(d_out, int) else sum(d_out.values())
        self.packed: Tensor | None = None
        self.weight = nn.Parameter(torch.empty(self.d_out, d_in))
        rows = self.weight.data.split(list(self.parts.values()) or [self.d_out])
        for name, part in zip(self.parts or [""], rows, strict=True):
            draw(part, name)

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
