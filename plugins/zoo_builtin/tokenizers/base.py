"""Base of all tokenizers: vocabulary, special tokens, streaming, the JSON file."""

from __future__ import annotations

import hashlib
import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from zoo.authoring import write_atomically, write_ids
from zoo_builtin.tokenizers import streams
from zoo_builtin.tokenizers.limited import read_json

END_OF_TEXT = "<|endoftext|>"
FILE_NAME = "tokenizer.json"
FORMAT = "zoo-tokenizer-1"

BYTES = [bytes([value]) for value in range(256)]
MOST_TOKENS = (1 << 21) - 1  # kernels pack ids in 21 bits, where the greatest is none

T = TypeVar("T")
SelfTokenizer = TypeVar("SelfTokenizer", bound="TableTokenizer")


class TableTokenizer(ABC):
    """A tokenizer whose every id stands for fixed bytes.

    Text may hold the spelling of a special token without meaning it, so ``encode`` takes it for
    ordinary text unless ``allowed_special`` says otherwise: True for all special tokens, or the
    ones to recognise. Training text is always cut at special tokens, and learns nothing from them.

    Byte strings are taken as UTF-8; bytes that are not survive. Lone surrogates in a ``str`` can't
    be encoded and are read as U+FFFD.
    """

    kind: ClassVar[str]
    """The name this tokenizer has in recipes and in its file."""

    reads: ClassVar[tuple[str, ...]] = ()
    """What files of other programs ``from_file`` can read."""

    special_tokens: dict[str, int]
    """Text -> id. The first one ends a document."""

    _tokens: list[bytes] | None = None
    """What each id stands for; None before training."""

    @property
    def eot(self) -> int:
        """The id that ends a document."""
        return next(iter(self.special_tokens.values()))

    @property
    def vocab(self) -> dict[int, bytes]:
        """Id -> bytes, special tokens included."""
        return dict(enumerate(self._trained()))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that determines the ids: of the file that ``save`` writes."""
        return hashlib.sha256(self._serialised()).hexdigest()

    @abstractmethod
    def train(
        self,
        texts: Iterable[str | bytes] | None = None,
        *,
        files: Sequence[str | Path] | None = None,
        progress: streams.Progress | None = None,
    ) -> None:
        """Learn the vocabulary from documents and from files, none of them ever held whole.

        ``progress(doing, done, total)`` is called now and then; total is None where unknown.
        """

    def encode(
        self, text: str | bytes, *, allowed_special: bool | Collection[str] = False
    ) -> np.ndarray:
        """Text -> (n,) int32 ids."""
        arrays = self._encode_chunks(streams.blocks(text), self._special_ids(allowed_special))
        return joined(arrays)

    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        threads: int | None = None,
        allowed_special: bool | Collection[str] = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Texts -> the ids of all, end to end, (n,) int32, and where each begins and ends.

        Text i has the ids ``ids[offsets[i]:offsets[i + 1]]``; offsets are int64, one more than
        there are texts. ``threads`` is how many may work at once (None: one a core), where the
        tokenizer can use several.
        """
        del threads
        arrays = [self.encode(text, allowed_special=allowed_special) for text in several(texts)]
        return joined(arrays), offsets_of(map(len, arrays))

    def encode_iterable(
        self, chunks: Iterable[str | bytes], *, allowed_special: bool | Collection[str] = False
    ) -> Iterator[int]:
        """The ids of all chunks joined, one by one, wherever the chunks were cut.

        Holds a chunk and one unfinished pre-token, never the whole text.
        """
        arrays = self._encode_chunks(
            (streams.to_bytes(chunk, "chunk of text") for chunk in chunks),
            self._special_ids(allowed_special),
        )
        return (token for array in arrays for token in array.tolist())

    def encode_file(
        self,
        path: str | Path,
        out: str | Path,
        *,
        threads: int | None = None,
        allowed_special: bool | Collection[str] = False,
        progress: streams.Progress | None = None,
    ) -> int:
        """Encode a file of any size into a file of ids; returns how many there are.

        ``out`` is a ``.npy`` file, or ``.bin``: the bare numbers, little-endian. Either holds
        uint16 where the vocabulary fits, else uint32. Neither file is ever held whole, and ``out``
        appears when it is complete. ``threads`` as for ``encode_batch``.

        Raises ValueError for another ending of ``out``.
        """
        special_ids = self._special_ids(allowed_special)
        total = Path(path).stat().st_size

        def told(chunks: Iterator[bytes]) -> Iterator[bytes]:
            done = 0
            for chunk in chunks:
                yield chunk
                done += len(chunk)
                if progress:
                    progress("encoding", done, total)

        arrays = self._encode_chunks(told(streams.file_blocks(path)), special_ids, threads)
        return write_ids(Path(out), arrays, len(self._trained()))

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The exact bytes that ids stand for. Raises ValueError for an id that doesn't exist."""
        return b"".join(map(self._trained().__getitem__, self._known(ids).tolist()))

    def decode(self, ids: Iterable[int]) -> str:
        """The text that ids stand for; U+FFFD where their bytes are not UTF-8."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def token_bytes(self) -> np.ndarray:
        """(vocab_size,) int64: how many bytes of text each id stands for; 0 for special tokens."""
        lengths = np.array([len(token) for token in self._trained()], dtype=np.int64)
        lengths[list(self.special_tokens.values())] = 0
        return lengths

    def save(self, dir: str | Path) -> None:
        """Write ``dir/tokenizer.json``, atomically."""
        Path(dir).mkdir(parents=True, exist_ok=True)
        write_atomically(Path(dir) / FILE_NAME, self._serialised())

    @classmethod
    def load(cls: type[SelfTokenizer], dir: str | Path) -> SelfTokenizer:
        """Read what ``save`` wrote. Raises ValueError naming the file and what is wrong with it."""
        path = Path(dir) / FILE_NAME
        try:
            state = read_json(path)
            if state.get("format") != FORMAT:
                raise ValueError(f'no "format": "{FORMAT}" at the top')
            if state.get("tokenizer") != cls.kind:
                raise ValueError(f"a tokenizer {state.get('tokenizer')!r}, not {cls.kind!r}")
            return cls._from_state(state)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_file(cls: type[SelfTokenizer], path: Path, **options: Any) -> SelfTokenizer | None:
        """Read what ``save`` wrote, by its folder or file; None if it is anything else.

        Who knows formats of other programs overrides this, and names them in ``reads``.
        """
        file = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
        start = f'{{"format":"{FORMAT}","tokenizer":"{cls.kind}",'.encode()
        if file.name != FILE_NAME or not file.is_file():
            return None
        with file.open("rb") as saved:
            if saved.read(len(start)) != start:
                return None
        if options:
            raise ValueError(
                f"{file}: this tokenizer is complete and takes no {', '.join(options)}"
            )
        return cls.load(file.parent)

    @abstractmethod
    def _encode_piece(self, piece: bytes) -> np.ndarray:
        """(n,) int32: the ids of a piece of text without special tokens."""

    @abstractmethod
    def _state(self) -> dict[str, Any]:
        """All that determines the ids, as JSON."""

    @classmethod
    @abstractmethod
    def _from_state(cls: type[SelfTokenizer], state: dict[str, Any]) -> SelfTokenizer:
        """The inverse. Raises ValueError, as the file may come from anywhere."""

    def _last_cut(self, text: bytes, start: int, end: int) -> int:
        """Where text may be cut without changing its ids: the last such place, else ``start``."""
        return end

    def _encode_chunks(
        self,
        chunks: Iterable[bytes],
        special_ids: Mapping[bytes, int],
        threads: int | None = 1,
    ) -> Iterator[np.ndarray]:
        """The ids of a stream of text, in order."""
        self._trained()
        for piece, is_special in streams.split(chunks, special_ids, self._last_cut):
            if is_special:
                yield np.array([special_ids[piece]], dtype=np.int32)
            else:
                yield self._encode_piece(piece)

    def _ordinary_text(
        self,
        texts: Iterable[str | bytes] | None,
        files: Sequence[str | Path] | None,
        progress: streams.Progress | None,
        max_bytes: int | None = None,
    ) -> Iterator[bytes]:
        """The training text in pieces, without its special tokens."""
        special_tokens = [name.encode() for name in self.special_tokens]
        for chunks in streams.documents(texts, files, progress, max_bytes):
            for piece, is_special in streams.split(chunks, special_tokens, self._last_cut):
                if not is_special:
                    yield piece

    def _known(self, ids: Iterable[int]) -> np.ndarray:
        """Ids as an array. Raises ValueError for what is none, or an id that doesn't exist."""
        array = np.asarray(ids if hasattr(ids, "__len__") else list(ids))
        if array.size == 0:
            return np.empty(0, dtype=np.int64)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(f"ids must be a flat sequence of integers, not {array!r:.80}")
        size = len(self._trained())
        unknown = array[(array < 0) | (array >= size)]
        if unknown.size:
            raise ValueError(f"no token has the id {unknown[0]}: ids go from 0 to {size - 1}")
        return array

    def _special_ids(self, allowed_special: bool | Collection[str]) -> dict[bytes, int]:
        """The special tokens to recognise, as they stand in text, with their ids."""
        if isinstance(allowed_special, bool):
            names = set(self.special_tokens if allowed_special else ())
        else:
            names = {allowed_special} if isinstance(allowed_special, str) else set(allowed_special)
        if unknown := sorted(names - self.special_tokens.keys()):
            known = ", ".join(map(repr, self.special_tokens))
            raise ValueError(f"no special token {unknown[0]!r} (known: {known})")
        return {name.encode(): self.special_tokens[name] for name in names}

    def _trained(self) -> list[bytes]:
        if self._tokens is None:
            name = type(self).__name__
            raise RuntimeError(
                f"this {name} tokenizer has no vocabulary yet: train(texts) it, or {name}.load(dir)"
            )
        return self._tokens

    def _serialised(self) -> bytes:
        self._trained()
        state = {"format": FORMAT, "tokenizer": self.kind, **self._state()}
        return json.dumps(state, separators=(",", ":")).encode("ascii") + b"\n"


