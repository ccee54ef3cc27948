"""Shared by all blocks: scale, LayerScale, dropout and stochastic depth of a branch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.contracts import BlockBuild

NOTHING: Mapping[str, Tensor] = MappingProxyType({})


class LayerScale(nn.Module):
    """A learned factor for each channel: (…, dim) -> (…, dim).

    Touvron et al. 2021 (CaiT), arXiv:2103.17239.
    """

    def __init__(self, dim: int, init: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((dim,), init))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain


class Branch(nn.Module):
    """A block of one attention and one feed-forward part, and what it does to their outputs.

    ``branch(y, scale)`` is what is added of an output y (B, T, d_model): dropout, then ``scale`` (a
    LayerScale, where there is one), then ``branch_scale``, and nothing at all of the rows whose
    part is left out.

    Its arguments are the options of ``PreNorm``.

    Raises:
        ValueError: a probability below 0 or from 1 on, a scale that isn't above 0.
    """

    attention: nn.Module
    kept: Tensor | None

    def __init__(
        self,
        build: BlockBuild,
        branch_scale: float,
        layer_scale: float | None,
        dropout: float,
        stochastic_depth: float,
    ) -> None:
        super().__init__()
        for name, value in (("branch_scale", branch_scale), ("layer_scale", layer_scale)):
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be above 0, not {value}")
        for name, value in (("dropout", dropout), ("stochastic_depth", stochastic_depth)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be a probability from 0 to below 1, not {value}")
        self.branch_scale = branch_scale
        self.layer_scale = layer_scale
        self.attention_scale: nn.Module | None = None
        self.feedforward_scale: nn.Module | None = None
        self.dropout = dropout
        kept = None
        if stochastic_depth:
            depth = ((build.layer or 0) + 1) / build.dims.n_layers
            # A tensor, so that the code that is compiled for one layer serves all.
            kept = torch.full((1,), 1 - stochastic_depth * depth)
        self.register_buffer("kept", kept, persistent=False)

    def add_scales(self, dim: int) -> None:
        """Makes the two LayerScales, where there shall be any; a block calls it last."""
        if self.layer_scale is not None:
            self.attention_scale = LayerScale(dim, self.layer_scale)
            self.feedforward_scale = LayerScale(dim, self.layer_scale)

    def branch(self, y: Tensor, scale: nn.Module | None) -> Tensor:
        if self.dropout:
            y = F.dropout(y, self.dropout, self.training)
        if scale is not None:
            y = scale(y)
        if self.branch_scale != 1.0:
            y = y * self.branch_scale
        if self.kept is not None and self.training:
            drawn = torch.rand(len(y), 1, 1, device=y.device) < self.kept
            y = y * (drawn / self.kept).to(y.dtype)
        return y

    def new_cache(
        self, batch: int, max_len: int, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        cache: dict[str, Tensor] = self.attention.new_cache(batch, max_len, device, dtype)
        return cache
