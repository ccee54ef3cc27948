"""Checkpoints come back exactly as they were, or not at all."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from states import a_state
from torch import Tensor, nn

from zoo import ZooError
from zoo.run_files import checkpoint
from zoo.storage.folders import UNFINISHED
from zoo_builtin.tokenizers import BPE, Byte

# ── Optimizer state ───────────────────────────────────────────────────────────────────────────────

Optimizers = list[torch.optim.Optimizer]
MakeOptimizers = Callable[[nn.Module], Optimizers]


def two_groups(model: nn.Module) -> Optimizers:
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "lr": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.95), amsgrad=True)]


def two_optimizers(model: nn.Module) -> Optimizers:
    first, *others = model.parameters()
    return [torch.optim.SGD([first], lr=0.1, momentum=0.9), torch.optim.Adam(others, lr=0.01)]


MAKERS: dict[str, MakeOptimizers] = {
    "sgd": lambda model: [torch.optim.SGD(model.parameters(), lr=0.1)],
    "momentum": lambda model: [torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)],
    "tensor lr": lambda model: [torch.optim.Adam(model.parameters(), lr=torch.tensor(0.01))],
    "lbfgs": lambda model: [torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)],
    "adafactor": lambda model: [torch.optim.Adafactor(model.parameters())],
    "two groups": two_groups,
    "two optimizers": two_optimizers,
}


def a_model(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4)).to(dtype)


def steps(model: nn.Module, optimizers: Optimizers, numbers: Sequence[int]) -> None:
    dtype = next(model.parameters()).dtype
    for number in numbers:
        x = torch.randn(7, 6, generator=torch.Generator().manual_seed(number)).to(dtype)

        def loss(x: Tensor = x) -> Tensor:
            model.zero_grad()
            value = model(x).square().mean()
            value.backward()
            return value

        loss()
        for optimizer in optimizers:
            optimizer.step(loss)  # type: ignore[arg-type]


def names_of(model: nn.Module) -> dict[Tensor, str]:
    return {param: name for name, param in model.named_parameters()}


def through_a_checkpoint(dir: Path, model: nn.Module, optimizers: Optimizers) -> Any:
    tensors, numbers = checkpoint.flatten_optimizers(optimizers, names_of(model))
    return checkpoint.open_checkpoint(
        save(dir, 1, model, optimizer=tensors, state=a_state(1, optimizer=numbers))
    )


def save(dir: Path, step: int, model: nn.Module | None = None, **more: Any) -> Path:
    given: dict[str, Any] = {
        "model": (model or a_model()).state_dict(),
        "optimizer": {"0/weight/m": torch.ones(3)},
        "state": a_state(step),
        "tokenizer": Byte(),
        "recipe_toml": "zoo = 1\n",
    }
    return checkpoint.save(dir, **{**given, **more})


def restore(model: nn.Module, optimizers: Optimizers, saved: Any) -> None:
    model.load_state_dict(saved.model)
    checkpoint.restore_optimizers(
        optimizers, names_of(model), saved.optimizer, saved.state.optimizer
    )


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("before", [0, 3])
def test_a_resumed_optimizer_makes_the_same_steps(
    tmp_path: Path, make: MakeOptimizers, before: int
) -> None:
    model = a_model()
    optimizers = make(model)
    steps(model, optimizers, range(before))
    saved = through_a_checkpoint(tmp_path, model, optimizers)
    steps(model, optimizers, range(before, before + 4))

    resumed = a_model()
    resumed_optimizers = make(resumed)
    restore(resumed, resumed_optimizers, saved)
    steps(resumed, resumed_optimizers, range(before, before + 4))
    for name, param in model.named_parameters():
        assert torch.equal(param, resumed.get_parameter(name))


def test_options_come_back_with_their_types(tmp_path: Path) -> None:
    model = a_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1 + 0.2, betas=(0.9, 1 - 1e-16))
    options: dict[str, Any] = {
        "initial_lr": 3e-3,
        "cap": math.inf,
        "pair": (1, (2.0, None)),
        "list": [True, 1, 1.0, "x"],
        "nested": {"a": {"b": (-0.0,)}},
        "big": 2**80,
    }
    optimizer.param_groups[0].update(options)
    saved = through_a_checkpoint(tmp_path, model, [optimizer])
    fresh = torch.optim.AdamW(model.parameters())
    restore(model, [fresh], saved)
    group = fresh.param_groups[0]
    assert {key: group[key] for key in options} == options
    assert [type(value) for value in group["list"]] == [bool, int, float, str]
    assert math.copysign(1, group["nested"]["a"]["b"][0]) == -1
    assert group["lr"] == 0.1 + 0.2
    assert group["betas"] == (0.9, 1 - 1e-16)


def test_float32_state_of_bfloat16_weights_keeps_its_bits(tmp_path: Path) -> None:
    model = a_model(torch.bfloat16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    state = {param: torch.randn(param.shape) for param in model.parameters()}
    for param, value in state.items():
        optimizer.state[param] = {"master": value, "count": torch.tensor(2**40 + 1)}
    saved = through_a_checkpoint(tmp_path, model, [optimizer])
    fresh = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    restore(model, [fresh], saved)
    for param, value in state.items():
        assert torch.equal(fresh.state[param]["master"], value)
        assert fresh.state[param]["master"].dtype == torch.float32
        assert fresh.state[param]["count"] == 2**40 + 1


def test_the_order_of_the_parameters_does_not_matter(tmp_path: Path) -> None:
    model = a_model()
    optimizer = torch.optim.Adam(model.parameters())
    steps(model, [optimizer], range(2))
    saved = through_a_checkpoint(tmp_path, model, [optimizer])
    backwards = torch.optim.Adam(list(model.parameters())[::-1])
    restore(model, [backwards], saved)
    for param in model.parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(backwards.state[param][key], optimizer.state[param][key])


def test_shared_state_stays_shared_and_apart_from_the_checkpoint(tmp_path: Path) -> None:
    model = a_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    shared = torch.arange(3.0)
    for param in model.parameters():
        optimizer.state[param] = {"shared": shared}
    saved = through_a_checkpoint(tmp_path, model, [optimizer])
    fresh = torch.optim.SGD(model.parameters(), lr=0.1)
    restore(model, [fresh], saved)
    first, *others = (fresh.state[param]["shared"] for param in model.parameters())
    first += 1
    assert all(torch.equal(other, torch.arange(3.0) + 1) for other in others)
    assert all(torch.equal(kept, torch.arange(3.0)) for kept in saved.optimizer.values())


def test_saving_the_restored_state_gives_the_same_again(tmp_path: Path) -> None:
    model = a_model()
    optimizers = two_optimizers(model)
    steps(model, optimizers, range(3))
    tensors, numbers = checkpoint.flatten_optimizers(optimizers, names_of(model))
    fresh = two_optimizers(model)
    checkpoint.restore_optimizers(fresh, names_of(model), tensors, numbers)
    tensors_again, numbers_again = checkpoint.flatten_optimizers(fresh, names_of(model))
    assert numbers_again == numbers
    assert tensors.keys() == tensors_again.keys()
    assert all(torch.equal(tensors[name], tensors_again[name]) for name in tensors)


@pytest.mark.parametrize("value", [object(), {1: "one"}, {"$tensor": "x"}, {1, 2}, 1j])
def test_state_that_json_cannot_hold_is_refused_by_name(value: object) -> None:
    model = a_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.state[model.get_parameter("0.bias")] = {"odd": value}
    with pytest.raises(ZooError, match=r"'0/0\.bias/odd' is "):
        checkpoint.flatten_optimizers([optimizer], names_of(model))


def test_state_of_other_parameters_is_refused_by_name() -> None:
    model = a_model()
    names = names_of(model)
    first, *others = model.parameters()
    tensors, numbers = checkpoint.flatten_optimizers([torch.optim.SGD(others)], names)
    with pytest.raises(ZooError, match=r"differing: 0\.weight"):
        checkpoint.restore_optimizers(
            [torch.optim.SGD(model.parameters())], names, tensors, numbers
        )
    with pytest.raises(ZooError, match="state of 1 optimizers, the recipe makes 2"):
        checkpoint.restore_optimizers(
            [torch.optim.SGD([first]), torch.optim.SGD(others)], names, tensors, numbers
        )


# ── What is in a checkpoint ───────────────────────────────────────────────────────────────────────


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    tied = torch.randn(4, 3)
    tensors = {
        "float32": torch.tensor([-0.0, 1e-45, 3e38]),
        "bfloat16": torch.randn(3, 5).bfloat16(),
        "transposed": torch.randn(4, 6).T,
        "strided": torch.arange(20)[::3],
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 7),
        "flags": torch.tensor([True, False]),
        "tied.a": tied,
        "tied.b": tied,
        "a view": tied[1:],
        "spaced ü/name": torch.ones(1, requires_grad=True),
    }
    read = checkpoint.open_checkpoint(save(tmp_path, 3, model=None, optimizer=tensors)).optimizer
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape
        as_bytes = [
            t.detach().contiguous().view(-1).view(torch.uint8) for t in (read[name], tensor)
        ]
        assert torch.equal(*as_bytes)
    assert read["tied.a"] is read["tied.b"]


def test_tied_weights_are_written_once_and_load_into_a_tied_model(tmp_path: Path) -> None:
    def tied_model() -> nn.Module:
        model = nn.Sequential(nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False))
        model[1].weight = model[0].weight
        return model

    model, other = tied_model(), tied_model()
    path = save(tmp_path, 1, model)
    assert (path / checkpoint.MODEL).stat().st_size < 2 * 64 * 64 * 4
    other.load_state_dict(checkpoint.open_checkpoint(path).model)
    assert torch.equal(other.get_parameter("0.weight"), model.get_parameter("0.weight"))


def test_all_the_rest_comes_back_too(tmp_path: Path) -> None:
    recipe = 'zoo = 1\r\n# ü\nname = "x"\n'
    state = a_state(
        500, best={"loss": 1 / 3, "step": 400}, notices=["ü"], tokens=2**60, plugins={"a": "1"}
    )
    path = save(tmp_path / "runs" / "checkpoints", 500, recipe_toml=recipe, state=state)
    assert path.name == "step-00000500"
    assert path == checkpoint.step_dir(path.parent, 500)
    opened = checkpoint.open_checkpoint(path)
    assert (opened.step, opened.state, opened.recipe_toml) == (500, state, recipe)
    with opened.tokenizer_dir() as folder:
        assert Byte.load(folder).fingerprint == Byte().fingerprint


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_files_are_as_readable_as_any_other(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = save(tmp_path, 1)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in path.rglob("*") if file.is_file()}
    assert modes == {0o640}


# ── Damage ────────────────────────────────────────────────────────────────────────────────────────

FILES = [
    "model.safetensors",
    "optimizer.safetensors",
    "state.json",
    "recipe.toml",
    "tokenizer/tokenizer.json",
]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flip_a_bit, shorten, Path.unlink])
@pytest.mark.parametrize("name", FILES)
def test_damage_is_an_error_that_names_the_file(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    path = save(tmp_path, 1)
    damage(path / name)
    with pytest.raises(ZooError) as caught:
        _ = checkpoint.open_checkpoint(path).optimizer
    assert str(path / name) in str(caught.value)


def test_damage_is_told_with_what_was_written_and_what_is_there(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    expected = json.loads((path / "manifest.json").read_bytes())["files"]["recipe.toml"]
    (path / "recipe.toml").write_bytes(b"zoo = 2\n")
    with pytest.raises(ZooError, match=expected["sha256"]):
        checkpoint.open_checkpoint(path)
    (path / "recipe.toml").write_bytes(b"zoo")
    with pytest.raises(ZooError, match="3 bytes where 8 were written"):
        checkpoint.open_checkpoint(path)


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"format": 1, "step": 1, "files": {}}',
        b'{"format": 1, "step": 1, "files": {"model.safetensors": {}}}',
        b'{"format": 2, "step": 1, "files": {}}',
    ],
)
def test_a_broken_manifest_is_an_error_that_names_it(tmp_path: Path, manifest: bytes) -> None:
    path = save(tmp_path, 1)
    (path / "manifest.json").write_bytes(manifest)
    with pytest.raises(ZooError, match=r"manifest\.json"):
        checkpoint.open_checkpoint(path)


@pytest.mark.parametrize("name", ["../secret", "/secret", "tokenizer/../../secret"])
def test_a_manifest_lists_nothing_outside_its_checkpoint(tmp_path: Path, name: str) -> None:
    path = save(tmp_path, 1)
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest["files"][name] = manifest["files"]["state.json"]
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ZooError, match="outside the checkpoint"):
        checkpoint.open_checkpoint(path)


# ── Many checkpoints ──────────────────────────────────────────────────────────────────────────────


def found(dir: Path, **options: Any) -> Path:
    newest = checkpoint.newest(dir, **options)
    assert newest is not None
    return newest.folder


def test_the_newest_is_the_one_of_the_highest_step(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path) is None
    assert checkpoint.newest(tmp_path / "nothing") is None
    paths = [save(tmp_path, step) for step in (900, 5, 123_456_789_012)]
    (tmp_path / "step-notes").mkdir()
    assert checkpoint.all_in(tmp_path) == [paths[1], paths[0], paths[2]]
    assert found(tmp_path) == paths[2]


def test_a_damaged_newest_gives_way_to_the_one_before_with_a_warning(tmp_path: Path) -> None:
    whole, *damaged = (save(tmp_path, step) for step in (1, 2, 3))
    for path in damaged:
        flip_a_bit(path / "model.safetensors")
    with pytest.warns(UserWarning, match=r"model\.safetensors: damaged.*step-00000001") as told:
        assert found(tmp_path) == whole
    assert len(told) == 2
    (whole / "manifest.json").unlink()
    with pytest.raises(ZooError, match="step-00000003"):
        checkpoint.newest(tmp_path)


def test_only_resuming_minds_a_damaged_optimizer(tmp_path: Path) -> None:
    earlier, later = save(tmp_path, 1), save(tmp_path, 2)
    flip_a_bit(later / "optimizer.safetensors")
    assert found(tmp_path, resumable=False) == later
    with pytest.warns(UserWarning, match=r"optimizer\.safetensors: damaged"):
        assert found(tmp_path) == earlier


def test_the_best_and_the_newest_are_kept(tmp_path: Path) -> None:
    paths = [save(tmp_path, step) for step in range(6)]
    checkpoint.prune(tmp_path, keep=2, best=paths[1])
    assert checkpoint.all_in(tmp_path) == [paths[1], paths[4], paths[5]]
    checkpoint.prune(tmp_path, keep=2, best=paths[5])
    assert checkpoint.all_in(tmp_path) == [paths[4], paths[5]]
    checkpoint.prune(tmp_path, keep=0)
    assert checkpoint.all_in(tmp_path) == [paths[4], paths[5]]
    paths.append(save(tmp_path, 6))
    checkpoint.prune(tmp_path, keep=0)
    assert checkpoint.all_in(tmp_path) == [paths[5], paths[6]]
    assert (tmp_path / "LATEST").read_text() == "step-00000006\n"


def test_what_may_not_be_read_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (1, 2, 3):
        save(tmp_path, step)
    plain = os.open

    def opened(path: Any, *given: Any, **more: Any) -> int:
        if Path(path).match("step-00000003/model.safetensors"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return plain(path, *given, **more)

    monkeypatch.setattr(os, "open", opened)
    for act in (partial(checkpoint.newest, tmp_path), partial(checkpoint.prune, tmp_path, 2)):
        with pytest.raises(PermissionError):
            act()
    assert [path.name for path in checkpoint.all_in(tmp_path)] == [
        f"step-0000000{step}" for step in (1, 2, 3)
    ]


def test_that_the_newest_is_gone_is_said(tmp_path: Path) -> None:
    for step in (1, 2):
        save(tmp_path, step)
    shutil.rmtree(checkpoint.step_dir(tmp_path, 2))
    with pytest.warns(UserWarning, match="step-00000002 is gone; going back to step-00000001"):
        assert checkpoint.newest(tmp_path).step == 1


def test_one_that_is_removed_while_it_is_read_gives_way_to_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    plain, later = checkpoint.read, [5, 4, 3]

    def read(folder: Path, name: str, stated: Any) -> bytes:
        if later:  # training goes on, faster than we read
            step = later.pop()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(checkpoint, "read", plain)
                save(tmp_path, step)
                checkpoint.prune(tmp_path, keep=2)
        return plain(folder, name, stated)

    monkeypatch.setattr(checkpoint, "read", read)
    assert found(tmp_path).name in ("step-00000004", "step-00000005")
    assert not later
    assert not recwarn.list


def test_a_checkpoint_that_is_open_needs_its_folder_no_more(tmp_path: Path) -> None:
    opened = checkpoint.open_checkpoint(save(tmp_path, 1), resumable=False)
    shutil.rmtree(opened.folder)
    with opened.tokenizer_dir() as folder:
        assert Byte.load(folder).fingerprint == Byte().fingerprint
    assert not folder.exists()
    assert opened.model.keys() == a_model().state_dict().keys()
    assert opened.state == a_state(1)


def test_a_tokenizer_that_can_not_be_read_is_named_by_its_checkpoint(tmp_path: Path) -> None:
    opened = checkpoint.open_checkpoint(save(tmp_path, 1))
    path = opened.folder / "tokenizer" / "tokenizer.json"
    with pytest.raises(ZooError) as refused, opened.tokenizer_dir() as folder:
        BPE.load(folder)
    assert str(refused.value).startswith(str(path))


def test_a_damaged_checkpoint_does_not_count_and_is_set_aside(tmp_path: Path) -> None:
    paths = [save(tmp_path, step) for step in range(5)]
    flip_a_bit(paths[3] / "optimizer.safetensors")
    with pytest.warns(UserWarning, match=r"optimizer\.safetensors: damaged"):
        assert checkpoint.prune(tmp_path, keep=2) == [tmp_path / "step-00000003.bad"]
    assert checkpoint.all_in(tmp_path) == [paths[2], paths[4]]
    assert (tmp_path / "step-00000003.bad/manifest.json").exists()
    paths[3] = save(tmp_path, 3)
    flip_a_bit(paths[3] / "state.json")
    assert checkpoint.set_aside(paths[3]).name == "step-00000003.bad1"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", ["model", "optimizer"])
def test_what_is_not_finite_is_not_saved(tmp_path: Path, kind: str, number: float) -> None:
    earlier = save(tmp_path, 1)
    broken = torch.ones(7, dtype=torch.bfloat16)
    broken[3] = number
    model = a_model()
    model.register_buffer("odd", broken)
    given = {"model": model} if kind == "model" else {"optimizer": {"odd": broken}}
    with pytest.raises(ZooError, match="odd holds a number that is not finite"):
        save(tmp_path, 2, **given)
    assert found(tmp_path) == earlier
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LATEST", "step-00000001"]


def test_a_checkpoint_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    save(tmp_path, 7, state=a_state(7, label="try 1"))
    flip_a_bit(save(tmp_path, 7) / "state.json")
    again = save(tmp_path, 7, state=a_state(7, label="try 2"))
    assert checkpoint.open_checkpoint(again).state.label == "try 2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LATEST", "step-00000007"]


class Broken(Byte):
    """A tokenizer that can't be saved, as on a full disk."""

    def save(self, dir: str | Path) -> None:
        raise OSError("no space left")


