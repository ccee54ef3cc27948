"""Feed-forward parts: the per-token transformation of a block."""

from __future__ import annotations

from torch import Tensor, nn

from zoo.contracts import Build


class MLP(nn.Module):
    """Two linear maps with the recipe's activation between them: W_down act(W_up x).

    A gated activation takes two maps of x, as one product; with SwiGLU this is
    W2 (SiLU(W1 x) ⊙ W3 x) (arXiv:2002.05202). (B, T, d_model) -> (B, T, d_model).

    Args:
        build: makes the activation and the linear maps; its dims give the sizes.
        d_ff: width between the maps; None for 8/3 d_model if the activation is gated, so that its
            three matrices hold as much as two of 4 d_model, which is the width otherwise; rounded
            up to a multiple of 64.

    Raises:
        ValueError: ``d_ff`` below 1, an activation that takes more than two blocks.
    """

    def __init__(self, build: Build, *, d_ff: int | None = None) -> None:
        super().__init__()
        d_model = build.dims.d_model
        self.activation = build.activation()
        fan_in = self.activation.fan_in
        if fan_in not in (1, 2):
            raise ValueError(
                f"an mlp feeds its activation 1 or 2 blocks, and {type(self.activation).__name__} "
                f"takes {fan_in}"
            )
        if d_ff is None:
            d_ff = default_d_ff(d_model, fan_in)
        if d_ff < 1:
            raise ValueError(f"d_ff must be at least 1, not {d_ff}")
        parts = {"up": d_ff} if fan_in == 1 else {"gate": d_ff, "up": d_ff}
        self.gate_up = build.linear(d_model, parts)
        self.down = build.linear(d_ff, d_model, residual=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.activation(self.gate_up(x)))


def default_d_ff(d_model: int, fan_in: int) -> int:
    """8/3 d_model for a gated activation, else 4 d_model, up to the next multiple of 64.

    >>> default_d_ff(512, fan_in=2), default_d_ff(512, fan_in=1)
    (1408, 2048)
    """
    blocks = -(-8 * d_model // (3 * 64)) if fan_in == 2 else -(-4 * d_model // 64)
    return 64 * blocks


COMPONENTS = {"mlp": MLP}
