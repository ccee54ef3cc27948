"""Prepare a recipe's tokens, and look at them before training."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import (
    Command,
    Parser,
    add_commands,
    add_recipe_options,
    load_plugins,
    new_path,
    path,
)
from zoo.cli.text import count, for_reader, percent, table

if TYPE_CHECKING:
    from zoo.data.prepare import TokenData
    from zoo.recipe.recipe import Recipe
    from zoo_measure.data_report import Report

USAGE = "prepare | inspect RECIPE [options]"
EXAMPLES = """\
examples:
  zoo data prepare recipes/tinystories.toml
  zoo data inspect recipes/tinystories.toml
  zoo data inspect recipes/tinystories.toml --json --plots pictures
"""


def add_arguments(parser: Parser) -> None:
    prepare = "Train the tokenizer and encode the corpus, once."
    inspect = "Count the training tokens, draw them and look at the first batch."
    add_commands(
        parser,
        {
            "prepare": Command(prepare, "RECIPE [options]", add_prepare_arguments),
            "inspect": Command(inspect, "RECIPE [options]", add_inspect_arguments),
        },
    )


def add_prepare_arguments(parser: Parser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", type=path, help="a TOML file")
    add_recipe_options(parser)
    parser.set_defaults(run=run_prepare)


def add_inspect_arguments(parser: Parser) -> None:
    add_prepare_arguments(parser)
    parser.add_argument("--json", action="store_true", help="for a program to read")
    parser.add_argument(
        "--plots",
        metavar="DIR",
        type=new_path,
        help="where token-frequency.png and document-lengths.png go (default: beside the tokens)",
    )
    parser.set_defaults(run=run_inspect)


def prepared(args: argparse.Namespace) -> tuple[Recipe, TokenData]:
    load_plugins(args)

    from zoo.data.prepare import prepare
    from zoo.recipe.load import load_recipe

    recipe = load_recipe(args.recipe, args.set)
    return recipe, prepare(recipe)


def run_prepare(args: argparse.Namespace) -> None:
    _, data = prepared(args)
    splits = (data.train, data.valid)
    vocabulary = count(data.tokenizer.vocab_size or 0, "id")
    if getattr(data.tokenizer, "closed_vocabulary", False):
        vocabulary += ", those of validation text included"
    rows = [("text", data.label), ("vocabulary", vocabulary)]
    rows += [
        (s.split, f"{count(len(s), 'token')}, {count(s.documents, 'document')}, {s.bytes:,} bytes")
        for s in splits
    ]
    if wrong := sum(s.not_utf8 for s in splits):
        rows.append(("not UTF-8", f"{count(wrong, 'document')}, kept as they are"))
    rows.append(("kept in", str(data.dir)))
    if data.notice:
        rows.append(("note", data.notice))
    print(table(rows))


def run_inspect(args: argparse.Namespace) -> None:
    recipe, data = prepared(args)

    from zoo_measure.data_plots import draw
    from zoo_measure.data_report import count as count_tokens
    from zoo_measure.data_report import inspect

    length = recipe.model.options["max_seq_len"]
    counted = count_tokens(data.train, data.tokenizer)
    report = inspect(
        data.train,
        data.tokenizer,
        length=length,
        n_rows=recipe.train.batch_tokens // length,
        seed=recipe.train.seed,
        counted=counted,
    )
    plots = draw(counted, data.tokenizer, data.label, length, args.plots or data.dir)
    if args.json:
        told = {"label": data.label, **dataclasses.asdict(report), "plots": list(map(str, plots))}
        print(json.dumps(told, indent=2))
    else:
        print_report(data, report, plots)


def print_report(data: TokenData, report: Report, plots: Sequence[Path]) -> None:
    shortest, median, mean, longest = report.document_tokens
    used = report.vocab_size - report.never_used
    batch = report.batch
    rows = [
        ("text", data.label),
        ("tokens", f"{report.tokens:,} ({report.bytes_per_token:.2f} bytes per token)"),
        ("documents", f"{report.documents:,}"),
        ("their length", f"{shortest} to {longest:,} tokens, mean {mean:.0f}, median {median:.0f}"),
        ("vocabulary", f"{used:,} of {report.vocab_size:,} ids occur"),
        ("special tokens", f"{percent(report.special_share, 1)} of all tokens"),
        (
            "empty documents",
            f"{report.repeated_ends:,} (most ends of text in a row: {report.longest_end_run})",
        ),
        ("not UTF-8", f"{count(report.not_utf8, 'document')}"),
        (
            "first batch",
            f"{batch.distinct_rows} of {batch.rows} sequences of {batch.length} tokens differ; "
            f"{percent(batch.repeated_spans, 1)} of its runs of 8 tokens are in several of them; "
            f"two share {percent(batch.shared_vocabulary, 1)} of their different tokens",
        ),
    ]
    frequent = [
        (
            f"{token.id}",
            json.dumps(token.text, ensure_ascii=False),
            f"{token.count:,}",
            percent(token.count, report.tokens),
        )
        for token in report.most_frequent
    ]
    print(f"{table(rows)}\n\nmost frequent tokens\n{table(frequent, indent=2)}\n")
    print(f"first sequence of the first batch\n{for_reader(batch.sample)}\n")
    print(table([("plots" if nth == 0 else "", str(path)) for nth, path in enumerate(plots)]))
