"""What a block and the parts in it are made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import nn

    from zoo.contracts.host import Dims
    from zoo.contracts.parts import Activation, Attention, FeedForward


class Build(Protocol):
    """What a part is made with: the model's sizes, and the parts that the recipe chose for it.

    ``dims`` has d_model, n_layers, n_heads, head_dim, max_seq_len and vocab_size. ``layer`` counts
    from 0, None outside the layers. Each call draws by itself, so that another part's draws change
    none of these.

    ``norm(dim)`` and ``activation()`` make the recipe's; its ``fan_in`` says how many blocks of
    numbers an activation takes. ``linear`` makes a map without bias, (…, d_in) -> (…, d_out),
    initialised as ``[model]`` says; ``residual=True`` is for the one whose output is added to the
    residual stream, which many schemes make smaller. Several maps of one input are one product::

        self.qkv = build.linear(dims.d_model, {"q": width, "k": width, "v": width})
        self.out = build.linear(width, dims.d_model, residual=True)
        ...
        q, k, v = self.qkv.split(self.qkv(x))
    """

    dims: Dims
    layer: int | None

    def norm(self, dim: int) -> nn.Module: ...

    def activation(self) -> Activation: ...

    def linear(
        self, d_in: int, d_out: int | Mapping[str, int], *, residual: bool = False
    ) -> nn.Module: ...


class BlockBuild(Build, Protocol):
    """What a block is made with: it makes the layer's parts too.

    ``attention()``, ``feedforward()`` and ``norm(dim, name)`` make the recipe's. ``name`` is that
    of the attribute that will hold the part: its first weights are a function of it, so that a norm
    of the same name begins alike in every block. No two parts have the same name::

        self.attention_norm = build.norm(build.dims.d_model, "attention_norm")
        self.attention = build.attention()
    """

    def attention(self, name: str = "attention") -> Attention: ...

    def feedforward(self, name: str = "feedforward") -> FeedForward: ...

    def norm(self, dim: int, name: str = "norm") -> nn.Module: ...
