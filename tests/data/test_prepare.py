"""Tokens are prepared once and whole, whatever happens meanwhile."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from preparing import (  # noqa: F401  (a fixture)
    TRAIN,
    VALID,
    Batched,
    Corpus,
    OneByOne,
    Recipe,
    all_ids,
    files_of,
    open_prepared,
    own_cache,
    prepare,
)

from zoo import ZooError
from zoo.data import encode as encoding
from zoo_builtin.corpora.text import TextCorpus
from zoo_builtin.tokenizers import BPE, Byte, Char


@pytest.mark.parametrize(
    ("tokenizer", "options"), [("bpe", {"vocab_size": 300}), ("byte", {}), ("char", {})]
)
def test_tokens_are_the_documents_each_followed_by_the_end_of_text(
    tokenizer: str, options: dict[str, Any]
) -> None:
    found = prepare(Recipe(Corpus(), tokenizer, **options))
    for stored, documents in ((found.train, TRAIN), (found.valid, VALID)):
        ids = np.array(all_ids(stored))
        ends = np.flatnonzero(ids == found.tokenizer.eot)
        pieces = np.split(ids, ends + 1)
        assert pieces.pop().size == 0
        assert [found.tokenizer.decode_bytes(piece[:-1]) for piece in pieces] == documents
        assert (stored.documents, stored.bytes) == (len(documents), sum(map(len, documents)))
    assert (found.label, found.notice) == ("birds", "made up")
    assert found.key == found.dir.name


def test_preparing_again_neither_trains_nor_encodes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(Recipe(Corpus(), vocab_size=300))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("not needed")

    monkeypatch.setattr(BPE, "train", refuse)
    monkeypatch.setattr(BPE, "encode", refuse)
    corpus = Corpus()
    second = prepare(Recipe(corpus, vocab_size=300))
    assert corpus.asked == []
    assert second.dir == first.dir
    assert all_ids(second.train) == all_ids(first.train)
    assert second.tokenizer.fingerprint == first.tokenizer.fingerprint


def test_another_text_or_tokenizer_is_prepared_anew() -> None:
    other = Corpus()
    other.name = "birds 2"
    recipes = [
        Recipe(Corpus(), vocab_size=300),
        Recipe(Corpus(), vocab_size=301),
        Recipe(other, vocab_size=300),
        Recipe(Corpus(), "byte"),
    ]
    assert len({prepare(recipe).key for recipe in recipes}) == 4


def test_tokenizers_with_the_same_ids_share_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that come to the same vocabulary are the same content."""
    small = Corpus(train=[b"aa aa"])
    with pytest.warns(UserWarning, match="merges"):
        keys = {prepare(Recipe(small, vocab_size=size)).key for size in (400, 500)}
    assert len(keys) == 1


def test_a_resumed_run_gets_its_own_tokens_without_asking_the_corpus() -> None:
    first = prepare(Recipe(Corpus(), vocab_size=300))
    changed = Corpus()
    changed.name = "birds 2"
    again = prepare(Recipe(changed, vocab_size=300), tokenizer=first.tokenizer, key=first.key)
    assert again.dir == first.dir
    assert changed.asked == []


def test_a_resumed_run_encodes_again_with_its_own_tokenizer_where_the_cache_is_empty(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = prepare(Recipe(Corpus(), vocab_size=300))
    ids = all_ids(first.train)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(BPE, "train", None)
    again = prepare(Recipe(Corpus(), vocab_size=300), tokenizer=first.tokenizer, key=first.key)
    assert again.key == first.key
    assert again.dir != first.dir
    assert all_ids(again.train) == ids


def test_a_resumed_run_is_refused_other_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = prepare(Recipe(Corpus(), vocab_size=300))
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "empty"))
    changed = Corpus()
    changed.name = "birds 2"
    with pytest.raises(ZooError, match=r"\(birds\) no longer gives the text"):
        prepare(Recipe(changed, vocab_size=300), tokenizer=first.tokenizer, key=first.key)


def test_other_processes_open_what_the_first_prepared() -> None:
    recipe = Recipe(Corpus(), vocab_size=300)
    first = prepare(recipe)
    other = open_prepared(first.dir, recipe)
    assert all_ids(other.valid) == all_ids(first.valid)
    assert (other.label, other.notice, other.key) == (first.label, first.notice, first.key)


def test_a_machine_that_does_not_share_the_cache_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="ZOO_CACHE must be a folder that they share"):
        open_prepared(tmp_path / "elsewhere", Recipe(Corpus()))


