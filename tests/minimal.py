"""A recipe with nothing in it that could be left out, and what is wrong with changes to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import zoo

MINIMAL = """\
zoo = 1

[data]
corpus = "stories"

[tokenizer]
name = "byte"

[model]
d_model = 32
n_layers = 4
n_heads = 2
max_seq_len = 16

[train]
steps = 10
batch_tokens = 64
"""

Write = Callable[..., Path]
"""Writes a recipe into the current folder: ``write(text, name="a.toml")``."""


def writer(folder: Path) -> Write:
    def write(text: str | bytes, name: str = "a.toml") -> Path:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return Path(name)

    return write


def problems(path: Path, *overrides: str) -> list[str]:
    return [str(problem) for problem in zoo.check(path, overrides)]
