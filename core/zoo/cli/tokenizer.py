"""Train a tokenizer on files; turn text into ids and back."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import (
    Command,
    Parser,
    add_commands,
    add_plugin_option,
    existing_file,
    existing_path,
    integer,
    load_plugins,
)
from zoo.cli.text import table
from zoo.errors import ZooError

if TYPE_CHECKING:
    import numpy as np

    from zoo.contracts import Corpus

USAGE = "train | encode | decode …"
EXAMPLES = """\
examples:
  zoo tokenizer train stories.txt --vocab-size 4096 --out my-tokenizer
  zoo tokenizer encode --tokenizer my-tokenizer "Once upon a time"
  zoo tokenizer decode --tokenizer runs/tinystories-1 430 523 257
"""


def add_arguments(parser: Parser) -> None:
    add_commands(
        parser,
        {
            "train": Command(
                "Learn a vocabulary from files.", "FILE… --out DIR [options]", add_train_arguments
            ),
            "encode": Command(
                "Turn text into ids.", "--tokenizer PATH [TEXT] [options]", add_encode_arguments
            ),
            "decode": Command(
                "Turn ids into text.", "--tokenizer PATH [ID…] [options]", add_decode_arguments
            ),
        },
    )


def add_train_arguments(parser: Parser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="a text file, a folder or a pattern"
    )
    parser.add_argument(
        "-o", "--out", metavar="DIR", type=Path, required=True, help="where it is saved"
    )
    parser.add_argument(
        "--name", default="bpe", help="which one of `zoo list tokenizer` (default: bpe)"
    )
    parser.add_argument("--vocab-size", metavar="N", type=integer(1), help="number of token ids")
    parser.add_argument(
        "--special-token",
        metavar="TEXT",
        action="append",
        help="a token never split or merged; the first one ends a document; may be repeated",
    )
    add_plugin_option(parser)
    parser.set_defaults(run=run_train)


def add_encode_arguments(parser: Parser) -> None:
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", help="what to encode (default: standard input)"
    )
    add_tokenizer_option(parser)
    parser.add_argument("--file", metavar="FILE", type=existing_file, help="encode a file")
    parser.add_argument(
        "--special",
        action="store_true",
        help="recognise the special tokens that the text spells",
    )
    parser.add_argument(
        "-o", "--out", metavar="FILE.npy", type=Path, help="save the ids instead of printing them"
    )
    add_plugin_option(parser)
    parser.set_defaults(run=run_encode)


def add_decode_arguments(parser: Parser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="*", type=integer(0), help="a token id")
    add_tokenizer_option(parser)
    parser.add_argument("--file", metavar="FILE.npy", type=existing_file, help="decode saved ids")
    add_plugin_option(parser)
    parser.set_defaults(run=run_decode)


def add_tokenizer_option(parser: Parser) -> None:
    parser.add_argument(
        "--tokenizer",
        metavar="PATH",
        type=existing_path,
        required=True,
        help="a folder that `zoo tokenizer train` wrote, or a run",
    )


# ── train ─────────────────────────────────────────────────────────────────────────────────────────


class Whole:
    """A corpus that holds nothing back: all of another one's text is for training."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.label = corpus.label
        self.notice = corpus.notice

    def documents(self, split: str) -> Iterator[bytes]:
        if split == "train":
            yield from self.corpus.documents("train")
            yield from self.corpus.documents("valid")

    def fingerprint(self) -> str:
        return f"whole {self.corpus.fingerprint()}"


def run_train(args: argparse.Namespace) -> None:
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise ZooError(f"{args.out}: exists already; choose another --out")
    load_plugins(args)

    from zoo.api import make, save_tokenizer
    from zoo.prepare import train_tokenizer

    given = {"vocab_size": args.vocab_size, "special_tokens": args.special_token}
    options = {name: value for name, value in given.items() if value is not None}
    tokenizer = make("tokenizer", args.name, **options)
    corpus = make("corpus", "text", files=args.files)
    train_tokenizer(tokenizer, Whole(corpus))
    save_tokenizer(tokenizer, args.name, args.out)
    print(table([("saved", str(args.out)), ("vocabulary", f"{tokenizer.vocab_size:,} ids")]))


# ── encode ────────────────────────────────────────────────────────────────────────────────────────


def run_encode(args: argparse.Namespace) -> None:
    if args.text is not None and args.file is not None:
        raise ZooError("give either a text or --file, not both")
    if args.out is not None and args.out.suffix != ".npy":
        raise ZooError(f"--out {args.out}: the name must end in .npy")
    load_plugins(args)

    from zoo.api import load_tokenizer

    tokenizer = load_tokenizer(args.tokenizer)
    more = {"allowed_special": True} if args.special else {}
    if not more.keys() <= inspect.signature(tokenizer.encode).parameters.keys():
        raise ZooError(
            f"--special: {type(tokenizer).__name__} recognises no special tokens in text"
        )
    try:
        ids = tokenizer.encode(text_to_encode(args), **more)
    except ValueError as error:
        raise ZooError(str(error)) from None
    if args.out is None:
        print(*ids.tolist())
    else:
        save_ids(args.out, ids)
        print(f"{args.out}: {len(ids):,} ids")


def text_to_encode(args: argparse.Namespace) -> str | bytes:
    if args.file is not None:
        return bytes(args.file.read_bytes())
    return args.text if args.text is not None else sys.stdin.read()


def save_ids(path: Path, ids: np.ndarray) -> None:
    """Saves ids as a .npy file, in the smallest type that holds the largest."""
    import numpy as np

    largest = int(ids.max(initial=0))
    dtype = next(t for t in (np.uint16, np.uint32, np.uint64) if largest <= np.iinfo(t).max)
    np.save(path, ids.astype(dtype), allow_pickle=False)


# ── decode ────────────────────────────────────────────────────────────────────────────────────────


def run_decode(args: argparse.Namespace) -> None:
    if bool(args.ids) == (args.file is not None):
        raise ZooError("give either ids or --file")
    load_plugins(args)

    from zoo.api import load_tokenizer

    tokenizer = load_tokenizer(args.tokenizer)
    ids = args.ids or read_ids(args.file)
    try:
        text = tokenizer.decode_bytes(ids)
    except ValueError as error:
        raise ZooError(str(error)) from None
    if sys.stdout.isatty():
        print(text.decode(errors="replace"))
    else:
        sys.stdout.buffer.write(text)  # exactly what was encoded


def read_ids(path: Path) -> np.ndarray:
    import numpy as np

    try:
        ids: np.ndarray = np.load(path, allow_pickle=False)
    except (ValueError, EOFError):
        raise ZooError(f"{path}: no .npy file of ids") from None
    return ids