def test_damaged_tokens_are_refused_by_name() -> None:
    recipe = Recipe(Corpus(), vocab_size=300)
    first = prepare(recipe)
    (first.dir / "tokenizer" / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ZooError, match=r"tokenizer\.json.*delete it"):
        prepare(recipe)


def test_no_validation_text_is_refused() -> None:
    with pytest.raises(ZooError, match="birds: no document in the valid split"):
        prepare(Recipe(Corpus(valid=[]), "byte"))


def test_text_that_cannot_be_divided_is_told_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("é", encoding="utf-8")
    corpus = TextCorpus(files=[tmp_path / "short.txt"])
    remedy = r"short\.txt: no .* train split: .*more text.*valid_files, separator, valid_share"
    with pytest.raises(ZooError, match=remedy):
        prepare(Recipe(corpus, "byte"))


def test_text_that_the_tokenizer_lacks_is_refused_with_its_place() -> None:
    class Ascii(OneByOne):
        def encode(self, text: str | bytes, **more: Any) -> np.ndarray:
            if b"\xc3\x9f" in text:
                raise ValueError("the character 'ß' is not ASCII")
            return super().encode(text, **more)

    with pytest.raises(ZooError, match="birds, valid split: the character 'ß'"):
        prepare(Recipe(Corpus(valid=["Tim ß".encode()]), Ascii))


def test_a_closed_vocabulary_has_the_characters_of_validation_text_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rare = Corpus(valid=["Tim ß".encode()])
    found = prepare(Recipe(rare, "char"))
    ids = all_ids(found.valid)
    assert found.tokenizer.decode(ids[:-1]) == "Tim ß"
    assert ids[-2] not in all_ids(found.train)
    assert "validation text is read for the vocabulary too" in capsys.readouterr().err


def test_an_open_vocabulary_never_sees_validation_text() -> None:
    seen: list[bytes] = []

    class Learning(Byte):
        def train(self, texts: Any, **more: Any) -> None:
            seen.extend(texts)

    prepare(Recipe(Corpus(), Learning))
    assert seen == TRAIN
    lacking = prepare(Recipe(Corpus(valid=["Tim ß".encode()]), "char", unknown=True))
    assert lacking.tokenizer.decode(all_ids(lacking.valid)[:-1]) == "Tim \ufffd"


def test_a_vocabulary_that_was_learnt_from_training_text_alone_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Version 0.1.0 kept such ones, which can't encode this."""
    rare = Corpus(valid=["Tim ß".encode()])
    with monkeypatch.context() as patch:
        patch.setattr(Char, "closed_vocabulary", False)
        with pytest.raises(ZooError, match="'ß'"):
            prepare(Recipe(rare, "char"))
    assert prepare(Recipe(rare, "char")).valid.documents == 1


def test_a_split_without_end_is_cut_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"a bird"

    monkeypatch.setattr(encoding, "MOST_BYTES", {"train": 1000, "valid": 100})
    with pytest.warns(UserWarning, match="train split is cut after 1 kB"):
        found = prepare(Recipe(Corpus(train=endless()), "byte"))
    assert found.train.documents == 1000 // 6


