"""Compiled code: compiled once, found again by later processes, kept where there is room."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo.storage.paths import cache_dir
from zoo_builtin.tokenizers import bpe, jit

COMPILES = "compiling the tokenizer"

USE = """
import numpy as np
from zoo_builtin.tokenizers.scan import last_cut
from zoo_builtin.tokenizers.unicode import character_classes
print(last_cut(np.frombuffer(b"to be cut", np.uint8), 0, 9, character_classes()))
"""
USE_ALL = """
from zoo_builtin.tokenizers import BPE
for pattern in ("gpt2", "[^ ]+| "):
    tokenizer = BPE(vocab_size=261, pattern=pattern)
    tokenizer.train(["to be cut to be cut"])
    ids, _ = tokenizer.encode_batch(["to be", "cut" * 99], threads=2)
    text = tokenizer.decode(ids) + tokenizer.decode(ids.tolist())
    vocab, merges = tokenizer.vocab, tokenizer.merges
    for rules in (None, merges[::-1]):
        BPE.from_vocab(vocab, rules, pattern=pattern, ignore_merges=True).encode(text)
print(len(text))
"""
REFUSED = "import os; os.access = lambda *asked, **how: False\n"


def run(code: str, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ZOO_CACHE": str(cache)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )


def test_later_processes_load_what_the_first_one_compiled(tmp_path: Path) -> None:
    """In a user's cache, as the folder of the source can't be written."""
    first, second = (run(REFUSED + USE, tmp_path) for _ in range(2))
    assert first.stdout == second.stdout == "5\n"
    assert first.stderr.count(COMPILES) == 1
    assert second.stderr == ""
    assert [folder.name for folder in tmp_path.iterdir()] == [jit.CODE_FOLDER.name]


def test_code_is_kept_beside_the_source_where_that_can_be_written(tmp_path: Path) -> None:
    run(USE_ALL, tmp_path)
    second = run(USE_ALL, tmp_path)
    assert second.stdout == "604\n"
    assert COMPILES not in second.stderr
    if os.access(jit.HERE / "__pycache__", os.W_OK):
        assert not [*tmp_path.iterdir()]
        assert jit.CODE_FOLDER.parent == jit.HERE / "__pycache__"


@pytest.mark.parametrize("error", [PermissionError, FileExistsError])
def test_a_folder_that_cannot_be_made_is_looked_for_elsewhere(
    error: type[OSError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise error("refused")

    elsewhere = cache_dir()
    monkeypatch.setattr(jit, "cache_dir", lambda: elsewhere)
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert jit.code_folder() == elsewhere / jit.CODE_FOLDER.name


def test_the_folder_is_another_for_other_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source in jit.HERE.glob("*.py"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(jit, "HERE", tmp_path)
    same = jit.code_folder()
    assert same == tmp_path / "__pycache__" / jit.CODE_FOLDER.name
    (tmp_path / "scan.py").write_bytes(b"# changed")
    assert jit.code_folder() != same


def test_using_zoo_compiles_and_imports_nothing_of_the_kind(tmp_path: Path) -> None:
    make = "import sys, zoo; zoo.make('tokenizer', 'bpe', vocab_size=300)\n"
    assert run(make + "print('numba' in sys.modules)", tmp_path).stdout == "False\n"


def test_little_text_takes_no_kernels_and_gets_the_same_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "Once upon a time — “naïve” caf\u00e9s, 12 345 of them!\r\n\tfoo_bar\u3000\U0001f600" * 3
    tokenizer = zoo.make("tokenizer", "bpe", vocab_size=300)
    tokenizer.train([text])
    plain, compiled = copy.copy(tokenizer), copy.copy(tokenizer)
    asked = compiled.encode(text).tolist()
    monkeypatch.setattr(bpe, "FEW", 8192)
    assert plain.encode(text).tolist() == asked
    assert plain.decode_bytes(asked) == text.encode()
    assert not {"_made_encoder", "_flattened"} & vars(plain).keys()
    more = 100 * text
    assert plain.encode(more).tolist() == compiled.encode(more).tolist()
    assert "_made_encoder" in vars(plain)
