"""What the tests of `zoo tokenizer` share: a text, tokenizers of it, and a very plain plug-in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.api.tokenizers import save_tokenizer
from zoo.cli import main
from zoo_builtin.tokenizers import Byte

TEXT = "the cat sat on the mat 🐈\n" * 40 + "<|endoftext|>" + "a dog — a dog\n" * 40


@pytest.fixture(name="text_file", scope="module")
def a_text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(TEXT, encoding="utf-8", newline="")
    return path


@pytest.fixture(name="bpe", scope="module")
def a_bpe(text_file: Path) -> str:
    out = text_file.parent / "bpe"
    assert main(["tokenizer", "train", str(text_file), "--vocab-size", "280", "-o", str(out)]) == 0
    return str(out)


@pytest.fixture(name="byte", scope="module")
def a_byte(text_file: Path) -> str:
    out = text_file.parent / "byte"
    save_tokenizer(zoo.make("tokenizer", "byte"), "byte", out)
    return str(out)


class OnlyNeeded:
    """A tokenizer with no more than the contract asks for."""

    vocab_size = 257
    eot = 256

    def __init__(self) -> None:
        self._byte = Byte()
        self.fingerprint = "bytes"

    def train(self, texts: Iterable[str | bytes]) -> None:
        for _ in texts:
            pass

    def encode(self, text: str | bytes) -> np.ndarray:
        return self._byte.encode(text)

    def decode(self, ids: Iterable[int]) -> str:
        return self._byte.decode(ids)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        return self._byte.decode_bytes(ids)

    def token_bytes(self) -> np.ndarray:
        return self._byte.token_bytes()

    def save(self, dir: Path) -> None:
        (dir / "nothing").touch()

    @classmethod
    def load(cls, dir: Path) -> OnlyNeeded:
        return cls()


@pytest.fixture(name="plugin")
def a_plugin(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Flags for a tokenizer that has only what the contract asks for."""
    file = tmp_path / "only_needed.py"
    file.write_text(
        "import zoo\nfrom tokenizer_commands import OnlyNeeded\n\n\n@zoo.hookimpl\n"
        "def zoo_register(registry):\n    registry.tokenizer('only_needed', OnlyNeeded)\n"
    )
    yield ("--plugin", str(file))
    zoo.registry.cache_clear()
