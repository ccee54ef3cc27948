"""Sequential blocks, which differ in the placement of their norms."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from zoo.authoring import Seq
from zoo.contracts import BlockBuild, Out, as_out
from zoo_builtin.blocks.branch import NOTHING, Branch
from zoo_builtin.norms import NoNorm


class Sequential(Branch):
    """Attention, then feed-forward: x + norm(part(norm(x))), with the norms that a block has.

    Its arguments are the options of ``PreNorm``.
    """

    norms_input = False
    norms_output = False

    def __init__(
        self,
        build: BlockBuild,
        *,
        branch_scale: float = 1.0,
        layer_scale: float | None = None,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__(build, branch_scale, layer_scale, dropout, stochastic_depth)
        self.add_parts(build)
        self.add_scales(build.dims.d_model)

    def add_parts(self, build: BlockBuild) -> None:
        def norm(name: str, wanted: bool) -> nn.Module | None:
            return build.norm(build.dims.d_model, name) if wanted else None

        self.attention_norm = norm("attention_norm", self.norms_input)
        self.attention = build.attention()
        self.attention_output_norm = norm("attention_output_norm", self.norms_output)
        self.feedforward_norm = norm("feedforward_norm", self.norms_input)
        self.feedforward = build.feedforward()
        self.feedforward_output_norm = norm("feedforward_output_norm", self.norms_output)
        if self.norms_output:
            self.norm_ends_branch = not isinstance(self.feedforward_output_norm, NoNorm)

    def forward(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = NOTHING,
    ) -> Out:
        mixed = as_out(self.attention(normed(x, self.attention_norm), seq, cache, carry))
        y = normed(mixed.y, self.attention_output_norm)
        x = x + self.branch(y, self.attention_scale)
        transformed = as_out(self.feedforward(normed(x, self.feedforward_norm)))
        y = normed(transformed.y, self.feedforward_output_norm)
        x = x + self.branch(y, self.feedforward_scale)
        return Out(x, of_parts={"attention": mixed, "feedforward": transformed})


def normed(x: Tensor, norm: nn.Module | None) -> Tensor:
    return x if norm is None else norm(x)


class PreNorm(Sequential):
    """A norm before each part: x + part(norm(x)).

    The residual stream itself is never normalised, so that gradients reach every layer as they are
    (GPT-2; Xiong et al. 2020, arXiv:2002.04745). (B, T, d_model) -> (B, T, d_model).

    Args:
        build: makes the parts.
        branch_scale: multiplies what a part adds to the residual stream.
        layer_scale: where a learned factor for each channel of that begins, such as 1e-4; None for
            none (CaiT, arXiv:2103.17239).
        dropout: probability that a number of a part's output is 0 in training (Srivastava et al.
            2014).
        stochastic_depth: probability that a part adds nothing to a row in training: this in the
            last layer, l / n_layers of it in layer l from 1 (Huang et al. 2016, arXiv:1603.09382).

    With ``dropout`` or ``stochastic_depth`` above 0, another number of processes draws otherwise
    and so has other losses.
    """

    norms_input = True


class PostNorm(Sequential):
    """A norm after each sum: norm(x + part(x)).

    The first transformer's (Vaswani et al. 2017, arXiv:1706.03762); deep ones need a warm-up.
    (B, T, d_model) -> (B, T, d_model).

    There and in GPT-1 the last block's norm is the model's last. Here the model's own norm follows
    it, as it follows every block, so the output is normalised twice: the second norm does nothing
    until the gains of the last block's norm are learnt, and then undoes their overall scale.

    Its options are those of ``pre_norm``.
    """

    attention_norm: nn.Module
    feedforward_norm: nn.Module

    def add_parts(self, build: BlockBuild) -> None:
        d_model = build.dims.d_model
        self.attention = build.attention()
        self.attention_norm = build.norm(d_model, "attention_norm")
        self.feedforward = build.feedforward()
        self.feedforward_norm = build.norm(d_model, "feedforward_norm")

    def forward(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = NOTHING,
    ) -> Out:
        mixed = as_out(self.attention(x, seq, cache, carry))
        x = self.attention_norm(x + self.branch(mixed.y, self.attention_scale))
        transformed = as_out(self.feedforward(x))
        x = self.feedforward_norm(x + self.branch(transformed.y, self.feedforward_scale))
        return Out(x, of_parts={"attention": mixed, "feedforward": transformed})


class Sandwich(Sequential):
    """A norm before and one after each part: x + norm(part(norm(x))).

    Ding et al. 2021 (CogView), arXiv:2105.13290; Gemma 2, arXiv:2408.00118.
    (B, T, d_model) -> (B, T, d_model).

    The second norm divides out the scale of the map before it: ``residual_scale`` and the factor
    of ``gpt2`` and ``depth_scaled`` have no effect, and after the zeros of ``zero_residual``
    gradients are multiplied by 1 / √eps of the norm. ``branch_scale`` and ``layer_scale`` act.

    Its options are those of ``pre_norm``.
    """

    norms_input = True
    norms_output = True


class OutputNorm(Sequential):
    """A norm after each part, before the sum: x + norm(part(x)).

    Swin V2 (arXiv:2111.09883) and OLMo 2 (arXiv:2501.00656). (B, T, d_model) -> (B, T, d_model).

    The norm divides out the scale of the map before it: ``residual_scale`` and the factor of
    ``gpt2`` and ``depth_scaled`` have no effect, and after the zeros of ``zero_residual`` gradients
    are multiplied by 1 / √eps of the norm. ``branch_scale`` and ``layer_scale`` act.

    Its options are those of ``pre_norm``.
    """

    norms_output = True
