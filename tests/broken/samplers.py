"""Samplers that each break something that the core relies on."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from broken.case import Case


class Chosen:
    """Changes nothing; what the others change."""

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        return logits


class MixesRows(Chosen):
    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        return logits - logits.max()


class Excludes(Chosen):
    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        return logits.masked_fill(logits <= logits.amax(-1, keepdim=True), -math.inf)


class Resurrects(Chosen):
    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        return logits.clamp(min=-20)


class OneRow(Chosen):
    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        return logits[0]


class Gumbel(Chosen):
    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        return logits - torch.rand_like(logits)


class PerBatch(Chosen):
    """Remembers a number a row, not batch first: a row that ends shifts the others."""

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        state["best"] = [*logits.amax(-1).tolist(), *state.get("best", [])][: 2 * len(logits)]
        return logits + torch.tensor(state["best"][-len(logits) :])[:, None]


class AsksForTheBest(Chosen):
    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        best = torch.tensor([row.argmax().item() for row in logits])
        return logits.index_put((torch.arange(len(logits)), best), logits.amax(-1) + 1)


CASES = [
    Case(
        "sampler",
        AsksForTheBest,
        "on_accelerator",
        ".item(), float(x), int(x) or `if x:` needs a value",
    ),
    Case("sampler", OneRow, "made", "torch.float32 (3, 20) in, torch.float32 (20,) out"),
    Case("sampler", Excludes, "leaves_a_distribution", "a row has none left"),
    Case(
        "sampler",
        MixesRows,
        "rows_alone",
        "a row among others and alone: differs",
    ),
    Case("sampler", Resurrects, "excluded_stays_excluded", "tokens came back"),
    Case(
        "sampler",
        Gumbel,
        "draws_nothing",
        "two calls with the same logits: differs",
        ("rows_alone", "rows_can_end"),
    ),
    Case("sampler", PerBatch, "rows_can_end", "the rows that go on: differs", ("on_accelerator",)),
]
