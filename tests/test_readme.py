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
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


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


def test_python_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted > 3
    assert results.failed == 0


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_recipe_is_right(path: Path, tmp_path: Path) -> None:
    text = tmp_path / "shakespeare.txt"
    text.write_text("To be, or not to be.\n" * 10_000, encoding="utf-8")
    mine = path.stem.startswith("shakespeare")
    assert zoo.check(path, [f"data.corpus.files=['{text.as_posix()}']"] if mine else []) == []
