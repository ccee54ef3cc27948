"""Validate a model's sizes and scales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SIZES = ("vocab_size", "d_model", "n_layers", "n_heads", "head_dim", "max_seq_len")
"""Whole numbers from 1 on."""

SCALES = ("linear_std", "logit_scale", "logit_cap", "embedding_std", "residual_scale")
"""Numbers above 0."""


def size_flaws(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The sizes and scales that are wrong taken alone: (option, what is wrong).

    One that is None is not set.
    """
    for name in SIZES:
        value = options.get(name)
        if value is not None and value < 1:
            yield name, f"is {value}: at least 1 is needed"
    for name in SCALES:
        value = options.get(name)
        if value is not None and value <= 0:
            yield name, f"is {value}: a number above 0 is needed"


def width_flaws(d_model: int, n_heads: int, head_dim: int | None) -> Iterator[tuple[str, str]]:
    """A width that the heads can't share evenly, where none is set for them."""
    if head_dim is None and min(d_model, n_heads) >= 1 and d_model % n_heads:
        yield (
            "n_heads",
            f"is {n_heads}, no divisor of d_model = {d_model}: change one or set head_dim",
        )
