"""Who is measured: each trains the same shape on the same tokens, as its users would.

A contender is a function from (shape, precision) to a function that takes one step. A step is
forward, loss, backward, clipping to a norm of 1 and AdamW with float32 weights and state; bfloat16
means autocast.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .shapes import Shape

LR, BETAS, WEIGHT_DECAY = 1e-3, (0.9, 0.95), 0.1
BATCHES = 8  # different ones, over and over

Step = Callable[[], None]


def batches(shape: Shape) -> np.ndarray:
    """(BATCHES, rows, context + 1) ids, the frequent ones more often, as in text."""
    generator = np.random.default_rng(0)
    ids = (shape.vocab_size ** generator.random((BATCHES, shape.rows, shape.context + 1))) - 1
    return ids.astype(np.int64)


def zoo(shape: Shape, precision: str, folder: Path, *, compile: bool) -> Step:
    """zoo's own Trainer, reading its tokens from disk as in any run."""
    from zoo.compute.device import choose_device, prepare_device
    from zoo.parallel.group import Group
    from zoo.recipe.reader import parse_recipe
    from zoo.training.start import trainer_for
    from zoo_measure.bench import data_of

    options = {
        "steps": 1_000_000,
        "batch_tokens": shape.tokens,
        "precision": precision,
        "device": "cpu",
        "observers": [],
        "compile": compile,
    }
    recipe = parse_recipe(
        f"""
        zoo = 1
        [data]
        corpus = "stories"
        [tokenizer]
        name = "byte"
        [model]
        d_model = {shape.d_model}
        n_layers = {shape.n_layers}
        n_heads = {shape.n_heads}
        max_seq_len = {shape.context}
        feedforward = {{ name = "mlp", d_ff = {shape.d_ff} }}
        [optimizer]
        name = "adamw"
        lr = {LR}
        betas = {list(BETAS)}
        weight_decay = {WEIGHT_DECAY}
        [train]
        {toml(options)}
        """,
        Path("bench.toml"),
    )
    data = data_of(batches(shape).reshape(-1), shape.vocab_size, folder, "random tokens")
    device = choose_device("cpu")
    prepare_device(device)
    trainer = trainer_for(recipe, data, Group(), device, precision)
    return lambda: trainer.train_step() and None


def toml(options: dict[str, Any]) -> str:
    def value(x: Any) -> str:
        return str(x).lower() if isinstance(x, bool) else f'"{x}"' if isinstance(x, str) else str(x)

    return "\n".join(f"{name} = {value(x)}" for name, x in options.items())


def litgpt(shape: Shape, precision: str, *, compiled: bool) -> Step:
    from litgpt import GPT, Config

    config = Config(
        name="bench",
        block_size=shape.context,
        vocab_size=shape.vocab_size,
        padded_vocab_size=shape.vocab_size,
        n_layer=shape.n_layers,
        n_head=shape.n_heads,
        n_embd=shape.d_model,
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP",
        intermediate_size=shape.d_ff,
    )
    return torch_training(GPT(config), lambda made: made, shape, precision, compiled=compiled)


def transformers(shape: Shape, precision: str, *, compiled: bool) -> Step:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.d_model,
        intermediate_size=shape.d_ff,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=False,
        use_cache=False,
    )
    model = LlamaForCausalLM(config)
    return torch_training(model, lambda made: made.logits, shape, precision, compiled=compiled)


def torch_training(
    model: Any,
    logits_of: Callable[[Any], torch.Tensor],
    shape: Shape,
    precision: str,
    *,
    compiled: bool,
) -> Step:
    """The loop of everyone who trains by hand, with torch's own parts."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LR, betas=BETAS, weight_decay=WEIGHT_DECAY, fused=True
    )
    run = torch.compile(model) if compiled else model
    rows = torch.from_numpy(batches(shape))
    taken = 0

    def step() -> None:
        nonlocal taken
        batch = rows[taken % BATCHES]
        taken += 1
        narrow = precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16) if narrow else nullcontext():
            logits = logits_of(run(batch[:, :-1].contiguous()))
            loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    return step


CONTENDERS: dict[str, Callable[[Shape, str, Path], Step]] = {
    "zoo": lambda shape, precision, folder: zoo(shape, precision, folder, compile=True),
    "zoo, not compiled": lambda *given: zoo(*given, compile=False),
    "litgpt": lambda shape, precision, _: litgpt(shape, precision, compiled=False),
    "litgpt, compiled": lambda shape, precision, _: litgpt(shape, precision, compiled=True),
    "transformers": lambda shape, precision, _: transformers(shape, precision, compiled=False),
    "transformers, compiled": lambda shape, precision, _: transformers(
        shape, precision, compiled=True
    ),
}
