"""Whatever happens to the files of a checkpoint: it is refused, and the one before it is used."""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from states import a_state

from zoo import ZooError
from zoo.run_files import checkpoint
from zoo_builtin.tokenizers import Byte

FLIPS = 2_000


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two checkpoints, as alike as two steps of a run."""
    folder = tmp_path_factory.mktemp("checkpoints")
    first, second = (
        checkpoint.save(
            folder,
            model={"weight": torch.randn(40, generator=torch.Generator().manual_seed(step))},
            optimizer={"m": torch.randn(40, generator=torch.Generator().manual_seed(-step))},
            state=a_state(step, notices=["ü"]),
            tokenizer=Byte(),
            recipe_toml=f"zoo = 1 # {step}\n",
        )
        for step in (1, 2)
    )
    return first, second


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


NAMES = [
    "manifest.json",
    "model.safetensors",
    "optimizer.safetensors",
    "recipe.toml",
    "state.json",
    "tokenizer/tokenizer.json",
]


def test_these_are_all_the_files(saved: tuple[Path, Path]) -> None:
    assert [path.relative_to(saved[1]).as_posix() for path in files_of(saved[1])] == NAMES


@pytest.fixture
def restored(saved: tuple[Path, Path], tmp_path: Path) -> Iterator[Path]:
    """The second checkpoint, to be damaged; as it was again afterwards."""
    shutil.copytree(saved[1], tmp_path / "kept")
    yield saved[1]
    shutil.rmtree(saved[1])
    shutil.copytree(tmp_path / "kept", saved[1])


def check_refused(damaged: Path, name: str) -> None:
    """It is refused by name, and the one before it is there."""
    with pytest.raises(ZooError) as told:
        checkpoint.verify(damaged)
    assert name in str(told.value) or name == "manifest.json"  # which may name another
    with pytest.raises(ZooError):
        _ = checkpoint.open_checkpoint(damaged).optimizer
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        newest = checkpoint.newest(damaged.parent)
    assert newest is not None
    assert newest.step == 1
    assert newest.state.step == 1
    assert [str(told.value) in str(each.message) for each in warned] == [True]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_cut_off(name: str, restored: Path) -> None:
    path = restored / name
    whole = path.read_bytes()
    for percent in range(100):
        path.write_bytes(whole[: len(whole) * percent // 100])
        check_refused(restored, name)


def test_a_bit_that_is_flipped(restored: Path) -> None:
    rng = random.Random(0)
    contents = {path: path.read_bytes() for path in files_of(restored)}
    sizes = [len(content) for content in contents.values()]
    for _ in range(FLIPS):
        (path,) = rng.choices([*contents], sizes)
        damaged = bytearray(contents[path])
        at = rng.randrange(len(damaged))
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            check_refused(restored, path.name)
        except (AssertionError, pytest.fail.Exception) as error:
            raise AssertionError(
                f"{path.name}, byte {at}: {damaged[at - 20 : at + 20]!r}"
            ) from error
        path.write_bytes(contents[path])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_gone(name: str, restored: Path) -> None:
    (restored / name).unlink()
    check_refused(restored, name)


@pytest.mark.parametrize("name", [name for name in NAMES if "tokenizer" not in name])
def test_a_file_of_another_checkpoint(name: str, saved: tuple[Path, Path], restored: Path) -> None:
    shutil.copyfile(saved[0] / name, restored / name)
    check_refused(restored, name)


def test_a_manifest_of_another_step(restored: Path) -> None:
    path = restored / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"step": 2', b'"step": 3'))
    check_refused(restored, "manifest.json")


def test_two_files_that_are_exchanged(restored: Path) -> None:
    model, optimizer = (restored / f"{kind}.safetensors" for kind in ("model", "optimizer"))
    model.rename(restored / "other")
    optimizer.rename(model)
    (restored / "other").rename(optimizer)
    check_refused(restored, "model.safetensors")


def test_where_none_is_whole_nothing_begins_anew(saved: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "run" / "checkpoints"
    shutil.copytree(saved[0].parent, copy)
    for folder in checkpoint.all_in(copy):
        (folder / "state.json").unlink()
    with pytest.raises(ZooError, match=r"step-00000002/state\.json: missing"):
        checkpoint.newest(copy)
