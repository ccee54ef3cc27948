"""Batches of tokens in a shuffled order that needs no state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoo.data.permutation import keyed_number, permute

if TYPE_CHECKING:
    from zoo.contracts import Tokenizer
    from zoo.data.shards import Tokens

CHUNK = 1 << 20  # tokens


def batch(
    tokens: Tokens, *, seed: int, step: int, n_rows: int, rows: range, length: int
) -> np.ndarray:
    """Some rows of a step's global batch: (len(rows), length + 1) int64.

    Row r of step s is the place s · n_rows + r in the whole run's reading order, and that order is
    a function of the seed alone: an epoch reads each of its n windows once, shuffled by a keyed
    permutation, and every epoch cuts the tokens into windows at another offset. So a step has the
    same ``n_rows`` rows however many processes share them (of W, rank k takes the range from
    k · n_rows / W on) and whenever the run was resumed.
    """
    starts = window_starts(tokens, seed, step * n_rows + np.asarray(rows), length)
    return tokens.rows(starts, length + 1)


def window_starts(tokens: Tokens, seed: int, places: np.ndarray, length: int) -> np.ndarray:
    """Where the windows at these places of the reading order begin: (n,) int64 -> (n,) int64."""
    n, offsets = epoch_size(tokens, length)
    epochs, nth = np.divmod(places, n)
    starts = np.empty_like(nth)
    for epoch in np.unique(epochs).tolist():
        now = epochs == epoch
        offset = keyed_number(offsets, seed, epoch)
        starts[now] = permute(nth[now], n, seed, epoch) * length + offset
    return starts


def epoch_size(tokens: Tokens, length: int) -> tuple[int, int]:
    """How many windows an epoch has, and how many offsets leave room for that many.

    One window fewer than there could be, where there is more than one, lets every offset fit.
    """
    n = max(1, tokens.n_windows(length) - 1)
    return n, min(length, len(tokens) - n * length)


def valid_windows(tokens: Tokens, n_tokens: int, length: int) -> np.ndarray:
    """The windows to evaluate on, the same ones always: evenly spaced, about ``n_tokens`` in all.

    All there are, where the split is smaller.
    """
    n = tokens.n_windows(length)
    count = min(n, max(1, n_tokens // length))
    return np.arange(count) * n // count


def windows(tokens: Tokens, indices: np.ndarray, length: int) -> np.ndarray:
    """Windows by number: (n,) -> (n, length + 1) int64."""
    return tokens.rows(indices * length, length + 1)


def bytes_of_text(tokens: Tokens, tokenizer: Tokenizer) -> np.ndarray:
    """The number of text bytes per id of a split: (vocab_size,) float64.

    What a lossy tokenizer's ids stand for adds up to another size than the text: the difference
    is spread evenly, so that all tokens of the split together count the text's own bytes.
    """
    lengths = np.asarray(tokenizer.token_bytes(), dtype=np.float64)
    if not getattr(tokenizer, "lossy", False):
        return lengths
    spelled = sum(
        lengths[shard[at : at + CHUNK]].sum()
        for shard in tokens.shards
        for at in range(0, len(shard), CHUNK)
    )
    return lengths * (tokens.bytes / spelled) if spelled else lengths
