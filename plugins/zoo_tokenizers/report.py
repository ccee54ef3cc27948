"""Tokenizer statistics: vocabulary, and usage on a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import regex

from zoo.data.text_pieces import TextCount

EXAMPLES = 20
BATCH = 8  # pieces

SCRIPTS = (
    *("Latin", "Greek", "Cyrillic", "Armenian", "Georgian", "Hebrew", "Arabic", "Ethiopic"),
    *("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Tamil", "Telugu", "Kannada", "Malayalam"),
    *("Sinhala", "Thai", "Lao", "Tibetan", "Myanmar", "Khmer"),
    *("Hangul", "Hiragana", "Katakana", "Han"),
)
"""The scripts that are told apart; the others are "other letters"."""


@dataclass(frozen=True)
class Token:
    """A token: ``text`` has U+FFFD where its bytes are not UTF-8, ``hex`` spells them exactly."""

    id: int
    text: str
    hex: str

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.hex)


@dataclass(frozen=True)
class TokenCount(Token):
    """A token, and how often it occurs."""

    count: int


@dataclass(frozen=True)
class VocabularyReport:
    """A vocabulary in numbers.

    Attributes:
        tokenizer: what kind it is; pattern: how it cuts text beforehand, where it says so.
        vocab_size: number of ids, special tokens included.
        special_tokens: text -> id.
        merges: how many it has, None where it has none by nature.
        whole_characters: how many ordinary tokens are valid UTF-8 taken alone.
        parts_of_characters: how many are not.
        contents: how many of the former there are of each script, by their first letter, and of
            "digits", "punctuation", "white space" and so on, where there is none.
        mean_bytes: how long an ordinary token is.
        longest: the longest ordinary tokens.
    """

    tokenizer: str
    pattern: str | None
    vocab_size: int
    special_tokens: Mapping[str, int]
    merges: int | None
    whole_characters: int
    parts_of_characters: int
    contents: Mapping[str, int]
    mean_bytes: float
    longest: Sequence[Token]


@dataclass(frozen=True)
class UsageReport:
    """A tokenizer on a text, in numbers.

    Attributes:
        bytes, characters, invalid_bytes: the text; ``invalid_bytes`` are no UTF-8.
        tokens: how many it becomes.
        used, never_used: how many of the ordinary tokens occur in it, and how many do not.
        most_frequent: the commonest tokens, in order.
        examples_never_used: the first of them in the order of ids, single bytes last.
    """

    bytes: int
    characters: int
    invalid_bytes: int
    tokens: int
    bytes_per_token: float
    characters_per_token: float
    used: int
    never_used: int
    most_frequent: Sequence[TokenCount]
    examples_never_used: Sequence[Token]


def token_table(tokenizer: Any) -> list[bytes]:
    """The bytes of each id; none for an id without text."""
    vocab = getattr(tokenizer, "vocab", None)
    if isinstance(vocab, Mapping) and all(isinstance(token, bytes) for token in vocab.values()):
        return [vocab.get(token, b"") for token in range(tokenizer.vocab_size)]
    return [tokenizer.decode_bytes([token]) for token in range(tokenizer.vocab_size)]


def special_tokens(tokenizer: Any) -> dict[str, int]:
    """The special tokens: text -> id."""
    named = getattr(tokenizer, "special_tokens", None)
    if isinstance(named, Mapping):
        return dict(named)
    ids = np.flatnonzero(np.asarray(tokenizer.token_bytes()) == 0).tolist()
    return {tokenizer.decode([token]): token for token in ids}


def nth_token(table: Sequence[bytes], n: int) -> Token:
    return Token(n, table[n].decode("utf-8", "replace"), table[n].hex())


def inspect_vocabulary(tokenizer: Any) -> VocabularyReport:
    """Counts and sorts a vocabulary."""
    table = token_table(tokenizer)
    special = special_tokens(tokenizer)
    special_ids = set(special.values())
    ordinary = [n for n, token in enumerate(table) if token and n not in special_ids]
    contents: Counter[str] = Counter()
    parts = 0
    for n in ordinary:
        try:
            contents[content(table[n].decode("utf-8"))] += 1
        except UnicodeDecodeError:
            parts += 1
    longest = sorted(ordinary, key=lambda n: (-len(table[n]), n))[:EXAMPLES]
    merges = getattr(tokenizer, "merges", None)
    return VocabularyReport(
        tokenizer=getattr(tokenizer, "kind", type(tokenizer).__name__),
        pattern=getattr(tokenizer, "pattern", None),
        vocab_size=len(table),
        special_tokens=special,
        merges=None if merges is None else len(merges),
        whole_characters=len(ordinary) - parts,
        parts_of_characters=parts,
        contents=dict(contents.most_common()),
        mean_bytes=sum(len(table[n]) for n in ordinary) / max(1, len(ordinary)),
        longest=[nth_token(table, n) for n in longest],
    )


def content(text: str) -> str:
    """The script of a text's first letter, or what the text consists of.

    >>> [content(text) for text in (" the", "б", "2", "\\n", "!?")]
    ['Latin', 'Cyrillic', 'digits', 'white space', 'punctuation and symbols']
    """
    for character in text:
        if character.isalpha():
            return script(character)
    if any(character.isnumeric() for character in text):
        return "digits"
    if text.isspace():
        return "white space"
    if any(character.isprintable() and not character.isspace() for character in text):
        return "punctuation and symbols"
    return "control characters"


@lru_cache(maxsize=1 << 16)
def script(letter: str) -> str:
    found = SCRIPT.fullmatch(letter)
    return found.lastgroup or "" if found else "other letters"


SCRIPT = regex.compile("|".join(f"(?P<{name}>\\p{{Script={name}}})" for name in SCRIPTS))


def inspect_usage(tokenizer: Any, pieces: Iterable[bytes]) -> UsageReport:
    """Encodes a text, piece by piece, and counts.

    Raises:
        ValueError: the tokenizer can't encode it.
    """
    table = token_table(tokenizer)
    text = TextCount()
    counts = np.zeros(len(table), dtype=np.int64)
    for piece, ids in encoded(tokenizer, pieces):
        text.add(piece)
        counts += np.bincount(ids, minlength=len(table))
    special_ids = set(special_tokens(tokenizer).values())
    ordinary = [n for n, token in enumerate(table) if token and n not in special_ids]
    unused = [n for n in ordinary if not counts[n]]
    examples = sorted(unused, key=lambda n: len(table[n]) < 2)[:EXAMPLES]
    by_count = np.argsort(-counts, kind="stable")[:EXAMPLES].tolist()
    n_tokens = int(counts.sum())
    return UsageReport(
        bytes=text.n_bytes,
        characters=text.characters,
        invalid_bytes=text.invalid,
        tokens=n_tokens,
        bytes_per_token=text.n_bytes / max(1, n_tokens),
        characters_per_token=text.characters / max(1, n_tokens),
        used=len(ordinary) - len(unused),
        never_used=len(unused),
        most_frequent=[
            TokenCount(**vars(nth_token(table, n)), count=int(counts[n]))
            for n in by_count
            if counts[n]
        ],
        examples_never_used=[nth_token(table, n) for n in examples],
    )


def encoded(tokenizer: Any, pieces: Iterable[bytes]) -> Iterator[tuple[bytes, np.ndarray]]:
    """Each piece with its ids, in threads where the tokenizer has them."""
    pieces = iter(pieces)
    while batch := list(islice(pieces, BATCH)):
        if hasattr(tokenizer, "encode_batch"):
            ids, offsets = tokenizer.encode_batch(batch)
            ends = offsets.tolist()
            for piece, start, end in zip(batch, ends, ends[1:], strict=False):
                yield piece, ids[start:end]
        else:
            for piece in batch:
                yield piece, np.asarray(tokenizer.encode(piece))
