"""How long the matrix products of a step take alone: what no training can be faster than."""

from __future__ import annotations

import torch

from bench_train.shapes import Shape
from zoo_measure.flops import product_seconds


def products_seconds(shape: Shape, precision: str) -> float:
    """Seconds of all products of a step, forward and backward, each at its own shape.

    Of the scores, those that causal attention needs: half of them.
    """
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    d, rows = shape.d_model, shape.tokens
    linear = [(d, 3 * d), (d, d), (d, 2 * shape.d_ff), (shape.d_ff, d)] * shape.n_layers
    linear.append((d, shape.vocab_size))
    total = sum(linear_seconds(rows, *sizes, kind) for sizes in linear)
    heads, width = shape.rows * shape.n_heads, d // shape.n_heads
    q = torch.ones(heads, shape.context, width, dtype=kind)
    scores = torch.ones(heads, shape.context, shape.context, dtype=kind)
    # Forward; backward has two of each.
    attention = product_seconds(q, q.mT) + product_seconds(scores, q)
    return total + 3 * attention * shape.n_layers / 2


def linear_seconds(rows: int, d_in: int, d_out: int, kind: torch.dtype) -> float:
    x, weight, y = (torch.ones(*size, dtype=kind) for size in sizes(rows, d_in, d_out))
    return product_seconds(x, weight.T) + product_seconds(y, weight) + product_seconds(y.T, x)


def sizes(rows: int, d_in: int, d_out: int) -> list[tuple[int, int]]:
    return [(rows, d_in), (d_out, d_in), (rows, d_out)]
