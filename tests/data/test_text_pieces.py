"""Text in pieces, trees of merges and splits compared: the same as at once, or by hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.text_pieces import PIECE, Sample, count_text, pieces
from zoo_builtin.tokenizers import BPE, Byte
from zoo_tokenizers.compare import Differences, compare
from zoo_tokenizers.merge_tree import MergeTree, merge_tree, steps, tree_lines
from zoo_tokenizers.report import content

TEXTS = st.lists(st.sampled_from(["a", " ", "\n", "é", "船", "🐈", "<|endoftext|>"])).map("".join)
BYTES = st.one_of(st.binary(max_size=40), TEXTS.map(str.encode))


@given(st.lists(BYTES), st.integers(4, 30))
def test_pieces_are_the_text_and_short_and_end_between_characters(
    chunks: list[bytes], size: int
) -> None:
    text = b"".join(chunks)
    found = list(pieces(chunks, size))
    assert b"".join(found) == text
    assert all(0 < len(piece) <= size for piece in found)
    assert found == list(pieces([text], size))
    try:
        text.decode()
    except UnicodeDecodeError:
        return
    for piece in found:
        piece.decode()


@given(BYTES, st.lists(st.integers(0, 40)))
def test_counting_is_the_same_wherever_the_text_is_cut(text: bytes, cuts: list[int]) -> None:
    borders = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    chunks = [text[a:b] for a, b in pairwise(borders)]
    read = text.decode("utf-8", "surrogateescape")
    count = count_text(chunks)
    assert count.n_bytes == len(text)
    assert count.characters == len(read)
    assert count.invalid == sum("\udc80" <= character <= "\udcff" for character in read)


@pytest.mark.parametrize("line", ["a line of text\n", "été ", "🐈"])
def test_a_sample_is_short_spread_over_the_file_and_of_whole_characters(
    line: str, tmp_path: Path
) -> None:
    path = tmp_path / "long.txt"
    n = 5 * PIECE // len(line.encode())
    path.write_text("".join(f"{line}" for _ in range(n)) + "\nend\n", encoding="utf-8", newline="")
    whole, part = Sample(path, None), Sample(path, 2 * PIECE)
    assert whole.whole
    assert b"".join(whole) == path.read_bytes()
    assert not part.whole
    found = list(part)
    assert found == list(part)
    assert len(found) == 2
    assert 0 < sum(map(len, found)) <= part.expected == 2 * PIECE
    assert found[-1].endswith(b"end\n")
    for piece in found:
        piece.decode()
    assert Sample(path, 10 * PIECE).whole


# ── Merges ────────────────────────────────────────────────────────────────────────────────────────


def trained(size: int, text: str) -> BPE:
    tokenizer = BPE(vocab_size=size)
    tokenizer.train([text])
    return tokenizer


STORY = (
    "the cat sat on the mat; another rat met them at that hat, nearer the streams of honest men "
)
SMALL, LARGE = trained(280, STORY), trained(300, STORY)


@given(st.text("thecatsonmr;", max_size=12))
def test_the_merges_of_a_text_give_the_tokens_of_the_tokenizer(word: str) -> None:
    ranks = {pair: rank for rank, pair in enumerate(SMALL.merges)}
    trees = merge_tree(word.encode(), lambda *pair: ranks.get(pair))
    ids = {token: n for n, token in SMALL.vocab.items()}
    # In a single pre-token; the pattern cuts at the semicolon.
    if ";" not in word:
        assert [ids[tree.token] for tree in trees] == SMALL.encode(word).tolist()
    for tree in trees:
        made = list(steps(tree))
        assert len({id(step) for step in made}) == len(made)
        for step in made:
            assert step.parts
            assert step.token == step.parts[0].token + step.parts[1].token
            assert SMALL.merges[step.rank or 0] == (step.parts[0].token, step.parts[1].token)


def test_a_long_token_is_drawn_in_few_lines() -> None:
    doublings = {(b"a" * 2**n, b"a" * 2**n): n for n in range(16)}
    (tree,) = merge_tree(b"a" * 2**16, lambda *pair: doublings.get(pair))
    lines = list(tree_lines(tree, lambda node: str(len(node.token))))
    assert len(lines) == 2 * 16 + 1
    assert sum("as above" in line for line in lines) == 15
    deep = MergeTree(b"a")
    for n in range(5000):
        deep = MergeTree(deep.token + b"b", n, (deep, MergeTree(b"b")))
    assert len(list(tree_lines(deep, lambda node: ""))) == 10_001
    assert len(list(steps(deep))) == 5000


# ── Splits ────────────────────────────────────────────────────────────────────────────────────────


def spans(a: list[bytes], b: list[bytes]) -> Counter[tuple[tuple[bytes, ...], tuple[bytes, ...]]]:
    """The differences of two lists of tokens of one text, token by token."""
    found: Counter[tuple[tuple[bytes, ...], tuple[bytes, ...]]] = Counter()
    a, b = list(a), list(b)
    while a:
        left, right = [a.pop(0)], [b.pop(0)]
        while sum(map(len, left)) != sum(map(len, right)):
            shorter, rest = (left, a) if sum(map(len, left)) < sum(map(len, right)) else (right, b)
            shorter.append(rest.pop(0))
        if left != right:
            found[tuple(left), tuple(right)] += 1
    return found


@given(st.lists(st.sampled_from(["the ", "cat", " that", "hat ", "; ", "船", "mat", "\n"])))
def test_differences_are_those_found_token_by_token(words: list[str]) -> None:
    text = "".join(words)
    report = compare(SMALL, LARGE, [text.encode()])
    tokens = [
        [tokenizer.decode_bytes([n]) for n in tokenizer.encode(text).tolist()]
        for tokenizer in (SMALL, LARGE)
    ]
    expected = spans(*tokens)
    assert report.different_spans == sum(expected.values())
    assert report.different_bytes == sum(
        n * sum(map(len, left)) for (left, _), n in expected.items()
    )
    assert {
        (tuple(t.raw for t in d.a), tuple(t.raw for t in d.b)): d.count
        for d in report.most_frequent
    } == dict(sorted(expected.items(), key=lambda item: -item[1]))
    assert report.a.exact
    assert report.b.exact


def test_what_does_not_spell_the_text_is_not_compared() -> None:
    class Lossy(Byte):
        def encode(self, text: str | bytes, **more: object) -> np.ndarray:
            ids = super().encode(text)
            return np.where(ids == ord("x"), ord("y"), ids)

    report = compare(Lossy(), Byte(), [b"abc", b"axc"])
    assert not report.a.exact
    assert report.b.exact
    assert report.compared_bytes == 3


def test_rare_differences_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo_tokenizers.compare.MOST_KEPT", 4)
    differences = Differences()
    for n in (1, 2, 1, 3, 1, 4, 1, 5, 1, 6):
        ids_b = np.array([n, n])
        differences.add(np.array([n]), np.array([2]), ids_b, np.array([1, 2]))
    assert differences.forgot
    table = [bytes([n]) for n in range(9)]
    most = differences.most_frequent(table, table)[0]
    assert (most.a[0].id, most.count) == (1, 5)
    assert differences.spans == 10


def test_scripts_are_told_apart() -> None:
    expected = {
        "été": "Latin",
        " слово": "Cyrillic",
        "船が": "Han",
        "が": "Hiragana",
        "한국": "Hangul",
        "ދިވެހި": "other letters",
        "½ ": "digits",
        "\u00a0": "white space",
        "—!": "punctuation and symbols",
        "\x01": "control characters",
    }
    assert {text: content(text) for text in expected} == expected
