"""Recipe sections that are no components, and constraints between their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from zoo.contracts import Corpus, Make, Observer, ParamRule, Sampler, ref
from zoo.model.sizes import size_flaws, width_flaws


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """What to train on.

    Attributes:
        corpus: where the documents come from.
    """

    corpus: Make[Corpus]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How long, how much at once and how to train.

    Attributes:
        steps: number of updates; either this or ``tokens``.
        tokens: number of tokens to train on, rounded up to whole steps.
        batch_tokens: tokens of one update, over all processes; accumulation is derived from it.
        micro_batch: rows that a process computes at once; "none" to choose by their length.
        seed: the first weights, the order of the data and all draws are a function of it.
        precision: of the products; "auto" takes bfloat16 where it is clearly faster.
        compile: whether to compile the model's blocks; "auto" does where that saves time.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        clip: largest global L2 norm of the gradient; "none" to leave it as it is.
        on_nonfinite: what to do about a loss or gradient that is not finite: "stop" before the
            update, or "skip" the update, ten times in a row at most.
        eval_every: steps between evaluations; "none" for ten in a run.
        eval_tokens: tokens of an evaluation, always the same ones.
        checkpoint_every: steps between checkpoints; "none" for one with every evaluation.
        keep: how many of the newest checkpoints stay, beside the best one; two at the least.
        log_every: steps between records of the training loss.
        observers: what watches the run.
    """

    steps: int | None = None
    tokens: int | None = None
    batch_tokens: int = 16_384
    micro_batch: int | None = None
    seed: int = 1337
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: bool | Literal["auto"] = "auto"
    device: str = "auto"
    clip: float | None = 1.0
    on_nonfinite: Literal["stop", "skip"] = "stop"
    eval_every: int | None = None
    eval_tokens: int = 65_536
    checkpoint_every: int | None = None
    keep: int = 2
    log_every: int = 10
    observers: Sequence[Make[Observer]] = (ref("console"), ref("plot"))

    @property
    def total_steps(self) -> int:
        """Number of updates of the run."""
        if self.steps is not None:
            return self.steps
        return -(-(self.tokens or 0) // self.batch_tokens)


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """Defaults of ``zoo generate``.

    Attributes:
        samplers: reshape the distribution of the next token, one after the other.
        max_new_tokens: where a text ends at the latest; "none" for 256 tokens.
    """

    samplers: Sequence[Make[Sampler]] = (ref("temperature", value=0.8), ref("top_p", p=0.95))
    max_new_tokens: int | None = None


AT_LEAST = {
    "steps": 1,
    "tokens": 1,
    "batch_tokens": 1,
    "micro_batch": 1,
    "seed": 0,
    "eval_every": 1,
    "eval_tokens": 1,
    "checkpoint_every": 1,
    "keep": 2,
    "log_every": 1,
    "max_new_tokens": 1,
}
"""The least value of the options that count something."""


def value_flaws(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The options of a section whose value alone is wrong: (option, what is wrong).

    An option that could not be read is None.
    """
    for name, least in AT_LEAST.items():
        value = options.get(name)
        if value is not None and value < least:
            yield name, f"is {value}: at least {least} is needed"
    yield from size_flaws(options)
    clip = options.get("clip")
    if clip is not None and clip <= 0:
        yield "clip", f'is {clip}: a positive norm is needed, or "none"'


def length_flaws(train: TrainOptions) -> Iterator[tuple[str, str]]:
    """What is wrong with how long ``[train]`` says to train: (option, what is wrong)."""
    if train.steps is None and train.tokens is None:
        yield "", "steps or tokens is missing: write how long to train, such as steps = 1000"
    if train.steps is not None and train.tokens is not None:
        yield "tokens", "steps is written as well: one of the two says how long to train"


def batch_flaws(train: TrainOptions, max_seq_len: int) -> Iterator[tuple[str, str]]:
    """What is wrong with the batch of ``[train]`` for a model of this context."""
    rows, left = divmod(train.batch_tokens, max_seq_len)
    if left:
        near = " or ".join(str(n * max_seq_len) for n in (rows, rows + 1) if n)
        yield (
            "batch_tokens",
            f"is {train.batch_tokens}, no multiple of model.max_seq_len = {max_seq_len}: "
            f"write {near}",
        )
    elif train.micro_batch is not None and rows % train.micro_batch:
        yield (
            "micro_batch",
            f"is {train.micro_batch}, which does not divide the {rows} rows of a batch "
            f"({train.batch_tokens} tokens, {max_seq_len} a row)",
        )


def rule_flaws(rule: ParamRule) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry of ``[[params]]``."""
    if rule.role is None and rule.name is None:
        yield "", "role or name is missing: write which parameters are meant"
    for name in ("lr", "weight_decay"):
        value = getattr(rule, name)
        if value < 0:
            yield name, f"is {value}: a multiplier can't be negative"


def model_flaws(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What in ``[model]`` clashes before a part of it is made: (option, what is wrong).

    These are widths, and lists over the layers that are longer than the model is deep.
    """
    n_layers = options["n_layers"]
    yield from width_flaws(options["d_model"], options["n_heads"], options["head_dim"])
    for name, value in options.items():
        if isinstance(value, list) and 1 <= n_layers < len(value) > 1:
            message = f"is a list of {len(value)} for {n_layers} layers: its end would be unused"
            yield name, message
