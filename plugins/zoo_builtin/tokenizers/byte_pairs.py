"""Base of the fast and the reference byte-pair encoding: options, tables, files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from zoo_builtin.tokenizers import formats, patterns, streams
from zoo_builtin.tokenizers.base import (
    BYTES,
    TableTokenizer,
    check_sizes,
    expect,
    number_special_tokens,
    warn_of_few,
)

Self = TypeVar("Self", bound="BytePairs")
Merge = tuple[bytes, bytes]
Tie = Literal["lexical", "first"]

MOST_MERGES = 1 << 22


class Rules(NamedTuple):
    """Which neighbours merge: (left id, right id) -> rank, the lowest first; rank -> the new id."""

    ranks: dict[tuple[int, int], int]
    products: list[int]


class BytePairs(TableTokenizer):
    """Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909) of the bytes of pre-tokens.

    Ids 0–255 are the byte values; special tokens follow, then the merges in the order in which
    they were learnt. So the vocabulary of fewer merges is the beginning of that of more.

    ``vocab_size`` counts them all; after training it is the size reached. ``pattern`` cuts text
    into pre-tokens: "gpt2", "cl100k", "llama3", "qwen2", "o200k" or a regular expression of the
    ``regex`` package, which is slower and holds each document whole. A pair is learnt if it occurs
    at least ``min_frequency`` times and makes a token of at most ``max_token_bytes`` bytes.
    ``max_train_bytes`` reads only the beginning of the text.

    Of pairs that are equally frequent, ``tie = "lexical"`` takes the greater pair of byte strings,
    so that the merges depend on the text alone; "first" takes the pair whose tokens were numbered
    first, with single bytes in the order of GPT-2's printable spelling, as Hugging Face does.
    """

    kind = "bpe"
    reads = formats.READS

    def __init__(
        self,
        *,
        vocab_size: int = 4096,
        pattern: str = "gpt2",
        special_tokens: list[str] | None = None,
        min_frequency: int = 1,
        max_token_bytes: int | None = None,
        max_train_bytes: int | None = None,
        tie: Tie = "lexical",
    ) -> None:
        self.special_tokens = number_special_tokens(special_tokens, first_id=256)
        check_sizes(
            vocab_size,
            len(self.special_tokens),
            min_frequency=min_frequency,
            max_token_bytes=max_token_bytes,
            max_train_bytes=max_train_bytes,
        )
        if tie not in ("lexical", "first"):
            raise ValueError(f"tie = {tie!r} must be 'lexical' or 'first'")
        patterns.compiled(pattern)
        self.vocab_size = vocab_size
        self.pattern = pattern
        self.min_frequency = min_frequency
        self.max_token_bytes = max_token_bytes
        self.max_train_bytes = max_train_bytes
        self.tie: Tie = tie
        self.merges: list[Merge] | None = []
        self.ignore_merges = False

    @classmethod
    def from_vocab(
        cls: type[Self],
        vocab: Mapping[int, bytes],
        merges: Sequence[Merge] | None,
        special_tokens: Sequence[str] | Mapping[str, int] | None = None,
        *,
        pattern: str = "gpt2",
        ignore_merges: bool = False,
    ) -> Self:
        """A tokenizer with these ids, in whatever order, and these merges, the first ones first.

        A special token keeps its id in ``vocab``; one that isn't there gets the next free id, or
        the one that a mapping gives it. Merges of None stand for tiktoken's rule: neighbours merge
        where their joined bytes are a token, the lowest id first. With ``ignore_merges``, a
        pre-token that is a token stays whole, whether merges lead to it or not.

        Raises ValueError where the ids have gaps, a byte or a part or product of a merge has no
        id, or two ids stand for the same bytes.
        """
        wanted = special_tokens if isinstance(special_tokens, Mapping) else {}
        numbers = {*vocab, *wanted.values()}
        last = len(numbers) - 1
        if any(type(number) is not int for number in numbers) or numbers != {*range(last + 1)}:
            raise ValueError(f"the ids of a vocabulary of {last + 1} must be 0 to {last}")
        table = dict(vocab)
        made = {*BYTES, *(left + right for left, right in merges or ())}
        spelled: dict[bytes, list[int]] = {}
        for index, token in table.items():
            spelled.setdefault(token, []).append(index)
        special_ids = {}
        for name in number_special_tokens(list(special_tokens) if special_tokens else None, 0):
            there = sorted(spelled.get(name.encode(), []))
            if name in wanted:
                special_ids[name] = wanted[name]
            elif len(there) > (name.encode() in made):
                special_ids[name] = there[-1]
            else:
                special_ids[name] = len({*table, *wanted.values()})
            if table.setdefault(special_ids[name], name.encode()) != name.encode():
                raise ValueError(
                    f"the special token {name!r} can't have the id {special_ids[name]}, which "
                    f"stands for {table[special_ids[name]]!r}"
                )
        tokens = [table[index] for index in range(len(table))]
        return cls._from_tables(tokens, merges, special_ids, pattern, ignore_merges)

    def train(
        self,
        texts: Iterable[str | bytes] | None = None,
        *,
        files: Sequence[str | Path] | None = None,
        progress: streams.Progress | None = None,
    ) -> None:
        """Learn merges from documents and files, forgetting what was learnt before.

        No document is ever held whole: memory grows with the number of distinct pre-tokens only.
        ``progress`` hears of "reading" and of "merging". Warns if the text is too small for
        ``vocab_size``.
        """
        pieces = self._ordinary_text(texts, files, progress, self.max_train_bytes)
        wanted = self.vocab_size - 256 - len(self.special_tokens)
        merges: list[Merge] = []
        for pair in islice(self._learn(pieces, wanted), wanted):
            merges.append(pair)
            if progress and (len(merges) % 100 == 0 or len(merges) == wanted):
                progress("merging", len(merges), wanted)
        frequent = f" of at least {self.min_frequency}" if self.min_frequency > 1 else ""
        warn_of_few(len(merges), wanted, f"merges{frequent}", self.vocab_size)
        special_tokens = number_special_tokens(list(self.special_tokens), first_id=256)
        products = [left + right for left, right in merges]
        tokens = [*BYTES, *(name.encode() for name in special_tokens), *products]
        self.ignore_merges = False
        self._install(tokens, merges, special_tokens)

    @classmethod
    def from_file(cls: type[Self], path: str | Path, **options: Any) -> Self | None:
        """Read a file or folder of another program's, or what ``save`` wrote.

        A tokenizer.json of Hugging Face's takes ``pattern``, ``end_of_text`` and ``ignore``; a rank
        file of tiktoken's ``pattern``, which it needs, and ``special_tokens``; a vocab.json with
        its merges.txt ``special_tokens``. The readers in ``formats`` say what these are.

        Returns None for any other format. Raises ValueError, naming the file and its line or key,
        where a file is malformed or would need what isn't supported.
        """
        own = super().from_file(Path(path), **options)
        return formats.read(cls.from_vocab, path, options) if own is None else own

    def export(self, path: str | Path, format: str) -> list[Path]:
        """Write for another program: "huggingface", "tiktoken" or "gpt2"; the files written.

        "huggingface" is a tokenizer.json: the file, or a folder to put it in. "tiktoken" is a rank
        file, which holds neither the pattern nor the special tokens. "gpt2" is vocab.json and
        merges.txt: a folder, or the path of one of the two. Files are written atomically.

        Raises ValueError where the format can't hold what the tokenizer is.
        """
        own = formats.Vocabulary(
            self.vocab, self.merges, self.special_tokens, self.pattern, self.ignore_merges
        )
        return formats.export(own, path, format)

    @abstractmethod
    def _learn(self, pieces: Iterator[bytes], wanted: int) -> Iterator[Merge]:
        """Merges in the order in which they are learnt from text; no more than wanted are read."""

    @abstractmethod
    def _prepare(self, byte_ids: list[int], rules: Rules, whole: dict[bytes, int]) -> None:
        """Look everything up that encoding needs.

        ``byte_ids`` are the ids of the 256 bytes; ``whole`` are the pre-tokens that stay whole,
        with their ids: all ordinary tokens with ``ignore_merges``, else none.
        """

    def _install(
        self,
        tokens: list[bytes],
        merges: Sequence[Merge] | None,
        special_tokens: dict[str, int],
    ) -> None:
        """Take a vocabulary. Raises ValueError where it can't be right."""
        ids = ordinary_ids(tokens, special_tokens)
        rules = rules_of_ranks(ids) if merges is None else rules_of_merges(ids, merges)
        self.vocab_size = len(tokens)
        self.special_tokens = special_tokens
        self.merges = None if merges is None else list(merges)
        self._tokens = tokens
        self._prepare([ids[byte] for byte in BYTES], rules, ids if self.ignore_merges else {})

    def _state(self) -> dict[str, Any]:
        merges = self.merges
        return {
            "pattern": self.pattern,
            "ignore_merges": self.ignore_merges,
            "special_tokens": self.special_tokens,
            "tokens": [spell(token) for token in self._trained()],
            "merges": merges and [[spell(left), spell(right)] for left, right in merges],
        }

    @classmethod
    def _from_state(cls: type[Self], state: dict[str, Any]) -> Self:
        tokens = [unspell(token) for token in expect(state, "tokens", list)]
        merges: list[Merge] | None = None
        if state.get("merges") is not None:
            merges = []
            for pair in expect(state, "merges", list):
                if not isinstance(pair, list) or len(pair) != 2:
                    raise ValueError(f"'merges' must be pairs, not {pair!r:.80}")
                merges.append((unspell(pair[0]), unspell(pair[1])))
        elif "merges" not in state:
            raise ValueError("'merges' is missing")
        special_tokens = expect(state, "special_tokens", dict)
        number_special_tokens(list(special_tokens), 0)
        pattern = expect(state, "pattern", str)
        ignore_merges = expect(state, "ignore_merges", bool)
        return cls._from_tables(tokens, merges, special_tokens, pattern, ignore_merges)

    @classmethod
    def _from_tables(
        cls: type[Self],
        tokens: list[bytes],
        merges: Sequence[Merge] | None,
        special_tokens: dict[str, int],
        pattern: str,
        ignore_merges: bool,
    ) -> Self:
        size = max(256 + len(special_tokens), len(tokens))
        tokenizer = cls(vocab_size=size, pattern=pattern, special_tokens=list(special_tokens))
        tokenizer.ignore_merges = ignore_merges
        tokenizer._install(tokens, merges, special_tokens)
        return tokenizer


