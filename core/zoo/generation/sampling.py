"""Choose the samplers of a request and draw the next token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.catalog.component import find_component
from zoo.catalog.plugins import registry
from zoo.contracts import Make, Sampler
from zoo.errors import ZooError
from zoo.model.build import derived_seed

WORDS = {"top_k": "k", "temperature": "value", "top_p": "p"}
"""The samplers that a word of a command or of a call asks for, and which option that word sets."""


def chosen_samplers(
    chain: Sequence[Make[Sampler]], words: Mapping[str, float | None]
) -> list[Sampler]:
    """A recipe's chain as words change it, those of ``WORDS``; None leaves it as it is.

    What a word asks for takes the place of the chain's sampler of that name, or else comes after
    the chain; the others stay.

    Raises:
        ZooError: a value that doesn't fit.
    """
    asked: dict[str, Sampler] = {}
    for name, option in WORDS.items():
        value = words.get(name)
        if value is None:
            continue
        try:
            asked[name] = find_component(registry(), "sampler", name, {option: value})()
        except ZooError as error:
            raise ZooError(
                f"{name} = {value!r}: {str(error).removeprefix(f'{option}: ')}"
            ) from None
    own: Any = chain
    chosen = [asked.get(component.entry.name) or component() for component in own]
    return chosen + [sampler for sampler in asked.values() if sampler not in chosen]


def uniform_draws(seed: int, row: int, at_once: int = 64) -> Iterator[float]:
    """A row's own source of randomness: numbers in [0, 1) without end."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "row", row))
    while True:
        yield from torch.rand(at_once, generator=generator, dtype=torch.float64).tolist()


def draw(logits: Tensor, uniforms: Sequence[float]) -> Tensor:
    """One token a row, (B,), from softmax(logits), with a uniform draw for each row.

    Inverts the cumulative distribution at the uniform draw, on the CPU: the same for every device.
    """
    cumulative = logits.cpu().softmax(-1).cumsum(-1, dtype=torch.float64)
    if not cumulative[:, -1].isfinite().all():
        raise ZooError("the samplers left no token to draw: their logits are all −inf, or NaN")
    threshold = torch.tensor(uniforms, dtype=torch.float64)[:, None] * cumulative[:, -1:]
    # Right: a draw of exactly 0 must not fall on a leading token of probability 0.
    return torch.searchsorted(cumulative, threshold, right=True).squeeze(1)