def several(texts: Iterable[str | bytes]) -> Iterable[str | bytes]:
    """Texts, if that is what they are. Raises TypeError for a single one."""
    if isinstance(texts, (str, bytes)):
        raise TypeError("texts is an iterable of texts; for a single one write [text]")
    return texts


def joined(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """(n,) int32: arrays of ids, end to end."""
    return np.concatenate([np.empty(0, np.int32), *arrays])


def offsets_of(lengths: Iterable[int]) -> np.ndarray:
    """Where things of these lengths begin and end, end to end: one number more than there are.

    >>> offsets_of([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    return np.cumsum(np.fromiter(chain([0], lengths), dtype=np.int64))


def check_sizes(vocab_size: int, n_special_tokens: int, **at_least_one: int | None) -> None:
    """Raises ValueError for a vocabulary of learnt tokens, or another option, of no good size."""
    least = 256 + n_special_tokens
    if vocab_size < least:
        raise ValueError(
            f"vocab_size = {vocab_size} is too small: 256 bytes and {n_special_tokens} "
            f"special tokens are {least}"
        )
    if vocab_size > MOST_TOKENS:
        raise ValueError(f"vocab_size = {vocab_size} is more than {MOST_TOKENS}")
    for name, value in at_least_one.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} = {value} must be at least 1")


def warn_of_few(learnt: int, wanted: int, what: str, vocab_size: int) -> None:
    """Warns who called ``train``, if the text gave fewer tokens than were asked for."""
    if learnt < wanted:
        warnings.warn(
            f"the text gives only {learnt} {what}, not {wanted}: the vocabulary has "
            f"{vocab_size - wanted + learnt} tokens instead of {vocab_size}",
            stacklevel=3,
        )


def number_special_tokens(special_tokens: Sequence[str] | None, first_id: int) -> dict[str, int]:
    """Text -> id, from ``first_id`` on; None stands for the end of text alone."""
    names = [END_OF_TEXT] if special_tokens is None else special_tokens
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"special_tokens must be a list of strings, not {names!r}")
    if not names:
        raise ValueError("special_tokens is empty; the first of them ends a document, so name one")
    seen: set[str] = set()
    for name in names:
        if not name or streams.SURROGATE.search(name):
            raise ValueError(f"special_tokens: {name!r} is no text that could be recognised")
        if name in seen:
            raise ValueError(f"special_tokens names {name!r} twice")
        seen.add(name)
    return {name: first_id + index for index, name in enumerate(names)}


def expect(state: dict[str, Any], key: str, kind: type[T]) -> T:
    """A value of a loaded file, if it has the right type."""
    value = state.get(key)
    if type(value) is not kind:
        raise ValueError(f"{key!r} must be a {kind.__name__}, not {value!r:.80}")
    return value


def expect_special_tokens(state: dict[str, Any]) -> list[str]:
    names = expect(state, "special_tokens", list)
    number_special_tokens(names, 0)
    return names
