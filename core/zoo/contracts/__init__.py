"""What each kind of component is given, does and declares.

A component is any callable (mostly a class). Its positional parameters are filled by the host, by
name, and it takes the subset it needs; its keyword-only parameters are its options in a recipe.

Constructors run when a recipe is checked too, before anything is trained: those of the model's
parts and the optimizer's on the meta device, where tensors have shapes but no values (no
``.item()``), those of corpora and observers for a run that may never start. So they check their
options and leave the work for later.

Nothing here needs torch at run time, so that ``zoo --help`` stays fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from zoo.model.sequence import Seq

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


# ── Parts inside parts ────────────────────────────────────────────────────────────────────────────


class Make(Protocol[T_co]):
    """Annotates an option that is itself a component: ``qk_norm: Make[Norm] | None = None``.

    The recipe writes a name or a table; the component receives a callable that takes the
    positional arguments of that kind (``qk_norm(head_dim)``). Without a recipe, pass the class.
    """

    def __call__(self, *given: Any, **more: Any) -> T_co: ...


class _PerLayer:
    """Marks an option that may be a list, tiled over the layers."""


PerLayer = Annotated[T | Sequence[T], _PerLayer]
"""Annotates an option that a recipe may give as one value or as a list tiled over the layers."""


def per_layer(value: T | Sequence[T], n_layers: int) -> list[T]:
    """One value a layer: a list is repeated until every layer has one.

    Raises ValueError if the list is longer than the model is deep, since its end would be unused.

    >>> per_layer(["sliding", "full"], 4)
    ['sliding', 'full', 'sliding', 'full']
    """
    values: list[T] = list(value) if isinstance(value, (list, tuple)) else [value]  # type: ignore[list-item]
    if not values or len(values) > n_layers:
        raise ValueError(f"a list of {len(values)} entries for {n_layers} layers")
    return [values[layer % len(values)] for layer in range(n_layers)]


@dataclass(frozen=True)
class Ref:
    """A component by name, with some of its options: what a recipe's string or table says."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


def ref(name: str, **options: Any) -> Any:
    """A default for an option of type ``Make[…]``: ``rest: Make[Optimizer] = ref("adamw")``."""
    return Ref(name, options)


# ── What passes between host and components ──────────────────────────────────────────────────────


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
    """What a block part may return instead of its output alone.

    ``losses`` are sums over the call's tokens, added to the training loss; ``stats`` are summed
    over micro-steps and ranks and given back through ``after_step(stats)``; ``carry`` reaches
    later layers.
    """

    y: Tensor
    losses: Mapping[str, Tensor] = MappingProxyType({})
    stats: Mapping[str, Tensor] = MappingProxyType({})
    carry: Mapping[str, Tensor] = MappingProxyType({})

    def __repr__(self) -> str:
        beside = [*self.losses, *self.stats, *self.carry]
        return f"<Out {tuple(self.y.shape)}{''.join(f', {name}' for name in beside)}>"


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


class Head(Protocol):
    """The output projection, given to the loss: hidden states (…, d_model) -> float32 logits."""

    def __call__(self, hidden: Tensor) -> Tensor: ...


class Build(Protocol):
    """What a part is made with: the model's sizes, and the parts that the recipe chose for it.

    ``dims`` has d_model, n_layers, n_heads, head_dim, max_seq_len and vocab_size. ``layer`` counts
    from 0, None outside the layers. Each call draws by itself, so that another part's draws change
    none of these.

    ``norm(dim)`` and ``activation()`` make the recipe's; its ``fan_in`` says how many blocks of
    numbers an activation takes. ``linear`` makes a map without bias, (…, d_in) -> (…, d_out), drawn
    as ``[model]`` says; ``residual=True`` is for the one whose output is added to the residual
    stream (``residual_scale``). Several maps of one input are one product::

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


# ── Kinds ────────────────────────────────────────────────────────────────────────────────────────


class Norm(Protocol):
    """Normalises the last dimension: (…, dim) -> (…, dim)."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Activation(Protocol):
    """(…, fan_in · h) -> (…, h). A gated one has fan_in 2: blocks side by side, gate first."""

    fan_in: int

    def __call__(self, x: Tensor) -> Tensor: ...


