"""The unigram tokenizer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo_builtin.tokenizers import patterns, streams
from zoo_builtin.tokenizers.base import (
    BYTES,
    TableTokenizer,
    check_sizes,
    expect,
    expect_special_tokens,
    joined,
    number_special_tokens,
    warn_of_few,
)
from zoo_builtin.tokenizers.byte_pairs import spell, unspell
from zoo_builtin.tokenizers.portions import in_threads

if TYPE_CHECKING:
    from zoo_builtin.tokenizers.unigram_model import Model

GRID = 2**16
LEAST = -10_000.0


class Unigram(TableTokenizer):
    """The most probable of all ways to cut a text into pieces (Kudo 2018, arXiv:1804.10959).

    Pieces are independent: P(pieces) = Π P(piece). A text is cut into pre-tokens, which no piece
    crosses, and these into the pieces of greatest probability (Viterbi). Of equally probable ways,
    the one whose first piece is longest is taken, then the one whose second is, and so on.
    ``sample`` draws one of the ways instead.

    Ids 0–255 are the byte values; special tokens follow, then the pieces that were learnt, the
    likeliest first. ``vocab_size`` counts them all; after training it is the size reached. Learnt
    pieces are whole characters or the beginning of one, at most ``max_token_bytes`` bytes long.

    Training starts with all frequent substrings of the pre-tokens, up to a million. In turns, it
    fits their probabilities to the text by expectation-maximisation and takes those away without
    which the text's likelihood falls least, until ``vocab_size`` is reached; a share of ``shrink``
    or less stays each time, so that a greater one is slower and a little better.
    ``max_train_bytes`` reads only the beginning of the text.

    ``pattern`` is "gpt2", "cl100k", "llama3", "qwen2", "o200k" or a regular expression of the
    ``regex`` package, which is slower and holds each document whole.
    """

    kind = "unigram"

    def __init__(
        self,
        *,
        vocab_size: int = 4096,
        pattern: str = "gpt2",
        special_tokens: list[str] | None = None,
        max_token_bytes: int = 16,
        max_train_bytes: int | None = None,
        shrink: float = 0.9,
    ) -> None:
        self.special_tokens = number_special_tokens(special_tokens, first_id=256)
        check_sizes(
            vocab_size,
            len(self.special_tokens),
            max_token_bytes=max_token_bytes,
            max_train_bytes=max_train_bytes,
        )
        if not 0 < shrink < 1:
            raise ValueError(f"shrink = {shrink} must be between 0 and 1")
        self.vocab_size = vocab_size
        self.pattern = pattern
        self.max_token_bytes = max_token_bytes
        self.max_train_bytes = max_train_bytes
        self.shrink = shrink
        self.log_probs: dict[bytes, float] = {}
        self._find_borders = patterns.border_finder(pattern)

    @classmethod
    def from_pieces(
        cls,
        log_probs: Mapping[bytes, float],
        special_tokens: list[str] | None = None,
        *,
        pattern: str = "gpt2",
    ) -> Unigram:
        """A tokenizer of pieces with these log-probabilities; ids are given in their order.

        Log-probabilities are rounded to multiples of 2⁻¹⁶, of which sums are exact: what is a tie
        doesn't depend on the order of adding up.

        Raises ValueError where a byte is missing, a piece is empty or a log-probability is not
        between -10,000 and 0.
        """
        for byte in BYTES:
            if byte not in log_probs:
                raise ValueError(f"no log-probability for the byte {byte!r}")
        tokenizer = cls(
            vocab_size=len(log_probs) + len(number_special_tokens(special_tokens, 0)),
            pattern=pattern,
            special_tokens=special_tokens,
        )
        tokenizer._install(log_probs)
        return tokenizer

    def train(
        self,
        texts: Iterable[str | bytes] | None = None,
        *,
        files: Sequence[str | Path] | None = None,
        progress: streams.Progress | None = None,
    ) -> None:
        """Learn pieces from documents and files, forgetting what was learnt before.

        No document is ever held whole: memory grows with the number of distinct pre-tokens only.
        ``progress`` hears of "reading" and of "pruning". Warns if the text is too small for
        ``vocab_size``.
        """
        from zoo_builtin.tokenizers.count import count_pre_tokens
        from zoo_builtin.tokenizers.unigram_train import learn_pieces

        pieces = self._ordinary_text(texts, files, progress, self.max_train_bytes)
        words = count_pre_tokens(self.pattern, pieces)
        wanted = self.vocab_size - 256 - len(self.special_tokens)
        learnt, log_probs = learn_pieces(
            *words, wanted, longest=self.max_token_bytes, shrink=self.shrink, progress=progress
        )
        warn_of_few(len(learnt), wanted, "pieces", self.vocab_size)
        self._install({piece: log_probs[piece] for piece in (*BYTES, *learnt)})

    def sample(
        self,
        text: str | bytes,
        *,
        seed: int,
        alpha: float = 0.1,
        allowed_special: bool | Collection[str] = False,
    ) -> np.ndarray:
        """Text -> (n,) int32 ids of a segmentation drawn in proportion to its probability ^ alpha.

        Kudo's subword regularisation, over all segmentations: alpha 0 takes each as likely, a
        great one nearly always takes that of ``encode``. Equal seeds give equal ids.
        """
        if not 0 <= alpha < math.inf:
            raise ValueError(f"alpha = {alpha} must be a number of at least 0")
        random = np.random.default_rng(seed)

        def draw(piece: bytes) -> np.ndarray:
            draws = random.random(len(piece))
            return self._ids[self._model.drawn(*self._pre_tokens(piece), alpha, draws)]

        special_ids = self._special_ids(allowed_special)
        return joined(self._map_pieces(draw, streams.blocks(text), special_ids))

    def _install(self, log_probs: Mapping[bytes, float]) -> None:
        for piece, log_prob in log_probs.items():
            if not piece:
                raise ValueError("a piece of no bytes at all")
            if type(log_prob) not in (float, int) or not LEAST <= log_prob <= 0:
                raise ValueError(
                    f"the log-probability of {piece!r} must be a number from {LEAST:,.0f} to 0, "
                    f"not {log_prob!r:.80}"
                )
        learnt = [piece for piece in log_probs if len(piece) > 1]
        self._tokens = [*BYTES, *(name.encode() for name in self.special_tokens), *learnt]
        self.vocab_size = len(self._tokens)
        self.log_probs = {
            piece: round(log_probs[piece] * GRID) / GRID for piece in (*BYTES, *learnt)
        }
        for made in ("_model", "_ids"):
            self.__dict__.pop(made, None)

    @cached_property
    def _model(self) -> Model:
        """Made when it is needed, as numba is slow to import."""
        from zoo_builtin.tokenizers.unigram_model import Model

        pieces = sorted(self.log_probs)
        return Model(pieces, np.array([self.log_probs[piece] for piece in pieces]))

    @cached_property
    def _ids(self) -> np.ndarray:
        """(n,) int32: the ids of the model's pieces."""
        first = 256 + len(self.special_tokens)
        ids = dict(zip(self.log_probs, chain(range(256), count(first)), strict=False))
        return np.array([ids[piece] for piece in self._model.pieces], dtype=np.int32)

    def _encode_piece(self, piece: bytes) -> np.ndarray:
        return self._ids[self._model.best(*self._pre_tokens(piece))]

    def _encode_chunks(
        self,
        chunks: Iterable[bytes],
        special_ids: Mapping[bytes, int],
        threads: int | None = 1,
    ) -> Iterator[np.ndarray]:
        return self._map_pieces(self._encode_piece, chunks, special_ids, threads)

    def _map_pieces(
        self,
        ids_of: Callable[[bytes], np.ndarray],
        chunks: Iterable[bytes],
        special_ids: Mapping[bytes, int],
        threads: int | None = 1,
    ) -> Iterator[np.ndarray]:
        """The ids of a stream of text, where ``ids_of`` gives those of ordinary pieces."""
        self._trained()

        def work(part: tuple[bytes, bool]) -> np.ndarray:
            piece, is_special = part
            return np.array([special_ids[piece]], np.int32) if is_special else ids_of(piece)

        return in_threads(work, streams.split(chunks, special_ids, self._last_cut), threads)

    def _pre_tokens(self, piece: bytes) -> tuple[np.ndarray, np.ndarray]:
        """The bytes of a piece, (total,) uint8, and where its pre-tokens end, (n,) int64."""
        if self.pattern not in patterns.PATTERNS:
            return np.frombuffer(piece, dtype=np.uint8), self._find_borders([piece])
        from zoo_builtin.tokenizers.scan import NUMBERS, PADDING, pre_token_ends
        from zoo_builtin.tokenizers.unicode import character_classes

        data = np.frombuffer(piece + bytes(PADDING), dtype=np.uint8)
        ends = np.empty(len(piece), dtype=np.int64)
        number = NUMBERS[self.pattern]
        n_ends = pre_token_ends(data, len(piece), number, character_classes(), ends)
        return data[: len(piece)], ends[:n_ends]

    def _last_cut(self, text: bytes, start: int, end: int) -> int:
        return patterns.last_cut(self.pattern, text, start, end)

    def _state(self) -> dict[str, Any]:
        self._trained()
        return {
            "pattern": self.pattern,
            "special_tokens": list(self.special_tokens),
            "tokens": [spell(piece) for piece in self.log_probs],
            "log_probs": list(self.log_probs.values()),
        }

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> Unigram:
        pieces = [unspell(piece) for piece in expect(state, "tokens", list)]
        log_probs = expect(state, "log_probs", list)
        if len(log_probs) != len(pieces):
            raise ValueError(f"{len(log_probs)} 'log_probs' for {len(pieces)} 'tokens'")
        if pieces[:256] != BYTES:
            raise ValueError("'tokens' must begin with the 256 bytes in order")
        if len(set(pieces)) < len(pieces):
            twice = Counter(pieces).most_common(1)[0][0]
            raise ValueError(f"'tokens' has {twice!r} twice")
        return cls.from_pieces(
            dict(zip(pieces, log_probs, strict=True)),
            expect_special_tokens(state),
            pattern=expect(state, "pattern", str),
        )
