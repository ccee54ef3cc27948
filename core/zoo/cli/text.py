"""Format results: aligned tables, counts, abbreviations."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo.console.terminal import CONTROLS, harmless, on_one_line

if TYPE_CHECKING:
    from zoo.recipe.recipe import Recipe


def table(rows: Sequence[Sequence[str]], indent: int = 0) -> str:
    """Rows as aligned columns; on a terminal the last column is cut to its width.

    >>> print(table([("rmsnorm", "RMS norm"), ("none", "no norm")], indent=2))
      rmsnorm  RMS norm
      none     no norm
    """
    if not rows:
        return ""
    rows = [[on_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append((" " * indent + "  ".join(cells)).rstrip())
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        lines = [line if len(line) <= width else line[: width - 1] + "…" for line in lines]
    return "\n".join(lines)


def right(rows: Sequence[Sequence[str]], first: int = 1) -> list[tuple[str, ...]]:
    """The same rows, with columns from ``first`` on that end under each other, as numbers should.

    >>> print(table(right([("part", "ms"), ("norm", "0.53"), ("loss", "42.57")])))
    part     ms
    norm   0.53
    loss  42.57
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        (
            *row[:first],
            *(cell.rjust(n) for cell, n in zip(row[first:], widths[first:], strict=True)),
        )
        for row in rows
    ]


def for_reader(text: str) -> str:
    """A model's or a file's text for standard output: as it is, but harmless on a terminal."""
    return harmless(text) if sys.stdout.isatty() else text


def as_json_line(value: Any) -> str:
    """
    >>> print(as_json_line({"text": "größer \\x9b31m"}))
    {"text": "größer \\u009b31m"}
    """
    line = json.dumps(value, ensure_ascii=False)
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def count(n: int, noun: str) -> str:
    """
    >>> count(1, "problem"), count(1234, "step")
    ('1 problem', '1,234 steps')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def short(n: float) -> str:
    """A large number in three digits.

    >>> short(950), short(4_213_000), short(327_680_000), short(999_960)
    ('950', '4.21 M', '328 M', '1 M')
    """
    for power, prefix in ((18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if float(f"{n:.3g}") >= 10**power:
            return f"{float(f'{n:.3g}') / 10**power:g} {prefix}"
    return f"{n:g}"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.3g} %" if whole else "0 %"


def share(part: float, whole: float) -> str:
    """
    >>> share(1, 3), share(1, 30_000)
    ('33.3 %', '0.0 %')
    """
    return f"{100 * part / whole:.1f} %"


def size_of(recipe: Recipe) -> str:
    """How large the model is and how much it reads."""
    from zoo.api.make import count_parameters

    steps = recipe.total_steps
    return (
        f"{short(count_parameters(recipe))} parameters, "
        f"{short(steps * recipe.train.batch_tokens)} tokens in {count(steps, 'step')}"
    )
