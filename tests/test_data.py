"""Tokens are prepared once and whole; batches are a function of seed and step."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo import ZooError, data, folders, tokens
from zoo.component import find_component
from zoo.inspect import inspect, repeated_spans
from zoo.permutation import keyed_number, permute
from zoo.registry import Registrar, Registry
from zoo.tokens import Tokens, TokenWriter
from zoo_builtin.corpora.text import TextCorpus
from zoo_builtin.tokenizers import BPE, Byte, Char

# ── The permutation ───────────────────────────────────────────────────────────────────────────────


@given(n=st.integers(1, 5000), seed=st.integers(0, 2**63), epoch=st.integers(0, 2**40))
def test_a_permutation_takes_every_index_to_another_one(n: int, seed: int, epoch: int) -> None:
    image = permute(np.arange(n), n, seed, epoch)
    assert np.array_equal(np.sort(image), np.arange(n))


@given(n=st.integers(1, 2**50), seed=st.integers(0, 2**31), data=st.data())
def test_single_indices_and_many_at_once_go_to_the_same_places(
    n: int, seed: int, data: st.DataObject
) -> None:
    index = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=20)), dtype=np.int64)
    together = permute(index, n, seed)
    assert ((together >= 0) & (together < n)).all()
    assert together.tolist() == [permute(np.array([i]), n, seed)[0] for i in index]


def test_keys_give_different_permutations() -> None:
    orders = {
        tuple(permute(np.arange(50), 50, seed, epoch)) for seed in range(8) for epoch in (0, 1)
    }
    assert len(orders) == 16
    assert (permute(np.arange(50), 50, 1, 23) != permute(np.arange(50), 50, 12, 3)).any()


def test_every_index_goes_everywhere_about_equally_often() -> None:
    n, keys = 12, 3000
    landed = np.zeros((n, n))
    for key in range(keys):
        landed[np.arange(n), permute(np.arange(n), n, key)] += 1
    expected = keys / n
    chi_squared = ((landed - expected) ** 2 / expected).sum()
    assert chi_squared < 190  # 121 degrees of freedom: the 99.99th percentile is 187


def test_the_order_is_the_same_on_every_platform() -> None:
    assert permute(np.arange(10), 10, 1337, 0).tolist() == [6, 5, 7, 0, 3, 1, 2, 9, 4, 8]
    offsets = [keyed_number(256, 1337, epoch) for epoch in range(5)]
    assert offsets == [216, 202, 130, 179, 127]


# ── Tokens on disk ────────────────────────────────────────────────────────────────────────────────


def written(dir: Path, documents: list[np.ndarray], vocab_size: int = 60_000) -> Tokens:
    with TokenWriter(dir, "train", vocab_size=vocab_size, eot=0) as writer:
        for document in documents:
            writer.add(document, n_bytes=3 * len(document))
    return Tokens(dir, "train", writer.meta)


def counting(dir: Path, n: int) -> Tokens:
    """The tokens 0, 1, 2, …, so that a token is its own position."""
    with TokenWriter(dir, "train", vocab_size=n, eot=n - 1) as writer:
        writer.add(np.arange(n - 1), n_bytes=n)
    return Tokens(dir, "train", writer.meta)


@pytest.mark.parametrize("shard", [1, 7, 100, 2**26])
@pytest.mark.parametrize("buffer", [1, 50, 2**18])
def test_what_is_written_is_read_over_the_borders_of_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard: int, buffer: int
) -> None:
    monkeypatch.setattr(tokens, "SHARD_TOKENS", shard)
    monkeypatch.setattr(tokens, "BUFFERED_TOKENS", buffer)
    generator = np.random.default_rng(0)
    documents = [generator.integers(1, 60_000, size) for size in (5, 0, 1, 40, 17, 130)]
    stored = written(tmp_path, documents)
    expected = np.concatenate([part for ids in documents for part in (ids, [0])])
    assert len(stored) == len(expected) == sum(map(len, stored.shards))
    assert len(stored.shards) == -(-len(expected) // shard)
    assert (stored.documents, stored.bytes) == (6, 3 * 193)
    starts = np.array([0, 3, 99, 150, len(expected) - 12])
    assert stored.rows(starts, 12).tolist() == [expected[at : at + 12].tolist() for at in starts]
    assert np.array_equal(stored.window(7, 20), expected[140:161])


@pytest.mark.parametrize(("vocab_size", "bytes_each"), [(257, 2), (65_536, 2), (65_537, 4)])
def test_ids_take_two_bytes_where_that_is_enough(
    tmp_path: Path, vocab_size: int, bytes_each: int
) -> None:
    stored = written(tmp_path, [np.array([1, vocab_size - 1])], vocab_size)
    assert stored.rows(np.array([0]), 3).tolist() == [[1, vocab_size - 1, 0]]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 3 * bytes_each


@pytest.mark.parametrize("wrong", [-1, 300, 70_000])
def test_ids_outside_the_vocabulary_are_refused(tmp_path: Path, wrong: int) -> None:
    with pytest.raises(ZooError, match=rf"id {wrong}, .*vocabulary of 300"):
        written(tmp_path, [np.array([5, wrong])], vocab_size=300)


def test_a_shortened_shard_is_refused_by_name(tmp_path: Path) -> None:
    with TokenWriter(tmp_path, "train", vocab_size=300, eot=0) as writer:
        writer.add(np.arange(100), 100)
    shard = tmp_path / "train-00000.bin"
    shard.write_bytes(shard.read_bytes()[:-2])
    with pytest.raises(ZooError, match=r"train-00000\.bin: 200 bytes where 202 were written"):
        Tokens(tmp_path, "train", writer.meta)
    shard.unlink()
    with pytest.raises(ZooError, match=r"train-00000\.bin: 0 bytes"):
        Tokens(tmp_path, "train", writer.meta)


# ── Batches ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("n", "length"), [(1000, 8), (1001, 8), (1007, 8), (17, 16), (33, 16), (40, 1)]
)
def test_an_epoch_reads_every_window_once(tmp_path: Path, n: int, length: int) -> None:
    stored = counting(tmp_path, n)
    windows, _ = data.epoch_size(stored, length)
    offsets = set()
    for epoch in range(20):
        places = np.arange(epoch * windows, (epoch + 1) * windows)
        starts = data.window_starts(stored, 1337, places, length)
        offset = starts.min()
        assert np.sort(starts).tolist() == [offset + i * length for i in range(windows)]
        assert offset < length
        assert starts.max() + length < n
        offsets.add(int(offset))
    assert (windows + 2) * length + length > n  # what an epoch leaves out is under three windows
    assert len(offsets) > 1 or n - windows * length == 1 or length == 1


def test_epochs_and_seeds_read_in_different_orders(tmp_path: Path) -> None:
    stored = counting(tmp_path, 1000)
    windows, _ = data.epoch_size(stored, 8)
    epoch = np.arange(windows)
    orders = {
        tuple(data.window_starts(stored, seed, epoch + nth * windows, 8) // 8)
        for seed in (0, 1)
        for nth in (0, 1, 2)
    }
    assert len(orders) == 6


@pytest.mark.parametrize("world", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("step", [0, 1, 10, 10**9])
def test_a_step_has_the_same_rows_however_many_processes_share_them(
    tmp_path: Path, world: int, step: int
) -> None:
    stored = counting(tmp_path, 400)
    settings: dict[str, Any] = {"seed": 5, "step": step, "n_rows": 12, "length": 16}
    whole = data.batch(stored, rows=range(12), **settings)
    each = 12 // world
    shares = [
        data.batch(stored, rows=range(rank * each, (rank + 1) * each), **settings)
        for rank in range(world)
    ]
    assert np.array_equal(np.concatenate(shares), whole)
    assert whole.shape == (12, 17)
    assert whole.dtype == np.int64
    assert (np.diff(whole, axis=1) == 1).all()  # each row is a piece of the text


def test_batches_follow_each_other_without_gaps(tmp_path: Path) -> None:
    stored = counting(tmp_path, 1000)
    windows, _ = data.epoch_size(stored, 10)
    rows = [
        data.batch(stored, seed=0, step=step, n_rows=7, rows=range(7), length=10)
        for step in range(2 * windows // 7 + 1)
    ]
    starts = np.concatenate(rows)[:, 0]
    for epoch in (starts[:windows], starts[windows : 2 * windows]):
        assert len(set(epoch.tolist())) == windows


def test_a_batch_larger_than_the_text_reads_it_several_times(tmp_path: Path) -> None:
    stored = counting(tmp_path, 50)
    rows = data.batch(stored, seed=0, step=3, n_rows=64, rows=range(64), length=16)
    assert rows.shape == (64, 17)
    assert len(np.unique(rows[:, 0])) > 2


def test_validation_windows_are_evenly_spaced_and_always_the_same(tmp_path: Path) -> None:
    stored = counting(tmp_path, 10_001)
    chosen = data.valid_windows(stored, n_tokens=1000, length=10)
    assert len(chosen) == 100
    assert (np.diff(chosen) == 10).all()
    assert np.array_equal(chosen, data.valid_windows(stored, 1000, 10))
    assert np.array_equal(data.valid_windows(stored, 10**9, 10), np.arange(1000))
    assert len(data.valid_windows(stored, 1, 10)) == 1
    rows = data.windows(stored, np.array([0, 999]), 10)
    assert rows[:, [0, -1]].tolist() == [[0, 10], [9990, 10_000]]


def test_text_shorter_than_a_window_is_refused_with_the_numbers(tmp_path: Path) -> None:
    stored = counting(tmp_path, 16)
    with pytest.raises(ZooError, match=r"train split has 16 tokens.* window of 16 .*max_seq_len"):
        data.batch(stored, seed=0, step=0, n_rows=1, rows=range(1), length=16)
    with pytest.raises(ZooError, match="16 tokens"):
        data.valid_windows(stored, 100, 16)
    assert data.batch(stored, seed=0, step=0, n_rows=1, rows=range(1), length=15).shape == (1, 16)


# ── Preparing ─────────────────────────────────────────────────────────────────────────────────────

TRAIN = [f"One day, {name} saw {n} birds.".encode() for n in range(40) for name in ("Tim", "Zoë")]
VALID = ["Zoë saw Tim.".encode(), b"One bird."]


class Corpus:
    """Documents from a list, counting how often they are read."""

    label = "birds"
    notice = "made up"

    def __init__(self, train: Iterable[bytes] = TRAIN, valid: Iterable[bytes] = VALID) -> None:
        self.splits = {"train": train, "valid": valid}
        self.asked: list[str] = []
        self.name = "birds 1"

    def documents(self, split: str) -> Iterator[bytes]:
        self.asked.append(split)
        yield from self.splits[split]

    def fingerprint(self) -> str:
        return self.name


class Recipe:
    """The two things that preparing needs of a recipe."""

    def __init__(self, corpus: Corpus, tokenizer: str = "bpe", **options: Any) -> None:
        offered = Registrar("mine", "1")
        for name, factory in (("bpe", BPE), ("byte", Byte), ("char", Char)):
            offered.tokenizer(name, factory)
        registry = Registry()
        registry.add(offered.entries)
        self.data = SimpleNamespace(corpus=lambda: corpus)
        self.tokenizer = find_component(registry, "tokenizer", tokenizer, options)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ZOO_CACHE", str(folder))
    return folder


def prepare(recipe: Recipe, **more: Any) -> data.TokenData:
    return data.prepare(recipe, **more)  # type: ignore[arg-type]


def open_prepared(dir: Path, recipe: Recipe) -> data.TokenData:
    return data.open_prepared(dir, recipe)  # type: ignore[arg-type]


def all_ids(stored: Tokens) -> list[int]:
    return np.concatenate(stored.shards).tolist()


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


def test_no_validation_text_is_told_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("Too short to hold anything out.", encoding="utf-8")
    corpus = TextCorpus(files=[tmp_path / "short.txt"])
    remedy = r"short\.txt: no .* valid split: .*more text.*valid_files, separator, valid_share"
    with pytest.raises(ZooError, match=remedy):
        prepare(Recipe(corpus, "byte"))


def test_text_that_the_tokenizer_lacks_is_refused_with_its_place() -> None:
    with pytest.raises(ZooError, match="birds, valid split: the character 'ß'"):
        prepare(Recipe(Corpus(valid=["Tim ß".encode()]), "char"))


def test_a_split_without_end_is_cut_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"a bird"

    monkeypatch.setattr(data, "MOST_BYTES", {"train": 1000, "valid": 100})
    with pytest.warns(UserWarning, match="train split is cut after 1 kB"):
        found = prepare(Recipe(Corpus(train=endless()), "byte"))
    assert found.train.documents == 1000 // 6


class Killed(BaseException):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("split", ["train", "valid"])
def test_an_interrupted_preparation_leaves_nothing(cache: Path, split: str) -> None:
    def broken_off() -> Iterator[bytes]:
        yield b"One day"
        raise Killed

    with pytest.raises(Killed):
        prepare(Recipe(Corpus(**{split: broken_off()}), "byte"))
    assert list((cache / "tokens").iterdir()) == []
    assert prepare(Recipe(Corpus(), "byte")).train.documents == len(TRAIN)


def test_a_killed_preparation_leaves_no_finished_set(cache: Path) -> None:
    script = (
        "import os, sys, test_data\n"
        "def documents():\n"
        "    yield b'One day'\n"
        "    os._exit(9)\n"
        "test_data.prepare(test_data.Recipe(test_data.Corpus(valid=documents()), 'byte'))\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    killed = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path})
    assert killed.returncode == 9
    (left,) = (cache / "tokens").iterdir()
    assert left.name.startswith(folders.UNFINISHED)
    assert not (left / data.META).exists()
    prepare(Recipe(Corpus(), "byte"))
    assert left.exists()  # it might be in the making
    yesterday = time.time() - 2 * folders.DAY
    for path in (left, *left.rglob("*")):
        os.utime(path, (yesterday, yesterday))
    prepare(Recipe(Corpus(), vocab_size=300))
    assert not left.exists()


def test_of_two_that_prepare_at_once_both_succeed(cache: Path) -> None:
    class Overtaken(Corpus):
        """While it is read for the second time, someone else prepares the same text."""

        def documents(self, split: str) -> Iterator[bytes]:
            yield from super().documents(split)
            if split == "valid":
                self.other = prepare(Recipe(Corpus(), "byte"))

    slow = Overtaken()
    found = prepare(Recipe(slow, "byte"))
    assert found.dir == slow.other.dir
    assert all_ids(found.train) == all_ids(slow.other.train)
    assert [path.name for path in (cache / "tokens").iterdir()] == [found.key]


def test_memory_does_not_grow_with_the_corpus() -> None:
    document = bytes(range(256)) * 64

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
    assert peak < 12_000_000


# ── Inspecting ────────────────────────────────────────────────────────────────────────────────────


def test_a_report_counts_what_is_there() -> None:
    documents = [b"aab", b"", b"", b"b" * 25]
    found = prepare(Recipe(Corpus(train=documents), "byte"))
    report = inspect(found.train, found.tokenizer, length=4, n_rows=6, seed=0)
    assert (report.tokens, report.documents, report.bytes) == (32, 4, 28)
    assert report.bytes_per_token == 28 / 32
    assert report.document_tokens == (0, 1.5, 7.0, 25)
    assert (report.vocab_size, report.never_used) == (257, 254)
    counted = [(token.id, token.text, token.count) for token in report.most_frequent]
    assert counted == [(98, "b", 26), (256, "<|endoftext|>", 4), (97, "a", 2)]
    assert report.special_share == 4 / 32
    assert (report.repeated_ends, report.longest_end_run) == (2, 3)
    assert (report.batch.rows, report.batch.length) == (6, 4)
    rows = data.batch(found.train, seed=0, step=0, n_rows=6, rows=range(6), length=4)
    assert report.batch.sample == found.tokenizer.decode(rows[0, :-1])
    assert report.batch.distinct_rows == len({tuple(row) for row in rows[:, :-1].tolist()})


def test_repeated_spans_tell_equal_rows_from_different_ones() -> None:
    different = np.arange(64).reshape(4, 16)
    assert repeated_spans(different) == 0
    assert repeated_spans(np.tile(different[:1], (4, 1))) == 1
    assert repeated_spans(np.concatenate([different, different[:1]])) == 2 / 5
    within = np.zeros((1, 16), dtype=np.int64)
    assert repeated_spans(within) == 0
