"""Turn ids into text.

What comes out is byte for byte what the ids stand for; only on a terminal, bytes that are not
UTF-8 are replaced, and control characters written as escapes.
"""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Iterator
from typing import Any

from zoo.cli.arguments import Parser, existing_file, integer, load_plugins
from zoo.console.terminal import harmless
from zoo.errors import ZooError
from zoo_tokenizers.cli.loading import add_tokenizer_option, load, refusals

USAGE = "--tokenizer PATH [ID…] [options]"
EXAMPLES = """\
examples:
  zoo tokenizer decode --tokenizer runs/tinystories-1 430 523 257
  zoo tokenizer decode --tokenizer my-tokenizer --file stories.bin > stories.txt

A .bin file is read as 16 bits an id where the vocabulary fits in 65,536, else as 32.
"""
BATCH = 1 << 18


def add_arguments(parser: Parser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="*", type=integer(0), help="a token id")
    add_tokenizer_option(parser)
    parser.add_argument(
        "--file", metavar="FILE", type=existing_file, help="decode saved ids (.npy or .bin)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    if bool(args.ids) == (args.file is not None):
        raise ZooError("give either ids or --file")
    load_plugins(args)
    tokenizer = load(args.tokenizer, args)
    with refusals(args.file or ""):
        if sys.stdout.isatty():
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            for text in texts(tokenizer, args):
                print(harmless(decoder.decode(text)), end="")
            print(decoder.decode(b"", final=True))
        else:
            for text in texts(tokenizer, args):
                sys.stdout.buffer.write(text)


def texts(tokenizer: Any, args: argparse.Namespace) -> Iterator[bytes]:
    """The bytes that the ids stand for, in pieces."""
    if args.file is None:
        yield tokenizer.decode_bytes(args.ids)
        return

    from zoo.data.shards import read_ids

    ids = read_ids(args.file, tokenizer.vocab_size)
    for start in range(0, len(ids), BATCH):
        yield tokenizer.decode_bytes(ids[start : start + BATCH])