def ordinary_ids(tokens: list[bytes], special_tokens: dict[str, int]) -> dict[bytes, int]:
    """Bytes -> id, special tokens left out. Raises ValueError where the table can't be right."""
    for name, index in special_tokens.items():
        if type(index) is not int or not 0 <= index < len(tokens) or tokens[index] != name.encode():
            raise ValueError(f"the special token {name!r} doesn't stand at its id, {index!r}")
    special_ids = set(special_tokens.values())
    ids: dict[bytes, int] = {}
    for index, token in enumerate(tokens):
        if index in special_ids:
            continue
        if not token:
            raise ValueError(f"the id {index} stands for no bytes at all")
        if ids.setdefault(token, index) != index:
            raise ValueError(f"the ids {ids[token]} and {index} both stand for {token!r}")
    for byte in BYTES:
        if byte not in ids:
            raise ValueError(f"no id for the byte {byte!r}")
    return ids


def rules_of_merges(ids: dict[bytes, int], merges: Sequence[Merge]) -> Rules:
    """Merges rank in their order. Raises ValueError for one twice or with a token without id."""
    if len(merges) > MOST_MERGES:
        raise ValueError(f"{len(merges)} merges are more than {MOST_MERGES}")
    ranks: dict[tuple[int, int], int] = {}
    products = []
    for rank, (left, right) in enumerate(merges):
        for part in (left, right, left + right):
            if part not in ids:
                raise ValueError(f"merge {rank} is of {left!r} and {right!r}: no id for {part!r}")
        if ranks.setdefault((ids[left], ids[right]), rank) != rank:
            raise ValueError(f"merge {rank} of {left!r} and {right!r} is there twice")
        products.append(ids[left + right])
    return Rules(ranks, products)


def rules_of_ranks(ids: dict[bytes, int]) -> Rules:
    """tiktoken's rule: any two tokens merge whose joined bytes are a token; its id is the rank."""
    ranks: dict[tuple[int, int], int] = {}
    products = []
    for token, index in sorted(ids.items(), key=lambda item: item[1]):
        if len(token) == 1:
            continue
        for cut in range(1, len(token)):
            left, right = ids.get(token[:cut]), ids.get(token[cut:])
            if left is not None and right is not None:
                ranks[left, right] = len(products)
        products.append(index)
    return Rules(ranks, products)


def printable_order() -> list[int]:
    """(256,) The place of each byte among GPT-2's printable spellings of the bytes, sorted."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    in_order = sorted(range(256), key=lambda byte: (byte not in printable, byte))
    return np.argsort(in_order).tolist()


def spell(token: bytes) -> str:
    """Bytes in JSON: the characters U+0000 to U+00FF."""
    return token.decode("latin-1")


def unspell(spelled: object) -> bytes:
    if not isinstance(spelled, str) or max(spelled, default="") > "\xff":
        raise ValueError(f"a token must be a string of U+0000 to U+00FF, not {spelled!r:.80}")
    return spelled.encode("latin-1")
