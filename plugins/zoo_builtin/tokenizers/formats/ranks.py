"""tiktoken's rank file: per line a base64 token, a space and its id."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from zoo_builtin.tokenizers.base import END_OF_TEXT
from zoo_builtin.tokenizers.formats.expressions import name_of
from zoo_builtin.tokenizers.formats.merging import merges_of_ranks
from zoo_builtin.tokenizers.formats.reading import Vocabulary, check_gaps, check_names, check_vocab
from zoo_builtin.tokenizers.limited import read_lines, shown
from zoo_builtin.tokenizers.patterns import PATTERNS

LONGEST_ID = 9


def read(
    path: Path,
    *,
    pattern: str | None = None,
    special_tokens: Collection[str] | Mapping[str, int] | None = None,
) -> Vocabulary:
    """Ids as those of tiktoken's ``encode_ordinary``.

    Args:
        pattern: which the file doesn't hold: a name or a regular expression.
        special_tokens: nor does it hold these: text -> id, or names that get the ids after the last
            one. The first of them ends a document. By default ``<|endoftext|>``.

    Raises:
        ValueError: the file is malformed, or together with the special tokens it has gaps.
    """
    if not isinstance(pattern, str):
        raise ValueError(
            "a rank file doesn't say how text is cut before merging: give the pattern "
            f"({', '.join(PATTERNS)} or a regular expression)"
        )
    ranks = read_ranks(read_lines(path))
    if isinstance(special_tokens, Mapping):
        specials = check_specials(special_tokens)
    else:
        names = [END_OF_TEXT] if special_tokens is None else check_names(special_tokens)
        specials = {name: len(ranks) + index for index, name in enumerate(names)}
    vocab = {rank: token for token, rank in ranks.items()}
    check_gaps(
        vocab.keys() | set(specials.values()), "; special tokens with their ids can fill them"
    )
    for name, index in specials.items():
        if index in vocab:
            raise ValueError(
                f"special_tokens: {shown(name)} has the id {index}, as has {shown(vocab[index])}"
            )
        vocab[index] = name.encode()
    merges, unmade = merges_of_ranks(ranks)
    return Vocabulary(vocab, merges, specials, name_of(pattern), ignore_merges=bool(unmade))


def read_ranks(data: bytes) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    lines: dict[int, int] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        parts = line.split()
        if len(parts) != 2 or not parts[1].isdigit() or len(parts[1]) > LONGEST_ID:
            raise ValueError(
                f"line {number}: a token in base64 and its id are expected, not {shown(line)}"
            )
        try:
            token = base64.b64decode(parts[0], validate=True)
        except binascii.Error:
            raise ValueError(f"line {number}: {shown(parts[0])} is not base64") from None
        rank = int(parts[1])
        if not token or token in ranks:
            what = "the empty token" if not token else f"the token {shown(token)}, which is there"
            raise ValueError(f"line {number}: {what}{' already' if token else ''}")
        if lines.setdefault(rank, number) != number:
            raise ValueError(f"line {number}: the id {rank} is given already on line {lines[rank]}")
        ranks[token] = rank
    return ranks


def check_specials(special_tokens: Mapping[Any, Any]) -> dict[str, int]:
    names = check_names(special_tokens.keys())
    specials = {name: special_tokens.get(name) for name in names}
    check_vocab(specials, "special_tokens: ")
    return specials


def write(tokenizer: Vocabulary) -> bytes:
    """A tokenizer as a rank file, which holds neither the pattern nor special tokens.

    tiktoken merges neighbours whose joined bytes are a token, the lowest id first, and takes a
    pre-token that is a token as it is.

    Raises:
        ValueError: this would give other ids than the tokenizer's.
    """
    special_ids = set(tokenizer.special_tokens.values())
    ids = {t: index for index, t in sorted(tokenizer.vocab.items()) if index not in special_ids}
    merges, unmade = merges_of_ranks(ids)
    if tokenizer.merges is not None:
        products = [ids[left + right] for left, right in tokenizer.merges]
        listed = set(tokenizer.merges)
        lacking = next((pair for pair in merges if pair not in listed), None)
        if products != sorted(products) or lacking:
            raise ValueError(
                "tiktoken merges in the order of ids, which is another than that of this "
                "tokenizer's merges; its ids would differ"
            )
    if unmade and not tokenizer.ignore_merges:
        raise ValueError(
            f"no merges make the token {shown(unmade[0])}, but tiktoken finds it where it is a "
            "whole pre-token; its ids would differ"
        )
    lines = [base64.b64encode(token) + b" %d\n" % index for token, index in ids.items()]
    return b"".join(lines)
