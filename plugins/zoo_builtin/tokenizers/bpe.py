"""Byte-level byte-pair encoding, as in GPT-2."""

from __future__ import annotations

import heapq
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import regex

from zoo_builtin.tokenizers import streams
from zoo_builtin.tokenizers.base import TableTokenizer, expect, number_special_tokens
from zoo_builtin.tokenizers.bpe_train import learn_merges

PRE_TOKEN = regex.compile(
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
"""GPT-2's pre-tokens (Radford et al. 2019): contractions, words, numbers, the rest, white space."""

LAST_CUT = regex.compile(r"(?r)(?<=\p{L})(?=\P{L})|(?<=\p{N})(?=\P{N})|(?<=\S)(?=\s)")
"""Searched from the end: where a pre-token ends for certain, whatever comes later."""

BYTES = [bytes([value]) for value in range(256)]


class BPE(TableTokenizer):
    """Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909) of bytes in GPT-2's pre-tokens.

    Ids 0–255 are the byte values; special tokens follow, then the merges in the order in which
    they were learnt. So the vocabulary of fewer merges is the beginning of that of more.
    ``vocab_size`` counts them all; after training it is the size reached.
    """

    kind = "bpe"

    def __init__(self, *, vocab_size: int = 4096, special_tokens: list[str] | None = None) -> None:
        self.special_tokens = number_special_tokens(special_tokens, first_id=256)
        least = 256 + len(self.special_tokens)
        if vocab_size < least:
            raise ValueError(
                f"vocab_size = {vocab_size} is too small: 256 bytes and {len(self.special_tokens)} "
                f"special tokens are {least}"
            )
        self.vocab_size = vocab_size
        self.merges: list[tuple[bytes, bytes]] = []

    @classmethod
    def from_vocab(
        cls,
        vocab: Mapping[int, bytes],
        merges: Sequence[tuple[bytes, bytes]],
        special_tokens: list[str] | None = None,
    ) -> BPE:
        """A tokenizer with these ids, in whatever order, and these merges, the first ones first.

        A special token keeps its id in ``vocab``; one that isn't there gets the next free id.
        Raises ValueError where the ids have gaps, a byte or a part or product of a merge has no
        id, or two ids stand for the same bytes.
        """
        if sorted(vocab) != list(range(len(vocab))):
            raise ValueError(
                f"the ids of a vocabulary of {len(vocab)} must be 0 to {len(vocab) - 1}"
            )
        tokens = [vocab[index] for index in range(len(vocab))]
        made = {*BYTES, *(left + right for left, right in merges)}
        special_ids = {}
        for name in number_special_tokens(special_tokens, 0):
            spelled = [index for index, token in enumerate(tokens) if token == name.encode()]
            if len(spelled) > (name.encode() in made):
                special_ids[name] = spelled[-1]
            else:
                special_ids[name] = len(tokens)
                tokens.append(name.encode())
        return cls._from_tables(tokens, merges, special_ids)

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
        counts: Counter[str] = Counter()
        for text in self._ordinary_text(texts, files, progress):
            counts.update(PRE_TOKEN.findall(text))
        wanted = self.vocab_size - 256 - len(self.special_tokens)
        merges = []
        spelled = {streams.to_bytes(pre_token): count for pre_token, count in counts.items()}
        for pair in islice(learn_merges(spelled), wanted):
            merges.append(pair)
            if progress and (len(merges) % 100 == 0 or len(merges) == wanted):
                progress("merging", len(merges), wanted)
        if len(merges) < wanted:
            warnings.warn(
                f"the text gives only {len(merges)} merges, not {wanted}: the vocabulary has "
                f"{self.vocab_size - wanted + len(merges)} tokens instead of {self.vocab_size}",
                stacklevel=2,
            )
        special_tokens = number_special_tokens(list(self.special_tokens), first_id=256)
        products = [left + right for left, right in merges]
        tokens = [*BYTES, *(name.encode() for name in special_tokens), *products]
        self._install(tokens, merges, special_tokens)

    def _install(
        self,
        tokens: list[bytes],
        merges: Sequence[tuple[bytes, bytes]],
        special_tokens: dict[str, int],
    ) -> None:
        """Take a vocabulary and look everything up that encoding needs. Raises ValueError."""
        ids = ordinary_ids(tokens, special_tokens)
        ranks: dict[tuple[int, int], int] = {}
        products = []
        for rank, (left, right) in enumerate(merges):
            for part in (left, right, left + right):
                if part not in ids:
                    raise ValueError(
                        f"merge {rank} is of {left!r} and {right!r}: no id for {part!r}"
                    )
            if ranks.setdefault((ids[left], ids[right]), rank) != rank:
                raise ValueError(f"merge {rank} of {left!r} and {right!r} is there twice")
            products.append(ids[left + right])
        self.vocab_size = len(tokens)
        self.special_tokens = special_tokens
        self.merges = list(merges)
        self._tokens = tokens
        self._byte_ids = [ids[byte] for byte in BYTES]
        self._ranks, self._products = ranks, products
        self._cache = Cache(self._encode_pre_token)

    def _last_cut(self, text: str, start: int, end: int) -> int:
        match = LAST_CUT.search(text, start, end)
        return match.start() if match else start

    def _encode_text(self, text: str) -> np.ndarray:
        ids = map(self._cache.__getitem__, PRE_TOKEN.findall(text))
        return np.fromiter(chain.from_iterable(ids), dtype=np.int64)

    def _encode_pre_token(self, pre_token: str) -> list[int]:
        """Merge what was learnt first, from the left, until nothing is left to merge.

        A queue of pairs over a linked list: O(n log n), so that a pre-token of any length will do.
        """
        ranks, products = self._ranks, self._products
        ids = [self._byte_ids[byte] for byte in streams.to_bytes(pre_token)]
        end = len(ids)
        before, after = list(range(-1, end - 1)), list(range(1, end + 1))
        queue = [(ranks[pair], i) for i, pair in enumerate(pairwise(ids)) if pair in ranks]
        heapq.heapify(queue)
        while queue:
            rank, i = heapq.heappop(queue)
            j = after[i]
            if j == end or ranks.get((ids[i], ids[j])) != rank:
                continue  # one of the two was merged with its other neighbour
            ids[i], ids[j] = products[rank], -1
            after[i] = k = after[j]
            if k < end:
                before[k] = i
                if (ids[i], ids[k]) in ranks:
                    heapq.heappush(queue, (ranks[ids[i], ids[k]], i))
            if before[i] >= 0 and (ids[before[i]], ids[i]) in ranks:
                heapq.heappush(queue, (ranks[ids[before[i]], ids[i]], before[i]))
        return [token for token in ids if token >= 0]

    def _state(self) -> dict[str, Any]:
        return {
            "pre_tokens": "gpt2",
            "special_tokens": self.special_tokens,
            "tokens": [spell(token) for token in self._trained()],
            "merges": [[spell(left), spell(right)] for left, right in self.merges],
        }

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> BPE:
        if state.get("pre_tokens") != "gpt2":
            raise ValueError(f"'pre_tokens' must be 'gpt2', not {state.get('pre_tokens')!r:.80}")
        tokens = [unspell(token) for token in expect(state, "tokens", list)]
        merges = []
        for pair in expect(state, "merges", list):
            if not isinstance(pair, list) or len(pair) != 2:
                raise ValueError(f"'merges' must be pairs, not {pair!r:.80}")
            merges.append((unspell(pair[0]), unspell(pair[1])))
        special_tokens = expect(state, "special_tokens", dict)
        number_special_tokens(list(special_tokens), 0)
        return cls._from_tables(tokens, merges, special_tokens)

    @classmethod
    def _from_tables(
        cls,
        tokens: list[bytes],
        merges: Sequence[tuple[bytes, bytes]],
        special_tokens: dict[str, int],
    ) -> BPE:
        least = 256 + len(special_tokens)
        tokenizer = cls(vocab_size=max(least, len(tokens)), special_tokens=list(special_tokens))
        tokenizer._install(tokens, merges, special_tokens)
        return tokenizer


class Cache(dict[str, list[int]]):
    """Pre-token -> ids, filled when asked; emptied when full, since common words soon return."""

    MOST = 1 << 17
    LONGEST = 64

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        self._encode = encode

    def __missing__(self, pre_token: str) -> list[int]:
        ids = self._encode(pre_token)
        if len(pre_token) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[pre_token] = ids
        return ids


def ordinary_ids(tokens: list[bytes], special_tokens: dict[str, int]) -> dict[bytes, int]:
    """Bytes -> id, special tokens left out. Raises ValueError where the table can't be right."""
    for name, index in special_tokens.items():
        if type(index) is not int or not 0 <= index < len(tokens) or tokens[index] != name.encode():
            raise ValueError(f"the special token {name!r} doesn't stand at its id, {index!r}")
    special_ids = set(special_tokens.values())
    ids: dict[bytes, int] = {}
    for index, token in enumerate(tokens):
        if index not in special_ids and ids.setdefault(token, index) != index:
            raise ValueError(f"the ids {ids[token]} and {index} both stand for {token!r}")
    for byte in BYTES:
        if byte not in ids:
            raise ValueError(f"no id for the byte {byte!r}")
    return ids


def spell(token: bytes) -> str:
    """Bytes in JSON: the characters U+0000 to U+00FF."""
    return token.decode("latin-1")


def unspell(spelled: object) -> bytes:
    if not isinstance(spelled, str) or max(spelled, default="") > "\xff":
        raise ValueError(f"a token must be a string of U+0000 to U+00FF, not {spelled!r:.80}")
    return spelled.encode("latin-1")
