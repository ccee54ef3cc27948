"""A small corpus and a recipe around it, prepared in a cache folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from zoo.catalog.component import find_component
from zoo.catalog.entries import Registrar, Registry
from zoo.data import prepare as preparing
from zoo.data.prepare import TokenData
from zoo.data.shards import Tokens
from zoo_builtin.tokenizers import BPE, Byte, Char

TRAIN = [f"One day, {name} saw {n} birds.".encode() for n in range(40) for name in ("Tim", "Zoë")]
VALID = ["Zoë saw Tim.".encode(), b"One bird."]


class Corpus:
    """Documents from a list, counting how often they are read."""

    label = "birds"
    notice = "made up"

    def __init__(self, train: Iterable[bytes] = TRAIN, valid: Iterable[bytes] = VALID) -> None:
        self.splits = {"train": train, "valid": valid}
        self.asked: list[str] = []
        self.name = "birds 1"

    def documents(self, split: str) -> Iterator[bytes]:
        self.asked.append(split)
        yield from self.splits[split]

    def fingerprint(self) -> str:
        return self.name


class OneByOne(Byte):
    """Bytes, without a way to encode many documents at once."""

    encode_batch = None


class Batched(Byte):
    """Bytes, many documents at once."""

    def encode_batch(self, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
        ids = np.frombuffer(b"".join(texts), dtype=np.uint8).astype(np.int32)
        return ids, np.cumsum([0, *map(len, texts)])


class Recipe:
    """The two things that preparing needs of a recipe."""

    def __init__(self, corpus: Corpus, tokenizer: str | type = "bpe", **options: Any) -> None:
        offered = Registrar("mine", "1")
        more = {} if isinstance(tokenizer, str) else {"given": tokenizer}
        for name, factory in (("bpe", BPE), ("byte", Byte), ("char", Char), *more.items()):
            offered.tokenizer(name, factory)
        registry = Registry()
        registry.add(offered.entries)
        self.data = SimpleNamespace(corpus=lambda: corpus)
        self.tokenizer = find_component(registry, "tokenizer", next(iter(more), tokenizer), options)


@pytest.fixture(autouse=True, name="cache")
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ZOO_CACHE", str(folder))
    return folder


def prepare(recipe: Recipe, **more: Any) -> TokenData:
    return preparing.prepare(recipe, **more)  # type: ignore[arg-type]


def open_prepared(dir: Path, recipe: Recipe) -> TokenData:
    return preparing.open_prepared(dir, recipe)  # type: ignore[arg-type]


def all_ids(stored: Tokens) -> list[int]:
    return np.concatenate(stored.shards).tolist()


def files_of(dir: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(dir)): path.read_bytes() for path in dir.rglob("*") if path.is_file()
    }
