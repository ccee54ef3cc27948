"""The built-in parts of a decoder that tests change one of."""

from __future__ import annotations

from typing import Any

from zoo_builtin.activations import SwiGLU
from zoo_builtin.attention.softmax import FullAttention
from zoo_builtin.blocks import PreNorm
from zoo_builtin.feedforward import MLP
from zoo_builtin.losses import CrossEntropy
from zoo_builtin.norms import RMSNorm
from zoo_builtin.positions import RoPE

PARTS: dict[str, Any] = {
    "norm": RMSNorm,
    "activation": SwiGLU,
    "position": RoPE,
    "attention": FullAttention,
    "feedforward": MLP,
    "block": PreNorm,
    "loss": CrossEntropy,
}
