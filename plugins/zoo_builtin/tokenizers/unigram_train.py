"""Train a unigram model (Kudo 2018, arXiv:1804.10959) from pre-token counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from zoo_builtin.tokenizers import streams
from zoo_builtin.tokenizers import unigram_kernels as kernels
from zoo_builtin.tokenizers.portions import in_threads
from zoo_builtin.tokenizers.unigram_model import Model, joined

MOST_SEEDS = 1_000_000
SLICE = 1024  # longer pre-tokens are cut, as one of megabytes has little to teach
SHARES = 8  # parts of the text that threads share
SEEN = 1.0  # pieces expected less often go first, however many
PRIOR = 1.0  # how often each byte is taken to occur besides, as texts to come may have any
TINY = 1e-9  # stands for a count of 0
DECIMALS = 6  # what is compared, so that equals are equal whatever a machine's last bits


def learn_pieces(
    text: np.ndarray,
    ends: np.ndarray,
    counts: np.ndarray,
    wanted: int,
    *,
    longest: int,
    shrink: float,
    progress: streams.Progress | None = None,
) -> tuple[list[bytes], dict[bytes, float]]:
    """Up to ``wanted`` pieces, likelier ones first; log-probabilities of these and of all bytes.

    ``text`` (total,) uint8 holds the distinct pre-tokens end to end, ``ends`` (n,) says where each
    one ends and ``counts`` (n,) how often it occurs. Starts with all frequent substrings of up to
    ``longest`` bytes. Then, in turns, a step of expectation-maximisation fits their probabilities,
    and those that the likelihood needs least are taken away, a share of 1 − ``shrink`` at a time.
    """
    words = Words(text, ends, counts, longest)
    pieces, seen = words.seeds(max(wanted, MOST_SEEDS))
    model = Model(pieces, log_shares(seen))
    surplus = len(pieces) - 256 - wanted
    while len(model.pieces) > 256 + wanted:
        expected = step(model, words)
        keep = survivors(model, expected, wanted, shrink)
        model = Model([model.pieces[index] for index in keep], log_shares(expected[keep]))
        if progress:
            progress("pruning", len(pieces) - len(keep), surplus)
    step(model, words)
    log_probs = log_shares(np.maximum(step(model, words), TINY))
    order = np.argsort(-log_probs.round(DECIMALS), kind="stable")
    learnt = [index for index in order if not model.single[index]]
    by_piece = dict(zip(model.pieces, log_probs.tolist(), strict=True))
    return [model.pieces[index] for index in learnt], by_piece


class Words:
    """Distinct pre-tokens end to end, cut where they are very long, and how often each occurs."""

    def __init__(
        self, text: np.ndarray, ends: np.ndarray, counts: np.ndarray, longest: int
    ) -> None:
        spelled = text.tobytes()
        # In an order that depends on the text alone: sums of floats depend on the order.
        words = sorted(
            (spelled[cut : min(cut + SLICE, end)], count)
            for (start, end), count in zip(
                pairwise([0, *ends.tolist()]), counts.tolist(), strict=True
            )
            for cut in range(start, end, SLICE)
        )
        self.text, self.ends = joined([word for word, _ in words])
        self.weights = np.array([count for _, count in words], dtype=np.int64)
        self.longest = longest

    def shares(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Text, ends and weights in parts for threads, the same ones however many threads."""
        cuts = np.searchsorted(self.ends, np.arange(1, SHARES) * len(self.text) // SHARES)
        for first, last in pairwise([0, *cuts.tolist(), len(self.ends)]):
            start = self.ends[first - 1] if first else 0
            ends = self.ends[first:last] - start
            text = self.text[start : self.ends[last - 1]] if last > first else self.text[:0]
            yield text, ends, self.weights[first:last]

    def seeds(self, most: int) -> tuple[list[bytes], np.ndarray]:
        """All bytes and up to ``most`` frequent substrings, sorted; how often each occurs.

        The substrings are those that spell most bytes. They begin where a character of UTF-8 does,
        and are whole characters or the beginning of one.
        """
        lengths = np.diff(self.ends, prepend=0)
        weights = np.repeat(self.weights, lengths)
        places, sizes, counts = self._substrings(lengths, weights)
        if len(places) > most:
            first = np.argsort(-counts * sizes, kind="stable")[:most]
            places, sizes, counts = places[first], sizes[first], counts[first]
        single = np.bincount(self.text, weights, minlength=256) + PRIOR
        found = {bytes([value]): float(count) for value, count in enumerate(single)}
        text = self.text.tobytes()
        spans = zip(places.tolist(), sizes.tolist(), counts.tolist(), strict=True)
        found |= {text[place : place + size]: float(count) for place, size, count in spans}
        pieces = sorted(found)
        return pieces, np.array([found[piece] for piece in pieces])

    def _substrings(
        self, lengths: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where frequent substrings of two bytes or more are, their sizes and counts."""
        left = np.repeat(self.ends, lengths) - np.arange(len(self.text))
        order = suffix_order(self.text, left, self.longest)
        order = order[self.text[order] & 0xC0 != 0x80]
        room = 2 * len(order)
        places, sizes = np.empty(room, np.int64), np.empty(room, np.int32)
        counts = np.empty(room, np.int64)
        above = np.empty((2, self.longest + 1), np.int64)
        limits = np.minimum(left, self.longest)
        found = kernels.substrings(
            self.text, order, limits, weights[order], *above, places, sizes, counts
        )
        return places[:found], sizes[:found], counts[:found]


def step(model: Model, words: Words, prior: float = PRIOR) -> np.ndarray:
    """One step of expectation-maximisation (Dempster et al. 1977); returns the expected counts.

    Each byte counts ``prior`` more than expected. The log-likelihood, with ``prior`` times the
    log-probabilities of the bytes added to it, never falls.
    """
    expected = np.zeros(len(model.pieces))
    for _, counts in in_threads(lambda share: model.expect(*share), words.shares()):
        expected += counts
    expected[model.single] += prior
    model.log_probs = log_shares(expected)
    return expected


def log_shares(counts: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(counts / counts.sum())


def survivors(model: Model, expected: np.ndarray, wanted: int, shrink: float) -> np.ndarray:
    """The numbers of all bytes and of the pieces that the likelihood needs most, in order."""
    losses = model.losses(np.maximum(expected, TINY)).round(DECIMALS)
    seen = int((model.single | (expected >= SEEN)).sum())
    most = max(256 + wanted, min(seen, int(shrink * len(losses))))
    return np.sort(np.argsort(-losses, kind="stable")[:most])


def suffix_order(text: np.ndarray, left: np.ndarray, depth: int) -> np.ndarray:
    """The places of a text, sorted by the ``depth`` bytes (or more) that follow them.

    ``left[place]`` is how many bytes there are until the pre-token ends; the end comes before all
    bytes. Prefix doubling (Manber & Myers 1993): seven bytes fit one number; the rank of these
    among all and of the seven behind them fit one, and so on.
    """
    width = 7
    key = np.zeros(len(text), dtype=np.int64)
    for ahead in range(width):
        key = key << 9 | np.where(left > ahead, np.roll(text, -ahead).astype(np.int64) + 1, 0)
    order = np.argsort(key)
    while width < depth:
        ordered = key[order]
        ranks = np.empty(len(text), dtype=np.int64)
        ranks[order] = np.cumsum(np.diff(ordered, prepend=0) != 0)
        key = ranks << 32 | np.where(left > width, np.roll(ranks, -width), 0)
        order = np.argsort(key)
        width *= 2
    return order
