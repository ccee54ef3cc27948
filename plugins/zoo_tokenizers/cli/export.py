"""Write a tokenizer in another program's format.

huggingface is the tokenizer.json of the package `tokenizers`, tiktoken a file of tokens and their
ranks, gpt2 a vocab.json with its merges.txt.
"""

from __future__ import annotations

import argparse
from shlex import quote
from typing import Any

from zoo.cli.arguments import Parser, load_plugins, new_path
from zoo.console.terminal import on_one_line
from zoo.errors import ZooError
from zoo_tokenizers.cli.loading import (
    PATH_HELP,
    add_loading_options,
    load,
    refusals,
    tokenizer_path,
)

USAGE = "PATH --format FORMAT --out OUT"
EXAMPLES = """\
examples:
  zoo tokenizer export my-tokenizer --format huggingface --out tokenizer.json
  zoo tokenizer export my-tokenizer --format tiktoken --out my.tiktoken
  zoo tokenizer export my-tokenizer --format gpt2 --out my-gpt2
"""
FORMATS = ("huggingface", "tiktoken", "gpt2")


def add_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", type=tokenizer_path, help=PATH_HELP)
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        choices=FORMATS,
        required=True,
        help=f"one of {', '.join(FORMATS)}",
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        type=new_path,
        required=True,
        help="the file, or for gpt2 the folder, that is written",
    )
    add_loading_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    if args.format == "gpt2" and args.out.suffix in (".json", ".txt"):
        raise ZooError(f"--out {args.out}: for gpt2 name a folder; it has two files")
    if args.out.is_dir() and any(args.out.iterdir()):
        raise ZooError(f"{args.out}: a folder that isn't empty; choose another --out")
    if args.out.is_file():
        raise ZooError(f"{args.out}: exists already; choose another --out")
    load_plugins(args)

    from zoo.storage.folders import whole_folder

    tokenizer = load(args.path, args)
    export = getattr(tokenizer, "export", None)
    if not callable(export):
        raise ZooError(f"{args.path}: {type(tokenizer).__name__} can't be exported")
    with refusals(args.path):
        if args.format == "gpt2":
            with whole_folder(args.out, replace=True) as folder:
                try:
                    export(folder, args.format)
                except ValueError as error:  # says it of a name that nobody gave
                    raise ValueError(str(error).replace(str(folder), str(args.out))) from None
        else:
            export(args.out, args.format)
    told = f"{args.out}: {tokenizer.vocab_size:,} ids, as {args.format} reads them"
    print(on_one_line(told))
    if args.format == "tiktoken":
        print(f"to read it, say what it doesn't hold: {' '.join(map(quote, left_out(tokenizer)))}")


def left_out(tokenizer: Any) -> list[str]:
    """The flags by which a rank file is read as the tokenizer that it was made of."""
    flags = ["--pattern", tokenizer.pattern]
    for name, number in tokenizer.special_tokens.items():
        flags += ["--special-token", f"{name}={number}"]
    return flags
