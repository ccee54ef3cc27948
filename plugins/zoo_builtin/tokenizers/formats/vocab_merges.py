"""GPT-2's ``vocab.json`` (token -> id) and ``merges.txt`` (one merge per line)."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from zoo_builtin.tokenizers.base import END_OF_TEXT
from zoo_builtin.tokenizers.formats.merging import merges_of_ranks, not_made
from zoo_builtin.tokenizers.formats.reading import (
    Vocabulary,
    check_gaps,
    check_names,
    check_vocab,
    place_specials,
    read_merges,
    spell,
    unspell,
)
from zoo_builtin.tokenizers.limited import FileError, as_text, naming, read_json, read_lines, shown

NAMES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
"""How the files' names end: today, and in GPT-2's release."""


def sibling_pair(path: Path) -> tuple[Path, Path] | None:
    """vocab.json and merges.txt, if a path is that of one of them: ``gpt2_vocab.json`` will do."""
    for pair in NAMES:
        for ending in pair:
            if path.name.endswith(ending):
                start = path.name[: -len(ending)]
                vocab, merges = (path.with_name(start + name) for name in pair)
                return vocab, merges
    return None


def pair_in(folder: Path) -> tuple[Path, Path] | None:
    """The two files in a folder. Raises ValueError where there are several pairs."""
    pairs = {
        pair
        for ending, _ in NAMES
        for path in sorted(folder.glob(f"*{ending}"))
        if (pair := sibling_pair(path)) and pair[1].is_file()
    }
    if len(pairs) > 1:
        names = " and ".join(sorted(vocab.name for vocab, _ in pairs))
        raise FileError(f"{folder}: several vocabularies ({names:.200}): give the path of one")
    return next(iter(pairs), None)


def read(
    vocab_path: Path, merges_path: Path, *, special_tokens: Collection[str] | None = None
) -> Vocabulary:
    """Ids as those of GPT-2's own encoder.

    Args:
        special_tokens: which of the vocabulary's tokens are special ones, by default
            ``<|endoftext|>``; a name that isn't there gets the next free id. The first one ends a
            document.

    Raises:
        ValueError: one of the files isn't there or is malformed, or they don't fit together.
    """
    names = [END_OF_TEXT] if special_tokens is None else check_names(special_tokens)
    for path, other in ((vocab_path, merges_path), (merges_path, vocab_path)):
        if not path.is_file():
            raise FileError(f"{path}: isn't there, though {other.name} needs it")
    with naming(vocab_path):
        ids = read_json(vocab_path)
        check_vocab(ids, "")
    with naming(merges_path):
        pairs, places = read_pairs(as_text(read_lines(merges_path)))
    with naming(vocab_path):
        specials = place_specials(names, ids, pairs)
        special_ids = set(specials.values())
        ordinary = {
            token: unspelled(token) for token, index in ids.items() if index not in special_ids
        }
        vocab = {ids[token]: spelling for token, spelling in ordinary.items()}
        vocab |= {index: name.encode() for name, index in specials.items()}
        check_gaps(vocab.keys())
    with naming(merges_path):
        merges = read_merges(pairs, places, ordinary)
    return Vocabulary(vocab, merges, specials, "gpt2", ignore_merges=False)


def unspelled(token: str) -> bytes:
    try:
        return unspell(token)
    except ValueError as error:
        raise ValueError(f"{error}; is it one of the special_tokens?") from None


def read_pairs(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Merges and their lines; a first line may say ``#version``."""
    pairs, places = [], []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line or (number == 1 and line.startswith("#version")):
            continue
        parts = line.split(" ")
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"line {number}: two tokens are expected, not {shown(line)}")
        pairs.append((parts[0], parts[1]))
        places.append(f"line {number}")
    return pairs, places


def write(tokenizer: Vocabulary) -> tuple[bytes, bytes]:
    """vocab.json and merges.txt, which don't say what tokens are special.

    Raises:
        ValueError: the tokenizer has what they can't hold: another pattern, a special token spelled
            like another one, or tokens that only ``ignore_merges`` finds.
    """
    if tokenizer.pattern != "gpt2":
        raise ValueError(
            f"the pattern is {shown(tokenizer.pattern)}, but vocab.json and merges.txt are always "
            "read with 'gpt2'"
        )
    special_ids = set(tokenizer.special_tokens.values())
    vocab = {spell(t): index for index, t in tokenizer.vocab.items() if index not in special_ids}
    tokens = [unspell(letters) for letters in vocab]
    for name in tokenizer.special_tokens:
        if name in vocab:
            raise ValueError(
                f"the special token {shown(name)} is spelled like the token {vocab[name]}, which a "
                "vocab.json can't hold"
            )
    merges = tokenizer.merges
    if merges is None:
        merges, _ = merges_of_ranks({unspell(token): index for token, index in vocab.items()})
    if tokenizer.ignore_merges and (unmade := not_made(tokens, merges)):
        raise ValueError(
            f"no merges make the token {shown(unmade[0])}, which is found only where it is a whole "
            "pre-token (ignore_merges); vocab.json and merges.txt can't say so"
        )
    everything = sorted({**vocab, **tokenizer.special_tokens}.items(), key=lambda item: item[1])
    lines = ["#version: 0.2", *(f"{spell(left)} {spell(right)}" for left, right in merges)]
    text = json.dumps(dict(everything), ensure_ascii=False)
    return text.encode() + b"\n", ("\n".join(lines) + "\n").encode()
