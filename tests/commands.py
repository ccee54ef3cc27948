"""Running commands in tests, in a folder with a small recipe and a run of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo.cli import main

posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")

RECIPE = """\
zoo = 1
data.corpus = { name = "stories", max_bytes = 40_000, valid_bytes = 10_000 }
tokenizer = { name = "byte" }
optimizer = { name = "adamw", lr = 1e-2 }
scheduler = { name = "cosine", warmup = 2 }

[model]
d_model = 16
n_layers = 2
n_heads = 2
max_seq_len = 32

[train]
steps = 30
batch_tokens = 256
eval_tokens = 512
precision = "float32"
device = "cpu"
observers = ["jsonl"]

[generate]
max_new_tokens = 40
"""


NORM_FILE = """\
import zoo
from zoo_builtin.norms import RMSNorm


class Mine(RMSNorm):
    \"\"\"My own norm.\"\"\"


@zoo.hookimpl
def zoo_register(registry):
    registry.norm("mine", Mine)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and with a run of it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    assert main(["train", str(folder / "tiny.toml"), "--out", str(folder / "runs/tiny-1")]) == 0
    return folder


@pytest.fixture(autouse=True)
def inside(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    """Forgets afterwards what ``--plugin`` loaded."""
    yield
    zoo.registry.cache_clear()


def started(*args: str, code: str = "", **more: Any) -> subprocess.Popen[bytes]:
    """``python -m zoo ARGS``, or ``python -c CODE``, as a process of its own."""
    command = ["-c", code] if code else ["-m", "zoo", *args]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *command], **{**pipes, **more})


def error_of(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """What a command that must fail says on standard error."""
    capsys.readouterr()
    assert main(args) == 2
    said = capsys.readouterr()
    assert not said.out
    return said.err


def output_of(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """What a command that must succeed says on standard output."""
    capsys.readouterr()
    assert main(args) == 0
    return capsys.readouterr().out
