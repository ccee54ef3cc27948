"""zoo's generation beside transformers': tokens a second, whole processes, the first token.

python tools/bench_generate.py [SECTION…] [--run RUN] [--rows N,N] [--tokens N] [--json FILE]

The sections are rate, process and first; without one, all of them. A run of a Llama-like recipe is
made if none is given. All decode greedily in bfloat16, with the same weights. `pip install -e
'.[bench]'` gets the peer. Tables go to stdout as Markdown, progress to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench_generate.models import for_transformers, train_a_run
from bench_tokenizer import texts
from bench_tokenizer.measure import (
    Contender,
    Report,
    Table,
    cores,
    installed,
    median,
    processor,
    race,
    say,
)

HERE = Path(__file__).parent / "bench_generate"
PROMPT = "Once upon a time"
SECTIONS = ("rate", "process", "first")
ZOO, EAGER, PEER = "zoo, compiled", "zoo, not compiled", "transformers"


@dataclass
class Bench:
    """What is measured, where it lies, and how often."""

    run: Path
    peer: Path
    caches: dict[str, Path]
    tokens: int
    rounds: int
    report: Report

    def environment(self, who: str) -> dict[str, str]:
        return {**os.environ, "ZOO_CACHE": str(self.caches[who])} if who in self.caches else {}

    def command(self, who: str, rows: int) -> list[str]:
        """The whole process of a contender."""
        if who == PEER:
            end = "<|endoftext|>"
            words = [str(self.peer / "bfloat16"), end + PROMPT, str(rows), str(self.tokens)]
            return [sys.executable, str(HERE / "transformers_script.py"), *words]
        options = ["--prompt", PROMPT, "--temperature", "0", "--num-samples", str(rows)]
        options += ["--max-new-tokens", str(self.tokens)]
        return [sys.executable, "-m", "zoo", "generate", str(self.run), *options]

    def contenders(self) -> list[str]:
        return [ZOO, EAGER, *([PEER] if installed("transformers") else [])]


def main() -> int:
    options = parsed()
    report = Report()
    print(header(options.rounds), flush=True)
    if not installed("transformers"):
        say("transformers isn't installed, so left out")
    with TemporaryDirectory(prefix="bench-generate-") as name:
        folder = Path(name)
        run = options.run or train_a_run(folder, text_in(folder))
        caches = {ZOO: folder / "compiled", EAGER: folder / "not-compiled"}
        bench = Bench(
            run.resolve(), folder / "peer", caches, options.tokens, options.rounds, report
        )
        bench.peer.mkdir()
        if PEER in bench.contenders():
            for_transformers(run, bench.peer)
        sections = {"rate": rate, "process": process, "first": first}
        try:
            for rows in options.rows:
                say(f"compiling for {rows} rows")
                compiling = [*bench.command(ZOO, rows), "--compile", "--max-new-tokens", "1"]
                quietly(compiling, bench.environment(ZOO))
                for section in options.sections:
                    sections[section](bench, rows)
        except KeyboardInterrupt:
            say("interrupted")
            return 130
        finally:
            if options.json:
                report.write_json(options.json)
    return 0


def rate(bench: Bench, rows: int) -> None:
    """Tokens a second in a warm process, and whether all say the same in float32."""
    title = f"Greedy decoding in a warm process, {bench.tokens} tokens, {rows} rows"
    columns = ["", "tokens/s", "× transformers", "same in float32"]
    children = {who: Child(bench, who, rows) for who in bench.contenders()}
    try:
        exact = {who: Child(bench, who, rows, "float32") for who in (EAGER, PEER)}
        said = {who: child.ask()["ids"] for who, child in exact.items() if who in children}
        for child in exact.values():
            child.end()

        def fill(table: Table) -> None:
            slowest = median(table.seconds.get(PEER, []))
            for who, times in table.seconds.items():
                speed = bench.tokens * rows / median(times)
                same = common(said[EAGER], said[who]) if who in said else "–"
                table.row(who, f"{speed:,.0f}", f"{slowest / median(times):.2f}", same)

        for child in children.values():
            child.ask()  # whatever is done once
        with bench.report.table(title, columns, fill) as table:
            racing = {who: Contender(lambda _, c=c: c.ask()) for who, c in children.items()}
            race("rate", racing, bench.rounds, table.seconds)
    finally:
        for child in children.values():
            child.end()


def process(bench: Bench, rows: int) -> None:
    """Seconds from `python …` to the end of the last text."""
    title = f"From the start of a process to its last text, {bench.tokens} tokens, {rows} rows"

    def run(who: str) -> Callable[[Any], None]:
        return lambda _: quietly(bench.command(who, rows), bench.environment(who))

    def fill(table: Table) -> None:
        slowest = median(table.seconds.get(PEER, []))
        for who, times in table.seconds.items():
            table.row(who, f"{median(times):.2f}", f"{slowest / median(times):.2f}")

    with bench.report.table(title, ["", "seconds", "× transformers"], fill) as table:
        racing = {who: Contender(run(who)) for who in bench.contenders()}
        for who in racing:
            run(who)(None)
        race("process", racing, bench.rounds, table.seconds)


def first(bench: Bench, rows: int) -> None:
    """Seconds from the start of `zoo generate` to the first token on standard output."""
    if rows != 1:
        return  # several texts are printed when they are complete

    def run(who: str) -> Callable[[Any], None]:
        def until_first(_: Any) -> None:
            started = subprocess.Popen(
                bench.command(who, 1),
                env=bench.environment(who),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert started.stdout is not None
            started.stdout.read(len(PROMPT) + 1)  # which comes with the first token
            started.kill()
            started.communicate()

        return until_first

    def fill(table: Table) -> None:
        for who, times in table.seconds.items():
            table.row(who, f"{median(times):.2f}", f"{max(times):.2f}")

    with bench.report.table(
        "From the start of `zoo generate` to its first token", ["", "seconds", "slowest"], fill
    ) as table:
        racing = {who: Contender(run(who)) for who in (ZOO, EAGER)}
        race("first", racing, bench.rounds, table.seconds)


class Child:
    """A warm process that generates when asked."""

    def __init__(self, bench: Bench, who: str, rows: int, precision: str = "bfloat16") -> None:
        self.start = time.perf_counter()
        is_peer = who == PEER
        name, where = ("transformers", bench.peer / precision) if is_peer else ("zoo", bench.run)
        prompt = f"<|endoftext|>{PROMPT}" if is_peer else PROMPT
        words = [name, str(where), prompt, str(rows), str(bench.tokens), precision]
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "child.py"), *words],
            env=bench.environment(who) or None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def end(self) -> None:
        self.process.communicate("")


def common(one: Sequence[Sequence[int]], other: Sequence[Sequence[int]]) -> str:
    """How many tokens of all rows are the same up to the first that isn't."""
    same = 0
    for row, twin in zip(one, other, strict=True):
        pairs = list(zip(row, twin, strict=True))
        same += next((at for at, (a, b) in enumerate(pairs) if a != b), len(pairs))
    return f"{same} of {sum(map(len, one))}"


