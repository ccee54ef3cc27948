"""Patterns in the spellings of others: the same name where they cut alike, else none."""

from __future__ import annotations

import pytest
import regex
import tokenizers
from format_cases import LLAMA3
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_cases import FRAGMENTS, TEXTS
from tokenizers import pre_tokenizers

from zoo_builtin.tokenizers.formats.expressions import for_oniguruma, name_of
from zoo_builtin.tokenizers.patterns import PATTERNS

WHITE = r"\s*[\r\n]+|\s+(?!\S)|\s+"
CASED = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
UNCASED = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
ENGLISH = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPELLINGS = [
    ("gpt2", r"""'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""),
    (
        "gpt2",
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    ),
    (
        "cl100k",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    (
        "cl100k",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    ("llama3", LLAMA3),
    (
        "llama3",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    ),
    (
        "qwen2",
        rf"{ENGLISH}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{WHITE}",
    ),
    (
        "o200k",
        rf"[^\r\n\p{{L}}\p{{N}}]?{CASED}*{UNCASED}+{ENGLISH}?"
        rf"|[^\r\n\p{{L}}\p{{N}}]?{CASED}+{UNCASED}*{ENGLISH}?"
        rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{WHITE}",
    ),
]
CROWDED = st.lists(st.sampled_from([*FRAGMENTS, "Th", "'S", "'Re", "/", "12345"])).map("".join)


def pieces(expression: str, text: str) -> list[str]:
    return regex.compile(expression).findall(text)


@pytest.mark.parametrize(("name", "expression"), SPELLINGS)
@settings(max_examples=150, deadline=None)
@given(text=CROWDED | TEXTS)
def test_spellings_of_a_pattern_have_its_name_and_cut_alike(
    name: str, expression: str, text: str
) -> None:
    assert name_of(expression) == name
    assert pieces(expression, text) == pieces(PATTERNS[name], text)


@pytest.mark.parametrize("name", PATTERNS)
@settings(max_examples=150, deadline=None)
@given(text=CROWDED | TEXTS)
def test_exported_patterns_cut_alike(name: str, text: str) -> None:
    theirs = pre_tokenizers.Split(tokenizers.Regex(for_oniguruma(name)), "isolated")
    assert [piece for piece, _ in theirs.pre_tokenize_str(text)] == pieces(PATTERNS[name], text)
    assert name_of(for_oniguruma(name)) == name


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_that_differ_have_other_names(name: str) -> None:
    """Each character left out makes another expression, or one that cuts the same."""
    expression = PATTERNS[name]
    text = "".join(FRAGMENTS) + "12345 It'S \n\n \n x//\n   "
    for i in range(len(expression)):
        other = expression[:i] + expression[i + 1 :]
        found = name_of(other)
        if found != other:
            assert pieces(other, text) == pieces(PATTERNS[found], text)


def test_a_mandatory_apostrophe_is_not_an_optional_contraction() -> None:
    other = PATTERNS["o200k"].replace("(?i:'(?:[sdmt]|ll|ve|re))?", "'(?i:[sdmt]|ll|ve|re)?")
    assert other != PATTERNS["o200k"]
    assert name_of(other) == other
