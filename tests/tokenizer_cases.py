"""Texts and tokenizers that the tests of tokenizers share."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import strategies as st

from zoo_builtin.tokenizers import BPE, Byte, Char, Unigram

EOT = "<|endoftext|>"
TEXT = """Long ago a weaver lived beside the lake. She wove nets for the fishers, and the fishers
gave her fish; that's how they'd lived for 40 years. "I'll weave one more," she'd say, "and then
I'll rest." But there was always another net, and another, and she didn't rest.

One winter the lake froze   so hard that nobody fished. The weaver sat by her window and watched
the snow fall on the boats. Her hands, which had never been still, lay in her lap like two birds.
"So this is resting," she said. When the ice broke in March, the fishers found 12 new nets hanging
on the fence: one for each of them, and one, très petit, for the cat — “just in case”, she said.
"""
SPECIALS = ["<|a|>", EOT, "<|a|><|b|>", "é!"]


def trained(
    vocab_size: int = 450,
    specials: list[str] | None = None,
    text: str = TEXT,
    pattern: str = "gpt2",
) -> BPE:
    tokenizer = BPE(vocab_size=vocab_size, special_tokens=specials, pattern=pattern)
    tokenizer.train([text])
    return tokenizer


PLAIN = trained()
SPECIAL = trained(specials=SPECIALS)
CHAR = Char(unknown=True)
CHAR.train([TEXT])
UNIGRAM = Unigram(vocab_size=360, special_tokens=SPECIALS)
UNIGRAM.train([TEXT])
ALL = pytest.mark.parametrize(
    "tokenizer",
    [PLAIN, SPECIAL, UNIGRAM, Byte(), CHAR],
    ids=["bpe", "special", "unigram", "byte", "char"],
)

# Fragments that meet at every kind of border, and characters that have long been in Unicode, as
# the libraries compared with know different versions of it.
FRAGMENTS = ["'", "'l", "l", "s", "re", "the", " net", "é", "e\u0301", "中文", "1", "٣", "½"]
FRAGMENTS += [" ", "  ", "\n", "\r\n", "\t", "\xa0", "\x1c", "🙂", "!", "—", "_"]
FRAGMENTS += [*SPECIALS, "<|a", "|>", "<|"]
CHARACTERS = st.characters(exclude_categories=["Cs", "Cn"]).filter(
    lambda c: unicodedata.ucd_3_2_0.category(c) != "Cn"
)
TEXTS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join),
    st.text(CHARACTERS, max_size=60),
)
RAW = st.one_of(st.binary(max_size=60), TEXTS.map(str.encode))


def with_last(key: str, value: object) -> Callable[[dict], None]:
    """A change to the last entry of a list in a tokenizer's file."""

    def change(state: dict) -> None:
        state[key][-1] = value

    return change


@st.composite
def cut(draw: st.DrawFn, texts: st.SearchStrategy) -> list:
    """A text in chunks."""
    text = draw(texts)
    borders = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[start:end] for start, end in pairwise([0, *borders, len(text)])]


def scan(text: str, specials: list[str]) -> list[tuple[str, bool]]:
    """Special tokens and the text between them, letter by letter."""
    parts: list[tuple[str, bool]] = [("", False)]
    at = 0
    while at < len(text):
        found = max((s for s in specials if text.startswith(s, at)), key=len, default="")
        if found:
            parts += [(found, True), ("", False)]
        else:
            parts[-1] = (parts[-1][0] + text[at], False)
        at += len(found) or 1
    return [part for part in parts if part[0]]
