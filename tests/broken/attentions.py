"""Attentions that each break something that the core relies on."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from broken.case import Case
from zoo.contracts import Build, Out
from zoo.model.sequence import Seq
from zoo_builtin.attention.softmax import FullAttention


class AllSeeing(FullAttention):
    def forward(self, x: Tensor, *rest: Any) -> Tensor:
        return super().forward(x, *rest) + x.mean(1, keepdim=True)


class Crowded(FullAttention):
    def forward(self, x: Tensor, *rest: Any) -> Tensor:
        return super().forward(x + x.mean(0, keepdim=True), *rest)


class Narrow(FullAttention):
    def forward(self, x: Tensor, *rest: Any) -> Tensor:
        return super().forward(x, *rest)[..., :16]


class Uncounted(FullAttention):
    def forward(self, x: Tensor, *rest: Any) -> Out:
        y = super().forward(x, *rest)
        return Out(y, losses={"size": y.square().mean(-1)})


class Deaf(FullAttention):
    def forward(self, x: Tensor, seq: Seq, *rest: Any) -> Tensor:
        return super().forward(x, Seq(seq.pos, start=seq.start, ragged=seq.ragged), *rest)


class AcceptsAll(FullAttention):
    accepts = frozenset({"qk", "scores", "embedding"})


class CacheOnTheCPU(FullAttention):
    def new_cache(self, batch: int, max_len: int, *_: Any) -> dict[str, Tensor]:
        return super().new_cache(batch, max_len, torch.device("cpu"), torch.float64)


class OneLength(FullAttention):
    def new_cache(self, *given: Any) -> dict[str, Tensor]:
        return {**super().new_cache(*given), "length": torch.zeros(1)}


class EmptyRows(FullAttention):
    """No key for padding, and a softmax over none."""

    def attend_fused(self, q: Tensor, k: Tensor, v: Tensor, seq: Seq, k_pos: Tensor) -> Tensor:
        mask = seq.visible(k_pos, window=self.window) & (k_pos >= 0)[:, None, None, :]
        scores = q @ k.mT / math.sqrt(self.head_dim)
        bias = seq.bias(k_pos)
        scores = scores if bias is None else scores + bias
        return scores.masked_fill(~mask, -math.inf).softmax(-1).to(v.dtype) @ v


class HalfACache(FullAttention):
    def new_cache(self, batch: int, max_len: int, *rest: Any) -> dict[str, Tensor]:
        return super().new_cache(batch, max_len // 2, *rest)


class FullFromTheStart(FullAttention):
    """A new cache seems to hold tokens of position 0."""

    def new_cache(self, *given: Any) -> dict[str, Tensor]:
        cache = super().new_cache(*given)
        return {**cache, "pos": torch.zeros_like(cache["pos"])}


class Unwindowed(FullAttention):
    """Sees more of a long prompt than it keeps."""

    def __init__(self, build: Build) -> None:
        super().__init__(build)
        self.window = 30


class OneText(FullAttention):
    """Keeps the state of one text itself: the last one that began, or that has so many rows."""

    kept: Any = None

    def forward(self, x: Tensor, seq: Seq, cache: Any = None, *more: Any) -> Tensor:
        if cache is not None and (seq.start == 0 or len(x) != len(self.kept["pos"])):
            self.kept = cache
        return super().forward(x, seq, self.kept if cache is not None else None, *more)


DECODING = ("decoding_agrees", "past_the_end")
CASES = [
    Case("attention", CacheOnTheCPU, "on_accelerator", "is given tensors of two devices"),
    Case("attention", AllSeeing, "causal", "outputs before token 1, which changed", DECODING),
    Case(
        "attention",
        Crowded,
        "rows_alone",
        "a row among others and alone: differs",
        ("decoding_agrees",),
    ),
    Case(
        "attention",
        Narrow,
        "width_kept",
        "(1, 1, 32) in, (1, 1, 16) out",
        ("decoding_agrees", "on_accelerator"),
    ),
    Case(
        "attention",
        Uncounted,
        "sums_beside_the_output",
        "loss 'size' of shape (2, 5)",
    ),
    Case("attention", Deaf, "accepted_is_used", "it never calls seq.bias(k_pos)"),
    Case("attention", AcceptsAll, "made", "'embedding'"),
    Case(
        "attention",
        OneLength,
        "cache_is_batch_first",
        "for 3 rows in which 'length' is (1,)",
        ("decoding_agrees", "on_accelerator"),
    ),
    Case(
        "attention",
        EmptyRows,
        "padding_stays_finite",
        "values are not finite",
        ("decoding_agrees",),
    ),
    Case("attention", HalfACache, "decoding_agrees", "token by token: differs", ("past_the_end",)),
    Case("attention", FullFromTheStart, "decoding_agrees", "a row that was replaced: differs"),
    Case("attention", OneText, "decoding_agrees", "two texts in turn: differs"),
    Case("attention", Unwindowed, "past_the_end", "tokens a call: differs"),
]
