"""A run to generate from, and the same model as transformers saves one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RECIPE = """\
zoo = 1
data.corpus = {{ name = "text", files = ["{text}"] }}
tokenizer = {{ name = "bpe", vocab_size = 10_000 }}

[model]
d_model = 512
n_layers = 4
n_heads = 16
max_seq_len = 256
feedforward = {{ name = "mlp", d_ff = 1344 }}

[train]
steps = 1
batch_tokens = 1024
eval_tokens = 1024
precision = "bfloat16"
"""

PLACES = {
    "embedding": "model.embed_tokens",
    "norm": "model.norm",
    "head": "lm_head",
    "attention_norm": "input_layernorm",
    "attention.qkv.q": "self_attn.q_proj",
    "attention.qkv.k": "self_attn.k_proj",
    "attention.qkv.v": "self_attn.v_proj",
    "attention.out": "self_attn.o_proj",
    "feedforward_norm": "post_attention_layernorm",
    "feedforward.gate_up.gate": "mlp.gate_proj",
    "feedforward.gate_up.up": "mlp.up_proj",
    "feedforward.down": "mlp.down_proj",
}
"""Where Llama keeps the weights that zoo calls so."""


def train_a_run(folder: Path, text: Path) -> Path:
    """One step of training on a text: it writes nonsense, as fast as if it made sense."""
    recipe, run = folder / "big.toml", folder / "run"
    recipe.write_text(RECIPE.format(text=text.as_posix()), encoding="utf-8")
    command = [sys.executable, "-m", "zoo", "train", str(recipe), "--out", str(run)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return run


def for_transformers(run: Path, folder: Path) -> None:
    """Saves a run of a Llama-like recipe as a Llama, in folders ``float32`` and ``bfloat16``.

    Raises:
        KeyError: it has a part that Llama lacks.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    import zoo

    opened = zoo.open_run(run)
    model, dims = opened.model, opened.model.dims
    tied = "head.weight" not in dict(model.named_parameters())
    attention = model.blocks[0].attention
    llama = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=dims.vocab_size,
            hidden_size=dims.d_model,
            intermediate_size=model.blocks[0].feedforward.down.d_in,
            num_hidden_layers=dims.n_layers,
            num_attention_heads=dims.n_heads,
            num_key_value_heads=attention.n_kv_heads,
            head_dim=dims.head_dim,
            max_position_embeddings=dims.max_seq_len,
            rms_norm_eps=model.norm.eps,
            rope_theta=model.positions[0].base,
            tie_word_embeddings=tied,
            bos_token_id=opened.tokenizer.eot,
            eos_token_id=opened.tokenizer.eot,
            pad_token_id=opened.tokenizer.eot,
        )
    )
    llama.load_state_dict({llamas_name(name): part for name, part in model.state_dict().items()})
    opened.tokenizer.export(folder / "tokenizer.json", "huggingface")
    end = next(iter(opened.tokenizer.special_tokens))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), eos_token=end, pad_token=end
    )
    for precision in ("float32", "bfloat16"):
        llama.to(getattr(torch, precision)).save_pretrained(folder / precision)
        tokenizer.save_pretrained(folder / precision)


def llamas_name(name: str) -> str:
    place, _, kind = name.rpartition(".")
    if place.startswith("blocks."):
        _, layer, part = place.split(".", 2)
        return f"model.layers.{layer}.{PLACES[part]}.{kind}"
    return f"{PLACES[place]}.{kind}"
