"""Compare two tokenizers on a text: size, compression, speed, and where they split differently.

Speed is that of one thread, after a warm-up, the best of three rounds in which the two take turns.
A span is split differently if both split at its ends but not at the same places between.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.arguments import Parser, load_plugins
from zoo.cli.text import count, percent, table
from zoo_tokenizers.cli.inspect_ import about, add_on_options, read, sample_of, watched
from zoo_tokenizers.cli.loading import (
    PATH_HELP,
    add_loading_options,
    load_with,
    loading_options,
    refusals,
    tokenizer_path,
)
from zoo_tokenizers.cli.spelling import visible

if TYPE_CHECKING:
    from zoo.data.text_pieces import Sample
    from zoo_tokenizers.compare import Comparison, Side
    from zoo_tokenizers.report import Token

USAGE = "A B --on FILE [options]"
EXAMPLES = """\
examples:
  zoo tokenizer compare my-tokenizer runs/tinystories-1 --on stories.txt
  zoo tokenizer compare my-tokenizer tiktoken:gpt2 --on stories.txt
  zoo tokenizer compare my-tokenizer tokenizer.json --on stories.txt --json

tiktoken:NAME is an encoding of the package tiktoken, where it is installed.
"""
TIMED = 8 << 20  # bytes that the speed is measured on
SHOWN = 15


def add_arguments(parser: Parser) -> None:
    parser.add_argument("a", metavar="A", type=tokenizer_path, help=PATH_HELP)
    parser.add_argument("b", metavar="B", type=tokenizer_path, help="the other one")
    add_on_options(parser, required=True)
    parser.add_argument("--json", action="store_true", help="for a program to read")
    add_loading_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    load_plugins(args)

    from zoo.data.text_pieces import Sample
    from zoo_tokenizers.compare import compare, encoding_speeds

    sample = sample_of(args.on, args.all)
    a, b = (load_with(path, options_for(path, args)) for path in (args.a, args.b))
    with refusals(args.on):
        speeds = encoding_speeds([a, b], Sample(args.on, TIMED))
        report = compare(a, b, watched(sample, "comparing"), speeds=(speeds[0], speeds[1]))
    if args.json:
        paths = {"paths": [args.a, args.b]}
        print(json.dumps({**paths, **about(sample), **dataclasses.asdict(report)}, indent=2))
    else:
        print(comparison_text(report, args.a, args.b, sample))


def options_for(path: str, args: argparse.Namespace) -> dict[str, Any]:
    """What of the arguments concerns the one of the two that lies there."""
    options = loading_options(args)
    if path.endswith(".json"):
        options.pop("pattern", None)  # which only rank files lack
    return options if Path(path).is_file() else {}


def comparison_text(report: Comparison, a: str, b: str, sample: Sample) -> str:
    names = names_of(a, b)
    columns = (side_cells(report.a), side_cells(report.b))
    sides = [("", *names), *zip(SIDE_ROWS, *columns, strict=True)]
    rows = [
        ("on", read(sample, report.bytes)),
        (
            "shared tokens",
            f"{report.shared:,}; {report.only_a:,} only in {names[0]}, "
            f"{report.only_b:,} only in {names[1]}",
        ),
        ("same ids", "yes, everywhere" if report.same_ids else "no"),
    ]
    for name, side in zip(names, (report.a, report.b), strict=True):
        if not side.exact:
            rows.append(("note", f"the tokens of {name} don't spell all of the text"))
    if report.invalid_bytes:
        rows.append(("note", f"{count(report.invalid_bytes, 'byte')} no UTF-8, read as U+FFFD"))
    rows.append(("split differently", differing(report)))
    parts = [table(sides), table(rows)]
    if report.most_frequent:
        at_least = "at least " if report.approximate else ""
        listed = [
            (f"{at_least}{d.count:,}", split(d.a), split(d.b)) for d in report.most_frequent[:SHOWN]
        ]
        parts.append("most frequent differences\n" + table([("", *names), *listed], indent=2))
    return "\n\n".join(parts)


SIDE_ROWS = (
    "vocabulary",
    "tokens",
    "bytes per token",
    "characters per token",
    "different tokens used",
    "MB/s, one thread",
)


def side_cells(side: Side) -> tuple[str, ...]:
    speed = side.megabytes_per_second
    return (
        f"{side.vocab_size:,}",
        f"{side.tokens:,}",
        f"{side.bytes_per_token:.3f}",
        f"{side.characters_per_token:.3f}",
        f"{side.distinct:,}",
        "–" if speed is None else f"{speed:.3g}",
    )


def names_of(a: str, b: str) -> tuple[str, str]:
    """The two in short: the last part of a path, where that tells them apart."""
    short = (Path(a).name or a, Path(b).name or b)
    return short if short[0] != short[1] else (a, b)


def differing(report: Comparison) -> str:
    if not report.compared_bytes:
        return "can't be told"
    share = percent(report.different_bytes, report.compared_bytes)
    return f"{count(report.different_spans, 'span')}, {share} of the text"


def split(tokens: Sequence[Token]) -> str:
    return "|".join(visible(token.raw) for token in tokens)
