"""Whatever happens to disk or process in a save: the old checkpoint is there, or the new one."""

from __future__ import annotations

import os
import shutil
import warnings
from functools import partial
from pathlib import Path

import pytest
import torch
from faulty_disk import Disk, Fault, after_power_loss
from states import a_state

from zoo.run_files import checkpoint
from zoo.run_files.places import new_run_dir
from zoo.storage.folders import whole_folder
from zoo.storage.paths import write_atomically
from zoo_builtin.tokenizers import Byte

pytestmark = pytest.mark.skipif(os.name != "posix", reason="renames and syncs of POSIX")

FAULTS: tuple[Fault, ...] = ("killed", "ENOSPC", "EIO", "short write")


class Careless(Byte):
    """A tokenizer from elsewhere, which syncs nothing that it writes."""

    def save(self, dir: str | Path) -> None:
        super().save(dir)
        path = Path(dir) / "tokenizer.json"
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        (Path(dir) / "folder").mkdir()
        (Path(dir) / "folder" / "more").write_bytes(b"more")


def save(dir: Path, step: int) -> None:
    """A checkpoint whose content tells its step, then a tidying as in a run."""
    checkpoint.save(
        dir,
        model={"weight": torch.full((9,), float(step))},
        optimizer={"0/weight/m": torch.full((9,), -float(step))},
        state=a_state(step),
        tokenizer=Careless(),
        recipe_toml=f"zoo = 1 # {step}\n",
    )
    checkpoint.prune(dir, keep=2)


def found(dir: Path) -> int:
    """The step of the newest checkpoint, which must be whole and what was saved at that step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        newest = checkpoint.newest(dir)
    assert newest is not None
    step = newest.step
    assert newest.model["weight"].tolist() == [step] * 9
    assert newest.optimizer["0/weight/m"].tolist() == [-step] * 9
    assert newest.state == a_state(step)
    with newest.tokenizer_dir() as folder:
        assert Byte.load(folder).fingerprint == Byte().fingerprint
    return step


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """Two checkpoints, of steps 1 and 2; saving step 3 will drop the first."""
    folder = tmp_path / "run" / "checkpoints"
    save(folder, 1)
    save(folder, 2)
    return folder


def operations(before: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What saving step 3 does, in a copy."""
    copy = before.with_name("counted")
    shutil.copytree(before, copy)
    with Disk(copy).mounted(monkeypatch) as disk:
        save(copy, 3)
    assert found(copy) == 3
    shutil.rmtree(copy)
    return disk.log


def test_every_operation_is_met(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = operations(before, monkeypatch)
    assert {"open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir"} == {*log}
    assert len(log) > 30


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_the_old_or_the_new(
    fault: Fault, before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = set()
    for at, name in enumerate(operations(before, monkeypatch)):
        if fault == "short write" and name != "write":
            continue
        folder = tmp_path / f"{at}"
        shutil.copytree(before, folder)
        failed = True
        with Disk(folder, fault, at).mounted(monkeypatch) as disk:
            try:
                save(folder, 3)
                failed = False
            except OSError:
                pass
        assert len(disk.log) > at, name
        step = found(folder)
        assert step in (2, 3), (at, name)
        assert failed or step == 3, (at, name)
        outcomes.add(step)
        whole = checkpoint.all_in(folder)
        assert len(whole) >= 2
        for each in whole:
            checkpoint.verify(each)
        save(folder, 4)  # what was left behind is in nobody's way
        assert found(folder) == 4
        names = {path.name for path in folder.iterdir()} - {"LATEST"}
        assert all(name.startswith("step-") for name in names), names
        shutil.rmtree(folder)
    assert outcomes == ({3} if fault == "short write" else {2, 3})


@pytest.mark.parametrize("names", [False, True], ids=["nothing unsynced", "names only"])
def test_a_loss_of_power_leaves_the_old_or_the_new(
    names: bool, before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = []
    for at in range(len(operations(before, monkeypatch)) + 1):
        folder = tmp_path / f"{at}"
        shutil.copytree(before, folder)
        act = partial(save, folder, 3)
        after, saved = after_power_loss(folder, act, monkeypatch, at=at, names=names)
        step = found(after)
        assert step == 3 if saved else step in (2, 3)
        outcomes.append(step)
        shutil.rmtree(folder)
        shutil.rmtree(after)
    assert outcomes == sorted(outcomes)  # once it is there, it stays
    assert {*outcomes} == {2, 3}


def test_the_first_checkpoint_of_a_run_survives_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    after, _ = after_power_loss(run, lambda: save(run / "checkpoints", 1), monkeypatch)
    assert found(after / "checkpoints") == 1


@pytest.mark.parametrize("names", [False, True], ids=["nothing unsynced", "names only"])
def test_a_file_holds_all_of_the_old_or_all_of_the_new(
    names: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for at in range(8):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        (folder / "file").write_bytes(b"old")
        act = partial(write_atomically, folder / "file", b"new")
        after, _ = after_power_loss(folder, act, monkeypatch, at=at, names=names)
        found.append((after / "file").read_bytes())
    assert set(found) == {b"old", b"new"}
    assert found[-1] == b"new"


def test_a_new_run_s_folder_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs: list[Path] = []

    def act() -> None:
        runs.extend(new_run_dir("a", None) for _ in range(2))
        for run in runs:
            save(run / "checkpoints", 1)

    after, _ = after_power_loss(tmp_path, act, monkeypatch)
    assert [found(after / run / "checkpoints") for run in runs] == [1, 1]


def test_a_whole_folder_is_durable_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    root.mkdir()

    def act() -> None:
        with whole_folder(root / "made") as folder:
            (folder / "file").write_bytes(b"new")

    after, _ = after_power_loss(root, act, monkeypatch)
    assert (after / "made" / "file").read_bytes() == b"new"
