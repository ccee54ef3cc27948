"""Folders that are deleted, moved or replaced under the process that writes to them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from commands import posix
from small_runs import losses, somewhere, tiny

import zoo
from zoo.api import train as api_train
from zoo.contracts.run_folder import LOCK
from zoo.data import encode as encoding
from zoo.errors import ZooError
from zoo.run_files import checkpoint
from zoo.storage.lock import only_this, owner_of
from zoo.training.trainer import Trainer
from zoo_builtin.tokenizers import Byte

__all__ = ["somewhere"]  # fixtures

pytestmark = posix

RUN, AWAY = Path("runs/tiny-1"), Path("away")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def deleted() -> None:
    shutil.rmtree(RUN)


def moved() -> None:
    RUN.rename(AWAY)


def replaced() -> None:
    RUN.rename(AWAY)
    shutil.copytree(AWAY, RUN)


def without_its_lock() -> None:
    (RUN / LOCK).unlink()


def in_step(patch: pytest.MonkeyPatch, step: int, does: Callable[[], object]) -> None:
    plain = Trainer.train_step

    def train_step(self: Trainer, stopping: bool = False) -> tuple[dict[str, float], bool]:
        if self.step == step:
            does()
        return plain(self, stopping)

    patch.setattr(Trainer, "train_step", train_step)


@pytest.fixture(params=[("new", 1), ("new", 100), ("resumed", 1)])
def train(request: pytest.FixtureRequest) -> Callable[[], object]:
    """Trains in ``RUN``, a new run or one that goes on from step 4."""
    begun, log_every = request.param
    recipe = tiny("train.keep=9", f"train.log_every={log_every}")
    if begun == "new":
        return lambda: zoo.train(recipe)
    zoo.train(recipe)
    for step in (8, 12):
        shutil.rmtree(checkpoint.step_dir(RUN / "checkpoints", step))
    return lambda: api_train.resume(RUN)


@pytest.mark.filterwarnings("ignore:.*is gone; going back")
@pytest.mark.parametrize(
    ("what", "told"),
    [
        (deleted, "was deleted or moved away"),
        (moved, "was deleted or moved away"),
        (replaced, "is another's by now"),
        (without_its_lock, r"\.lock is gone, so that another process may write there"),
    ],
)
def test_a_run_that_lost_its_folder_ends_and_writes_nothing_more(
    what: Callable[[], None],
    told: str,
    train: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[dict[str, bytes]] = []

    def lose() -> None:
        what()
        found.append(files_of(RUN) if RUN.exists() else {})

    in_step(monkeypatch, 5, lose)
    with pytest.raises(ZooError, match=told):
        train()
    assert (files_of(RUN) if RUN.exists() else {}) == found[0]
    if what is moved:
        assert checkpoint.all_in(AWAY / "checkpoints")[-1].name == "step-00000004"


def test_two_runs_of_one_name_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = zoo.train(tiny("train.seed=2"), out="undisturbed")

    def begin_another() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "train_step", plain)
            RUN.rename(AWAY)
            zoo.train(tiny("train.seed=2"), out=RUN)

    plain = Trainer.train_step
    in_step(monkeypatch, 6, begin_another)
    with pytest.raises(ZooError, match=r"\.lock is gone, so that another process may"):
        zoo.train(tiny("train.seed=1"))
    assert losses(RUN) == losses(undisturbed.dir)
    assert zoo.open_run(RUN).recipe.train.seed == 2


def test_the_lock_of_who_came_after_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as held:

        def replace() -> None:
            RUN.rename(AWAY)
            RUN.mkdir()
            held.enter_context(only_this(RUN / LOCK, "it"))

        in_step(monkeypatch, 6, replace)
        with pytest.raises(ZooError, match="another's by now, in use by process"):
            zoo.train(tiny())
        assert owner_of(RUN / LOCK) is not None
        assert sorted(files_of(RUN)) == [LOCK]


def test_a_folder_that_goes_in_the_middle_of_a_save_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = checkpoint.write_new

    def write_new(path: Path, data: bytes) -> None:
        if path.name == checkpoint.STATE:
            shutil.rmtree(RUN)
        plain(path, data)

    monkeypatch.setattr(checkpoint, "write_new", write_new)
    with pytest.raises(ZooError, match="was deleted or moved away"):
        zoo.train(tiny())
    assert not RUN.exists()


class Corpus:
    """Some documents, while which are read the cache folder is taken away."""

    label, notice = "a corpus", None

    def __init__(self, taken: Callable[[], object]) -> None:
        self.taken = taken

    def fingerprint(self) -> str:
        return "a corpus"

    def documents(self, split: str) -> Iterator[bytes]:
        yield b"one"
        if split == "valid":
            self.taken()
        yield b"two"


def test_who_encodes_where_another_has_begun_anew_leaves_its_work_alone(tmp_path: Path) -> None:
    folder, away = tmp_path / "tokens" / "key", tmp_path / "away"
    found: list[dict[str, bytes]] = []

    def begin_anew() -> None:
        folder.parent.rename(away)
        shutil.copytree(away, folder.parent)
        found.append(files_of(folder.parent))

    corpus: Any = Corpus(begin_anew)
    with pytest.raises(ZooError, match="is another's by now: no more text is encoded"):
        encoding.encode_corpus(corpus, Byte(), folder)
    assert files_of(folder.parent) == found[0]
