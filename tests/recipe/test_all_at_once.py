"""Every problem of a recipe is told at once: none keeps another, of whatever sort, from sight."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from minimal import MINIMAL, Write, writer
from torch import nn

import zoo
from zoo import Registrar, Registry
from zoo.compute import device
from zoo.recipe.load import load_to_train


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)
    return writer(tmp_path)


MISTAKES = {
    "model.loss={name='cross_entropy', chunks=3}": "model.loss.chunks",  # names
    "model.norm=rmsnrom": "model.norm",
    "optimiser.lr=1": "optimiser",
    "train.batch_tokens='64'": "train.batch_tokens",  # form
    "model.n_layers=0": "model.n_layers",  # numbers
    "model.logit_cap=-1": "model.logit_cap",
    "train.seed=-1": "train.seed",
    "generate.max_new_tokens=0": "generate.max_new_tokens",
    "train.device=meta": "train.device",  # what the parts themselves refuse
    "data.corpus={name='text', files=['none.txt']}": "data.corpus",
    "tokenizer={name='bpe', vocab_size=1}": "tokenizer",
    "optimizer.lr=-1": "optimizer",
    "scheduler.warmup=-1": "scheduler",
    "model.position={name='rope', base=0}": "model.position",
    "model.attention={name='sliding', window=0}": "model.attention",
    "generate.samplers=[{name='top_p', p=3}]": "generate.samplers[0]",
}


def places(path: Path, *changes: str) -> list[str]:
    """Where the problems are, by the change that made them."""
    told = {
        problem.file.removeprefix("--set "): problem.path for problem in zoo.check(path, changes)
    }
    assert set(told) <= set(changes)
    return [told.get(change, "not told") for change in changes]


def test_problems_of_every_sort_are_told_at_once(write: Write) -> None:
    path = write(MINIMAL)
    assert places(path, *MISTAKES) == [*MISTAKES.values()]
    assert len(zoo.check(path, [*MISTAKES])) == len(MISTAKES)


@pytest.mark.parametrize("first", MISTAKES)
def test_no_problem_hides_another_nor_makes_a_false_one(write: Write, first: str) -> None:
    path = write(MINIMAL)
    for second in MISTAKES:
        pair = [first] if first == second else [first, second]
        found = zoo.check(path, pair)
        assert sorted(p.path for p in found) == sorted(MISTAKES[change] for change in pair), pair


CLASHES = {
    "model.n_heads=3": "model.n_heads",
    "train.micro_batch=3": "train.micro_batch",
    "scheduler.warmup=11": "scheduler",
    "params=[{name='nothing', lr=2}]": "params[0]",
}


@pytest.mark.parametrize("mistake", ["tokenizer.vocab=1", "train.clip=0", "optimizer.lr=-1"])
def test_what_clashes_is_told_beside_what_is_wrong_alone(write: Write, mistake: str) -> None:
    path = write(MINIMAL)
    for clash, place in CLASHES.items():
        assert place in [problem.path for problem in zoo.check(path, [mistake, clash])], clash


def test_what_fits_the_recipe_alone_is_not_judged_by_a_stand_in(write: Write) -> None:
    """Where a model, a length or a recipe isn't known, parts that need one are not at fault."""

    class ForOne(torch.optim.SGD):
        def __init__(self, params: list[zoo.Param]) -> None:
            by_name = {param.name: param.tensor for param in params}
            super().__init__([by_name["blocks.3.attention.out.weight"]], lr=0.1)

    class Listener:
        def __init__(self, run: zoo.RunInfo) -> None:
            self.steps = run.recipe.total_steps

        def run_started(self) -> None: ...

    registrar = Registrar("mine", "1")
    registrar.optimizer("for-one", lambda params: ForOne(params))  # type: ignore[arg-type, return-value]
    registrar.observer("listener", Listener)
    registry = Registry()
    registry.add([*zoo.registry().entries(), *registrar.entries])
    path = write(MINIMAL)
    changes = ["optimizer=mine:for-one", "scheduler=none", "train.observers=['listener']"]
    wrong = ["model.d_model=0", "tokenizer.vocab=3"]
    told = zoo.check(path, [*changes, *wrong], registry)
    assert {problem.path for problem in told} == {"model.d_model", "tokenizer.vocab"}


# ── Devices ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "found", "told"),
    [
        ("cuda", 0, "torch sees no CUDA device"),
        ("cuda:1", 1, "torch sees 1 CUDA device, and this would be cuda:1"),
        ("cuda:2", 2, "torch sees 2 CUDA devices, and this would be cuda:2"),
    ],
)
def test_a_device_that_is_not_here_is_told_with_all_else(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, found: int, told: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: found)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    path = write(MINIMAL.replace("[train]", f'[train]\ndevice = "{name}"'))
    first, second = zoo.check(path, ["optimizer.lr=-1"])
    assert (first.path, second.path) == ("optimizer", "train.device")
    assert (second.file, second.line) == ("a.toml", 16)
    assert second.message == (
        f'\'{name}\' can\'t be used here ({told}); write "auto" or "cpu"; '
        "to check for another machine, add --set train.device=auto"
    )
    assert zoo.check(path, ["train.device=auto"]) == []
    with pytest.raises(zoo.ZooError, match="can't be used here"):
        load_to_train(path)
    with pytest.raises(zoo.ZooError, match="can't be used here"):
        device.choose_device(name)


def test_a_recipe_for_another_machine_can_be_read_built_and_prepared_for(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    recipe = zoo.load_recipe(write(MINIMAL), ["train.device=cuda"])
    assert recipe.train.device == "cuda"
    assert isinstance(zoo.build(recipe), nn.Module)


def test_a_device_that_is_here_is_right(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    path = write(MINIMAL)
    names: Any = ("auto", "cpu", "cuda", "cuda:1")
    assert list(itertools.chain(*(zoo.check(path, [f"train.device={n}"]) for n in names))) == []
