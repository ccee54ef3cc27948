"""How the weights of a model are initialised."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

SchemeName = Literal["glorot", "gpt2", "depth_scaled", "zero_residual"]


class Scheme(NamedTuple):
    """A way of initialising a model.

    ``std`` is the standard deviation of linear maps, head and embedding; None for √(2 / (d_in +
    d_out)) in linear maps and head, and 1 in the embedding. ``residual(layer, n_layers)``
    multiplies it in maps whose output is added to the residual stream; layers count from 1.
    """

    std: float | None
    residual: Callable[[int, int], float]


SCHEMES: dict[SchemeName, Scheme] = {
    "glorot": Scheme(None, lambda layer, n_layers: 1.0),
    "gpt2": Scheme(0.02, lambda layer, n_layers: 1 / math.sqrt(2 * n_layers)),
    "depth_scaled": Scheme(None, lambda layer, n_layers: 1 / math.sqrt(2 * layer)),
    "zero_residual": Scheme(None, lambda layer, n_layers: 0.0),
}

TIED_STD = 0.3
"""Of the logits that random rows of a tied table give; loss then begins 0.3² / 2 above ln V."""


@dataclass(frozen=True)
class Init:
    """Standard deviations of a model's first weights; each is drawn from a normal cut at three.

    - ``glorot``: √(2 / (d_in + d_out)) for linear maps and the head (Glorot & Bengio 2010), 1 for
      the embedding, or 0.3 / √d_model where the head uses the embedding's table.
    - ``gpt2``: 0.02 for all, divided by √(2 · n_layers) in maps that write to the residual stream
      (Radford et al. 2019: by the square root of the number of residual layers).
    - ``depth_scaled``: ``glorot``, divided by √(2 l) in maps of layer l, from 1, that write to the
      residual stream (torchtitan; Zhang et al. 2019, arXiv:1908.11365, divide all maps by √l).
    - ``zero_residual``: ``glorot``, with zeros in maps that write to the residual stream, so that
      a residual block begins as the identity (Fixup, Zhang et al. 2019, arXiv:1901.09321).

    Where a norm follows such a map before the sum (``norm_ends_branch`` of a block), it divides out
    the factor of ``gpt2``, of ``depth_scaled`` and ``residual_scale``; after zeros, it multiplies
    the first gradients by 1 / √eps.

    Args:
        scheme: one of these.
        n_layers: the model's depth.
        tied: whether the head uses the embedding's table.
        linear_std, embedding_std: in place of the scheme's; None for the scheme's.
        residual_scale: multiplies the scheme's factor of maps that write to the residual stream.
    """

    scheme: SchemeName = "glorot"
    n_layers: int = 1
    tied: bool = False
    linear_std: float | None = None
    embedding_std: float | None = None
    residual_scale: float = 1.0

    def linear(
        self, d_in: int, d_out: int, *, residual: bool = False, layer: int | None = None
    ) -> float:
        """That of a matrix (d_out, d_in) in a layer, counted from 0, None outside the layers."""
        scheme = SCHEMES[self.scheme]
        std = self.linear_std if self.linear_std is not None else scheme.std
        if std is None:
            std = math.sqrt(2 / (d_in + d_out))
        if not residual:
            return std
        return self.residual_scale * scheme.residual((layer or 0) + 1, self.n_layers) * std

    def embedding(self, d_model: int) -> float:
        """That of the table of token embeddings, (vocab_size, d_model).

        Where the head uses the table, ``glorot`` draws it small: a hidden state still holds its own
        token's row, whose product with itself would otherwise have the model repeat that token.
        """
        std = SCHEMES[self.scheme].std if self.embedding_std is None else self.embedding_std
        if std is None:
            return TIED_STD * d_model**-0.5 if self.tied else 1.0
        return std


# ── Drawing ──────────────────────────────────────────────────────────────────────────────────────

_drawn = ContextVar("drawn", default=True)


@contextmanager
def undrawn() -> Iterator[None]:
    """Inside, skip initialisation: the values of a checkpoint will be loaded."""
    token = _drawn.set(False)
    try:
        yield
    finally:
        _drawn.reset(token)


def truncated_normal_(tensor: Tensor, std: float, cut: float = 3.0) -> Tensor:
    """Fill ``tensor`` with N(0, std²) cut off at ± ``cut`` · std, by inverting the distribution.

    A uniform draw between the cumulative probabilities of the two ends, put through the normal's
    quantile function, √2 · erf⁻¹(u).
    """
    if tensor.is_meta or not _drawn.get():  # for meta, torch would import its compiler to say so
        return tensor
    end = math.erf(cut / math.sqrt(2))
    with torch.no_grad():
        if std == 0:
            return tensor.zero_()  # not −0
        tensor.uniform_(-end, end).erfinv_().mul_(std * math.sqrt(2))
        return tensor.clamp_(-cut * std, cut * std)  # erfinv rounds beyond the ends
