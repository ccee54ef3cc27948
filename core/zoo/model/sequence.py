"""Token positions and masks of a forward call, shared by all layers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

if TYPE_CHECKING:
    from zoo.contracts import Position

T = TypeVar("T")


class Seq:
    """The positions of the tokens at hand, and what follows from them.

    Args:
        pos: (B|1, T) position of each token in its document; −1 is left padding.
        position: the layer's positional encoding, None for none.
        start: columns that earlier calls put into the decoding state.
        ragged: rows stand at different positions, so plain causal masking is not enough.
    """

    def __init__(
        self,
        pos: Tensor,
        position: Position | None = None,
        *,
        start: int = 0,
        ragged: bool = False,
    ) -> None:
        self.pos = pos
        self.position = position
        self.start = start
        self.ragged = ragged
        self._made: dict[Hashable, object] = {}

    @classmethod
    def of_length(cls, length: int, device: torch.device) -> Seq:
        """A call without a past: positions 0 … length − 1 in every row."""
        return cls(torch.arange(length, device=device).unsqueeze(0))

    def seen_by(self, position: Position) -> Seq:
        """The same tokens for a layer with this positional encoding; what was made is shared."""
        seq = Seq(self.pos, position, start=self.start, ragged=self.ragged)
        seq._made = self._made
        return seq

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """``make()`` on the first call with this key in this forward, its result ever after."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value]

    def rotate(self, x_BHTD: Tensor, *, key: bool = False) -> Tensor:
        """Queries (or keys) as the layer's position turns them; unchanged where it doesn't."""
        if self.position is None or "qk" not in self.position.acts_on:
            return x_BHTD
        return self.position.rotate(x_BHTD, self, key)  # type: ignore[attr-defined, no-any-return]

    def bias(self, k_pos: Tensor) -> Tensor | None:
        """What the layer's position adds to the scores, (B|1, H, T, S), mostly float32, or None."""
        if self.position is None or "scores" not in self.position.acts_on:
            return None
        return self.position.bias(self.pos, k_pos)  # type: ignore[attr-defined, no-any-return]

    def visible(self, k_pos: Tensor, *, window: int | None = None) -> Tensor:
        """Which keys each query may attend to: (B|1, 1, T, S), True where it may.

        A query sees the keys up to its own position, at most ``window`` of them (itself included).
        Padding sees padding alone: no row is empty, so no softmax gives NaN, and no real token
        sees it.
        """
        q, k = self.pos[:, None, :, None], k_pos[:, None, None, :]
        mask = (k <= q) & ((k >= 0) == (q >= 0))
        return mask if window is None else mask & (q - k < window)
