"""Something is held out of every text, of long ones the end, and nothing equal is on both sides."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_builtin.corpora.held_out import divided, survey
from zoo_builtin.corpora.text import TextCorpus

SEPARATOR = b"<|endoftext|>"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def a_text(n_bytes: int, seed: int = 0) -> bytes:
    """Paragraphs of words, no two of them alike."""
    draw = random.Random(seed)
    text = bytearray()
    while len(text) < n_bytes:
        words = (f"word{int(draw.random() * 10**6)}" for _ in range(draw.randrange(5, 40)))
        text += " ".join(words).encode() + b"\n\n"
    return bytes(text[:n_bytes].rstrip(b"\n"))


def corpus_of(tmp_path: Path, *texts: bytes, **options: object) -> TextCorpus:
    """A file for each text."""
    for nth, text in enumerate(texts):
        (tmp_path / f"{nth:03}.txt").write_bytes(text)
    return TextCorpus(files=[tmp_path], **options)  # type: ignore[arg-type]


def sides(corpus: TextCorpus) -> tuple[list[bytes], list[bytes]]:
    return list(corpus.documents("train")), list(corpus.documents("valid"))


def bare(*texts: bytes) -> bytes:
    return b"".join(texts).replace(b"\n", b"").replace(b" ", b"")


@pytest.mark.parametrize("name", ["input.txt", "input.txt.gz"])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.5])
@pytest.mark.parametrize("n_bytes", [3000, 30_000, 70_000, 1_000_000, 1_200_000])
def test_of_a_lone_text_of_any_size_the_end_is_held_out(
    tmp_path: Path, n_bytes: int, share: float, name: str
) -> None:
    text = a_text(n_bytes)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text, 1) if name.endswith(".gz") else text)
    corpus = TextCorpus(files=[path], valid_share=share)
    train, valid = sides(corpus)
    assert bare(*train, *valid) == bare(text)  # in this order: all of the end, and nothing else
    held_out = sum(map(len, valid))
    wanted = max(share * n_bytes, 256)
    assert wanted * 0.8 <= held_out <= wanted * 2 + 300  # up to where a paragraph begins
    assert valid[0] in text.split(b"\n\n", 1)[1]
    corpus.fingerprint()
    told = f"for validation, the last {100 * share:g} % of the text are held out"
    assert told in (corpus.notice or "")


@pytest.mark.parametrize(
    "texts",
    [
        [30_000, 30_000],
        [20_000] * 3,
        [200_000, 300_000, 100_000],
        [900] * 4,
        [400] * 30,
        [40, 50],
        [100_000, 500],
        [12],
        [2],
    ],
    ids=str,
)
@pytest.mark.parametrize("share", [0.02, 0.05, 0.5, 0.98])
def test_something_is_held_out_of_however_few_documents(
    tmp_path: Path, texts: list[int], share: float
) -> None:
    documents = [a_text(size, seed) for seed, size in enumerate(texts)]
    train, valid = sides(corpus_of(tmp_path, *documents, valid_share=share))
    assert train
    assert valid
    assert not set(train) & set(valid)
    assert sorted(bare(*train, *valid)) == sorted(bare(*documents))
    if share == 0.05 and sum(texts) > 10_000:
        held_out = sum(map(len, valid))
        assert held_out <= 0.15 * sum(texts)


@settings(max_examples=40)
@given(
    st.lists(st.integers(2, 500) | st.integers(2, 200_000), min_size=1, max_size=6),
    st.lists(st.integers(0, 7), max_size=5),
    st.sampled_from([0.01, 0.05, 0.3, 0.9]),
)
def test_equal_documents_are_never_on_both_sides(
    sizes: list[int], copies: list[int], share: float
) -> None:
    documents = [a_text(size, seed) for seed, size in enumerate(sizes)]
    documents += [documents[nth % len(documents)] for nth in copies]

    def pieces() -> list[tuple[int, bytes]]:
        return [
            (number, document[at : at + 8000])
            for number, document in enumerate(documents)
            for step in [8000 if len(document) > 65_536 else len(document)]
            for at in range(0, len(document), step)
        ]

    held_out = survey(pieces(), share)
    found = list(divided(pieces(), held_out))
    train = {piece for piece, held in found if not held}
    valid = {piece for piece, held in found if held}
    assert train
    assert valid
    assert not train & valid


def test_equal_texts_are_held_out_alike(tmp_path: Path) -> None:
    """As one text: the end of each, and no copy of the whole is trained on."""
    text = a_text(20_000)
    train, valid = sides(corpus_of(tmp_path, text, text, text))
    assert len(set(train)) == len(set(valid)) == 1
    assert bare(train[0], valid[0]) == bare(text)


def test_of_a_sentence_that_is_repeated_for_ever_something_is_held_out(tmp_path: Path) -> None:
    train, valid = sides(corpus_of(tmp_path, b"The same, once more.\n" * 150_000))
    size = sum(map(len, train)) + sum(map(len, valid))
    assert 0.04 * size < sum(map(len, valid)) < 0.06 * size


def test_among_many_documents_the_end_of_a_long_one_is_held_out(tmp_path: Path) -> None:
    """Not pieces of it that lie between pieces trained on."""
    short = [a_text(300, seed) for seed in range(400)]
    long = a_text(400_000, seed=1000)
    (tmp_path / "all.txt").write_bytes(SEPARATOR.join([*short[:200], long, *short[200:]]))
    corpus = TextCorpus(files=[tmp_path / "all.txt"])
    valid = list(corpus.documents("valid"))
    end = [piece for piece in valid if piece not in short]
    assert 0.045 * len(long) < sum(map(len, end)) < 0.07 * len(long)
    assert bare(long).endswith(bare(*end))
    assert 5 < len(valid) - len(end) < 40
    corpus.fingerprint()
    assert "of 1 of more than 64 KiB the last 5 %" in (corpus.notice or "")


def test_the_first_bytes_of_a_lone_text_are_divided_too(tmp_path: Path) -> None:
    for limit in (5000, 90_000):
        text = a_text(300_000)
        train, valid = sides(corpus_of(tmp_path, text, max_bytes=limit))
        assert bare(text).startswith(bare(*train, *valid))
        assert 0.5 * limit < sum(map(len, train)) < limit
        assert valid


def test_another_way_to_divide_has_another_fingerprint_and_the_old_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    """Tokens that version 0.1.0 prepared are used where it divided as it is done now, else not."""
    birds = SEPARATOR.join(b"%d birds, and a tree.\n" % n for n in range(400))
    (tmp_path / "v").write_bytes(b"v")
    of_0_1_0 = "11b8996d0e54ef7e6979dd8d2088be703f3428e54bb97bf6308946f2cf056f28"
    beside = "caa8369078b48e87345d6c0b3b8fbfae743f7ced19efc5c6b6fd9a098de23e41"
    assert corpus_of(tmp_path, birds).fingerprint() == of_0_1_0
    assert corpus_of(tmp_path, birds, valid_files=[tmp_path / "v"]).fingerprint() == beside
    lone = "5621b7bfa804b65de6c813f6707be1941ae01d6928d80d37d41ecb9ca5249fc1"
    assert corpus_of(tmp_path, birds.replace(SEPARATOR, b"")).fingerprint() != lone


def test_a_text_is_surveyed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = corpus_of(tmp_path, a_text(100_000))
    before = first.fingerprint(), sides(first)
    monkeypatch.setattr("zoo_builtin.corpora.held_out.survey", None)
    again = corpus_of(tmp_path, a_text(100_000))
    assert (again.fingerprint(), sides(again)) == before
