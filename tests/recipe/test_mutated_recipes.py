"""Recipes that nobody would write: each is read, or refused with file and line."""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path

import pytest

import zoo
from zoo.errors import RecipeError, ZooError

RECIPES = Path(zoo.__file__).parents[2] / "recipes"
COUNT = int(os.environ.get("ZOO_TEST_RECIPES", "300"))  # tools/check_reliability.py: 5,000
SECONDS = 5.0

VALUES = [
    "nan",
    "-inf",
    "inf",
    "0",
    "-1",
    "1e999",
    "9" * 400,
    "0x" + "f" * 300,
    "1979-05-27T07:32:00Z",
    "true",
    '""',
    '"\\u0000"',
    '"' + "x" * 100_000 + '"',
    "[]",
    "{}",
    "[" * 90 + "]" * 90,
    "[" * 20_000,
    "{a = " * 200,
    '{ name = "rmsnorm", name = "x" }',
    '{ name = "../../x" }',
    '{ name = "os.system" }',
    '["full", 3, {}]',
    "'''",
    "=",
]
BYTES = [b"\xff", b"\x00", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\x1b[2J", b"\xc3", b"\n\n["]


def mutated(rng: random.Random, text: str) -> bytes:
    """A recipe with one to three things changed."""
    lines = text.splitlines()
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        line = lines[at]
        kind = rng.randrange(7)
        if kind == 0 and "=" in line:
            lines[at] = f"{line.partition('=')[0]}= {rng.choice(VALUES)}"
        elif kind == 1 and line:
            where = rng.randrange(len(line))
            lines[at] = line[:where] + rng.choice("abz_.=[]{}\"'#0") + line[where + 1 :]
        elif kind == 2:
            lines.insert(at, rng.choice(lines))
        elif kind == 3:
            del lines[at]
            lines = lines or [""]
        elif kind == 4:
            lines.insert(at, f"{rng.choice(['x', 'model', 'train.steps', 'a.b.c'])} = 1")
        elif kind == 5:
            lines.insert(at, rng.choice(["[model.norm]", "[[train]]", "[x]", "[]", "[optimizer"]))
        else:
            lines[at] = re.sub(r"\d+", lambda _: rng.choice(VALUES[:8]), line, count=1)
    data = "\n".join(lines).encode()
    if rng.random() < 0.2:
        where = rng.randrange(len(data) + 1)
        data = data[:where] + rng.choice(BYTES) + data[where:]
    return data


def test_mutated_recipes_are_read_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    originals = [path.read_text(encoding="utf-8") for path in sorted(RECIPES.glob("*.toml"))]
    (tmp_path / "tinystories.toml").write_bytes((RECIPES / "tinystories.toml").read_bytes())
    path = tmp_path / "mutated.toml"
    refused = 0
    for seed in range(COUNT):
        rng = random.Random(seed)
        path.write_bytes(mutated(rng, rng.choice(originals)))
        start = time.perf_counter()
        try:
            zoo.load_recipe(path)
            continue
        except ZooError as error:
            told = error
        except Exception as error:
            raise AssertionError(f"seed {seed}: {path.read_bytes()[:3000]!r}") from error
        refused += 1
        for problem in told.problems if isinstance(told, RecipeError) else [told]:
            said = str(problem)
            # What is missing may have no line.
            line = r"(:\d+)?" if re.search(": .* is missing|sets its own", said) else r":\d+"
            assert re.match(rf".*(mutated|tinystories)\.toml{line}: ", said), (seed, said)
            assert len(said) < 2000, seed
            assert said.isprintable(), (seed, said)
        assert time.perf_counter() - start < SECONDS, seed
    assert refused > COUNT / 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mutated.toml", "tinystories.toml"]
