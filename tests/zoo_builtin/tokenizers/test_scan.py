"""The compiled scanners: the same pre-tokens as the regular expressions, and cuts that are safe."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_cases import FRAGMENTS, RAW, TEXT, TEXTS

from zoo_builtin.tokenizers import streams, unicode
from zoo_builtin.tokenizers.patterns import PATTERNS, compiled, splitter
from zoo_builtin.tokenizers.scan import NUMBERS, PADDING, last_cut, pre_token_ends

CLASSES = unicode.character_classes()
EACH = pytest.mark.parametrize("pattern", PATTERNS)

# What the patterns look at: cases, contractions in both cases and with the long s, marks, digits
# of several scripts, every kind of white space, slashes, bytes that are not UTF-8.
PARTS = [*FRAGMENTS, "'S", "'lL", "'ſ", "'ll'", "AB", "aB", "ǅ", "ʰ", "ªx", "中a", "中A", "A\u0301"]
PARTS += [
    "\u0301",
    "!\u0301",
    "/",
    "//\n",
    "12345",
    "१२३४",
    "Ⅷ",
    " \n ",
    "\u2028",
    "\u3000",
    "\x85",
]
BROKEN = [b"\xff", b"\xe4\xb8", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"]
BROKEN += [b" a", b"\n", b"'s", b"1", "中".encode()]
MIXED = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)
ANY = st.one_of(
    MIXED.map(str.encode),
    TEXTS.map(str.encode),
    st.text(max_size=40).map(streams.to_bytes),
    RAW,
    st.lists(st.sampled_from(BROKEN), max_size=12).map(b"".join),
)


def scanned(data: bytes, pattern: str) -> list[bytes]:
    ends = np.empty(len(data), dtype=np.int64)
    padded = np.frombuffer(data + bytes(PADDING), dtype=np.uint8)
    n = pre_token_ends(padded, len(data), NUMBERS[pattern], CLASSES, ends)
    return [data[start:end] for start, end in pairwise([0, *ends[:n].tolist()])]


def expected(data: bytes, pattern: str) -> list[bytes]:
    return [*map(streams.from_str, splitter(pattern)(streams.to_str(data)))]


@EACH
@settings(max_examples=500, deadline=None)
@given(data=ANY)
def test_scanners_find_what_the_regular_expressions_find(pattern: str, data: bytes) -> None:
    assert scanned(data, pattern) == expected(data, pattern)


@pytest.mark.slow
@EACH
def test_scanners_know_every_character(pattern: str) -> None:
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    for before, after in (("", " "), (" a", "b"), ("!", "1"), ("A", "\n")):
        text = "".join(before + character + after for character in everything).encode()
        assert scanned(text, pattern) == expected(text, pattern)


@EACH
@settings(max_examples=300, deadline=None)
@given(left=ANY, right=ANY)
def test_a_cut_is_safe_whatever_stands_around_it(pattern: str, left: bytes, right: bytes) -> None:
    data = left + right
    cut = last_cut(np.frombuffer(data, np.uint8), 0, len(left), CLASSES)
    assert scanned(data[:cut], pattern) + scanned(data[cut:], pattern) == scanned(data, pattern)


def test_prose_in_any_script_can_be_cut() -> None:
    for text in (
        TEXT,
        "雨が降る。川が増える。そして、舟が浮いた。",
        "Лодка плывёт.\nИдёт дождь.\n",
    ):
        data = text.encode()
        for end in range(60, len(data), 7):
            assert last_cut(np.frombuffer(data, np.uint8), end - 60, end, CLASSES) > end - 60


def test_classes_are_those_of_the_regex_package() -> None:
    points = np.array([*range(0xD800), *range(0xE000, 0x110000)])
    text = "".join(map(chr, points))
    for expression, numbers in (
        (r"\p{L}", {unicode.UPPER, unicode.LOWER, unicode.CASELESS}),
        (r"\p{Ll}", {unicode.LOWER}),
        (r"[\p{Lu}\p{Lt}]", {unicode.UPPER}),
        (r"\p{M}", {unicode.MARK}),
        (r"\p{N}", {unicode.NUMBER}),
        (r"\s", {unicode.SPACE, unicode.NEWLINE}),
    ):
        found = points[[match.start() for match in regex.finditer(expression, text)]]
        assert set(found.tolist()) == set(np.flatnonzero(np.isin(CLASSES, [*numbers])).tolist())


def test_what_an_expression_leaves_out_stands_between() -> None:
    assert splitter(r"\d+")("a12b") == ["a", "12", "b"]


@pytest.mark.parametrize(("pattern", "what"), [("(", "nor a regular"), ("a*", "empty string")])
def test_unusable_expressions_are_refused(pattern: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        compiled(pattern)
