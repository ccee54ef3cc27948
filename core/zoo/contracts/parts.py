"""Interfaces of the components of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from zoo.contracts.host import Head, Out, Seq


class Norm(Protocol):
    """Normalises the last dimension: (…, dim) -> (…, dim)."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Activation(Protocol):
    """(…, fan_in · h) -> (…, h). A gated one has fan_in 2: blocks side by side, gate first."""

    fan_in: int

    def __call__(self, x: Tensor) -> Tensor: ...


ACTS_BY = {"embedding": "add", "qk": "rotate", "scores": "bias"}
"""The method by which a position acts, for each value of ``acts_on``."""


class Position(Protocol):
    """Positional encoding, applied to embeddings, to queries and keys, or to scores (``acts_on``).

    "embedding": ``add(x_BTD, pos)`` -> (B, T, d_model);
    "qk": ``rotate(x_BHTD, seq, key)`` -> (B, H, T, head_dim);
    "scores": ``bias(q_pos, k_pos)`` -> (B|1, n_heads, T, S), finite for every pair.

    ``limit`` is the number of positions that training teaches it, None where texts may go on beyond
    max_seq_len, as where distance alone matters. At a limit, generating reads the last part of the
    text again, from position 0.

    ``prepare(seq)`` is optional: called once a forward, before the layers, for what ``seq.once`` is
    to keep for all of them, so that the first layer does nothing that the others don't.
    """

    acts_on: frozenset[str]
    limit: int | None


class Attention(Protocol):
    """The part of a block that mixes tokens.

    ``accepts`` names what it lets a position act on ("qk", "scores"); "embedding" concerns no
    attention. ``new_cache`` makes the decoding state, a plain dict of tensors, batch first, which
    ``forward`` updates in place; a cache of ``max_len`` columns must serve any number of tokens by
    forgetting the oldest, and a new one stands for any number of columns of padding: the first call
    may have ``seq.start`` above 0. ``zoo.authoring`` has one:
    ``key_value_cache(batch, n_heads, max_len, head_dim, device, dtype)`` makes a ring buffer, and
    ``k, v, k_pos = extend(cache, k, v, seq)`` returns all keys and values to look at, with their
    positions. In training ``cache`` is None: keys and values are the call's own, at ``seq.pos``,
    which is what ``extend`` returns then.

    Texts go on past max_seq_len, and calls may hand several tokens to a full cache. So that every
    query sees the same number of tokens however the text is cut into calls, pass the window to
    ``visible``: ``dims.max_seq_len``, or a shorter one of the attention's own.

    ``seq`` says where the tokens of this call stand::

        pos                      (B|1, T) position of each token, −1 for left padding
        start                    columns that earlier calls have put into the cache
        ragged                   whether the rows stand at different positions
        rotate(x, key=False)     queries, or keys, as the position turns them
        bias(k_pos)              what the position adds to the scores, (B|1, H, T, S), or None;
                                 in the position's own type, mostly float32: cast it to that of
                                 the queries for a kernel that takes one type alone, as torch's
        visible(k_pos, window=)  (B|1, 1, T, S) which keys each query may see, True where it may
        once(key, make)          make(), called once a forward for all layers; a key that is the
                                 same in every process lets compiled code be found again

    CONTRIBUTING.md has a complete one.
    """

    accepts: frozenset[str]

    def __call__(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = ...,
    ) -> Tensor | Out: ...

    def new_cache(
        self, batch: int, max_len: int, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Tensor]: ...


class FeedForward(Protocol):
    """The part of a block that sees each token alone: (B, T, d_model) -> (B, T, d_model)."""

    def __call__(self, x: Tensor) -> Tensor | Out: ...


class Block(Protocol):
    """How the parts of a layer are joined: (B, T, d_model) -> (B, T, d_model).

    It makes its parts with ``build``, calls them, and hands on what they returned beside their
    outputs (``as_out`` makes an Out of either)::

        class PreNorm(nn.Module):
            def __init__(self, build: BlockBuild) -> None:
                super().__init__()
                self.attention_norm = build.norm(build.dims.d_model, "attention_norm")
                self.attention = build.attention()
                ...

            def forward(self, x, seq, cache=None, carry=MappingProxyType({})):
                mixed = as_out(self.attention(self.attention_norm(x), seq, cache, carry))
                x = x + mixed.y
                ...
                return Out(x, of_parts={"attention": mixed, "feedforward": transformed})

    ``carry`` holds what earlier layers returned to be carried, their parts or the blocks
    themselves: ``Out(x, carry={"skip": x})`` is there in all later layers, from this call alone.
    ``new_cache`` makes the decoding state of all attention in it, mostly
    ``self.attention.new_cache(…)``. Two attentions keep theirs in one flat dict, told apart by the
    beginnings of the keys; the tensors are updated in place, so each may be given a dict of its
    own that holds the same ones::

        def new_cache(self, *sizes):
            return {
                f"{name}.{key}": tensor
                for name in ("near", "far")  # its two attentions
                for key, tensor in getattr(self, name).new_cache(*sizes).items()
            }

        def cache_of(self, name, cache):
            if cache is None:
                return None
            start = f"{name}."
            return {k.removeprefix(start): t for k, t in cache.items() if k.startswith(start)}

    CONTRIBUTING.md has a complete block.

    ``norm_ends_branch`` (an attribute, False where it is missing) says that what a part adds to
    the residual stream ends in a norm, x + norm(part(x)), which divides out how the part's last map
    was initialised: the host warns of an ``init`` that is meant for that map.
    """

    def __call__(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = ...,
    ) -> Tensor | Out: ...

    def new_cache(
        self, batch: int, max_len: int, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Tensor]: ...


class Loss(Protocol):
    """Sums over the targets that are not −1.

    ``hidden`` (B, T, d_model), ``targets`` (B, T) -> (sum to minimise, {"nll": sum of −log p, …}).
    Validation and bits per byte use "nll" alone. Never forms the logits of all tokens at once.
    """

    def __call__(
        self, hidden: Tensor, head: Head, targets: Tensor, seq: Seq
    ) -> tuple[Tensor, dict[str, Tensor]]: ...
