"""What a swap of components leaves behind is told: options that were the other one's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import somewhere  # noqa: F401  (fixture)

import zoo
from zoo.cli import main

PARENT = """\
extends = "tiny.toml"
optimizer = { name = "adamw", lr = 3e-3, betas = [0.9, 0.99], weight_decay = 0.1 }
model.attention = { name = "full", n_kv_heads = 1 }
"""


@pytest.fixture(autouse=True)
def parent(somewhere: None) -> None:  # noqa: F811
    Path("parent.toml").write_text(PARENT, encoding="utf-8")


def told(*overrides: str, recipe: str = "parent.toml") -> list[str]:
    return list(zoo.load_recipe(recipe, overrides).swaps)


LOST = "lr = 0.003, betas = [0.9, 0.99] of parent.toml do not carry over; lr is now 0.001"


@pytest.mark.parametrize(
    "swap", ["optimizer.name=muon", "optimizer=muon", "optimizer={name='muon'}"]
)
def test_a_swap_tells_what_does_not_carry_over_and_what_holds_now(swap: str) -> None:
    assert told(swap) == [f"optimizer: muon in place of adamw: {LOST}"]


def test_a_swap_by_extends_tells_the_same() -> None:
    Path("child.toml").write_text('extends = "parent.toml"\noptimizer = "muon"\n', encoding="utf-8")
    assert told(recipe="child.toml") == [f"optimizer: muon in place of adamw: {LOST}"]
    assert told("train.steps=3", "model.norm=layernorm", recipe="child.toml") == told(
        recipe="child.toml"
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ["optimizer.lr=0.1"],  # no swap
        ["optimizer.name=adamw", "optimizer={name='adamw', eps=1e-9}"],
        ["tokenizer={name='char', unknown=true}"],  # the one that went had no options
        ["scheduler=none"],  # nothing came
        ["train.observers=['console']"],
    ],
)
def test_nothing_is_told_where_nothing_is_lost(overrides: list[str]) -> None:
    assert told(*overrides) == []


@pytest.mark.parametrize("swap", ["optimizer={}", "optimizer={{name={}}}", "optimizer.name={}"])
@pytest.mark.parametrize(("was", "now"), [("adamw", "zoo:adamw"), ("zoo:adamw", "adamw")])
def test_the_same_component_by_its_full_name_is_no_swap(swap: str, was: str, now: str) -> None:
    text = PARENT.replace('"adamw"', f'"{was}"')
    Path("parent.toml").write_text(text, encoding="utf-8")
    table = f"'{now}'" if "{{" in swap else now
    recipe = zoo.load_recipe("parent.toml", swap.format(table))
    assert recipe.swaps == ()
    assert recipe.optimizer == zoo.load_recipe("parent.toml").optimizer
    assert recipe.optimizer.options["lr"] == 3e-3

    change = swap.format(f'"{now}"')
    Path("child.toml").write_text(f'extends = "parent.toml"\n{change}\n', encoding="utf-8")
    child = zoo.load_recipe("child.toml")
    assert (child.swaps, child.optimizer) == ((), recipe.optimizer)


def test_what_was_said_of_a_default_is_lost_too() -> None:
    parent = PARENT.replace('name = "full", ', "")
    Path("parent.toml").write_text(parent, encoding="utf-8")
    assert told("model.attention={name='sliding', window=8}") == [
        "model.attention: sliding in place of the default: "
        'n_kv_heads = 1 of parent.toml does not carry over; n_kv_heads is now "none"'
    ]


def test_what_is_written_anew_is_not_lost() -> None:
    (line,) = told("optimizer={name='muon', lr=0.02}")
    assert "betas = [0.9, 0.99] of" in line
    assert "lr" not in line
    assert told("optimizer=muon", "optimizer.lr=0.02") == [line]


def test_of_a_swap_that_a_file_writes_in_full_what_both_have_is_told() -> None:
    swap = 'optimizer = { name = "muon", momentum = 0.9 }'
    Path("child.toml").write_text(f'extends = "parent.toml"\n{swap}\n', encoding="utf-8")
    assert told(recipe="child.toml") == [
        "optimizer: muon in place of adamw: "
        "lr = 0.003 of parent.toml does not carry over; lr is now 0.001"
    ]
    swap = 'scheduler = "none"\n[optimizer]\nname = "sgd_decay"\nlr = 1.0'
    Path("child.toml").write_text(f'extends = "parent.toml"\n{swap}\n', encoding="utf-8")
    assert told(recipe="child.toml") == []  # betas and weight_decay are none of its options
    assert told("scheduler=none", "optimizer={name='sgd_decay', lr=1.0}") == [
        "optimizer: sgd_decay in place of adamw: "
        "betas = [0.9, 0.99], weight_decay = 0.1 of parent.toml do not carry over"
    ]


RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_no_recipe_of_zoo_tells_of_a_swap(recipe: Path) -> None:
    folder = Path("recipes")
    folder.mkdir()
    for path in RECIPES:
        (folder / path.name).write_text(path.read_text("utf-8"), encoding="utf-8")
    (folder / "shakespeare.txt").write_text("To be, or not to be.\n" * 999, encoding="utf-8")
    assert told(recipe=str(folder / recipe.name)) == []


def test_what_was_set_before_is_lost_too() -> None:
    (line,) = told("optimizer.lr=0.5", "optimizer=sgd", "optimizer=adamw")
    assert "lr = 0.5" in line
    assert "of --set optimizer.lr=0.5 and parent.toml" in line


def test_a_list_over_the_layers_takes_the_place_of_one_for_all() -> None:
    sliding = "{name='sliding', window=8}"
    (line,) = told(f"model.attention=['full', {sliding}]")
    assert line == (
        "model.attention: a list in place of full: "
        "n_kv_heads = 1 of parent.toml does not carry over"
    )
    assert told(f"model.attention=[{sliding}, {{name='full', n_kv_heads=1}}]") == []


def test_the_defaults_that_came_are_those_that_train() -> None:
    recipe = zoo.load_recipe("parent.toml", "optimizer=muon")
    assert recipe.optimizer.options["lr"] == 0.001


def test_check_and_train_say_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "parent.toml", "--set", "optimizer=muon"]) == 0
    said = capsys.readouterr()
    assert f"parent.toml: optimizer: muon in place of adamw: {LOST}\n" == said.err
    assert said.out.startswith("parent.toml: ok, ")
    swaps = ["--set", "optimizer=muon", "--set", "train.steps=1", "--set", "scheduler=none"]
    assert main(["train", "parent.toml", *swaps]) == 0
    assert capsys.readouterr().err.count(f"\noptimizer: muon in place of adamw: {LOST}\n") == 1


def test_what_one_process_measures_holds_for_those_that_it_starts() -> None:
    """Else two processes of one thread each choose another type than one of two threads."""
    code = """
import os, sys, torch
from torch.distributed.launcher import api
from zoo.compute import matmul_bench as products
from zoo.compute.device import choose_precision
from zoo.compute.matmul_bench import Product

def measure():
    fast = 9.0 if torch.get_num_threads() > 1 else 1.0
    return {"float32": Product(1.0, 1.0), "float32, fast": Product(1.0, 1.0),
            "bfloat16": Product(fast, 1.0)}

def elastic_launch(config, *command):
    def start(*arguments):
        print("in many:", choose_precision("auto", torch.device("cpu")))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))  # as the processes have
    return start

products.measure = measure
api.elastic_launch = elastic_launch
torch.set_num_threads(4)
os.environ.pop("OMP_NUM_THREADS")
os.cpu_count = lambda: 2
print("in one:", choose_precision("auto", torch.device("cpu")))
from zoo.cli import main
main(["train", "tiny.toml", "--set", "train.precision=auto", "--nproc", "2"])
print("left behind:", products.THREADS in os.environ)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "ZOO_CACHE": str(Path("cache").resolve())},
    )
    assert done.stdout.splitlines() == [
        *("in one: bfloat16", "in many: bfloat16", "left behind: False"),
    ], done.stderr