def test_a_save_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    earlier = save(tmp_path, 7, state=a_state(7, label="try 1"))
    with pytest.raises(OSError, match="no space"):
        save(tmp_path, 7, tokenizer=Broken())
    assert sorted(tmp_path.iterdir()) == [tmp_path / "LATEST", earlier]
    assert checkpoint.open_checkpoint(earlier).state.label == "try 1"


def test_what_a_killed_save_left_is_ignored_and_removed(tmp_path: Path) -> None:
    earlier = save(tmp_path, 7)
    left = tmp_path / f"{UNFINISHED}0123"
    left.mkdir()
    (left / "model.safetensors").write_bytes(np.zeros(10).tobytes())
    assert found(tmp_path) == earlier
    later = save(tmp_path, 8)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "LATEST", earlier, later]


def test_nothing_is_pickled(tmp_path: Path) -> None:
    model = a_model()
    optimizers = two_groups(model)
    steps(model, optimizers, range(2))
    tensors, numbers = checkpoint.flatten_optimizers(optimizers, names_of(model))
    path = save(tmp_path, 1, model, optimizer=tensors, state=a_state(1, optimizer=numbers))
    suffixes = {file.suffix for file in path.rglob("*") if file.is_file()}
    assert suffixes == {".safetensors", ".json", ".toml"}
