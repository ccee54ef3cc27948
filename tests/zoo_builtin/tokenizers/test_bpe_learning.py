"""The fast learner: the merges of the readable one, and of Hugging Face's where asked for."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizer_cases import EOT, RAW, TEXT, TEXTS

from zoo_builtin.tokenizers import BPE, bpe, portions, reference, streams
from zoo_builtin.tokenizers import count as count_module
from zoo_builtin.tokenizers import learn as learn_module
from zoo_builtin.tokenizers.byte_pairs import printable_order
from zoo_builtin.tokenizers.patterns import PATTERNS
from zoo_builtin.tokenizers.reference import BPEReference
from zoo_builtin.tokenizers.scan import GIVEN
from zoo_builtin.tokenizers.unicode import character_classes

pytestmark = pytest.mark.filterwarnings("ignore:the text gives only")

TIES = pytest.mark.parametrize("tie", ["lexical", "first"])

# Short pre-tokens, long ones, runs, and bytes of 0, which look like the end of a shorter one.
PIECES = ["ab", "a", "abab", " a", "é", "\0", "\0\0", "a\0", "中", "'s", "12", "\n", " ", "Ab"]
PIECES += ["abcdefgh", "abcdefghijklmnop", "abcdefghijklmnopq", "x" * 40, "xy" * 30, EOT]
DOCUMENT = st.one_of(
    st.lists(st.tuples(st.sampled_from(PIECES), st.integers(1, 9)), max_size=20).map(
        lambda runs: "".join(piece * times for piece, times in runs)
    ),
    st.text("abc ", max_size=200),
    TEXTS,
    RAW,
)


@st.composite
def corpora(draw: st.DrawFn) -> list[str | bytes]:
    """Documents, one of which may come about as often as counts are packed with others."""
    documents = draw(st.lists(DOCUMENT, min_size=1, max_size=6))
    if draw(st.booleans()):
        often = draw(st.sampled_from(["ab", "abc", " ab", "a", "\0a"]))
        documents += [often] * draw(st.sampled_from([2045, 2046, 2047, 2048, 2049, 5000]))
    return documents


@TIES
@settings(max_examples=150, deadline=None)
@given(
    documents=corpora(),
    pattern=st.sampled_from([*PATTERNS, r"(?s:.+)", r"(?<=a)b+|\w"]),
    size=st.integers(257, 500),
    options=st.fixed_dictionaries(
        {},
        optional={
            "min_frequency": st.integers(1, 5) | st.just(2047),
            "max_token_bytes": st.integers(1, 20),
            "max_train_bytes": st.integers(1, 300),
        },
    ),
)
def test_the_fast_learner_learns_what_the_reference_does(
    tie: str,
    documents: list[str | bytes],
    pattern: str,
    size: int,
    options: dict[str, int],
) -> None:
    fast, slow = (
        cls(vocab_size=size, pattern=pattern, tie=tie, **options) for cls in (BPE, BPEReference)
    )
    for tokenizer in (fast, slow):
        tokenizer.train(documents)
    assert fast.merges == slow.merges
    assert fast.fingerprint == slow.fingerprint
    most = options.get("max_token_bytes", 10**6)
    assert all(len(left + right) <= most for left, right in fast.merges or ())


@TIES
@settings(max_examples=100, deadline=None)
@given(
    words=st.dictionaries(
        st.binary(min_size=1, max_size=40)
        | st.text("ab\0", min_size=1, max_size=60).map(str.encode),
        st.one_of(
            st.integers(1, 4), st.integers(2040, 2055), st.integers(2**31 - 3, 2**31 + 3),
            st.integers(2**32 - 3, 2**32 + 3), st.integers(1, 2**52),
        ),
        max_size=20,
    ),
    min_frequency=st.sampled_from([1, 2, 2047, 2048, 2**32]),
)  # fmt: skip
@example(words={b"ab": 2**32 + 1, b"cd": 2**32, b"ef": 5}, min_frequency=1)
@example(words={b"ab": 2047, b"bc": 2048, b"cd": 2046, b"\0" * 17: 2047}, min_frequency=1)
def test_counts_of_any_size_are_weighed(
    tie: str, words: dict[bytes, int], min_frequency: int
) -> None:
    commonest = sorted(words.items(), key=lambda word: -word[1])
    text = np.frombuffer(b"".join(word for word, _ in commonest), np.uint8)
    ends = np.cumsum([len(word) for word, _ in commonest], dtype=np.int64)
    counts = np.array([count for _, count in commonest], dtype=np.int64)
    options: dict[str, Any] = {"min_frequency": min_frequency, "tie": tie}
    learnt = learn_module.learn_merges(text, ends, counts, 600, **options)
    assert [*learnt] == [*reference.learn_merges(dict(commonest), **options)][:600]


# ── Counting ──────────────────────────────────────────────────────────────────────────────────────


def counted(*many: list[bytes], more: int = 0) -> dict[bytes, int]:
    """How often each byte string comes, added up by one who counts for each argument."""
    total = count_module.Counts()
    for words in many:
        other = count_module.Counts()
        borders = np.cumsum([*map(len, words)], dtype=np.int64)
        other.add([b"".join(words)], GIVEN, character_classes(), borders)
        other.settle()
        other.entries[3 :: count_module.ENTRY] *= np.uint64(1 + more)
        total.add_all(other)
    text, ends, counts = total.words()
    assert sorted(counts.tolist(), reverse=True) == counts.tolist()
    found = [text[start:end].tobytes() for start, end in pairwise([0, *ends.tolist()])]
    assert len({*found}) == len(found)
    return dict(zip(found, counts.tolist(), strict=True))


WORDS = st.lists(
    st.binary(min_size=1, max_size=40)
    | st.sampled_from([b"a", b"a\0", b"\0", b"\0" * 16, b"\0" * 17, b"a" * 16, b"a" * 17]),
    max_size=60,
)


@pytest.mark.parametrize("room", [1, 1 << 16])
@settings(max_examples=100, deadline=None)
@given(many=st.lists(WORDS, max_size=4), more=st.sampled_from([0, 2**33]))
def test_counts_add_up_whatever_the_room_for_them(
    room: int, many: list[list[bytes]], more: int
) -> None:
    expected: dict[bytes, int] = {}
    for word in (word for words in many for word in words):
        expected[word] = expected.get(word, 0) + 1 + more
    with (
        mock.patch.object(count_module, "LEAST_ENTRIES", room),
        mock.patch.object(count_module, "LEAST_ARCHIVE", room),
    ):
        assert counted(*many, more=more) == expected


def test_many_different_words_are_counted_once_each() -> None:
    """More than the front table has places, so that they push each other out."""
    numbers = [*range(0, 90_000, 3), *range(0, 90_000, 2), *range(50)]
    words = [f"{number:x}".encode() * (1 + number % 5) for number in numbers]
    expected: dict[bytes, int] = {}
    for word in words:
        expected[word] = expected.get(word, 0) + 1
    assert counted(words) == expected


@pytest.mark.parametrize("pattern", ["gpt2", "o200k", r"\w+|\W"])
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_portions_and_room_change_no_merges(pattern: str, threads: int) -> None:
    documents = [
        TEXT,
        "",
        TEXT[::-1] + EOT + "x" * 99,
        *TEXT.splitlines(),
        b"\xff\0" * 40,
        "ab" * 70,
    ]
    expected = BPEReference(vocab_size=600, pattern=pattern)
    expected.train(documents)
    with (
        mock.patch.object(count_module, "LEAST_ENTRIES", 4),
        mock.patch.object(count_module, "LEAST_ARCHIVE", 8),
        mock.patch.object(portions, "cores", return_value=threads),
        mock.patch.object(portions, "PORTION", 50),
        mock.patch.object(bpe, "PORTION", 50),
        mock.patch.object(streams, "BLOCK", 64),
    ):
        tokenizer = BPE(vocab_size=600, pattern=pattern)
        tokenizer.train(documents)
    assert tokenizer.merges == expected.merges


# ── Hugging Face ──────────────────────────────────────────────────────────────────────────────────

ALPHABET = [
    chr(byte if number < 188 else 256 + number - 188)
    for number, byte in enumerate(np.argsort(printable_order()).tolist())
]
"""GPT-2's spelling of the bytes, the printable ones first."""


