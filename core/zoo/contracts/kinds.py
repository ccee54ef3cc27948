"""The kinds of component there are: what each is given, and what a host reads of it."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.contracts import (
    Activation,
    Attention,
    Block,
    Corpus,
    FeedForward,
    Loss,
    Norm,
    Observer,
    Optimizer,
    Position,
    Sampler,
    Scheduler,
    Tokenizer,
)


@dataclass(frozen=True)
class Kind:
    """A kind of component: its contract, and the positional arguments that its host offers.

    ``declares`` are the attributes that a host reads without having called anything.
    """

    name: str
    contract: type
    given: tuple[str, ...]
    summary: str
    declares: tuple[str, ...] = ()


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("norm", Norm, ("dim", "build"), "normalises the last dimension"),
        Kind(
            "activation",
            Activation,
            ("build",),
            "the non-linearity of a feed-forward part",
            ("fan_in",),
        ),
        Kind(
            "position", Position, ("dims",), "tells tokens where they stand", ("acts_on", "limit")
        ),
        Kind("attention", Attention, ("build",), "mixes tokens", ("accepts", "new_cache")),
        Kind("feedforward", FeedForward, ("build",), "transforms each token alone"),
        Kind("block", Block, ("build",), "joins the parts of a layer", ("new_cache",)),
        Kind("loss", Loss, (), "what training minimises"),
        Kind("optimizer", Optimizer, ("params",), "updates the parameters"),
        Kind("scheduler", Scheduler, ("total_steps",), "multiplies the learning rate of a step"),
        Kind("tokenizer", Tokenizer, (), "text to ids and back", ("vocab_size", "load")),
        Kind("corpus", Corpus, (), "documents to train on", ("label", "notice")),
        Kind("sampler", Sampler, (), "reshapes the distribution of the next token"),
        Kind("observer", Observer, ("run",), "watches a run"),
    )
}

KIND_OF_CONTRACT: dict[type, str] = {kind.contract: kind.name for kind in KINDS.values()}
