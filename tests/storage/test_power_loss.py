"""Power is lost while preparing or downloading: the next run has the same bytes."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from faulty_disk import Disk, after_power_loss
from misbehaving_server import CONTENT, behaviour, server
from preparing import Corpus, OneByOne, Recipe, files_of, own_cache, prepare

from zoo.data import encode as encoding
from zoo.data.shards import write_ids
from zoo_builtin.corpora.download import download

__all__ = ["behaviour", "own_cache", "server"]  # fixtures

pytestmark = pytest.mark.skipif(os.name != "posix", reason="renames and syncs of POSIX")

EXTREMES = pytest.mark.parametrize("names", [False, True], ids=["nothing unsynced", "names only"])


@EXTREMES
def test_while_preparing(
    names: bool,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(encoding, "SMALL_BATCH_BYTES", 800)
    monkeypatch.setattr(encoding, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("zoo.data.shards.SHARD_TOKENS", 700)

    def act() -> dict[str, bytes]:
        return files_of(prepare(Recipe(Corpus(), OneByOne)).dir)

    whole = act()
    shutil.rmtree(cache)
    cache.mkdir()
    with Disk(cache).mounted(monkeypatch) as disk:
        act()
    assert len(disk.log) > 40
    gone_on = 0
    for at in range(len(disk.log) + 1):
        root = tmp_path / f"{at}"
        root.mkdir()
        monkeypatch.setenv("ZOO_CACHE", str(root))
        after, done = after_power_loss(root, act, monkeypatch, at=at, names=names)
        monkeypatch.setenv("ZOO_CACHE", str(after))
        if done:
            (made,) = (after / "tokens").glob("[!.]*")
            assert files_of(made) == whole
        capsys.readouterr()
        assert act() == whole, at
        gone_on += "going on with an interrupted preparation" in capsys.readouterr().err
    assert gone_on > 20  # what was said to be safe was


@EXTREMES
def test_while_writing_ids(names: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(6):
        root = tmp_path / f"{at}"
        root.mkdir()
        write = partial(write_ids, root / "ids.npy", [np.arange(100)], 300)
        after, done = after_power_loss(root, write, monkeypatch, at=at, names=names)
        found = after / "ids.npy"
        assert found.exists() or not done
        assert not found.exists() or np.load(found).tolist() == [*range(100)]
    assert done


@EXTREMES
def test_while_downloading(
    names: bool, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(folder: Path) -> None:
        download(f"{server}/data.bin", folder / "deep" / "data.bin")

    (tmp_path / "counted").mkdir()
    with Disk(tmp_path / "counted").mounted(monkeypatch) as disk:
        fetch(tmp_path / "counted")
    for at in range(len(disk.log) + 1):
        root = tmp_path / f"{at}"
        root.mkdir()
        after, done = after_power_loss(root, partial(fetch, root), monkeypatch, at=at, names=names)
        found = after / "deep" / "data.bin"
        assert found.exists() or not done
        assert not found.exists() or found.read_bytes() == CONTENT