class Position(Protocol):
    """Tells tokens where they stand, by any of three methods; ``acts_on`` says which.

    "embedding": ``add(x_BTD, pos)`` -> (B, T, d_model);
    "qk": ``rotate(x_BHTD, seq, key)`` -> (B, H, T, head_dim);
    "scores": ``bias(q_pos, k_pos)`` -> (B|1, n_heads, T, S), finite for every pair.

    ``limit`` is the number of positions that training teaches it, None where texts may go on beyond
    max_seq_len, as where distance alone matters. At a limit, generating reads the last part of the
    text anew, from position 0.

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
    may have ``seq.start`` above 0. ``zoo.model.kv_cache`` has one: ``key_value_cache`` makes a ring buffer,
    and ``extend(cache, k, v, seq)`` returns all keys and values to look at, with their positions.

    ``seq`` says where the tokens of this call stand::

        pos                      (B|1, T) position of each token, −1 for left padding
        start                    columns that earlier calls have put into the cache
        ragged                   whether the rows stand at different positions
        rotate(x, key=False)     queries, or keys, as the position turns them
        bias(k_pos)              what the position adds to the scores, or None
        visible(k_pos, window=)  (B|1, 1, T, S) which keys each query may see
        once(key, make)          make(), called once a forward for all layers; a key that is the
                                 same in every process lets compiled code be found again
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


class Loss(Protocol):
    """Sums over the targets that are not −1.

    ``hidden`` (B, T, d_model), ``targets`` (B, T) -> (sum to minimise, {"nll": sum of −log p, …}).
    Validation and bits per byte use "nll" alone. Never forms the logits of all tokens at once.
    """

    def __call__(
        self, hidden: Tensor, head: Head, targets: Tensor, seq: Seq
    ) -> tuple[Tensor, dict[str, Tensor]]: ...


class Optimizer(Protocol):
    """A ``torch.optim.Optimizer`` (or a list of them) that covers each parameter exactly once.

    ``params`` is a list of ``zoo.Param``, one a parameter of the model: the tensor, and what is to
    be known of it. Its ``lr`` and ``weight_decay`` multiply the optimizer's own, so each group has
    ``lr * param.lr`` and ``weight_decay * param.weight_decay``. ``zoo.model.param_groups.groups`` makes them,
    one group for each pair of multipliers::

        super().__init__(groups(params, lr=lr, weight_decay=weight_decay), {})

    Each parameter group has "lr", which the host multiplies by the schedule before every step.
    ``own_schedule`` (class attribute) says that it sets its own learning rate: the host then
    refuses a scheduler beside it; what a method ``lr_multiplier(step)`` tells is recorded.
    """

    def step(self) -> Any: ...


class Scheduler(Protocol):
    """Step (from 0) -> multiplier of the learning rate. A pure function."""

    def __call__(self, step: int) -> float: ...


class Tokenizer(Protocol):
    """Text <-> ids. ``vocab_size`` may be None before training, where only the text can tell it.

    ``encode`` adds nothing: the host puts ``eot`` after each document and before each prompt.
    ``train`` may take a keyword ``progress``, to call with ``(doing, done, total)``; a bar is shown
    for each phase whose total isn't None.

    ``encode_batch(texts)`` is optional: the ids of all texts, end to end (n,), and where in them
    each text begins, with n at the end (texts + 1,). Corpora are encoded with it while another
    thread reads on, so it should be fast and let go of the interpreter.

    Optional: ``lossy``, that text may come back changed (bits per byte then counts the text's own
    bytes, and says so); ``closed_vocabulary``, that only what ``train`` has seen can be encoded (it
    then sees validation text too); a class method ``from_file(path, **options)`` for files of other
    programs (``reads`` names which): a tokenizer, None for an unknown format, or ValueError.
    """

    vocab_size: int | None
    eot: int

    @property
    def fingerprint(self) -> str: ...

    def train(self, texts: Iterable[str | bytes]) -> None: ...

    def encode(self, text: str | bytes) -> np.ndarray: ...

    def decode(self, ids: Iterable[int]) -> str: ...

    def decode_bytes(self, ids: Iterable[int]) -> bytes: ...

    def token_bytes(self) -> np.ndarray: ...

    def save(self, dir: Path) -> None: ...

    @classmethod
    def load(cls, dir: Path) -> Tokenizer: ...


class Corpus(Protocol):
    """Documents to train on: ``documents("train" | "valid")`` yields bytes, maybe without end.

    Without end-of-text marks, which the host puts between them as the tokenizer's ``eot``.
    ``label`` says in a few words what text this is; ``notice`` is what a user must know about it
    (that an offline stand-in is used, say), else None. Both are right once the fingerprint was
    asked for, which is cheap and settles where the text comes from.

    ``size(split)`` is optional: about how many bytes the documents have together, so that the time
    left can be told; None where that would take reading them. Asked for after the fingerprint.
    """

    label: str
    notice: str | None

    def documents(self, split: str) -> Iterator[bytes]: ...

    def fingerprint(self) -> str: ...


class Sampler(Protocol):
    """Reshapes the distribution of the next token; the core draws from what the chain leaves.

    ``logits`` (B, V) float32, ``history`` (B, L) ids so far (−1 is padding), ``state`` a dict of
    this sampler's own for the whole generation, tensors in it batch first -> logits (B, V), −inf
    where excluded.
    """

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor: ...


class Observer(Protocol):
    """Watches a run on rank 0 and changes nothing. Implements any subset of these events.

    An OSError, as of a full disk, is told and costs no run (but in ``run_started``).

    ``run`` is a ``zoo.RunInfo``: its folder, recipe, steps, schedule and size, and ``run.model``,
    whose weights each event finds as they are by then. They are to be read, never changed, and
    anything kept of them is a copy: ``run.model.head.weight.detach().norm().item()``.
    ``record`` is the line that also goes to metrics.jsonl. In the order of the loop::

        run_started()
        each step:            step_ended(record)          event = "train", every log_every steps
        around slow work:     phase_changed(name)         "evaluating", "saving", then "training"
        every eval_every:     eval_ended(record)          event = "valid"
        every checkpoint_every: checkpoint_saved(path)
        run_ended(summary)                                also after an interrupt or an error
    """

    def run_started(self) -> None: ...

    def step_ended(self, record: Mapping[str, Any]) -> None: ...

    def eval_ended(self, record: Mapping[str, Any]) -> None: ...

    def checkpoint_saved(self, path: Path) -> None: ...

    def phase_changed(self, name: str) -> None: ...

    def run_ended(self, summary: Mapping[str, Any]) -> None: ...
