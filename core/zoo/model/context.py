"""Manage the context window while a text grows beyond it.

A prompt is read in pieces of max_seq_len tokens, so that memory doesn't grow with it. Positions
beyond those that training taught are never used: a row that comes to their end reads the last half
of what it saw again, from position 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zoo.model.decoder import Decoder
from zoo.model.kv_cache import DecodingState


class Context:
    """What a model sees of the texts of a batch.

    Args:
        model: what reads them.
        lengths: tokens in each row so far.
        max_len: columns that the decoding state shall hold at most; None for max_seq_len.
    """

    def __init__(self, model: Decoder, lengths: Sequence[int], max_len: int | None = None) -> None:
        self.model = model
        self.limit = model.position_limit
        self.held = [visible(length, self.limit) for length in lengths]
        self.max_len = max_len
        self.state = self._new_state(self.held, max(self.held))

    def _new_state(self, held: Sequence[int], columns: int) -> DecodingState:
        """New decoding state for rows about to read this many tokens in these columns."""
        padding = None
        if any(n < columns for n in held):
            device = self.model.embedding.weight.device
            padding = torch.tensor([columns - n for n in held], device=device)
        state = self.model.new_state(len(held), self.max_len, padding)
        state.least_padding = columns - max(held)
        return state

    def read(self, ids: Tensor) -> Tensor:
        """The next tokens' logits, (B, vocab_size), after the texts, (B, L), padded on the left."""
        return read(self.model, ids[:, -max(self.held) :].clamp(min=0), self.state)

    def add(self, ids: Tensor, decode: Callable[[Tensor, DecodingState], Tensor]) -> Tensor:
        """The same after one more token a row, the last of the texts, (B, L), by ``decode``."""
        ended = [row for row, n in enumerate(self.held) if n == self.limit]
        if ended:
            self._read_anew(ended, ids)
        self.held = [n + 1 for n in self.held]
        step = decode if self.state.length else self.model.decode  # compiled code needs a past
        return step(ids[:, -1:], self.state)

    def _read_anew(self, rows: Sequence[int], ids: Tensor) -> None:
        """Lets rows forget all but the tokens that the next one is to be seen with."""
        assert self.limit is not None
        keep = visible(self.limit + 1, self.limit) - 1
        everyone = len(rows) == len(self.held)
        # Among others, their earlier columns are padding, as if they had begun later.
        fresh = self._new_state([keep] * len(rows), keep if everyone else self.state.length)
        fresh.length = 0 if everyone else self.state.length - keep
        at = torch.tensor(rows, device=ids.device)
        if keep:
            read(self.model, ids[at, -1 - keep : -1], fresh)
        if everyone:
            self.state = fresh
        else:
            if self.state.padding is None:
                self.state.padding = torch.zeros(len(self.held), dtype=at.dtype, device=at.device)
            self.state.replace(at, fresh)
        for row in rows:
            self.held[row] = keep
        self.state.least_padding = self.state.length - max(self.held)

    def select(self, rows: Sequence[int]) -> None:
        """Keeps these rows, in this order."""
        self.held = [self.held[row] for row in rows]
        self.state.select(torch.tensor(rows, device=self.model.embedding.weight.device))
        self.state.least_padding = self.state.length - max(self.held)


def read(model: Decoder, ids: Tensor, state: DecodingState) -> Tensor:
    """The logits after ids (B, T), (B, vocab_size); time grows with T, memory doesn't."""
    for part in ids.split(model.dims.max_seq_len, dim=1):
        logits = model.decode(part, state)
    return logits


def visible(length: int, limit: int | None) -> int:
    """How many of a text's tokens are before a model whose positions end at ``limit``.

    All of them up to the limit; then half as many, and again one more with every token.

    >>> [visible(length, limit=4) for length in range(1, 12)]
    [1, 2, 3, 4, 2, 3, 4, 2, 3, 4, 2]
    """
    if limit is None or length <= limit:
        return length
    least = max(1, limit // 2)
    return least + (length - limit - 1) % (limit - least + 1)
