"""The sections `startup` and `memory`, which measure processes of their own."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import trainers
from .measure import Table, cores, median, say
from .settings import Bench
from .texts import Corpus
from .vocabulary import GPT2

CHILD = Path(__file__).with_name("child.py")
SAMPLE_BYTES = 100_000_000
BLOCK_BYTES = 1 << 22


def child(*arguments: object, env: dict[str, str] | None = None) -> Any:
    """The answer of child.py."""
    command = [sys.executable, str(CHILD), *map(str, arguments)]
    made = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
    return json.loads(made.stdout.splitlines()[-1])


def startup(bench: Bench) -> None:
    say("startup: a tokenizer to load")
    tokenizer = trainers.zoo_bpe(next(iter(bench.texts.values())), bench.vocab_sizes[-1])
    tokenizer.save(bench.folder / "startup")
    env = with_sources_of_its_own(bench.folder / "sources")
    child("first", time.time(), bench.folder / "startup", env=env)  # writes Python's own caches
    imports: list[float] = []
    steps: dict[str, list[dict[str, float]]] = {"empty": [], "filled": []}

    def fill(table: Table) -> None:
        names = list(steps["empty"][0]) if steps["empty"] else []
        table.row("import zoo, from the start of Python", "", f"{median(imports):.2f}")
        for name in names:
            cells = [f"{median([one[name] for one in steps[state]]):.2f}" for state in steps]
            table.row(name, *cells)
        if names:
            parts = {
                "from the start of Python to the first ids": names[
                    : names.index("first encode") + 1
                ],
                "load a tokenizer and first encode": ["load a tokenizer", "first encode"],
                "all of the above after the imports": names[names.index("load a tokenizer") :],
            }
            for name, part in parts.items():
                sums = [
                    [sum(one[step] for step in part) for one in steps[state]] for state in steps
                ]
                table.row(name, *(f"{median(each):.2f}" for each in sums))

    columns = ["seconds", "compiled code: none yet", "on disk"]
    title = f"Start-up, {bench.rounds} processes each"
    with bench.report.table(title, columns, fill) as table:
        for turn in range(bench.rounds):
            say(f"startup: round {turn + 1} of {bench.rounds}")
            imports.append(child("import", time.time(), env=env)["import zoo"])
            forget_compiled(bench.folder / "sources")
            for times in steps.values():
                times.append(child("first", time.time(), bench.folder / "startup", env=env))
        table.seconds = {"import zoo": imports}
        for state, times in steps.items():
            for name in times[0]:
                table.seconds[f"{name}, {state}"] = [one[name] for one in times]


def with_sources_of_its_own(folder: Path) -> dict[str, str]:
    """An environment with a copy of zoo, so that its compiled code can be thrown away."""
    import zoo
    import zoo_builtin

    for package in (zoo, zoo_builtin):
        source = Path(str(package.__file__)).parent
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / source.name, ignore=ignore)
    env = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    paths = [str(folder), env.get("PYTHONPATH", "")]
    env["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return env | {"ZOO_CACHE": str(folder / "cache")}


def forget_compiled(folder: Path) -> None:
    """Leaves nothing in the caches but Python's own."""
    shutil.rmtree(folder / "cache", ignore_errors=True)
    for path in folder.rglob("__pycache__/*"):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".pyc":
            path.unlink()


def memory(bench: Bench) -> None:
    sizes = [round(gigabytes * 1e9) for gigabytes in bench.gigabytes]
    free = shutil.disk_usage(bench.folder).free
    if free < 2.2 * max(sizes):  # the corpus, and its ids
        raise SystemExit(f"memory: only {free / 1e9:.1f} GB are free in {bench.folder}")
    corpus = Corpus(bench.folder / "corpus.txt", list(bench.texts.values()), max(sizes))
    vocab_size = bench.vocab_sizes[-1]
    columns = [
        "corpus",
        "distinct pre-tokens",
        "their bytes",
        "before",
        "peak, train",
        "peak, encode_file",
        "highest peak − distinct",
        "train, MB/s",
        "encode_file, MB/s",
    ]
    answers: list[tuple[int, str, int, int, dict[str, float]]] = []

    def fill(table: Table) -> None:
        for size, least, number, n_bytes, told in answers:
            highest = max(told["train"], told["encode"])
            table.row(
                f"{size / 1e6:,.0f} MB",
                f"{least}{number:,}",
                f"{least}{n_bytes / 1e6:.1f} MB",
                *(f"{told[step] / 1e6:.0f} MB" for step in ("at first", "train", "encode")),
                f"{'at most ' if least else ''}{(highest - n_bytes) / 1e6:.0f} MB",
                f"{size / told['train seconds'] / 1e6:.1f}",
                f"{size / told['encode seconds'] / 1e6:.1f}",
            )

    title = f"Memory, vocabulary {vocab_size:,}: peak of resident memory in a process of its own"
    with bench.report.table(title, columns, fill) as table:
        table.notes.append('"before" is with zoo imported and its compiled code loaded.')
        table.notes.append(
            f"Pre-tokens are counted with `regex` on at most {SAMPLE_BYTES / 1e6:.0f} MB, evenly "
            "spread, so that larger corpora have at least as many."
        )
        sentence = bench.folder / "sentence.txt"
        sentence.write_text("A sentence, so that all code is compiled before. ", encoding="utf-8")
        child("memory", sentence, 300)
        for size in sorted(sizes):
            say(f"memory: writing {size / 1e6:,.0f} MB of text")
            corpus.grow(size)
            say(f"memory: counting the pre-tokens of {corpus.size / 1e6:,.0f} MB")
            least, number, n_bytes = distinct(corpus.path, corpus.size)
            say(f"memory: training and encoding {corpus.size / 1e6:,.0f} MB")
            told = child("memory", corpus.path, vocab_size)
            answers.append((corpus.size, least, number, n_bytes, told))
            table.seconds[f"{corpus.size} bytes"] = [told["train seconds"], told["encode seconds"]]
            table.notes.append(f"{corpus.size / 1e6:,.0f} MB are {corpus.told()}.")
    corpus.path.unlink()


def distinct(path: Path, size: int) -> tuple[str, int, int]:
    """How many pre-tokens there are and their bytes; "≥ " where only a sample was counted."""
    n_blocks = -(-size // BLOCK_BYTES)
    wanted = min(n_blocks, SAMPLE_BYTES // BLOCK_BYTES + 1)
    starts = [index * n_blocks // wanted * BLOCK_BYTES for index in range(wanted)]
    found: set[str] = set()
    with multiprocessing.get_context("spawn").Pool(cores()) as pool:
        for block in pool.imap_unordered(pre_tokens, [(path, start) for start in starts]):
            found |= block
    n_bytes = sum(len(text.encode()) for text in found)
    return "≥ " if wanted < n_blocks else "", len(found), n_bytes


def pre_tokens(where: tuple[Path, int]) -> set[str]:
    import regex

    path, start = where
    with path.open("rb") as file:
        file.seek(start)
        text = file.read(BLOCK_BYTES).decode(errors="ignore")
    return set(regex.findall(GPT2, text))