def their_merges(texts: list[str], size: int, min_frequency: int) -> list[tuple[bytes, bytes]]:
    other = tokenizers.Tokenizer(tokenizers.models.BPE())
    other.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[EOT],
        initial_alphabet=alphabet,
        show_progress=False,
        min_frequency=min_frequency,
    )
    other.train_from_iterator(texts, trainer)
    value = dict(zip(ALPHABET, np.argsort(printable_order()).tolist(), strict=True))
    assert value.keys() == {*alphabet}
    return [
        (bytes(map(value.get, left)), bytes(map(value.get, right)))
        for left, right in json.loads(other.to_str())["model"]["merges"]
    ]


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(TEXTS | st.text("aab ", max_size=200), max_size=6),
    size=st.integers(257, 450),
    min_frequency=st.integers(1, 3),
)
def test_ties_of_the_first_are_those_of_hugging_face(
    texts: list[str], size: int, min_frequency: int
) -> None:
    texts = [text.replace(EOT, "") for text in texts]  # theirs would learn from it
    tokenizer = BPE(vocab_size=size, tie="first", min_frequency=min_frequency)
    tokenizer.train(texts)
    assert tokenizer.merges == their_merges(texts, size, min_frequency)


def test_merges_of_prose_are_those_of_hugging_face() -> None:
    texts = [TEXT, *TEXT.split("\n"), TEXT[::-1], TEXT.upper()]
    tokenizer = BPE(vocab_size=900, tie="first", min_frequency=2)
    tokenizer.train(texts)
    assert tokenizer.merges == their_merges(texts, 900, 2)
    assert len(tokenizer.merges) > 300