def test_memory_does_not_grow_with_the_corpus() -> None:
    document = bytes(range(128)) * 128

    def documents() -> Iterator[bytes]:
        for _ in range(2500):
            yield document

    tracemalloc.start()
    try:
        found = prepare(Recipe(Corpus(train=documents()), "byte"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.train.bytes > 40_000_000
    assert peak < 25_000_000


def test_no_training_text_is_told_as_such_by_every_tokenizer() -> None:
    for tokenizer in ("bpe", "byte", "char"):
        with pytest.raises(ZooError, match="birds: no document in the train split"):
            prepare(Recipe(Corpus(train=[]), tokenizer))


def test_what_a_tokenizer_cannot_be_trained_on_is_refused_in_a_line() -> None:
    class Picky(OneByOne):
        def train(self, texts: Any) -> None:
            raise ValueError("too few letters")

    with pytest.raises(ZooError, match="birds, train split: too few letters"):
        prepare(Recipe(Corpus(), Picky))


# ── Many documents at once ────────────────────────────────────────────────────────────────────────


def test_the_order_is_kept_whatever_is_encoded_at_once(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = files_of(prepare(Recipe(Corpus(), OneByOne)).dir)
    for number, size in enumerate([1, 40, 1000, 10**6]):
        monkeypatch.setattr(encoding, "BATCH_BYTES", size)
        monkeypatch.setattr(encoding, "SMALL_BATCH_BYTES", size)
        for tokenizer in (OneByOne, Batched):
            monkeypatch.setenv("ZOO_CACHE", str(cache / f"{number} {tokenizer.__name__}"))
            assert files_of(prepare(Recipe(Corpus(), tokenizer)).dir) == expected


def test_reading_goes_on_while_another_thread_encodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first batch is encoded only once a later document was read, and the other way around."""
    monkeypatch.setattr(encoding, "BATCH_BYTES", 1)
    read_on, encoded = threading.Event(), threading.Event()

    class Waiting(Batched):
        def encode_batch(self, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
            assert read_on.wait(30)
            encoded.set()
            return super().encode_batch(texts)

    def documents() -> Iterator[bytes]:
        yield from (b"one", b"two")
        read_on.set()
        assert encoded.wait(30)
        yield b"three"

    found = prepare(Recipe(Corpus(train=documents()), Waiting))
    assert found.tokenizer.decode(all_ids(found.train)) == "<|endoftext|>".join(
        ["one", "two", "three", ""]
    )


def test_an_endless_corpus_is_not_read_far_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "BATCH_BYTES", 1)
    ahead = []

    class Slow(Batched):
        def encode_batch(self, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
            time.sleep(0.005)
            ahead.append(len(read) - sum(map(len, ahead_of)))
            ahead_of.append(texts)
            return super().encode_batch(texts)

    read: list[bytes] = []
    ahead_of: list[Sequence[bytes]] = []

    def documents() -> Iterator[bytes]:
        for document in TRAIN[:40]:
            read.append(document)
            yield document

    prepare(Recipe(Corpus(train=documents()), Slow))
    assert max(ahead) <= encoding.READ_AHEAD + 2


def test_a_refusal_of_many_at_once_names_corpus_and_split(cache: Path) -> None:
    class Refusing(Batched):
        def encode_batch(self, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
            if VALID[0] in texts:
                raise ValueError("no, thanks")
            return super().encode_batch(texts)

    with pytest.raises(ZooError, match="birds, valid split: no, thanks"):
        prepare(Recipe(Corpus(), Refusing))
    assert list((cache / "tokens").iterdir()) == []
    assert not [thread for thread in threading.enumerate() if "encoding" in thread.name]


def test_fewer_offsets_than_documents_are_refused() -> None:
    class Careless(Batched):
        def encode_batch(self, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
            ids, offsets = super().encode_batch(texts)
            return ids, offsets[[0, -1]]

    with pytest.raises(ZooError, match="2 offsets for 80 documents"):
        prepare(Recipe(Corpus(), Careless))


@pytest.mark.parametrize(("vocab_size", "bytes_each"), [(65_536, 2), (65_537, 4)])
def test_the_vocabulary_decides_how_wide_ids_are(vocab_size: int, bytes_each: int) -> None:
    class Wide(Batched):
        def __init__(self, *, special_tokens: list[str] | None = None) -> None:
            super().__init__(special_tokens=special_tokens)
            self.vocab_size = vocab_size

    found = prepare(Recipe(Corpus(), Wide))
    size = sum(path.stat().st_size for path in found.dir.glob("train-*.bin"))
    assert size == len(found.train) * bytes_each
    end = found.tokenizer.decode_bytes([found.tokenizer.eot])
    assert found.tokenizer.decode_bytes(all_ids(found.train)) == end.join([*TRAIN, b""])


# ── Text that isn't UTF-8 ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tokenizer", [OneByOne, Batched])
def test_what_is_not_utf8_is_kept_counted_and_told_once(tokenizer: type) -> None:
    wrong = [b"caf\xe9", b"\xed\xa0\x80", "na\u00efve".encode()[:-3]]
    corpus = Corpus(train=[*TRAIN, *wrong], valid=[*VALID, b"\xff"])
    with pytest.warns(UserWarning, match="birds: 4 of 86 documents aren't valid UTF-8") as told:
        found = prepare(Recipe(corpus, tokenizer))
    assert len(told) == 1
    assert (found.train.not_utf8, found.valid.not_utf8) == (3, 1)
    end = found.tokenizer.decode_bytes([found.tokenizer.eot])
    assert found.tokenizer.decode_bytes(all_ids(found.train)).split(end)[-4:-1] == wrong
