"""Every command and every Python example of the README runs as it stands there.

Only the recipes are smaller: in the folder where the commands run, ``recipes/tinystories.toml`` is
the shipped one with a few sizes changed.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zoo

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALLER = """\
extends = "shipped.toml"
data.corpus.offline = { name = "stories", max_bytes = 100_000, valid_bytes = 20_000 }
tokenizer.vocab_size = 300
model = { d_model = 16, n_layers = 2, n_heads = 2, max_seq_len = 64 }
scheduler.warmup = 2
train = { steps = 4, batch_tokens = 512, eval_tokens = 512 }
"""


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [block for of, block in found if of == language]


def commands() -> list[str]:
    """The lines of the shell blocks that call zoo, continued ones joined, pip and pytest aside."""
    lines = [
        line.removeprefix("$ ").strip()
        for block in blocks("")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    found = [part for line in lines for part in line.split(" && ") if part.startswith("zoo ")]
    assert len(found) >= 5
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where someone stands who has cloned the project and pasted the README's plug-in."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    (folder / "recipes/tinystories.toml").rename(folder / "recipes/shipped.toml")
    (folder / "recipes/tinystories.toml").write_text(SMALLER, encoding="utf-8")
    plugin = next(block for block in blocks("python") if "zoo_register" in block)
    (folder / "my_norms.py").write_text(plugin, encoding="utf-8")
    for recipe in blocks("toml"):
        if name := re.match(r"# (recipes/[\w-]+\.toml)\n", recipe):
            (folder / name[1]).write_text(recipe, encoding="utf-8")
    for name in ("stories.txt", "README.md"):
        (folder / name).write_text(README, encoding="utf-8")
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    _, *arguments = shlex.split(command)
    return subprocess.run(
        [sys.executable, "-m", "zoo", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", commands())
def test_commands_run(command: str, folder: Path) -> None:
    done = run(command, folder)
    broken = "rmsnrom" in command
    assert done.returncode == (2 if broken else 0), done.stderr
    if broken:
        told = README.split(command + "\n", 1)[1].split("```", 1)[0]
        assert done.stderr == told


def test_the_plug_in_works_from_its_file(folder: Path) -> None:
    assert "`--plugin my_norms.py --set model.norm=dyt`" in README
    done = run(
        "zoo train recipes/tinystories.toml --plugin my_norms.py --set model.norm=dyt", folder
    )
    assert done.returncode == 0, done.stderr


def test_the_plug_in_is_short() -> None:
    plugin = next(block for block in blocks("python") if "zoo_register" in block)
    assert len([line for line in plugin.splitlines() if line.strip()]) <= 20


def test_python_examples_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted > 3
    assert results.failed == 0


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_recipe_is_right(path: Path, tmp_path: Path) -> None:
    text = tmp_path / "shakespeare.txt"
    text.write_text("To be, or not to be.\n" * 10_000, encoding="utf-8")
    mine = path.stem.startswith("shakespeare")
    assert zoo.check(path, [f"data.corpus.files=['{text.as_posix()}']"] if mine else []) == []


def test_the_smoke_recipe_runs(tmp_path: Path) -> None:
    run = zoo.train(zoo.load_recipe(ROOT / "recipes" / "smoke.toml"), out=tmp_path / "run")
    losses = [record["loss"] for record in run.metrics if record["event"] == "valid"]
    assert losses[-1] < losses[0]
    assert (run.dir / "plots" / "loss.png").read_bytes().startswith(b"\x89PNG")


VARIANTS = sorted((ROOT / "recipes").glob("tinystories-*.toml"))


@pytest.mark.parametrize(
    "path", [p for p in VARIANTS if "17m" not in p.stem], ids=lambda path: path.stem
)
def test_every_variant_runs_at_a_smaller_size(path: Path, tmp_path: Path) -> None:
    sizes = {"d_model": 16, "n_layers": 2, "n_heads": 2, "max_seq_len": 64}
    train = {"steps": 3, "batch_tokens": 512, "eval_tokens": 512}
    changes = [
        "data.corpus={name='stories', max_bytes=100000, valid_bytes=20000}",
        "tokenizer.vocab_size=300",
        *(f"model.{name}={size}" for name, size in sizes.items()),
        *(f"train.{name}={size}" for name, size in train.items()),
        *(["scheduler.warmup=1"] if "sgd" not in path.stem else []),
    ]
    run = zoo.train(zoo.load_recipe(path, changes), out=tmp_path / "run")
    assert run.summary["state"] == "finished"


def test_the_character_recipe_runs_on_a_text_of_ones_own(tmp_path: Path) -> None:
    text = tmp_path / "mine.txt"
    text.write_text("To be, or not to be, that is the question.\n\n" * 3000, encoding="utf-8")
    recipe = ROOT / "recipes" / "shakespeare-char.toml"
    changes = [f"data.corpus.files=['{text.as_posix()}']", "train.steps=3", "scheduler.warmup=1"]
    run = zoo.train(zoo.load_recipe(recipe, changes), out=tmp_path / "run")
    assert run.tokenizer.decode(run.tokenizer.encode("question")) == "question"