def quietly(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(
        command,
        env=environment or None,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def text_in(folder: Path) -> Path:
    """A text with words enough for a vocabulary of 10,000: the sources of Python."""
    return texts.saved(folder / "text.txt", texts.code(4_000_000))


def header(rounds: int) -> str:
    from zoo.compute.matmul_bench import measure

    products = {route: f"{it.flops / 1e9:,.0f}" for route, it in measure().items()}
    found = [f"{name} {installed(name)}" for name in ("zoo-lm", "torch", "transformers")]
    return (
        f"{processor()}, {cores()} cores; {', '.join(found)}; matrix products at "
        f"{', '.join(f'{speed} GFLOP/s in {route}' for route, speed in products.items())}; "
        f"medians of {rounds} rounds in which the contenders alternate.\n"
    )


def parsed() -> argparse.Namespace:
    about = str(__doc__).split("\n\n")
    parser = argparse.ArgumentParser(description=f"{about[0]} {about[2]}")
    add = parser.add_argument
    add("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    add("--run", type=Path, help="a run of a Llama-like recipe (default: one is made)")
    rows = lambda text: [int(n) for n in text.split(",")]  # noqa: E731
    add("--rows", type=rows, default=[1, 16], metavar="N,N", help="batch sizes (default: 1,16)")
    add("--tokens", type=int, default=240, metavar="N", help="new ones a row (default: 240)")
    add("--rounds", type=int, default=5, metavar="N", help="default: 5")
    add("--json", type=Path, metavar="FILE", help="write the tables and all times there too")
    options = parser.parse_args()
    if unknown := [section for section in options.sections if section not in SECTIONS]:
        parser.error(f"no section {unknown[0]!r} (known: {', '.join(SECTIONS)})")
    options.sections = options.sections or list(SECTIONS)
    return options


if __name__ == "__main__":
    sys.exit(main())
