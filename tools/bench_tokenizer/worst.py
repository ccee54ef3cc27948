"""The section `worst`: inputs on which an algorithm that isn't linear shows it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from .measure import Contender, Table, median, race, ratio, say
from .peers import bpe
from .settings import Bench
from .texts import worst as inputs

MEGABYTE = 1_000_000
PROBE = MEGABYTE // 16
LIMIT = 4.0  # seconds for the probe; with these, a megabyte would take minutes
ORDINARY = "ordinary text"


def worst(bench: Bench) -> None:
    path = next(iter(bench.texts.values()))
    with path.open("rb") as file:
        ordinary = file.read(3 * MEGABYTE).decode(errors="ignore")
    cases = {size: inputs(size, ordinary) for size in (PROBE, MEGABYTE, 2 * MEGABYTE)}
    vocabulary = bench.vocabulary

    def fresh() -> Any:
        special = list(vocabulary.special_tokens) or None
        tokenizer = bpe().from_vocab(vocabulary.tokens, vocabulary.merges, special)
        tokenizer.encode("It had seen nothing yet.")
        return tokenizer

    def learner() -> Any:
        import zoo

        return zoo.make("tokenizer", "bpe", vocab_size=bench.vocab_sizes[0])

    told = bench.vocabulary_told
    compare(bench, f"Worst cases, encoding, {told}", "encode", cases, fresh, encode)
    told = f"vocabulary of at most {bench.vocab_sizes[0]:,}"
    compare(bench, f"Worst cases, training, {told}", "train", cases, learner, train)


def encode(text: str | bytes, tokenizer: Any) -> Any:
    return tokenizer.encode(text)


def train(text: str | bytes, tokenizer: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of texts too poor for the vocabulary
        tokenizer.train(texts=[text])
    return tokenizer


def compare(
    bench: Bench,
    title: str,
    verb: str,
    cases: dict[int, dict[str, str | bytes]],
    prepare: Callable[[], Any],
    run: Callable[[str | bytes, Any], Any],
) -> None:
    def fill(table: Table) -> None:
        ordinary = median(table.seconds.get(f"{ORDINARY}, 1 MB", []))
        for case in cases[MEGABYTE]:
            once = median(table.seconds.get(f"{case}, 1 MB", []))
            twice = median(table.seconds.get(f"{case}, 2 MB", []))
            if once == once:
                table.row(case, f"{once * 1e3:.1f}", ratio(once, ordinary), ratio(twice, once))

    columns = ["input", "ms for 1 MB", "× ordinary text", "2 MB : 1 MB"]
    with bench.report.table(title, columns, fill) as table:
        contenders = {}
        for case, probe in cases[PROBE].items():
            tokenizer = prepare()
            start = time.perf_counter()
            run(probe, tokenizer)
            seconds = time.perf_counter() - start
            if seconds > LIMIT:
                say(f"worst {verb}: {case} left out: {PROBE} bytes took {seconds:.1f} s")
                table.notes.append(f"{case} left out: {PROBE} bytes took {seconds:.1f} s.")
                continue
            for megabytes in (1, 2):
                text = cases[megabytes * MEGABYTE][case]
                contenders[f"{case}, {megabytes} MB"] = Contender(partial(run, text), prepare)
        failed = race(f"worst {verb}", contenders, bench.rounds, table.seconds)
        table.notes += [f"{case} left out: {why}" for case, why in failed.items()]
