"""Tokenizers: the same ids as others give, exact bytes back, whatever the text and its cuts."""

from __future__ import annotations

from itertools import cycle, islice
from unittest import mock

import numpy as np
import pytest
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion
from tiktoken_ext import openai_public
from tokenizer_cases import (
    ALL,
    EOT,
    PLAIN,
    RAW,
    SPECIAL,
    SPECIALS,
    TEXT,
    TEXTS,
    UNIGRAM,
    cut,
    scan,
    trained,
)

from zoo_builtin.tokenizers import BPE, Byte, Char, Unigram, encode


def as_tiktoken(tokenizer: BPE, pattern: str = "gpt2") -> tiktoken.Encoding:
    """The same vocabulary with the regular expression that tiktoken itself has."""
    special_ids = set(tokenizer.special_tokens.values())
    return tiktoken.Encoding(
        "ours",
        pat_str=tiktoken_pattern(pattern),
        mergeable_ranks={t: i for i, t in tokenizer.vocab.items() if i not in special_ids},
        special_tokens=tokenizer.special_tokens,
    )


def tiktoken_pattern(name: str) -> str:
    """Read from tiktoken's source: calling its constructors would fetch vocabularies."""
    if name == "gpt2":
        return openai_public.r50k_pat_str
    constructor = {"cl100k": openai_public.cl100k_base, "o200k": openai_public.o200k_base}[name]
    with mock.patch.object(openai_public, "load_tiktoken_bpe", return_value={}):
        return constructor()["pat_str"]


def as_tokenizers(tokenizer: BPE) -> tokenizers.Tokenizer:
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    spelling = {byte: chr(byte) for byte in printable}
    spelling |= {byte: chr(256 + index) for index, byte in enumerate(others)}

    def spell(token: bytes) -> str:
        return "".join(spelling[byte] for byte in token)

    special_ids = set(tokenizer.special_tokens.values())
    vocab = {spell(t): i for i, t in tokenizer.vocab.items() if i not in special_ids}
    merges = [(spell(left), spell(right)) for left, right in tokenizer.merges]
    other = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    other.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return other


DISTINCT = trained(specials=["<|a|>", EOT, "é!"])  # none begins another: tiktoken promises no order
PATTERNED = {name: trained(pattern=name) for name in ("gpt2", "cl100k", "o200k")}
THEIRS = {name: as_tiktoken(tokenizer, name) for name, tokenizer in PATTERNED.items()}
TIKTOKEN, TIKTOKEN_SPECIAL = as_tiktoken(PLAIN), as_tiktoken(DISTINCT)
TOKENIZERS = as_tokenizers(PLAIN)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_ids_equal_those_of_tiktoken_and_tokenizers(text: str) -> None:
    ids = PLAIN.encode(text).tolist()
    assert ids == TIKTOKEN.encode_ordinary(text)
    assert ids == TOKENIZERS.encode(text).ids


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k", "o200k"])
@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_patterns_are_those_of_tiktoken(pattern: str, text: str) -> None:
    assert PATTERNED[pattern].encode(text).tolist() == THEIRS[pattern].encode_ordinary(text)


def test_ids_of_prose_equal_those_of_tiktoken_and_tokenizers() -> None:
    text = TEXT * 3 + TEXT[::-1] + "aaaa" * 500 + TEXT.replace(" ", "")
    ids = PLAIN.encode(text).tolist()
    assert ids == TIKTOKEN.encode_ordinary(text) == TOKENIZERS.encode(text).ids


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_ids_with_special_tokens_equal_those_of_tiktoken(text: str) -> None:
    ids = DISTINCT.encode(text, allowed_special=True).tolist()
    assert ids == TIKTOKEN_SPECIAL.encode(text, allowed_special="all")


@ALL
@settings(max_examples=100, deadline=None)
@given(text=TEXTS, some=st.sets(st.sampled_from(SPECIALS)))
def test_special_tokens_are_whole_and_the_longest_wins(
    tokenizer: BPE | Unigram | Byte | Char, text: str, some: set[str]
) -> None:
    some &= tokenizer.special_tokens.keys()
    ids: list[int] = []
    for part, special in scan(text, list(some)):
        ids += [tokenizer.special_tokens[part]] if special else tokenizer.encode(part).tolist()
    assert tokenizer.encode(text, allowed_special=some).tolist() == ids
    if some == tokenizer.special_tokens.keys():
        assert tokenizer.encode(text, allowed_special=True).tolist() == ids


@ALL
def test_text_is_ordinary_unless_special_tokens_are_allowed(
    tokenizer: BPE | Unigram | Byte | Char,
) -> None:
    assert tokenizer.eot not in tokenizer.encode(EOT + EOT)
    assert (
        tokenizer.encode(EOT * 2, allowed_special={EOT}).tolist()
        == [tokenizer.special_tokens[EOT]] * 2
    )
    with pytest.raises(ValueError, match=r"no special token '<x>' \(known: .*endoftext"):
        tokenizer.encode("a", allowed_special={"<x>"})


@ALL
@settings(max_examples=150, deadline=None)
@given(chunks=cut(TEXTS) | cut(RAW), special=st.booleans())
def test_chunks_give_the_ids_of_the_whole(
    tokenizer: BPE | Unigram | Byte | Char, chunks: list, special: bool
) -> None:
    whole = chunks[0][:0].join(chunks)
    ids = tokenizer.encode(whole, allowed_special=special).tolist()
    assert list(tokenizer.encode_iterable(chunks, allowed_special=special)) == ids


