"""Logits and per-token loss of a given text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from zoo.contracts import Tokenizer
from zoo.errors import ZooError
from zoo.generation.engine import Engine
from zoo.generation.text_stream import encoded


@dataclass(frozen=True)
class TextLoss:
    """How well a model predicts a text, as validation measures it.

    The text is a document of its own, its end left open. Where it is longer than the context, it is
    cut into windows of that length, and nothing is seen over their borders.

    Attributes:
        ids: (n,) the text's tokens, on the CPU.
        nats: (n,) −log p of each, on the CPU.
        bytes: of the text, in UTF-8.
    """

    ids: Tensor
    nats: Tensor
    bytes: int

    def __repr__(self) -> str:
        told = f"{self.loss:.4f} nats per token, {self.bits_per_byte:.4f} bits per byte"
        return f"<TextLoss of {len(self.ids):,} tokens: {told}>"

    @property
    def loss(self) -> float:
        """Mean −log p in nats per token."""
        return self.nats.double().mean().item()

    @property
    def bits_per_byte(self) -> float:
        return self.nats.double().sum().item() / math.log(2) / self.bytes


@torch.inference_mode()
def text_loss(engine: Engine, tokenizer: Tokenizer, text: str) -> TextLoss:
    """−log p of every token of a text.

    Raises:
        ZooError: a text of no tokens, or one that can't be encoded.
    """
    ids = torch.tensor(encoded(text, tokenizer, "text"), dtype=torch.long)
    if not len(ids):
        raise ZooError("the text has no token to predict")
    model, length = engine.model, engine.model.dims.max_seq_len
    before = torch.cat((torch.tensor([tokenizer.eot]), ids[:-1])).to(engine.device)
    targets = ids.to(engine.device)
    nats = [
        cross_entropy(model(seen[None])[0], following, reduction="none")
        for seen, following in zip(before.split(length), targets.split(length), strict=True)
    ]
    return TextLoss(ids, torch.cat(nats).cpu(), len(text.encode("utf-8", "replace")))


@torch.inference_mode()
def logits(engine: Engine, ids: Any) -> Tensor:
    """float32 logits, (T, vocab_size) for ids (T,), (B, T, vocab_size) for ids (B, T).

    On the engine's device, wherever the ids are.

    Raises:
        ZooError: no ids of the vocabulary, or more than the context holds.
    """
    try:
        given = np.asarray(ids.cpu() if isinstance(ids, Tensor) else ids)
    except ValueError as error:  # lists of several lengths
        raise ZooError(f"ids: {error}") from None
    if given.dtype.kind not in "iu" or given.ndim not in (1, 2) or not given.size:
        shape = f"{given.dtype} of shape {given.shape}"
        raise ZooError(f"ids are integers (tokens,) or (batch, tokens), not {shape}")
    dims = engine.model.dims
    size, length = dims.vocab_size, dims.max_seq_len
    for extreme in (int(given.min()), int(given.max())):
        if not 0 <= extreme < size:
            raise ZooError(f"no id {extreme} in a vocabulary of {size:,}")
    if given.shape[-1] > length:
        raise ZooError(f"{given.shape[-1]:,} ids for a context of {length:,}: give a part of them")
    rows = torch.from_numpy(given.astype(np.int64)).to(engine.device)
    found: Tensor = engine.model(rows if rows.dim() == 2 else rows[None])
    return found if rows.dim() == 2 else found[0]
