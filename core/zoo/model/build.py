"""Making a model's parts, each with draws of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any

import torch
from torch import Tensor

from zoo.contracts import Activation, Attention, Dims, FeedForward, Make, Norm
from zoo.model.init import Init, truncated_normal_
from zoo.model.layers import Linear


def derived_seed(seed: int, *path: object) -> int:
    """A 63-bit seed that depends on every part of (seed, path)."""
    text = "/".join(map(str, (seed, *path)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


DRAWING = RLock()
"""Held while torch's CPU generator, which all threads share, is seeded, or to be put back."""


@contextmanager
def seeded(seed: int, *path: object) -> Iterator[None]:
    """Inside, torch's CPU generator is a function of (seed, path); outside, as if nothing happened.

    So two models that differ in one component share the first weights of all the others. One
    thread at a time is inside, so that models made in several threads are those made one by one;
    what draws from that generator in another thread without ``seeded`` still disturbs both.
    """
    with DRAWING:
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(derived_seed(seed, *path))
        try:
            yield
        finally:
            torch.set_rng_state(before)


def in_context(make: Any, **context: Any) -> Any:
    """What a recipe resolved, now knowing its host; a class or a function stays as it is."""
    return make.within(**context) if hasattr(make, "within") else make


class Build:
    """Makes the parts that other parts need: a block's norm, activation and linear maps.

    Args:
        dims: the model's sizes.
        norm, activation: what ``norm()`` and ``activation()`` make.
        layer: which layer asks, None outside the layers.
        seed, path: the first weights are a function of these.
        init: how linear maps are initialised.

    A part used without a recipe is given one made by hand:

    >>> from zoo_builtin.activations import SwiGLU
    >>> from zoo_builtin.feedforward import MLP
    >>> dims = Dims(d_model=64, n_layers=1, n_heads=4, head_dim=16, max_seq_len=32, vocab_size=100)
    >>> MLP(Build(dims, activation=SwiGLU))(torch.randn(2, 32, 64)).shape
    torch.Size([2, 32, 64])
    """

    def __init__(
        self,
        dims: Dims,
        *,
        norm: Make[Norm] | None = None,
        activation: Make[Activation] | None = None,
        layer: int | None = None,
        seed: int = 0,
        path: str = "",
        init: Init | None = None,
    ) -> None:
        self.dims = dims
        self.layer = layer
        self.seed = seed
        self.path = path
        self._norm = in_context(norm, build=self)
        self._activation = in_context(activation, build=self)
        self._init = init or Init(n_layers=dims.n_layers)
        self._asked: dict[str, int] = {}

    def norm(self, dim: int) -> Norm:
        """The recipe's norm over a last dimension of ``dim``."""
        if self._norm is None:
            raise ValueError("this Build was given no norm")
        with self._own_draws("norm"):
            norm: Norm = self._norm(dim)
        return norm

    def activation(self) -> Activation:
        """The recipe's activation; its ``fan_in`` says how many blocks it takes."""
        if self._activation is None:
            raise ValueError("this Build was given no activation")
        with self._own_draws("activation"):
            activation: Activation = self._activation()
        return activation

    def linear(
        self, d_in: int, d_out: int | Mapping[str, int], *, residual: bool = False
    ) -> Linear:
        """A linear map; ``residual`` says that its output is added to the residual stream.

        Several products in one, ``{"gate": 64, "up": 64}``, are each drawn by their own name, so
        that "up" has the same draws with and without a "gate" beside it.
        """

        def draw(rows: Tensor, name: str) -> None:
            std = self._init.linear(d_in, len(rows), residual=residual, layer=self.layer)
            with self._own_draws(f"linear {name}" if name else "linear"):
                truncated_normal_(rows, std)

        return Linear(d_in, d_out, draw=draw)

    @contextmanager
    def _own_draws(self, what: str) -> Iterator[None]:
        nth = self._asked[what] = self._asked.get(what, -1) + 1
        with seeded(self.seed, self.path, what, nth):
            yield


class BlockBuild(Build):
    """Makes the parts of a layer for the block that joins them, each with the draws of its name.

    Args:
        dims: the model's sizes.
        attention, feedforward: what the methods of these names make.
        path: that of the block, such as "blocks.0".
        more: what ``Build`` takes beside, for the block and its parts.

    Attributes:
        attentions: those that were made, in this order.
    """

    def __init__(
        self,
        dims: Dims,
        *,
        attention: Make[Attention] | None = None,
        feedforward: Make[FeedForward] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(dims, **more)
        self.attentions: list[Attention] = []
        self._attention = attention
        self._feedforward = feedforward
        self._more = more
        self._names: set[str] = set()

    def attention(self, name: str = "attention") -> Attention:
        """The recipe's attention, drawn by its name."""
        if self._attention is None:
            raise ValueError("this BlockBuild was given no attention")
        with self._of_part(name) as build:
            attention: Attention = self._attention(build)
        self.attentions.append(attention)
        return attention

    def feedforward(self, name: str = "feedforward") -> FeedForward:
        """The recipe's feed-forward part, drawn by its name."""
        if self._feedforward is None:
            raise ValueError("this BlockBuild was given no feedforward")
        with self._of_part(name) as build:
            feedforward: FeedForward = self._feedforward(build)
        return feedforward

    def norm(self, dim: int, name: str = "norm") -> Norm:
        """The recipe's norm over a last dimension of ``dim``, drawn by its name."""
        with self._of_part(name) as build:
            return build.norm(dim)

    @contextmanager
    def _of_part(self, name: str) -> Iterator[Build]:
        if name in self._names:
            raise ValueError(f"a block makes two parts named {name!r}: each needs its own name")
        self._names.add(name)
        path = f"{self.path}.{name}"
        with seeded(self.seed, path):
            yield Build(self.dims, **{**self._more, "path": path})