@ALL
def test_streams_are_read_only_as_far_as_needed(tokenizer: BPE | Unigram | Byte | Char) -> None:
    start = islice(tokenizer.encode_iterable(cycle(["So it's ", "resting", b". "])), 100)
    assert ("So it's resting. " * 100).startswith(tokenizer.decode(start))


def test_a_string_ends_the_bytes_before_it() -> None:
    assert list(Byte().encode_iterable([b"a\xc3", "a", b"\xa9"])) == [*b"a\xc3a\xa9"]


@given(TEXTS)
def test_bytes_give_the_ids_of_the_text_they_spell(text: str) -> None:
    assert PLAIN.encode(text.encode()).tolist() == PLAIN.encode(text).tolist()
    assert Byte().encode(text).tolist() == list(text.encode())


@pytest.mark.parametrize("tokenizer", [SPECIAL, UNIGRAM, Byte()], ids=["bpe", "unigram", "byte"])
@given(raw=RAW, special=st.booleans())
def test_bytes_come_back_exactly(
    tokenizer: BPE | Unigram | Byte, raw: bytes, special: bool
) -> None:
    ids = tokenizer.encode(raw, allowed_special=special)
    assert ids.dtype == np.int32
    assert ids.ndim == 1
    assert tokenizer.decode_bytes(ids) == raw
    assert tokenizer.decode(ids.tolist()) == raw.decode(errors="replace")


@ALL
@given(text=st.text(sorted(set(TEXT))))
def test_token_bytes_add_up_to_the_length_of_the_text(
    tokenizer: BPE | Unigram | Byte | Char, text: str
) -> None:
    lengths = tokenizer.token_bytes()
    ids = tokenizer.encode(text + EOT + text, allowed_special={EOT})
    assert lengths.shape == (tokenizer.vocab_size,)
    assert lengths[ids].sum() == 2 * len(text.encode())
    assert tokenizer.decode(ids) == text + EOT + text


def test_lone_surrogates_become_replacement_characters() -> None:
    assert PLAIN.decode(PLAIN.encode("a\ud800\udcffb")) == "a\ufffd\ufffdb"


def test_incomplete_characters_become_replacement_characters() -> None:
    ids = Byte().encode("né")
    assert Byte().decode(ids[:-1]) == "n\ufffd"
    assert Byte().decode_bytes(ids[:-1]) == b"n\xc3"


@ALL
def test_unknown_ids_and_wrong_types_are_refused(tokenizer: BPE | Unigram | Byte | Char) -> None:
    size = tokenizer.vocab_size
    for ids in ([0, size], np.array([-1])):
        with pytest.raises(ValueError, match=f"no token has the id {ids[-1]}: .* 0 to {size - 1}"):
            tokenizer.decode(ids)
    with pytest.raises(ValueError, match="flat sequence of integers"):
        tokenizer.decode([0.5])
    with pytest.raises(TypeError, match="not int"):
        tokenizer.encode(5)
    with pytest.raises(TypeError, match="not list"):
        list(tokenizer.encode_iterable(["a", ["b"]]))
    assert tokenizer.decode([]) == tokenizer.decode(iter(())) == ""


def test_a_full_memory_changes_no_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "ENTRIES", 2)
    tokenizer = trained()
    for _ in range(2):
        assert tokenizer.encode(TEXT).tolist() == PLAIN.encode(TEXT).tolist()


# ── Characters ────────────────────────────────────────────────────────────────────────────────────


def test_characters_are_numbered_after_the_special_tokens() -> None:
    tokenizer = Char()
    assert tokenizer.vocab_size is None
    tokenizer.train(["hello", "é".encode(), EOT])
    assert tokenizer.vocab == dict(enumerate([EOT.encode(), b"e", b"h", b"l", b"o", "é".encode()]))
    assert tokenizer.encode("hé").tolist() == [2, 5]
    assert tokenizer.encode("hé".encode()).tolist() == [2, 5]
    assert (tokenizer.eot, tokenizer.vocab_size) == (0, 6)


def test_unknown_characters_are_named_or_replaced() -> None:
    strict, lenient = Char(), Char(unknown=True)
    strict.train(["abc"])
    lenient.train(["abc", b"\xff"])
    with pytest.raises(ValueError, match=r"character 'é' \(U\+00E9\) is not in .* 3 characters"):
        strict.encode("aé")
    with pytest.raises(ValueError, match="byte 0xff, which is not UTF-8"):
        strict.encode(b"a\xff")
    with pytest.raises(ValueError, match="byte 0xff, which is not UTF-8"):
        strict.train([b"a\xff"])
    assert lenient.decode(lenient.encode("aéb")) == "a\ufffdb"
    assert lenient.decode(lenient.encode(b"\xff")) == "\ufffd"


def test_byte_and_char_ids_stay_what_they_are(snapshot: SnapshotAssertion) -> None:
    char = Char()
    char.train(["hello, wörld"])
    ids = {"byte": Byte().encode("hé!").tolist(), "char": char.encode("hello").tolist()}
    assert ids == snapshot
