"""Show how a text is cut into tokens.

On a terminal each token has a background of its own; elsewhere, and where NO_COLOR is set, "|"
stands between tokens. A space is written ·, a line end ⏎, other invisible characters by their
number, and bytes that are no whole character in hexadecimal. Special tokens stand in ⟦ ⟧.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from zoo.cli.arguments import Parser, load_plugins
from zoo_tokenizers.cli.loading import (
    add_text_arguments,
    encode_options,
    load,
    refusals,
    refuse_two_texts,
    text_chunks,
)
from zoo_tokenizers.cli.spelling import visible

if TYPE_CHECKING:
    from rich.text import Text

USAGE = "--tokenizer PATH [TEXT] [options]"
EXAMPLES = """\
examples:
  zoo tokenizer show --tokenizer my-tokenizer "Once upon a time"
  zoo tokenizer show --tokenizer tiktoken:gpt2 --ids "Once upon a time"
  head -n 20 stories.txt | zoo tokenizer show --tokenizer runs/tinystories-1
"""

PASTEL = ("#a8d5e5", "#f3c1c6", "#c3e5ae", "#f6dd9c", "#d5c4ee")
BASIC = ("cyan", "yellow", "green", "magenta", "white")  # for terminals of few colours
SPECIAL = "bold white on red"


def add_arguments(parser: Parser) -> None:
    add_text_arguments(parser, "show")
    parser.add_argument("--ids", action="store_true", help="write each token's id after it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    refuse_two_texts(args)
    load_plugins(args)
    tokenizer = load(args.tokenizer, args)
    more = encode_options(tokenizer, args)
    with refusals(args.file or ""):
        for line in lines(tokens(tokenizer, text_chunks(args), more)):
            write(line, with_ids=args.ids)


Shown = tuple[int, str, bool]
"""A token's id, how it is written, and whether it is special."""


def tokens(tokenizer: Any, chunks: Iterable[bytes], more: dict[str, Any]) -> Iterator[Shown]:
    from zoo_tokenizers.id_streams import id_batches
    from zoo_tokenizers.report import special_tokens

    special = set(special_tokens(tokenizer).values()) if more else set()
    spelled: dict[int, str] = {}
    for number in chain.from_iterable(
        ids.tolist() for ids in id_batches(tokenizer, chunks, **more)
    ):
        if number not in spelled:
            spelled[number] = visible(tokenizer.decode_bytes([number]))
        yield number, spelled[number], number in special


def lines(shown: Iterable[Shown]) -> Iterator[list[Shown]]:
    """Tokens line by line, as the text they stand for has them."""
    line: list[Shown] = []
    for token in shown:
        line.append(token)
        if token[1].endswith("⏎"):
            yield line
            line = []
    if line:
        yield line


def write(line: list[Shown], with_ids: bool) -> None:
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")) or os.environ.get("NO_COLOR"):
        print(plain(line, with_ids))
        return

    from rich.console import Console

    console = Console(highlight=False)
    if console.color_system is None:  # as on a terminal called dumb
        print(plain(line, with_ids))
        return
    colours = BASIC if console.color_system in ("standard", "windows") else PASTEL
    console.print(coloured(line, with_ids, colours), soft_wrap=True)


def plain(line: list[Shown], with_ids: bool) -> str:
    """
    >>> plain([(5, "the", False), (6, "·cat", False), (0, "<|end|>", True)], with_ids=True)
    'the(5)|·cat(6)|⟦<|end|>⟧(0)'
    """
    return "|".join(
        (f"⟦{text}⟧" if special else text) + (f"({number})" if with_ids else "")
        for number, text, special in line
    )


def coloured(line: list[Shown], with_ids: bool, colours: Sequence[str]) -> Text:
    from rich.text import Text

    text = Text()
    for nth, (number, spelled, special) in enumerate(line):
        style = SPECIAL if special else f"black on {colours[nth % len(colours)]}"
        text.append(spelled, style)
        if with_ids:
            text.append(f" {number} ", f"{style} dim" if special else f"dim {style}")
    return text
