"""Decode ids to bytes."""

from __future__ import annotations

import numpy as np

from zoo_builtin.tokenizers.jit import kernel, load64, store64

WORD = 8


def flattened(tokens: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of all tokens end to end, and where each begins and ends."""
    text = np.frombuffer(b"".join((*tokens, bytes(WORD))), dtype=np.uint8)
    return text, np.cumsum([0, *map(len, tokens)], dtype=np.int64)


@kernel
def measure(ids, borders):
    """How many bytes ids stand for; -1 if one of them doesn't exist."""
    size = 0
    for k in range(ids.size):
        token = ids[k]
        if token < 0 or token >= borders.size - 1:
            return -1
        size += borders[token + 1] - borders[token]
    return size


@kernel
def copy_tokens(ids, text, borders, out):
    """Puts the bytes of ids into ``out``, which has room for WORD bytes more."""
    at = 0
    for k in range(ids.size):
        begin = borders[ids[k]]
        end = borders[ids[k] + 1]
        store64(out, at, load64(text, begin))
        for more in range(WORD, end - begin, WORD):
            store64(out, at + more, load64(text, begin + more))
        at += end - begin
