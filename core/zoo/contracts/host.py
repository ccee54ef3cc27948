"""Types passed between the host (model, trainer) and components."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")


@dataclass(frozen=True)
class Dims:
    """The sizes everyone needs, computed once."""

    d_model: int
    n_layers: int
    n_heads: int
    head_dim: int
    max_seq_len: int
    vocab_size: int


class Out(NamedTuple):
    """What a block, or a part of one, may return instead of its output alone: ``zoo.Out(y, …)``.

    ``losses`` are sums over the call's tokens, single numbers, added to the training loss.
    ``stats`` are summed over micro-steps and processes and given back after every step: a part that
    returns any has a method ``after_step(self, stats)``. ``carry`` reaches all later layers, from
    this call alone. ``of_parts`` is how a block hands on what its parts returned, by the names of
    their attributes: ``zoo.as_out(returned)`` makes an Out of an output alone and keeps an Out.
    """

    y: Tensor
    losses: Mapping[str, Tensor] = MappingProxyType({})
    stats: Mapping[str, Tensor] = MappingProxyType({})
    carry: Mapping[str, Tensor] = MappingProxyType({})
    of_parts: Mapping[str, Out] = MappingProxyType({})

    def __repr__(self) -> str:
        beside = [*self.losses, *self.stats, *self.carry, *self.of_parts]
        return f"<Out {tuple(self.y.shape)}{''.join(f', {name}' for name in beside)}>"


def as_out(returned: Tensor | Out) -> Out:
    """What a part returned as an Out, be it one or an output alone."""
    return returned if isinstance(returned, Out) else Out(returned)


class Param(NamedTuple):
    """A parameter as an optimizer sees it.

    ``role`` is "embedding", "head", "matrix" or "vector". ``parts`` are the row counts of the
    products fused into a matrix (query, key, value), empty where there is one. ``lr`` and
    ``weight_decay`` multiply the optimizer's own: they are 1, or what the recipe's ``[[params]]``
    rules say, multiplied where several rules match.
    """

    name: str
    tensor: nn.Parameter
    role: str
    parts: tuple[int, ...] = ()
    lr: float = 1.0
    weight_decay: float = 1.0

    def __repr__(self) -> str:
        return f"<Param {self.name!r}, {self.role} {tuple(self.tensor.shape)}>"


@dataclass(frozen=True, kw_only=True)
class ParamRule:
    """An entry of ``[[params]]``: multipliers for the parameters that it matches.

    Where several rules match a parameter, their multipliers multiply.

    Attributes:
        role: parameters of this role.
        name: parameters whose name matches this pattern, such as "blocks.*.attention.*"; beside a
            role, both must match.
        lr: multiplies the learning rate.
        weight_decay: multiplies the weight decay.
    """

    role: Literal["embedding", "head", "matrix", "vector"] | None = None
    name: str | None = None
    lr: float = 1.0
    weight_decay: float = 1.0


class Head(Protocol):
    """The output projection, given to the loss: hidden states (…, d_model) -> float32 logits."""

    def __call__(self, hidden: Tensor) -> Tensor: ...


class Seq(Protocol):
    """Token positions of a forward call, made once and shared by all layers.

    Attributes:
        pos: (B|1, T) position of each token in its document; −1 is left padding.
        start: columns that earlier calls have put into the decoding state.
        ragged: whether the rows stand at different positions, so that causal masking isn't enough.
    """

    pos: Tensor
    start: int
    ragged: bool

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """``make()`` on the first call with this key in this forward, its result ever after.

        A key that is the same in every process lets compiled code be found again.
        """

    def rotate(self, x_BHTD: Tensor, *, key: bool = False) -> Tensor:
        """Queries (or keys) as the layer's position turns them; unchanged where it doesn't."""

    def bias(self, k_pos: Tensor) -> Tensor | None:
        """What the layer's position adds to the scores, (B|1, H, T, S), mostly float32, or None."""

    def visible(self, k_pos: Tensor, *, window: int | None = None) -> Tensor:
        """Which keys each query may see, (B|1, 1, T, S): at most ``window``, itself included."""
