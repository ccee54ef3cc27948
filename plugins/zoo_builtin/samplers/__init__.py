"""Samplers: reshape the distribution of the next token; a list of them is a chain.

Each takes logits (B, V), the history (B, L) of ids so far and a state of its own, and returns
logits (B, V) with −∞ where a token is excluded; at least one token of a row stays. The core draws
from softmax of what the chain leaves. All rows at once, and nothing here waits for the device.
Each raises ValueError for an option out of range.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

EXCLUDED = -math.inf
COLDEST = 1e-30  # colder, only the best token is ever drawn, and the quotient may overflow
HOTTEST = 1e30  # hotter makes no difference, but float32 may take it for infinite


class Greedy:
    """Keeps only the most probable token of each row, one of them where several are equal."""

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        return only_best(logits)


class Temperature:
    """Divides the logits by ``value``: below 1 sharper, above 1 flatter, 0 as ``greedy``."""

    def __init__(self, *, value: float = 1.0) -> None:
        if not 0 <= value < math.inf:
            raise ValueError(f"a temperature must be a number of at least 0, not {value}")
        self.value = value

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        if self.value < COLDEST:
            return only_best(logits)
        return logits / min(self.value, HOTTEST)


class TopK:
    """Keeps the ``k`` most probable tokens of each row (Fan et al. 2018, arXiv:1805.04833)."""

    def __init__(self, *, k: int = 50) -> None:
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        self.k = k

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        best, ids = logits.topk(min(self.k, logits.shape[-1]), dim=-1)
        return torch.full_like(logits, EXCLUDED).scatter(-1, ids, best)


class TopP:
    """Keeps the nucleus (Holtzman et al. 2019, arXiv:1904.09751).

    That is the smallest set of most probable tokens whose probabilities add up to ``p`` or more:
    a token stays if those before it, in falling order, add up to less.
    """

    def __init__(self, *, p: float = 0.95) -> None:
        if not 0 < p <= 1:
            raise ValueError(f"p must be above 0 and at most 1, not {p}")
        self.p = p

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        if self.p == 1:  # rounding must not cut off the tail
            return logits
        falling, ids = logits.topk(self.most_kept(logits), dim=-1)
        probs = (falling - logits.logsumexp(-1, keepdim=True)).exp()
        before = probs.cumsum(-1) - probs
        excluded = before >= self.p
        excluded[..., 0] = False  # whatever p rounds to
        kept = falling.masked_fill(excluded, EXCLUDED)
        return torch.full_like(logits, EXCLUDED).scatter(-1, ids, kept)

    def most_kept(self, logits: Tensor) -> int:
        """How many tokens a row may keep at most, as sorting all of them takes long on the CPU.

        Those of a probability below (1 − p) / V come last and hold less than 1 − p together.
        """
        n_ids = logits.shape[-1]
        if logits.device.type != "cpu":
            return n_ids  # which the host needn't wait for
        likely = logits.softmax(-1) >= 0.99 * (1 - self.p) / n_ids  # less, for rounding
        return max(1, int(likely.sum(-1).max()))


class MinP:
    """Keeps tokens at least ``p`` × as likely as the best (Nguyen et al. 2024, arXiv:2407.01082).

    pᵢ ≥ p · max pⱼ, which is xᵢ ≥ max xⱼ + ln p for the logits x.
    """

    def __init__(self, *, p: float = 0.05) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p must lie between 0 and 1, not be {p}")
        self.p = p

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        margin = math.log(self.p) if self.p else -math.inf
        least = logits.amax(-1, keepdim=True) + margin
        return logits.masked_fill(logits < least, EXCLUDED)


class RepetitionPenalty:
    """Makes tokens of the history less likely (Keskar et al. 2019, arXiv:1909.05858).

    Their logits are divided by ``penalty``, which above 1 lowers positive ones; negative ones are
    multiplied instead, since dividing would raise them. Padding (−1) in the history counts for
    nothing.
    """

    def __init__(self, *, penalty: float = 1.2) -> None:
        if not 0 < penalty < math.inf:
            raise ValueError(f"penalty must be a number above 0, not {penalty}")
        self.penalty = penalty

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        n_rows, n_ids = logits.shape
        # One column more, in front, takes the padding.
        seen = torch.zeros(n_rows, n_ids + 1, dtype=torch.bool, device=logits.device)
        seen = seen.scatter(1, history + 1, True)[:, 1:]
        penalised = torch.where(logits > 0, logits / self.penalty, logits * self.penalty)
        return torch.where(seen, penalised, logits)


def only_best(logits: Tensor) -> Tensor:
    """−∞ everywhere but at the greatest logit of each row."""
    best, ids = logits.max(-1, keepdim=True)
    return torch.full_like(logits, EXCLUDED).scatter(-1, ids, best)


COMPONENTS = {
    "greedy": Greedy,
    "temperature": Temperature,
    "top_k": TopK,
    "top_p": TopP,
    "min_p": MinP,
    "repetition_penalty": RepetitionPenalty,
}
