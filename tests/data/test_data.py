"""Tokens on disk; batches are a function of seed and step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo import ZooError
from zoo.data import batches as data
from zoo.data import shards as tokens
from zoo.data.permutation import keyed_number, permute
from zoo.data.shards import Tokens, TokenWriter
from zoo.training.feed import Feed, plan_batch

STEPS = int(os.environ.get("ZOO_TEST_STEPS", "300"))  # tools/check_reliability.py: 10,000

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


def joined(documents: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate(documents), np.cumsum([0, *map(len, documents)])


def written(
    dir: Path, documents: list[np.ndarray], vocab_size: int = 60_000, batch: int = 10
) -> Tokens:
    """The documents in batches of so many, each written by a writer that goes on with the last."""
    meta: dict[str, Any] | None = None
    for at in range(0, len(documents), batch):
        some = documents[at : at + batch]
        with TokenWriter(dir, "train", vocab_size=vocab_size, eot=0, after=meta) as writer:
            writer.add_batch(*joined(some), 3 * sum(map(len, some)))
            writer.sync()
        meta = writer.meta
    return Tokens(dir, "train", meta or {})


def counting(dir: Path, n: int) -> Tokens:
    """The tokens 0, 1, 2, …, so that a token is its own position."""
    with TokenWriter(dir, "train", vocab_size=n, eot=n - 1) as writer:
        writer.add_batch(np.arange(n - 1), np.array([0, n - 1]), n)
    return Tokens(dir, "train", writer.meta)


@pytest.mark.parametrize("shard", [1, 7, 100, 2**26])
@pytest.mark.parametrize("batch", [1, 2, 4, 6])
def test_what_is_written_is_read_over_the_borders_of_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard: int, batch: int
) -> None:
    monkeypatch.setattr(tokens, "SHARD_TOKENS", shard)
    generator = np.random.default_rng(0)
    documents = [generator.integers(1, 60_000, size) for size in (5, 0, 1, 40, 17, 130)]
    stored = written(tmp_path, documents, batch=batch)
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


@pytest.mark.parametrize("offsets", [[0, 2], [1, 3], [0, 2, 1, 3], [0, 4]])
def test_offsets_that_do_not_divide_the_ids_are_refused(tmp_path: Path, offsets: list[int]) -> None:
    with TokenWriter(tmp_path, "train", vocab_size=300, eot=0) as writer:
        documents = len(offsets) - 1
        with pytest.raises(ZooError, match=f"3 ids for {documents} documents, but offsets"):
            writer.add_batch(np.arange(3), np.array(offsets), 3)
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_after_the_last_sync_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "SHARD_TOKENS", 8)
    with TokenWriter(tmp_path, "train", vocab_size=300, eot=0) as writer:
        writer.add_batch(np.arange(1, 12), np.array([0, 11]), 11, not_utf8=1)
        known = writer.meta
        writer.add_batch(np.arange(20), np.array([0, 20]), 20)
    with TokenWriter(tmp_path, "train", vocab_size=300, eot=0, after=known) as writer:
        writer.add_batch(np.array([7]), np.array([0, 1]), 1)
    stored = Tokens(tmp_path, "train", writer.meta)
    assert np.concatenate(stored.shards).tolist() == [*range(1, 12), 0, 7, 0]
    assert (stored.documents, stored.bytes, stored.not_utf8) == (2, 12, 1)
    assert len(list(tmp_path.iterdir())) == 2


def test_going_on_with_less_than_there_was_is_refused(tmp_path: Path) -> None:
    known = {"documents": 1, "bytes": 9, "not_utf8_documents": 0, "shards": [10]}
    with pytest.raises(ZooError, match=r"train-00000\.bin: 0 bytes where 20 were written"):
        TokenWriter(tmp_path, "train", vocab_size=300, eot=0, after=known)


def test_a_shortened_shard_is_refused_by_name(tmp_path: Path) -> None:
    with TokenWriter(tmp_path, "train", vocab_size=300, eot=0) as writer:
        writer.add_batch(np.arange(100), np.array([0, 100]), 100)
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


def global_batch(stored: Tokens, step: int, world: int) -> np.ndarray:
    """The rows that the trainers of so many processes take together: (12, 17) int64."""
    plan = plan_batch(12 * 16, 16, world, micro_batch=1)
    shares = [
        Feed(stored, plan, seed=5, rank=rank, device=torch.device("cpu")).batch(step).numpy()
        for rank in range(world)
    ]
    assert {len(share) for share in shares} == {12 // world}
    return np.concatenate(shares)


@pytest.mark.parametrize("world", [1, 2, 3, 4, 6, 12])
def test_a_step_has_the_same_rows_however_many_processes_share_them(
    tmp_path: Path, world: int
) -> None:
    stored = counting(tmp_path, 4000)
    whole = data.batch(stored, seed=5, step=0, n_rows=12, rows=range(12), length=16)
    assert whole.shape == (12, 17)
    assert whole.dtype == np.int64
    assert (np.diff(whole, axis=1) == 1).all()  # each row is a piece of the text
    for step in (*range(STEPS), 10**9):
        whole = data.batch(stored, seed=5, step=step, n_rows=12, rows=range(12), length=16)
        assert np.array_equal(global_batch(stored, step, world), whole), step


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
