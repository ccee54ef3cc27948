"""Fast byte-pair encoding: numba kernels run in threads."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo_builtin.tokenizers import streams
from zoo_builtin.tokenizers.base import joined, offsets_of, several
from zoo_builtin.tokenizers.byte_pairs import BytePairs, Merge, Rules
from zoo_builtin.tokenizers.patterns import last_cut
from zoo_builtin.tokenizers.portions import PORTION, Piece, in_threads, portions
from zoo_builtin.tokenizers.reference import BPEReference

if TYPE_CHECKING:
    from zoo_builtin.tokenizers.encode import Encoder

MADE = ("_made_encoder", "_flattened", "_reference")
FEW = 8192
"""Bytes of text, or ids, that plain Python deals with sooner than numba is loaded."""


class BPE(BytePairs):
    __doc__ = f"""{BytePairs.__doc__}
    Kernels compiled by numba scan, look up and merge bytes without holding the GIL; ``encode`` of
    long text, ``encode_batch`` and ``encode_file`` work in threads. The readable twin is
    ``bpe_reference``.
    """

    def encode(
        self, text: str | bytes, *, allowed_special: bool | Collection[str] = False
    ) -> np.ndarray:
        """Text -> (n,) int32 ids."""
        allowed = self._special_ids(allowed_special)
        data = streams.to_bytes(text)
        if not allowed and self._is_worth_no_kernel(len(data)):
            return self._reference._encode_piece(data)
        if len(data) <= PORTION and not allowed:
            return self._encoder.encode([data])[0]
        return joined(self._encode_chunks([data], allowed, None))

    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        threads: int | None = None,
        allowed_special: bool | Collection[str] = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        allowed = self._special_ids(allowed_special)
        n_pieces: list[int] = []

        def pieces() -> Iterator[Piece]:
            for text in several(texts):
                n_pieces.append(0)
                data = streams.to_bytes(text)
                for piece in self._pieces([data], allowed) if allowed else self._cut(data):
                    n_pieces[-1] += 1
                    yield piece

        arrays, counts = [], [np.zeros(1, dtype=np.int64)]
        for ids, lengths in in_threads(self._encode_portion, portions(pieces()), threads):
            arrays.append(ids)
            counts.append(lengths)
        ends = np.cumsum(np.concatenate(counts))
        return joined(arrays), ends[offsets_of(n_pieces)]

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The exact bytes that ids stand for. Raises ValueError for an id that doesn't exist."""
        if isinstance(ids, list) and self._is_worth_no_kernel(len(ids)):
            return super().decode_bytes(ids)

        from zoo_builtin.tokenizers.decode import WORD, copy_tokens, measure

        text, borders = self._flattened
        numbers = as_array(ids)
        if numbers is None:
            numbers = self._known(ids).astype(np.int64)
        size = measure(numbers, borders)
        if size < 0:
            self._known(numbers)  # which says what is wrong
        out = np.empty(size + WORD, dtype=np.uint8)
        copy_tokens(numbers, text, borders, out)
        return out[:size].tobytes()

    def _encode_chunks(
        self,
        chunks: Iterable[bytes],
        special_ids: Mapping[bytes, int],
        threads: int | None = 1,
    ) -> Iterator[np.ndarray]:
        if threads == 1:  # a stream: as soon as possible
            yield from super()._encode_chunks(chunks, special_ids)
            return
        found = portions(self._pieces(chunks, special_ids))
        for ids, _ in in_threads(self._encode_portion, found, threads):
            yield ids

    def _encode_piece(self, piece: bytes) -> np.ndarray:
        return self._encoder.encode([piece])[0]

    def _encode_portion(self, pieces: Sequence[Piece]) -> tuple[np.ndarray, np.ndarray]:
        specials = [special for _, special in pieces]
        return self._encoder.encode(
            [piece for piece, _ in pieces], specials if max(specials) >= 0 else None
        )

    def _pieces(self, chunks: Iterable[bytes], special_ids: Mapping[bytes, int]) -> Iterator[Piece]:
        for piece, is_special in streams.split(chunks, special_ids, self._last_cut):
            if is_special:
                yield piece, special_ids[piece]
            else:
                yield from self._cut(piece)

    def _cut(self, piece: bytes) -> Iterator[Piece]:
        """A long piece in parts of about PORTION."""
        start, end = 0, PORTION
        while end < len(piece):
            cut = self._last_cut(piece, start, end)
            if cut > start:
                yield piece[start:cut], -1
                start, end = cut, cut + PORTION
            else:
                end += end - start
        yield piece[start:] if start else piece, -1

    def _last_cut(self, text: bytes, start: int, end: int) -> int:
        return last_cut(self.pattern, text, start, end)

    @property
    def _encoder(self) -> Encoder:
        self._trained()
        return self._made_encoder

    def _prepare(self, byte_ids: list[int], rules: Rules, whole: dict[bytes, int]) -> None:
        for made in MADE:
            self.__dict__.pop(made, None)
        self._lookups = byte_ids, rules, whole
        self._without_kernels = 0

    def _is_worth_no_kernel(self, size: int) -> bool:
        """Whether kernels are not there yet, and all that was done without them is little."""
        own = vars(self)
        if "_lookups" not in own or "_made_encoder" in own or "_flattened" in own:
            return False
        self._without_kernels += size
        return self._without_kernels <= FEW

    @cached_property
    def _reference(self) -> BPEReference:
        """The readable twin, with the same ids."""
        twin = BPEReference(pattern=self.pattern)
        twin._prepare(*self._lookups)
        return twin

    @cached_property
    def _made_encoder(self) -> Encoder:
        """Made at first use: numba isn't imported for a tokenizer that is only loaded."""
        from zoo_builtin.tokenizers.encode import Encoder

        byte_ids, rules, whole = self._lookups
        lengths = np.array([*map(len, self._trained())], dtype=np.int64)
        return Encoder(self.pattern, byte_ids, rules, lengths, whole)

    @cached_property
    def _flattened(self) -> tuple[np.ndarray, np.ndarray]:
        from zoo_builtin.tokenizers.decode import flattened

        return flattened(self._trained())

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: without what is made at first use."""
        return {name: value for name, value in vars(self).items() if name not in MADE}

    def _learn(self, pieces: Iterator[bytes], wanted: int) -> Iterator[Merge]:
        from zoo_builtin.tokenizers.count import count_pre_tokens
        from zoo_builtin.tokenizers.learn import learn_merges

        return learn_merges(
            *count_pre_tokens(self.pattern, pieces),
            wanted,
            min_frequency=self.min_frequency,
            max_token_bytes=self.max_token_bytes,
            tie=self.tie,
        )


def as_array(ids: Iterable[int]) -> np.ndarray | None:
    """Ids as an array that kernels take, if that can be had quickly."""
    if isinstance(ids, np.ndarray):
        fits = ids.ndim == 1 and ids.dtype in (np.int32, np.int64)
        return np.ascontiguousarray(ids) if fits else None
    if isinstance(ids, list):
        try:
            return np.frombuffer(array("q", ids), dtype=np.int64)
        except (TypeError, OverflowError):
            pass
    return None
