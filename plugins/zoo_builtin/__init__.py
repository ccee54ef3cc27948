"""The components that come with zoo, offered through the same entry point as everyone else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zoo

if TYPE_CHECKING:
    from zoo.catalog.entries import Registrar


@zoo.hookimpl
def zoo_register(registry: Registrar) -> None:
    # Here rather than above: torch is imported when somebody asks for components, not before.
    from zoo_builtin import (
        activations,
        corpora,
        feedforward,
        losses,
        norms,
        observers,
        positions,
        samplers,
        schedulers,
        tokenizers,
    )
    from zoo_builtin.attention import softmax as attention
    from zoo_builtin.optimizers import elementwise as optimizers
    from zoo_builtin.optimizers import muon

    registry.norm("rmsnorm", norms.RMSNorm)
    registry.norm("layernorm", norms.LayerNorm)
    registry.norm("none", norms.NoNorm)

    registry.activation("swiglu", activations.SwiGLU)
    registry.activation("geglu", activations.GEGLU)
    registry.activation("reglu", activations.ReGLU)
    registry.activation("silu", activations.SiLU)
    registry.activation("gelu", activations.GELU)
    registry.activation("relu", activations.ReLU)
    registry.activation("relu2", activations.ReLU2)

    registry.position("rope", positions.RoPE)
    registry.position("learned", positions.Learned)
    registry.position("sinusoidal", positions.Sinusoidal)
    registry.position("alibi", positions.ALiBi)
    registry.position("none", positions.NoPosition)

    registry.attention("full", attention.FullAttention)
    registry.attention("sliding", attention.SlidingAttention)

    registry.feedforward("mlp", feedforward.MLP)

    registry.loss("cross_entropy", losses.CrossEntropy)

    registry.optimizer("adamw", optimizers.AdamW)
    registry.optimizer("muon", muon.muon)
    registry.optimizer("sgd", optimizers.SGD)
    registry.optimizer("sgd_decay", optimizers.SGDDecay)

    registry.scheduler("cosine", schedulers.Cosine)
    registry.scheduler("linear", schedulers.Linear)
    registry.scheduler("constant", schedulers.Constant)
    registry.scheduler("wsd", schedulers.WSD)
    registry.scheduler("inverse_sqrt", schedulers.InverseSqrt)

    registry.tokenizer("bpe", tokenizers.BPE)
    registry.tokenizer("bpe_reference", tokenizers.BPEReference)
    registry.tokenizer("unigram", tokenizers.Unigram)
    registry.tokenizer("byte", tokenizers.Byte)
    registry.tokenizer("char", tokenizers.Char)

    registry.corpus("text", corpora.TextCorpus)
    registry.corpus("tinystories", corpora.TinyStories)
    registry.corpus("owt-sample", corpora.OWTSample)
    registry.corpus("stories", corpora.StoriesCorpus)

    registry.sampler("greedy", samplers.Greedy)
    registry.sampler("temperature", samplers.Temperature)
    registry.sampler("top_k", samplers.TopK)
    registry.sampler("top_p", samplers.TopP)
    registry.sampler("min_p", samplers.MinP)
    registry.sampler("repetition_penalty", samplers.RepetitionPenalty)

    registry.observer("console", observers.Console)
    registry.observer("jsonl", observers.JSONL)
    registry.observer("plot", observers.Plot)
    registry.observer("tensorboard", observers.TensorBoard)
