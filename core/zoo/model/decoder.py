"""The decoder-only model: which parts it has and how they are wired.

ids ──► embedding ──► (+ position) ──► blocks ──► norm ──► head ──► logits

How the parts of a layer are wired is up to its block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from zoo.contracts import (
    Activation,
    Attention,
    Block,
    Dims,
    FeedForward,
    Loss,
    Make,
    Norm,
    PerLayer,
    Position,
    as_out,
    per_layer,
    ref,
)
from zoo.model.build import BlockBuild, Build, seeded
from zoo.model.init import Init, SchemeName, truncated_normal_
from zoo.model.kv_cache import DecodingState
from zoo.model.layers import Embedding, product
from zoo.model.returned import outs
from zoo.model.sequence import Seq
from zoo.model.sizes import size_flaws, width_flaws


class Scored(NamedTuple):
    """The losses of a call, as sums over its tokens: what to minimise, its parts, statistics.

    ``parts["nll"]`` is the sum of −log p of the targets. ``stats`` maps the path of a part of the
    model to what that part wants summed and given back.
    """

    total: Tensor
    parts: dict[str, Tensor]
    stats: dict[str, Mapping[str, Tensor]]


class Head(nn.Module):
    """Hidden states (…, d_model) -> float32 logits (…, vocab_size): cap(scale · h Wᵀ).

    W is (vocab_size, d_model). A soft cap c bounds the logits smoothly: c · tanh(logits / c)
    (Gemma 2, arXiv:2408.00118).
    """

    def __init__(self, weight: nn.Parameter, *, scale: float = 1.0, cap: float | None = None):
        super().__init__()
        self.packed: Tensor | None = None
        self.weight = weight
        self.scale = scale
        self.cap = cap

    def forward(self, hidden: Tensor) -> Tensor:
        logits = product(hidden, self.weight, self.packed).float()
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)


class Decoder(nn.Module):
    """A decoder-only transformer. Its keyword-only parameters are the options of ``[model]``.

    Args:
        vocab_size: number of token ids.
        seed: the first weights are a function of it and of each part's path.
        d_model: width of the residual stream.
        n_layers: number of blocks.
        n_heads: number of query heads.
        head_dim: width of a head; None for d_model / n_heads.
        max_seq_len: context in tokens.
        norm, activation, position, attention, feedforward: the parts, each one for all layers or a
            list tiled over them. The last norm is that of the last layer. A position that acts on
            the embedding acts once, before the first layer, whichever layers name it.
        block: how the parts of a layer are joined, for all layers or a list tiled over them.
        loss: what training minimises.
        tie_embeddings: whether the head uses the embedding's table.
        logit_scale: multiplies the logits. None, which runs of zoo 0.1.0 say, is 1, or 1 / √d_model
            where embeddings are tied.
        logit_cap: soft cap of the logits.
        init: how weights are initialised. "glorot": standard deviation √(2 / (d_in + d_out)) in
            linear maps, 1 in the embedding, 0.3 / √d_model there where embeddings are tied.
            "gpt2": 0.02, divided by √(2 · n_layers) in maps that write to the residual stream.
            "depth_scaled": glorot, divided by √(2 l) in those maps of layer l, from 1.
            "zero_residual": glorot, with zeros in those maps. A norm right after those maps, as in
            the blocks sandwich and output_norm, divides their factor out, and does harm to zeros.
        embedding_std, linear_std: standard deviations in place of those of ``init``.
        residual_scale: multiplies the first weights of maps that write to the residual stream.

    Raises:
        ValueError: sizes that don't fit, or a position that acts on what an attention lacks.
    """

    def __init__(
        self,
        vocab_size: int,
        seed: int = 0,
        *,
        d_model: int,
        n_layers: int,
        n_heads: int,
        max_seq_len: int,
        head_dim: int | None = None,
        norm: PerLayer[Make[Norm]] = ref("rmsnorm"),
        activation: PerLayer[Make[Activation]] = ref("swiglu"),
        position: PerLayer[Make[Position]] = ref("rope"),
        attention: PerLayer[Make[Attention]] = ref("full"),
        feedforward: PerLayer[Make[FeedForward]] = ref("mlp"),
        block: PerLayer[Make[Block]] = ref("pre_norm"),
        loss: Make[Loss] = ref("cross_entropy"),
        tie_embeddings: bool = False,
        logit_scale: float | None = 1.0,
        logit_cap: float | None = None,
        init: SchemeName = "glorot",
        embedding_std: float | None = None,
        linear_std: float | None = None,
        residual_scale: float = 1.0,
    ) -> None:
        super().__init__()
        sizes = {
            "vocab_size": vocab_size,
            "d_model": d_model,
            "n_layers": n_layers,
            "n_heads": n_heads,
            "head_dim": head_dim,
            "max_seq_len": max_seq_len,
        }
        scales = {
            "linear_std": linear_std,
            "logit_scale": logit_scale,
            "logit_cap": logit_cap,
            "embedding_std": embedding_std,
            "residual_scale": residual_scale,
        }
        for name, told in (
            *size_flaws({**sizes, **scales}),
            *width_flaws(d_model, n_heads, head_dim),
        ):
            raise ValueError(f"{name} {told}")
        self.dims = dims = Dims(**{**sizes, "head_dim": head_dim or d_model // n_heads})  # type: ignore[arg-type]
        norms = per_layer(norm, n_layers)
        activations = per_layer(activation, n_layers)
        stds = Init(init, n_layers, tie_embeddings, linear_std, embedding_std, residual_scale)

        with seeded(seed, "embedding"):
            self.embedding = Embedding(vocab_size, d_model, std=stds.embedding(d_model))
        self._add_positions(per_layer(position, n_layers), seed)

        attentions = per_layer(attention, n_layers)
        feedforwards = per_layer(feedforward, n_layers)
        blocks: list[Any] = []
        for layer, make in enumerate(per_layer(block, n_layers)):
            build = BlockBuild(
                dims,
                attention=attentions[layer],
                feedforward=feedforwards[layer],
                norm=norms[layer],
                activation=activations[layer],
                layer=layer,
                path=f"blocks.{layer}",
                seed=seed,
                init=stds,
            )
            with seeded(seed, build.path):
                blocks.append(make(build))
            for made in build.attentions:
                check_pair(self.positions[self.position_of_layer[layer]], made, layer)
        self.blocks = cast("Sequence[nn.Module]", nn.ModuleList(blocks))

        self.norm = Build(
            dims, norm=norms[-1], activation=activations[-1], path="norm", seed=seed, init=stds
        ).norm(d_model)
        if tie_embeddings:
            weight = self.embedding.weight
        else:
            with seeded(seed, "head"):
                table = torch.empty(vocab_size, d_model)
                weight = nn.Parameter(truncated_normal_(table, stds.linear(d_model, vocab_size)))
        if logit_scale is None:
            logit_scale = d_model**-0.5 if tie_embeddings else 1.0
        self.head = Head(weight, scale=logit_scale, cap=logit_cap)
        self.loss = loss()

    def _add_positions(self, makers: list[Make[Position]], seed: int) -> None:
        """Make the positions of the layers, one for all layers that name the same."""
        distinct = [maker for nth, maker in enumerate(makers) if maker not in makers[:nth]]
        positions: list[Any] = []
        for nth, maker in enumerate(distinct):
            with seeded(seed, "positions", nth):
                positions.append(maker(self.dims))
        self.positions: Sequence[Position] = positions
        for nth, position in enumerate(positions):
            if isinstance(position, nn.Module):
                self.add_module(f"position_{nth}", position)
        self.position_of_layer = [distinct.index(maker) for maker in makers]

    def forward(self, ids: Tensor, targets: Tensor | None = None) -> Tensor | Scored:
        """ids (B, T) -> float32 logits (B, T, vocab_size), or the losses where targets are given.

        Targets (B, T) are the next tokens, −1 where there is none to predict.

        Raises:
            ValueError: ids or targets of another shape, or more tokens than ``max_seq_len``.
        """
        check_ids(ids)
        if targets is not None and targets.shape != ids.shape:
            wanted = f"the shape of the ids, {tuple(ids.shape)}, is expected"
            raise ValueError(f"targets of shape {tuple(targets.shape)}: {wanted}")
        if ids.shape[1] > self.dims.max_seq_len:
            raise ValueError(
                f"{ids.shape[1]} tokens for a model of max_seq_len {self.dims.max_seq_len}"
            )
        seq = Seq.of_length(ids.shape[1], ids.device)
        hidden, parts, stats = self._hidden(ids, seq)
        if targets is None:
            return self.head(hidden)  # type: ignore[no-any-return]
        total, own = self.loss(hidden, self.head, targets, seq)
        return Scored(total + sum(parts.values()), {**parts, **own}, stats)

    @property
    def position_limit(self) -> int | None:
        """The number of positions training covers; None if text may go beyond it."""
        return min((p.limit for p in self.positions if p.limit is not None), default=None)

    def decode(self, ids: Tensor, state: DecodingState) -> Tensor:
        """The next tokens' logits, (B, vocab_size), after adding ids (B, T) to the decoding state.

        Raises:
            ValueError: ids of another shape, or more tokens than there are positions;
                ``zoo.model.context`` reads on beyond.
        """
        check_ids(ids)
        limit = None if torch.compiler.is_compiling() else self.position_limit  # it can't be told
        if limit is not None and state.longest + ids.shape[1] > limit:
            raise ValueError(f"this model's positions end at {limit} tokens")
        seq = state.seq(ids.shape[1], ids.device)
        hidden, _, _ = self._hidden(ids, seq, state)
        state.length += ids.shape[1]
        return self.head(hidden[:, -1])  # type: ignore[no-any-return]

    def new_state(
        self, batch: int, max_len: int | None = None, padding: Tensor | None = None
    ) -> DecodingState:
        """Empty decoding state for ``batch`` rows; it keeps ``max_len`` columns at most."""
        weight = self.embedding.weight
        length = min(max_len or self.dims.max_seq_len, self.dims.max_seq_len)
        layers = [
            cast("Block", block).new_cache(batch, length, weight.device, weight.dtype)
            for block in self.blocks
        ]
        return DecodingState(layers, padding)

    def _hidden(
        self, ids: Tensor, seq: Seq, state: DecodingState | None = None
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Mapping[str, Tensor]]]:
        """Final hidden states, and the losses and statistics that parts returned on the way."""
        x = self.embedding(ids)
        for position in self.positions:
            if callable(prepare := getattr(position, "prepare", None)):
                prepare(seq)
            if "embedding" in position.acts_on:
                x = position.add(x, seq.pos)  # type: ignore[attr-defined]
        losses: dict[str, Tensor] = {}
        stats: dict[str, Mapping[str, Tensor]] = {}
        carry: dict[str, Tensor] = {}
        for layer, block in enumerate(self.blocks):
            seen = seq.seen_by(self.positions[self.position_of_layer[layer]])
            cache = state.layers[layer] if state is not None else None
            joined = as_out(block(x, seen, cache, carry))
            x = joined.y
            for path, out in outs(f"blocks.{layer}", joined):
                carry.update(out.carry)
                for name, value in out.losses.items():
                    losses[name] = losses[name] + value if name in losses else value
                if out.stats:
                    stats[path] = out.stats
        return self.norm(x), losses, stats


def check_ids(ids: Any) -> None:
    """Raises ValueError for what isn't a tensor of ids, (B, T)."""
    wanted = "integers (batch, tokens) are expected"
    if not isinstance(ids, Tensor):
        raise ValueError(f"ids of type {type(ids).__name__}: a tensor of {wanted}")
    if ids.dim() != 2:
        remedy = "; for one text write ids[None]" if ids.dim() == 1 else ""
        raise ValueError(f"ids of shape {tuple(ids.shape)}: {wanted}{remedy}")
    if ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"ids of type {ids.dtype}: {wanted}, such as torch.long")


ACTS = {"qk": "turns queries and keys", "scores": "biases scores"}


def check_pair(position: Any, attention: Any, layer: int) -> None:
    """Raises ValueError if the position acts on something that the attention doesn't have."""
    for what in sorted(position.acts_on - attention.accepts - {"embedding"}):
        raise ValueError(
            f"layer {layer}: position {type(position).__name__} {ACTS.get(what, what)}, which "
            f"attention {type(attention).__name__} does not allow "
            f"(it accepts: {', '.join(sorted(attention.accepts)) or 'none'})"
        )
