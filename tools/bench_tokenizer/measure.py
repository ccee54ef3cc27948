"""Contenders that take turns, medians of their times, and tables of those as Markdown and JSON."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

PEERS = ("gigabpe", "tokie", "rustbpe", "bpeasy", "splintr-rs", "riptoken", "tiktoken")
PACKAGES = ("zoo-lm", "numpy", "numba", "regex", *PEERS, "tokenizers")

T = TypeVar("T")
Times = dict[str, list[float]]


@dataclass(frozen=True)
class Contender:
    """``run(prepare())`` does the work; only ``run`` is timed, and ``prepare`` is called each time.

    So no cache of a tokenizer knows the text of an earlier round.
    """

    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = lambda: None


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def tried(name: str, call: Callable[[], T]) -> tuple[T | None, str]:
    """What the call gives, or None and why it fails. An error of zoo's own isn't caught."""
    try:
        return call(), ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of Rust's is no Exception
        if name.startswith("zoo"):
            raise
        say(f"{name} fails: {type(error).__name__}: {error}")
        return None, f"{type(error).__name__}: {error}"


def race(what: str, contenders: dict[str, Contender], rounds: int, times: Times) -> dict[str, str]:
    """Fills ``times`` with the seconds of ``rounds`` runs of each contender, which take turns.

    Another begins each round. One that fails is taken out; the answer says why, by name. ``times``
    holds what was measured when this is interrupted.
    """
    failed: dict[str, str] = {}
    for name in contenders:
        times[name] = []
    for turn in range(rounds):
        names = [name for name in contenders if name not in failed]
        first = turn % max(len(names), 1)
        for name in names[first:] + names[:first]:
            seconds, why = tried(name, partial(timed, contenders[name]))
            if seconds is None:
                failed[name] = why
                del times[name]
            else:
                times[name].append(seconds)
                say(f"{what}: round {turn + 1} of {rounds}, {name}: {seconds * 1e3:,.1f} ms")
    return failed


def timed(contender: Contender) -> float:
    """Seconds of one run. Freeing what it made isn't counted."""
    prepared = contender.prepare()
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        made = contender.run(prepared)
        seconds = time.perf_counter() - start
    finally:
        gc.enable()
    del made
    return seconds


def median(times: Sequence[float]) -> float:
    return statistics.median(times) if times else float("nan")


def speeds(n_bytes: int, times: Sequence[float]) -> tuple[str, str]:
    """The median in MB/s, and from the slowest to the fastest."""
    if not times:
        return "–", "–"
    slowest, fastest = n_bytes / max(times) / 1e6, n_bytes / min(times) / 1e6
    return f"{n_bytes / median(times) / 1e6:.1f}", f"{slowest:.1f}–{fastest:.1f}"


def ratio(above: float, below: float) -> str:
    return f"{above / below:.2f}" if below > 0 and above == above else "–"


@dataclass
class Table:
    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: Times = field(default_factory=dict)
    complete: bool = False

    def row(self, *cells: object) -> None:
        self.rows.append([str(cell) for cell in cells])

    def markdown(self) -> str:
        lines = [f"### {self.title}{'' if self.complete else ' (interrupted)'}", ""]
        if self.rows:
            cells = [[cell.replace("|", "\\|") for cell in row] for row in self.rows]
            widths = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
            lines += [
                line(self.columns, widths),
                rule(widths),
                *(line(row, widths) for row in cells),
            ]
            lines += [""]
        lines += [f"- {note}" for note in self.notes]
        return "\n".join(lines + [""] * bool(self.notes))


def line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """A row of a Markdown table: names to the left, figures to the right."""
    first, *others = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(padded)} |"


def rule(widths: Sequence[int]) -> str:
    first, *others = widths
    return f"|{'-' * (first + 2)}|{'|'.join('-' * (width + 1) + ':' for width in others)}|"


class Report:
    """The tables made so far, each printed as soon as it is there."""

    def __init__(self) -> None:
        self.tables: list[dict[str, Any]] = []

    @contextmanager
    def table(
        self, title: str, columns: Sequence[str], fill: Callable[[Table], None]
    ) -> Iterator[Table]:
        """A table for the block to measure; ``fill`` makes its rows, also of an interrupted one."""
        table = Table(title, list(columns))
        try:
            yield table
            table.complete = True
        finally:
            fill(table)
            print(table.markdown(), flush=True)
            self.tables.append(asdict(table))

    def read_json(self, path: Path) -> None:
        """Takes over the tables that another process made and printed."""
        self.tables += json.loads(path.read_text(encoding="utf-8"))["tables"]

    def write_json(self, path: Path) -> None:
        report = {"machine": machine(), "packages": packages(), "tables": self.tables}
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    return {
        "processor": processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def processor() -> str:
    try:
        about = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = [text.split(":", 1)[1].strip() for text in about.splitlines() if "model name" in text]
    return names[0] if names else "unknown"


def packages() -> dict[str, str | None]:
    return {package: installed(package) for package in PACKAGES}


def header(rounds: int) -> str:
    about = machine()
    found = {name: number for name, number in packages().items() if number}
    missing = [name for name in PACKAGES if name not in found]
    lines = [
        f"{about['processor']}, {about['cores']} cores, {about['system']}, {about['python']}; "
        f"medians of {rounds} rounds in which the contenders alternate.",
        "",
        ", ".join(f"{name} {number}" for name, number in found.items()) + ".",
    ]
    if missing:
        lines += ["", f"Not installed, so left out: {', '.join(missing)}."]
    return "\n".join([*lines, ""])
