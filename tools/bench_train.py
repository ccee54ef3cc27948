"""zoo's training beside other trainers of the same model: tokens per second and memory.

python tools/bench_train.py [SHAPE…] [--precision bfloat16,float32] [--rounds N] [--json FILE]

The shapes are big, small and gpt2; without one, big and small. Each contender trains in a process
of its own; they take turns. `pip install -e '.[bench]'` gets the peers; who isn't installed is left
out. Tables go to stdout as Markdown, progress to stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench_tokenizer.measure import Table, cores, installed, processor, say
from bench_train.shapes import SHAPES

CHILD = Path(__file__).parent / "bench_train" / "child.py"
CONTENDERS = (
    "zoo",
    "zoo, not compiled",
    "litgpt",
    "litgpt, compiled",
    "transformers",
    "transformers, compiled",
)


@dataclass
class Measured:
    """Seconds until two steps were taken, then of each step; bytes of memory at the most."""

    ready: float
    seconds: list[float] = field(default_factory=list)
    peak: int = 0


def main() -> int:
    options = parsed()
    tables = []
    print(header(options.rounds), flush=True)
    try:
        for precision in options.precision:
            for shape in options.shapes:
                tables.append(raced(shape, precision, options))
                print(tables[-1].markdown(), flush=True)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    finally:
        if options.json:
            report = {"processor": processor(), "tables": [asdict(table) for table in tables]}
            options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def raced(shape: str, precision: str, options: argparse.Namespace) -> Table:
    """The contenders' turns at one shape, as a table."""
    from bench_train.products import products_seconds

    tokens = SHAPES[shape].tokens
    measured: dict[str, Measured] = {}
    products = [products_seconds(SHAPES[shape], precision)]
    with ExitStack() as opened:
        children: dict[str, Any] = {}
        for name in options.contenders:
            folder = opened.enter_context(TemporaryDirectory(prefix="bench-train-"))
            child = opened.enter_context(started(name, shape, precision, folder))
            answer = child.stdout.readline()
            if not answer:
                say(f"{name} fails at {shape}, {precision}: left out")
                continue
            children[name] = child
            measured[name] = Measured(json.loads(answer)["ready"])
            say(f"{shape}, {precision}, {name}: ready after {measured[name].ready:.1f} s")
        names = list(children)
        for turn in range(options.rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                print(options.steps, file=children[name].stdin, flush=True)
                answer = json.loads(children[name].stdout.readline())
                measured[name].seconds += answer["seconds"]
                measured[name].peak = answer["peak"]
                say(f"round {turn + 1} of {options.rounds}, {name}: {answer['seconds'][-1]:.3f} s")
            products.append(products_seconds(SHAPES[shape], precision))
    return filled(shape, precision, tokens, measured, statistics.median(products))


def started(name: str, shape: str, precision: str, folder: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), name, shape, precision, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def filled(
    shape: str, precision: str, tokens: int, measured: dict[str, Measured], products: float
) -> Table:
    columns = [
        f"{shape}, {precision}",
        "tokens/s",
        "slowest–fastest",
        "share of the products' bound",
        "peak MB",
        "ready after s",
    ]
    table = Table(f"{shape}, {precision}", columns, complete=True)
    rates = {name: tokens / statistics.median(one.seconds) for name, one in measured.items()}
    for name, one in measured.items():
        slowest, fastest = tokens / max(one.seconds), tokens / min(one.seconds)
        table.row(
            name,
            f"{rates[name]:,.0f}",
            f"{slowest:,.0f}–{fastest:,.0f}",
            f"{rates[name] * products / tokens:.2f}",
            f"{one.peak / 1e6:,.0f}",
            f"{one.ready:.1f}",
        )
        table.seconds[name] = one.seconds
    peers = {name: rate for name, rate in rates.items() if not name.startswith("zoo")}
    table.notes.append(f"Bound by the products alone: {tokens / products:,.0f} tokens/s.")
    if peers and "zoo" in rates:
        fastest = max(peers, key=lambda name: peers[name])
        table.notes.append(f"zoo : {fastest} = {rates['zoo'] / peers[fastest]:.2f}.")
        if "litgpt" in measured:
            memory = measured["zoo"].peak / measured["litgpt"].peak
            table.notes.append(f"Memory, zoo : litgpt = {memory:.2f}.")
    return table


def header(rounds: int) -> str:
    packages = ("zoo-lm", "torch", "litgpt", "transformers")
    found = ", ".join(f"{name} {version}" for name in packages if (version := installed(name)))
    return (
        f"{processor()}, {cores()} cores; medians of {rounds} rounds in which the contenders "
        f"alternate, each in a process of its own.\n\n{found}.\n"
    )


def parsed() -> argparse.Namespace:
    about = str(__doc__).split("\n\n")
    parser = argparse.ArgumentParser(description=f"{about[0]} {about[2]}")
    add = parser.add_argument
    add("shapes", nargs="*", metavar="SHAPE", choices=[[], *SHAPES], help=", ".join(SHAPES))
    add("--precision", type=words, default=["bfloat16", "float32"], metavar="NAME,NAME")
    add("--contenders", type=contenders, default=list(CONTENDERS), metavar="NAME;NAME")
    add("--rounds", type=int, default=5, metavar="N", help="default: 5")
    add("--steps", type=int, default=2, metavar="N", help="steps of a turn (default: 2)")
    add("--json", type=Path, metavar="FILE", help="write the tables and all times there too")
    options = parser.parse_args()
    options.shapes = options.shapes or ["big", "small"]
    return options


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def contenders(text: str) -> list[str]:
    names = [name.strip() for name in text.split(";") if name.strip()]
    if unknown := [name for name in names if name not in CONTENDERS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {'; '.join(CONTENDERS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
