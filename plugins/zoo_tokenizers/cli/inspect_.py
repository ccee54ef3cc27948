"""Look at a vocabulary, and at how it fares on a text.

--on reads a sample of a long file, spread evenly over it; --all reads it whole, piece by piece.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.arguments import Parser, load_plugins
from zoo.cli.text import count, percent, table
from zoo.console.progress import amount
from zoo.errors import ZooError
from zoo_tokenizers.cli.loading import (
    PATH_HELP,
    add_loading_options,
    load,
    refusals,
    text_file,
    tokenizer_path,
)
from zoo_tokenizers.cli.spelling import unescaped, visible

if TYPE_CHECKING:
    from zoo.data.text_pieces import Sample
    from zoo_tokenizers.merge_tree import MergeTree
    from zoo_tokenizers.report import Token, UsageReport, VocabularyReport

USAGE = "PATH [options]"
EXAMPLES = """\
examples:
  zoo tokenizer inspect my-tokenizer
  zoo tokenizer inspect my-tokenizer --on stories.txt
  zoo tokenizer inspect my-tokenizer --token " the"
  zoo tokenizer inspect tiktoken:gpt2 --token 262 --json
"""
SAMPLE = 64 << 20
SHOWN = 10
WIDEST = 60  # characters of a token in a list


def add_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", type=tokenizer_path, help=PATH_HELP)
    add_on_options(parser, required=False)
    parser.add_argument(
        "--token",
        metavar="ID|TEXT",
        help="show the merges that made this token; the text may have escapes such as \\n or \\xe2",
    )
    parser.add_argument("--json", action="store_true", help="for a program to read")
    add_loading_options(parser)
    parser.set_defaults(run=run)


def add_on_options(parser: Parser, required: bool) -> None:
    parser.add_argument(
        "--on", metavar="FILE", type=text_file, required=required, help="the text to encode"
    )
    parser.add_argument(
        "--all", action="store_true", help=f"read all of a file of more than {SAMPLE >> 20} MiB"
    )


def run(args: argparse.Namespace) -> None:
    if args.all and args.on is None:
        raise ZooError("--all says how much of a file is read; name the file with --on")
    load_plugins(args)

    from zoo_tokenizers.report import inspect_usage, inspect_vocabulary

    tokenizer = load(args.path, args)
    result: dict[str, Any] = {"path": args.path}
    parts = []
    if args.token is None or args.on is not None:
        vocabulary = inspect_vocabulary(tokenizer)
        result["vocabulary"] = dataclasses.asdict(vocabulary)
        parts.append(vocabulary_text(vocabulary))
    if args.on is not None:
        sample = sample_of(args.on, args.all)
        with refusals(args.on):
            usage = inspect_usage(tokenizer, watched(sample, "encoding"))
        result["on"] = {**about(sample), **dataclasses.asdict(usage)}
        parts.append(usage_text(usage, sample))
    if args.token is not None:
        result["token"], text = token_report(tokenizer, args.token)
        parts.append(text)
    print(json.dumps(result, indent=2) if args.json else "\n\n".join(parts))


# ── The text ──────────────────────────────────────────────────────────────────────────────────────


def sample_of(path: Path, everything: bool) -> Sample:
    from zoo.data.text_pieces import Sample

    sample = Sample(path, None if everything else SAMPLE)
    if not sample.size:
        raise ZooError(f"{path}: no text in it")
    return sample


def watched(sample: Sample, label: str) -> Iterator[bytes]:
    """The pieces of a sample, with a bar."""
    from zoo.console.progress import track

    with track(label, sample.expected, "B") as advance:
        for piece in sample:
            yield piece
            advance(len(piece))


def about(sample: Sample) -> dict[str, Any]:
    return {"file": str(sample.path), "file_bytes": sample.size, "whole_file": sample.whole}


def read(sample: Sample, n_bytes: int) -> str:
    """How much of which file was read."""
    if sample.whole:
        return f"{sample.path} ({amount(n_bytes, 'B')})"
    part = f"{amount(n_bytes, 'B')} of {amount(sample.size, 'B')}"
    return f"{sample.path} ({part}, evenly spread; --all reads it whole)"


# ── What is printed ───────────────────────────────────────────────────────────────────────────────


def vocabulary_text(report: VocabularyReport) -> str:
    ordinary = report.whole_characters + report.parts_of_characters
    names = [f"{visible(text.encode())} ({n})" for text, n in report.special_tokens.items()]
    more = [f"and {len(names) - SHOWN:,} more"] if len(names) > SHOWN else []
    contents = ", ".join(f"{name} {n:,}" for name, n in report.contents.items())
    rows = [
        ("tokenizer", report.tokenizer),
        ("vocabulary", f"{count(report.vocab_size, 'id')}, {len(names):,} of them special"),
        ("special tokens", ", ".join([*names[:SHOWN], *more]) or "none"),
        (
            "coverage",
            f"{report.whole_characters:,} of {ordinary:,} ordinary tokens are whole characters, "
            f"{report.parts_of_characters:,} are parts of some",
        ),
        ("contents", contents or "none"),
        ("mean length", f"{report.mean_bytes:.2f} bytes"),
    ]
    if report.merges is not None:
        rows.insert(1, ("merges", f"{report.merges:,}"))
    if report.pattern is not None:
        rows.insert(1, ("pattern", report.pattern))
    listed = [(str(t.id), cut(visible(t.raw)), f"{len(t.raw):,} bytes") for t in report.longest]
    return f"{table(rows)}\n\nlongest tokens\n{table(listed[:SHOWN], indent=2)}"


def usage_text(report: UsageReport, sample: Sample) -> str:
    known = report.used + report.never_used
    rows = [
        ("on", read(sample, report.bytes)),
        ("tokens", f"{report.tokens:,}"),
        (
            "compression",
            f"{report.bytes_per_token:.3f} bytes per token, "
            f"{report.characters_per_token:.3f} characters per token",
        ),
        ("used", f"{report.used:,} of {known:,} tokens ({percent(report.used, known)})"),
        ("never used", f"{report.never_used:,}{examples(report.examples_never_used)}"),
    ]
    if report.invalid_bytes:
        rows.append(("no UTF-8", count(report.invalid_bytes, "byte")))
    frequent = [
        (str(t.id), cut(visible(t.raw)), f"{t.count:,}", percent(t.count, report.tokens))
        for t in report.most_frequent[:SHOWN]
    ]
    return f"{table(rows)}\n\nmost frequent tokens\n{table(frequent, indent=2)}"


def examples(tokens: Sequence[Token]) -> str:
    if not tokens:
        return ""
    return ", such as " + " ".join(cut(visible(token.raw)) for token in tokens[:SHOWN])


def cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


# ── A single token ────────────────────────────────────────────────────────────────────────────────


def token_report(tokenizer: Any, asked: str) -> tuple[dict[str, Any], str]:
    """What there is to know of one token, for a program and for people."""
    from zoo_tokenizers.merge_tree import merge_ranks, merge_tree, ordinary_ids, steps, tree_lines
    from zoo_tokenizers.report import nth_token, special_tokens, token_table

    tokens, special = token_table(tokenizer), special_tokens(tokenizer)
    ids = ordinary_ids(tokenizer)
    number = find_token(tokenizer, asked, tokens, ids, special)
    raw = tokens[number]
    found: dict[str, Any] = dataclasses.asdict(nth_token(tokens, number))
    found |= {"special": number in special.values(), "merges": None, "reached": None}
    title = f"token {number}: {visible(raw)} ({count(len(raw), 'byte')})"
    rank = merge_ranks(tokenizer)
    if found["special"]:
        return found, f"{title}, special: made by no merges"
    if rank is None:
        return found, f"{title}\n{found_kind(tokenizer)} has no merges"

    def label(node: MergeTree) -> str:
        known = f"  {ids[node.token]}" if node.token in ids else ""
        made = f", merge {node.rank}" if tokenizer.merges is not None and node.parts else ""
        return f"{visible(node.token)}{known}{made}"

    trees = merge_tree(raw, rank)
    found["reached"] = len(trees) == 1
    found["merges"] = [
        {"rank": step.rank, "left": step.parts[0].token.hex(), "right": step.parts[1].token.hex()}
        for tree in trees
        for step in steps(tree)
        if step.parts
    ]
    note = "" if len(trees) == 1 else f"\nno merges reach it; they stop at {len(trees)} tokens:"
    drawn = [line for tree in trees for line in tree_lines(tree, label)]
    return found, f"{title}{note}\n" + "\n".join(drawn)


def find_token(
    tokenizer: Any,
    asked: str,
    tokens: Sequence[bytes],
    ids: Any,
    special: dict[str, int],
) -> int:
    """The id that is meant: a number is an id, everything else is text.

    Raises:
        ZooError: no such token.
    """
    if asked.isascii() and asked.isdigit():
        if int(asked) < len(tokens) and tokens[int(asked)]:
            return int(asked)
        raise ZooError(f"no token has the id {asked}: ids go from 0 to {len(tokens) - 1}")
    if asked in special:
        return special[asked]
    for text in (asked.encode("utf-8", "surrogateescape"), unescaped(asked)):
        if text in ids:
            return int(ids[text])
    with refusals(f"--token {asked}"):
        made = [visible(tokens[n]) for n in tokenizer.encode(text).tolist()]
    raise ZooError(f"{visible(text)} is no token: it is encoded as {'|'.join(made) or 'nothing'}")


def found_kind(tokenizer: Any) -> str:
    return f"the tokenizer {getattr(tokenizer, 'kind', type(tokenizer).__name__)!r}"
