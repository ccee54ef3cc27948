"""The parallel block: attention and feed-forward see the same input."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from zoo.authoring import Seq
from zoo.contracts import BlockBuild, Out, as_out
from zoo_builtin.blocks.branch import NOTHING, Branch


class Parallel(Branch):
    """Both parts at once: x + attention(norm(x)) + feedforward(norm(x)).

    One norm for both as in GPT-J (Wang & Komatsuzaki 2021) and PaLM (arXiv:2204.02311), or one each
    as in GPT-NeoX (arXiv:2204.06745). (B, T, d_model) -> (B, T, d_model).

    Args:
        build: makes the parts.
        shared_norm: whether the two parts share a norm.

    Its other options are those of ``pre_norm``.
    """

    def __init__(
        self,
        build: BlockBuild,
        *,
        shared_norm: bool = True,
        branch_scale: float = 1.0,
        layer_scale: float | None = None,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__(build, branch_scale, layer_scale, dropout, stochastic_depth)
        d_model = build.dims.d_model
        self.attention_norm = build.norm(d_model, "attention_norm")
        self.attention = build.attention()
        self.feedforward_norm = None if shared_norm else build.norm(d_model, "feedforward_norm")
        self.feedforward = build.feedforward()
        self.add_scales(d_model)

    def forward(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = NOTHING,
    ) -> Out:
        normed = self.attention_norm(x)
        mixed = as_out(self.attention(normed, seq, cache, carry))
        if self.feedforward_norm is not None:
            normed = self.feedforward_norm(x)
        transformed = as_out(self.feedforward(normed))
        added = self.branch(mixed.y, self.attention_scale)
        added = added + self.branch(transformed.y, self.feedforward_scale)
        return Out(x + added, of_parts={"attention": mixed, "feedforward": transformed})
