"""Progress of long work: a bar on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zoo.console.terminal import on_one_line

if TYPE_CHECKING:
    from rich.progress import Progress

QUIET_SECONDS = 2.0  # shorter work leaves no trace in a log
LINE_SECONDS = 5.0
FRAME_SECONDS = 0.1

_bars: Progress | None = None  # the terminal has room for one display: nested work shares it


@contextmanager
def track(
    label: str, total: float | None = None, unit: str = "", done: float = 0
) -> Iterator[Callable[[float], None]]:
    """Shows progress on standard error while the block runs; yields ``advance(n)``.

    ``total`` None is work of unknown size; ``unit`` "B" prints as kB, MB, GB; ``done`` is what was
    there before (a resumed download) and counts for the bar but not for the speed. ``advance`` is
    cheap enough to be called once a document.

    >>> with track("counting", total=3, unit="sheep") as advance:
    ...     for _ in range(3):
    ...         advance(1)
    """
    label = on_one_line(label)
    started = time.perf_counter()
    before = done
    on_terminal = sys.stderr.isatty()
    show_every = FRAME_SECONDS if on_terminal else LINE_SECONDS
    next_show = started + (0 if on_terminal else QUIET_SECONDS)

    with _bar(label, total) if on_terminal else _lines(label) as show:

        def advance(n: float) -> None:
            nonlocal done, next_show
            done += n
            now = time.perf_counter()
            if now >= next_show:
                next_show = now + show_every
                show(done, status(done, total, unit, now - started, done - before))

        yield advance

    seconds = time.perf_counter() - started
    if seconds >= QUIET_SECONDS:
        speed = rate(done - before, unit, seconds)
        print(f"{label}: {amount(done, unit)} in {duration(seconds)} ({speed})", file=sys.stderr)


@contextmanager
def _lines(label: str) -> Iterator[Callable[[float, str], None]]:
    yield lambda done, text: print(f"{label}: {text}", file=sys.stderr, flush=True)


@contextmanager
def _bar(label: str, total: float | None) -> Iterator[Callable[[float, str], None]]:
    global _bars
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    outermost = _bars is None
    if _bars is None:
        _bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        _bars.start()
    bars = _bars
    task = bars.add_task(label, total=total, text="")
    try:
        yield lambda done, text: bars.update(task, completed=done, text=text)
    finally:
        bars.remove_task(task)
        if outermost:
            bars.stop()
            _bars = None


def status(done: float, total: float | None, unit: str, seconds: float, worked: float) -> str:
    """How far, how fast, how long still: "12 MB of 100 MB, 4 MB/s, 22 s left".

    ``worked`` is the part of ``done`` that took these ``seconds``.
    """
    if total is None:
        parts = [amount(done, unit)]
    elif unit == "B":
        parts = [f"{amount(done, unit)} of {amount(total, unit)}"]
    else:
        parts = [f"{amount(done)} of {amount(total, unit)}"]
    if seconds > 0 and worked > 0:
        parts.append(rate(worked, unit, seconds))
        if total is not None:
            parts.append(f"{duration(max(0, total - done) * seconds / worked)} left")
    return ", ".join(parts)


def rate(worked: float, unit: str, seconds: float) -> str:
    return f"{amount(worked / max(seconds, 1e-9), unit)}/s"


def amount(n: float, unit: str = "") -> str:
    """A count with its unit; bytes in powers of 1,000.

    >>> amount(100_000_000, "B"), amount(24_560_000, "B"), amount(999, "B"), amount(12345, "docs")
    ('100 MB', '24.6 MB', '999 B', '12,345 docs')
    """
    if unit != "B":
        return f"{n:,.0f} {unit}".rstrip()
    for power, prefix in ((9, "G"), (6, "M"), (3, "k")):
        if n >= 10**power:
            return f"{n / 10**power:.1f}".removesuffix(".0") + f" {prefix}B"
    return f"{n:.0f} B"


def duration(seconds: float) -> str:
    """
    >>> duration(7.4), duration(125), duration(7500)
    ('7 s', '2 min 5 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
