"""Shared by the commands: load the tokenizer and the text, with errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.cli.arguments import Parser, add_plugin_option, existing_file, existing_path
from zoo.errors import ZooError

TIKTOKEN = "tiktoken:"
PATH_HELP = (
    "a folder that `zoo tokenizer train` wrote, a run, a file of another program "
    "(tokenizer.json, vocab.json, a rank file), or tiktoken:NAME"
)
BLOCK = 1 << 20


def add_tokenizer_option(parser: Parser) -> None:
    parser.add_argument(
        "--tokenizer", metavar="PATH", type=tokenizer_path, required=True, help=PATH_HELP
    )
    add_loading_options(parser)


def add_loading_options(parser: Parser) -> None:
    parser.add_argument(
        "--pattern",
        metavar="NAME|REGEX",
        help="how text is cut before merging, for a rank file, which doesn't say",
    )
    parser.add_argument(
        "--special-token",
        metavar="TEXT[=ID]",
        action="append",
        type=special_token,
        help="a special token of a file that doesn't name them; may be repeated",
    )
    add_plugin_option(parser)


def add_text_arguments(parser: Parser, doing: str) -> None:
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", help=f"what to {doing} (default: standard input)"
    )
    add_tokenizer_option(parser)
    parser.add_argument("--file", metavar="FILE", type=existing_file, help=f"{doing} a file")
    parser.add_argument(
        "--special",
        action="store_true",
        help="recognise the special tokens that the text spells",
    )


def tokenizer_path(text: str) -> str:
    """The type of an argument that names a tokenizer."""
    return text if text.startswith(TIKTOKEN) else str(existing_path(text))


def load(path: str, args: argparse.Namespace) -> Any:
    """The tokenizer that a path, or ``tiktoken:NAME``, stands for, read as the arguments say.

    Raises:
        ZooError: there is none, or it can't be read.
    """
    return load_with(path, loading_options(args))


def loading_options(args: argparse.Namespace) -> dict[str, Any]:
    given = {"pattern": args.pattern, "special_tokens": special_tokens(args.special_token)}
    return {name: value for name, value in given.items() if value is not None}


def special_token(text: str) -> tuple[str, int | None]:
    """The type of an argument that names a special token, maybe with its id."""
    name, equals, number = text.rpartition("=")
    if equals and number.isascii() and number.isdigit():
        return name, int(number)
    return text, None


def special_tokens(
    given: Sequence[tuple[str, int | None]] | None,
) -> list[str] | dict[str, int] | None:
    """Names alone, or names with their ids.

    Raises:
        ZooError: some have an id and some have none.
    """
    if given is None:
        return None
    ids = {name: number for name, number in given if number is not None}
    if not ids:
        return [name for name, _ in given]
    for name, number in given:
        if number is None:
            raise ZooError(f"--special-token {name}: write its id, as for the others: {name}=ID")
    return ids


def load_with(path: str, options: Mapping[str, Any]) -> Any:
    if path.startswith(TIKTOKEN):
        from zoo_tokenizers.tiktoken_encoding import load_tiktoken

        if options:
            raise ZooError(f"{path}: this tokenizer is complete and takes no {', '.join(options)}")
        return load_tiktoken(path.removeprefix(TIKTOKEN))

    from zoo.api.tokenizers import load_tokenizer

    return load_tokenizer(path, **options)


@contextmanager
def refusals(label: object = "") -> Iterator[None]:
    """What a tokenizer refuses is the user's mistake: one line, and no traceback."""
    try:
        yield
    except ValueError as error:
        raise ZooError(f"{label}: {error}" if label else str(error)) from None


def encode_options(tokenizer: Any, args: argparse.Namespace) -> dict[str, Any]:
    """What ``--special`` means for ``encode``.

    Raises:
        ZooError: this tokenizer doesn't know how to.
    """
    from zoo_tokenizers.id_streams import takes

    if not args.special:
        return {}
    if not takes(tokenizer.encode, "allowed_special"):
        name = type(tokenizer).__name__
        raise ZooError(f"--special: {name} recognises no special tokens in text")
    return {"allowed_special": True}


def text_chunks(args: argparse.Namespace) -> Iterator[bytes]:
    """The text that the arguments name, as UTF-8, in chunks."""
    if args.text is not None:
        yield args.text.encode("utf-8", "surrogateescape")
    elif args.file is not None:
        from zoo.data.text_pieces import file_chunks

        yield from file_chunks(args.file)
    elif (binary := getattr(sys.stdin, "buffer", None)) is not None:
        from zoo.storage.text_formats import text_only

        yield from text_only(iter(lambda: binary.read(BLOCK), b""), Path("standard input"))
    else:
        yield sys.stdin.read().encode("utf-8", "replace")


def refuse_two_texts(args: argparse.Namespace) -> None:
    if args.text is not None and args.file is not None:
        raise ZooError("give either a text or --file, not both")


def text_file(text: str) -> Path:
    """The type of an argument that names a file of plain text."""
    path = existing_file(text)
    if path.suffix.lower() == ".gz":
        raise argparse.ArgumentTypeError(f"{text}: compressed; unpack it first")
    return path
