"""Attention: how a block mixes tokens."""

from zoo_builtin.attention.softmax import FullAttention, SlidingAttention

COMPONENTS = {"full": FullAttention, "sliding": SlidingAttention}

__all__ = ["COMPONENTS", "FullAttention", "SlidingAttention"]
