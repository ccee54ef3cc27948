"""The models and batches that are measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A Llama-like model (RMSNorm, rotation, SwiGLU, untied head) and the rows of a step."""

    vocab_size: int
    context: int
    d_model: int
    d_ff: int
    n_layers: int
    n_heads: int
    rows: int

    @property
    def tokens(self) -> int:
        """Tokens of one step."""
        return self.rows * self.context


SHAPES = {
    "big": Shape(10_000, 256, 512, 1344, 4, 16, 16),
    "small": Shape(4_096, 256, 256, 704, 4, 8, 64),
    "gpt2": Shape(50_304, 256, 768, 2048, 12, 12, 4),  # GPT-2 small, with a short context
}
