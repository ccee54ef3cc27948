"""The table of the kinds of component: one entry says all that the core knows of a kind.

The registrar's method, the keys of a recipe, the checks before training, the conformance suite and
``zoo list`` follow from it; CONTRIBUTING.md shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo.contracts import (
    Activation,
    Attention,
    Block,
    BlockBuild,
    Build,
    Corpus,
    Dims,
    FeedForward,
    Loss,
    Norm,
    Observer,
    Optimizer,
    Out,
    Param,
    Position,
    RunInfo,
    Sampler,
    Scheduler,
    Tokenizer,
)


@dataclass(frozen=True)
class Kind:
    """A kind of component.

    Attributes:
        name: what plug-ins and recipes call it.
        contract: what its components do.
        summary: that in a few words.
        suite: the module of ``zoo.testing`` that holds its properties.
        place: where a recipe chooses one; a list, where the last key is a plural.
        given: the positional arguments that its host offers, in order.
        explains: the contracts of those, and of what a component may return.
        declares: the attributes that a host reads without having called anything.
        calls: the methods that a host calls in any case.
    """

    name: str
    contract: type
    summary: str
    suite: str
    place: str
    given: tuple[str, ...] = ()
    explains: tuple[type, ...] = ()
    declares: tuple[str, ...] = ()
    calls: tuple[str, ...] = ("__call__",)

    @property
    def is_listed(self) -> bool:
        """Whether a recipe chooses any number of them, one after the other."""
        return self.place.rpartition(".")[2] != self.name


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "norm",
            Norm,
            "normalises the last dimension",
            suite="norms",
            place="model.norm",
            given=("dim", "build"),
            explains=(Build,),
        ),
        Kind(
            "activation",
            Activation,
            "the non-linearity of a feed-forward part",
            suite="activations",
            place="model.activation",
            given=("build",),
            explains=(Build,),
            declares=("fan_in",),
        ),
        Kind(
            "position",
            Position,
            "tells tokens where they stand",
            suite="positions",
            place="model.position",
            given=("dims",),
            explains=(Dims,),
            declares=("acts_on", "limit"),
            calls=(),  # depends on what it acts on
        ),
        Kind(
            "attention",
            Attention,
            "mixes tokens",
            suite="attentions",
            place="model.attention",
            given=("build",),
            explains=(Build, Out),
            declares=("accepts", "new_cache"),
            calls=("__call__", "new_cache"),
        ),
        Kind(
            "feedforward",
            FeedForward,
            "transforms each token alone",
            suite="feedforwards",
            place="model.feedforward",
            given=("build",),
            explains=(Build, Out),
        ),
        Kind(
            "block",
            Block,
            "joins the parts of a layer",
            suite="blocks",
            place="model.block",
            given=("build",),
            explains=(Build, BlockBuild, Out),
            declares=("new_cache",),
            calls=("__call__", "new_cache"),
        ),
        Kind(
            "loss",
            Loss,
            "what training minimises",
            suite="losses",
            place="model.loss",
        ),
        Kind(
            "optimizer",
            Optimizer,
            "updates the parameters",
            suite="optimizers",
            place="optimizer",
            given=("params",),
            explains=(Param,),
            calls=("step",),
        ),
        Kind(
            "scheduler",
            Scheduler,
            "multiplies the learning rate of a step",
            suite="schedulers",
            place="scheduler",
            given=("total_steps",),
        ),
        Kind(
            "tokenizer",
            Tokenizer,
            "text to ids and back",
            suite="tokenizers",
            place="tokenizer",
            declares=("vocab_size", "load"),
            calls=("train", "encode", "decode", "decode_bytes", "token_bytes", "save"),
        ),
        Kind(
            "corpus",
            Corpus,
            "documents to train on",
            suite="corpora",
            place="data.corpus",
            declares=("label", "notice"),
            calls=("documents", "fingerprint"),
        ),
        Kind(
            "sampler",
            Sampler,
            "reshapes the distribution of the next token",
            suite="samplers",
            place="generate.samplers",
        ),
        Kind(
            "observer",
            Observer,
            "watches a run",
            suite="observers",
            place="train.observers",
            given=("run",),
            explains=(RunInfo,),
            calls=(),  # one event at least, whichever
        ),
    )
}

KIND_OF_CONTRACT: dict[type, str] = {kind.contract: kind.name for kind in KINDS.values()}
