"""A pseudo-random permutation computed per index, without memory."""

from __future__ import annotations

import hashlib

import numpy as np

ROUNDS = 6


def permute(index: np.ndarray, n: int, *key: int) -> np.ndarray:
    """Where a permutation of 0 … n − 1, chosen by ``key``, takes these indices: int64 -> int64.

    A Feistel network (Luby & Rackoff 1988) permutes the smallest 4^k that holds n; an index that
    lands outside goes through it again until it lands inside ("cycle walking", Black & Rogaway
    2002), at most four times on average. The same on every platform.

    >>> permute(np.arange(5), 5, 1337).tolist()
    [3, 0, 2, 4, 1]
    """
    bits = max(1, ((n - 1).bit_length() + 1) // 2)
    keys = _round_keys(key)
    image = _feistel(index.astype(np.uint64), bits, keys)
    while (outside := image >= n).any():
        image[outside] = _feistel(image[outside], bits, keys)
    return image.astype(np.int64)


def keyed_number(below: int, *key: int) -> int:
    """A number in 0 … below − 1 that is a function of the key alone."""
    return int.from_bytes(_digest(key, size=16), "little") % below


def _feistel(x: np.ndarray, bits: int, keys: np.ndarray) -> np.ndarray:
    """Permutes the numbers of 2 · bits bits: a round XORs a function of one half to the other."""
    half = np.uint64(bits)
    mask = np.uint64((1 << bits) - 1)
    left, right = x >> half, x & mask
    for key in keys:
        left, right = right, left ^ (_mix(right ^ key) & mask)
    joined: np.ndarray = (left << half) | right
    return joined


def _mix(x: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser (Steele et al. 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed


def _round_keys(key: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(_digest(key, size=8 * ROUNDS), dtype="<u8").astype(np.uint64)


def _digest(key: tuple[int, ...], size: int) -> bytes:
    text = " ".join(str(int(part)) for part in key)
    return hashlib.blake2b(text.encode(), digest_size=size).digest()
