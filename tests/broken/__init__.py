"""Components that each break something that the core relies on, a module a kind."""

from __future__ import annotations

from broken import (
    activations,
    attentions,
    blocks,
    corpora,
    feedforwards,
    losses,
    norms,
    observers,
    optimizers,
    positions,
    samplers,
    schedulers,
    tokenizers,
)
from broken.case import Case

__all__ = ["CASES", "Case"]

CASES = [
    *norms.CASES,
    *activations.CASES,
    *positions.CASES,
    *attentions.CASES,
    *feedforwards.CASES,
    *blocks.CASES,
    *losses.CASES,
    *optimizers.CASES,
    *schedulers.CASES,
    *tokenizers.CASES,
    *corpora.CASES,
    *samplers.CASES,
    *observers.CASES,
]
