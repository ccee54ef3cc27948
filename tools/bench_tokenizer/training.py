"""The section `train`: from a file on disk to the merges."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from .measure import Contender, Table, median, race, ratio, say, speeds, tried
from .settings import Bench
from .trainers import Train, available

COLUMNS = ["contender", "MB/s", "slowest–fastest", "zoo is × as fast", "merges", "as zoo's"]


def train(bench: Bench) -> None:
    for vocab_size in bench.vocab_sizes:
        for name, path in bench.texts.items():
            learn(bench, name, path, vocab_size)


def longer(tokens: set[bytes]) -> set[bytes]:
    return {token for token in tokens if len(token) > 1}


def learn_from(run: Train, path: Path, vocab_size: int, _: None) -> Any:
    return run(path, vocab_size)


def learn(bench: Bench, name: str, path: Path, vocab_size: int) -> None:
    n_bytes = path.stat().st_size
    tokens: dict[str, set[bytes]] = {}
    contenders = {
        trainer: Contender(partial(learn_from, run, path, vocab_size))
        for trainer, (run, _) in available().items()
        if bench.peers is None or trainer in ("zoo", *bench.peers)
    }

    def fill(table: Table) -> None:
        zoo = table.seconds.get("zoo", [])
        zoos = tokens.get("zoo", set())
        for trainer, times in table.seconds.items():
            seconds = median(times)
            learnt = tokens.get(trainer, set())
            fewest = min(len(learnt), len(zoos)) or 1
            shared = f"{100 * len(learnt & zoos) / fewest:.1f} %"
            compared = "" if trainer == "zoo" else ratio(seconds, median(zoo))
            table.row(trainer, *speeds(n_bytes, times), compared, f"{len(learnt):,}", shared)

    title = f"Training, vocabulary {vocab_size:,}, {name} ({n_bytes / 1e6:.1f} MB)"
    what = f"train {name} {vocab_size}"
    with bench.report.table(title, COLUMNS, fill) as table:
        table.notes.append(
            '"as zoo\'s" is the share of the tokens that zoo learns too: pairs that are equally '
            "frequent are taken in another order by each. The vocabularies are of one size; who "
            "counts only the bytes that occur learns a few more merges."
        )
        for trainer, (run, tokens_of) in available().items():
            if trainer in contenders:
                say(f"{what}: {trainer} warms up")
                made, _ = tried(trainer, partial(run, path, vocab_size))
                tokens[trainer] = set() if made is None else longer(tokens_of(made))
        failed = race(what, contenders, bench.rounds, table.seconds)
        table.notes += [f"{trainer} left out: {why}" for trainer, why in failed.items()]
