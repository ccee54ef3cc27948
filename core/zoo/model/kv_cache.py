"""Decoding state: cached keys and values of earlier tokens.

Each attention makes its own state, a plain dict of tensors, batch first. Most keep keys and values
in a ring buffer: ``key_value_cache`` makes one, ``extend`` writes to it. ``DecodingState`` holds
the states of all layers and what the host knows of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.model.sequence import Seq


def key_value_cache(
    batch: int, n_heads: int, max_len: int, head_dim: int, device: torch.device, dtype: torch.dtype
) -> dict[str, Tensor]:
    """An empty ring buffer for the keys and values of the last ``max_len`` columns.

    "k": (batch, n_heads, head_dim, max_len), so that a query's products with all keys are a sum of
    rows; "v": (batch, n_heads, max_len, head_dim); "pos": (batch, max_len), −1 where empty.
    """
    return {
        "k": torch.zeros(batch, n_heads, head_dim, max_len, device=device, dtype=dtype),
        "v": torch.zeros(batch, n_heads, max_len, head_dim, device=device, dtype=dtype),
        "pos": torch.full((batch, max_len), -1, device=device),
    }


def extend(
    cache: dict[str, Tensor] | None, k_BHTD: Tensor, v_BHTD: Tensor, seq: Seq
) -> tuple[Tensor, Tensor, Tensor]:
    """Adds this call's keys and values; returns all that its queries may need, with positions.

    Returns keys and values (B, H, S, D) and their positions (B|1, S), in no particular order: the
    ring buffer forgets nothing that a query of this call could still see in a window of its length.
    Without a cache, as in training, these are the call's own, at ``seq.pos``.
    """
    if cache is None:
        return k_BHTD, v_BHTD, seq.pos
    k_BHDS, v_BHSD = cache["k"], cache["v"]
    batch, _, max_len, _ = v_BHSD.shape
    n_new = k_BHTD.shape[2]
    pos = seq.pos.expand(batch, n_new)
    if seq.start == 0:
        seen = k_BHTD, v_BHTD, pos
    elif n_new > 1:
        # Writing first would overwrite keys that the earlier queries of this call still see.
        past = slice(0, min(seq.start, max_len))
        seen = (
            torch.cat((k_BHDS[..., past].mT, k_BHTD.to(k_BHDS.dtype)), dim=2),
            torch.cat((v_BHSD[:, :, past], v_BHTD.to(v_BHSD.dtype)), dim=2),
            torch.cat((cache["pos"][:, past], pos), dim=1),
        )
    kept = min(n_new, max_len)
    first = seq.start + n_new - kept
    slots = torch.arange(first, first + kept, device=pos.device) % max_len
    k_BHDS.index_copy_(3, slots, k_BHTD[:, :, -kept:].mT.to(k_BHDS.dtype))
    v_BHSD.index_copy_(2, slots, v_BHTD[:, :, -kept:].to(v_BHSD.dtype))
    cache["pos"].index_copy_(1, slots, pos[:, -kept:])
    if seq.start > 0 and n_new == 1:
        filled = slice(0, torch.sym_min(seq.start + 1, max_len))
        seen = k_BHDS[..., filled].mT, v_BHSD[:, :, filled], cache["pos"][:, filled]
    return seen


class DecodingState:
    """The states of all layers, how many columns they hold, and each row's left padding.

    Args:
        layers: one dict of tensors a layer, batch first.
        padding: (B,) columns of left padding of each row, None where there are none.

    Attributes:
        least_padding: the least of ``padding``, where the host knows it without asking the device.
    """

    def __init__(self, layers: Sequence[dict[str, Tensor]], padding: Tensor | None = None) -> None:
        self.layers = list(layers)
        self.padding = padding
        self.least_padding: int | None = None
        self.length = 0

    @property
    def longest(self) -> int:
        """Positions that the longest row has used."""
        if self.padding is None:
            return self.length
        if self.least_padding is None:
            self.least_padding = int(self.padding.min())
        return self.length - self.least_padding

    def seq(self, n_new: int, device: torch.device) -> Seq:
        """The positions of the next ``n_new`` columns."""
        columns = torch.arange(self.length, self.length + n_new, device=device).unsqueeze(0)
        if self.padding is None:
            return Seq(columns, start=self.length)
        pos = (columns - self.padding[:, None]).clamp(min=-1)
        return Seq(pos, start=self.length, ragged=True)

    def select(self, rows: Tensor) -> None:
        """Keeps these rows, in this order; a row may be taken more than once."""
        for layer in self.layers:
            for name, tensor in layer.items():
                layer[name] = tensor.index_select(0, rows)
        if self.padding is not None:
            self.padding = self.padding.index_select(0, rows)
            self.least_padding = None

    def replace(self, rows: Tensor, other: DecodingState) -> None:
        """Puts the rows of another state in the place of these; both have padding."""
        assert self.padding is not None
        assert other.padding is not None
        self.padding = self.padding.index_copy(0, rows, other.padding)
        self.least_padding = None
        for layer, new in zip(self.layers, other.layers, strict=True):
            for name, tensor in layer.items():
                tensor.index_copy_(0, rows, new[name])
