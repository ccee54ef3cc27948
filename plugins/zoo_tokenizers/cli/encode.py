"""Turn text into ids.

Without --out the ids are printed. A file is read in pieces and may be of any size; where the
tokenizer can, it is encoded in several threads.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.cli.arguments import Parser, integer, new_path
from zoo.cli.text import count
from zoo.console.progress import rate
from zoo.console.terminal import on_one_line
from zoo.errors import ZooError
from zoo_tokenizers.cli.loading import (
    add_text_arguments,
    encode_options,
    load,
    refusals,
    refuse_two_texts,
    text_chunks,
)

USAGE = "--tokenizer PATH [TEXT] [options]"
EXAMPLES = """\
examples:
  zoo tokenizer encode --tokenizer my-tokenizer "Once upon a time"
  zoo tokenizer encode --tokenizer my-tokenizer --file stories.txt --out stories.bin
  zoo tokenizer encode --tokenizer my-tokenizer < story.txt > ids.txt

A .bin file holds the bare ids, little-endian: 16 bits each where the vocabulary fits in 65,536,
else 32.
"""


def add_arguments(parser: Parser) -> None:
    add_text_arguments(parser, "encode")
    parser.add_argument(
        "--threads", metavar="N", type=integer(1), help="threads for a file (default: all cores)"
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        type=new_path,
        help="save the ids, as .npy or .bin, instead of printing them",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from zoo.cli.arguments import load_plugins

    refuse_two_texts(args)
    if args.threads is not None and (args.file is None or args.out is None):
        raise ZooError("--threads is for a file that is encoded into another: --file and --out")
    if args.out is not None:
        check_out(args.out)
    load_plugins(args)
    tokenizer = load(args.tokenizer, args)
    more = encode_options(tokenizer, args)
    with refusals(args.file or ""):
        tokenizer.encode(b"")  # so that the speed is that of encoding: a first call may compile
        started = time.perf_counter()
        if args.out is None:
            n_ids, n_bytes = print_ids(tokenizer, args, more)
        else:
            n_ids, n_bytes = save_ids(tokenizer, args, more)
        seconds = time.perf_counter() - started
    if args.file is not None or args.out is not None:
        said = f"{args.out or args.file}: {summary(n_ids, n_bytes, seconds, args.file)}"
        print(on_one_line(said), file=sys.stderr if args.out is None else sys.stdout)


def check_out(path: Path) -> None:
    from zoo.data.shards import SUFFIXES

    if path.suffix not in SUFFIXES:
        raise ZooError(f"--out {path}: the name must end in {' or '.join(SUFFIXES)}")
    if path.is_dir():
        raise ZooError(f"--out {path}: a folder")
    if not path.parent.is_dir():
        raise ZooError(f"--out {path}: no folder {path.parent}")


def summary(n_ids: int, n_bytes: int, seconds: float, file: Path | None) -> str:
    parts = [count(n_ids, "id")]
    if n_ids:
        parts.append(f"{n_bytes / n_ids:.2f} bytes per token")
        if file is not None:
            parts.append(rate(n_bytes, "B", seconds))
    return ", ".join(parts)


class Counted:
    """Chunks on their way through, their bytes counted."""

    def __init__(self, chunks: Iterator[bytes], advance: Callable[[float], None]) -> None:
        self.chunks = chunks
        self.advance = advance
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            yield chunk
            self.bytes += len(chunk)
            self.advance(len(chunk))


def print_ids(tokenizer: Any, args: argparse.Namespace, more: dict[str, Any]) -> tuple[int, int]:
    from zoo_tokenizers.id_streams import id_batches

    n_ids = 0
    with counted(args) as chunks:
        for ids in id_batches(tokenizer, chunks, **more):
            if len(ids):
                print(" " if n_ids else "", " ".join(map(str, ids.tolist())), sep="", end="")
                n_ids += len(ids)
    print()
    return n_ids, chunks.bytes


def save_ids(tokenizer: Any, args: argparse.Namespace, more: dict[str, Any]) -> tuple[int, int]:
    from zoo.data.shards import write_ids
    from zoo_tokenizers.id_streams import id_batches, takes

    encode_file = getattr(tokenizer, "encode_file", None)
    if args.file is not None and callable(encode_file):
        options = dict(more)
        if args.threads is not None:
            options["threads"] = args.threads
        if not takes(encode_file, *options):
            raise ZooError(f"--threads: {type(tokenizer).__name__} encodes files in one thread")
        with file_progress(args.file) as progress:
            if takes(encode_file, "progress"):
                options["progress"] = progress
            return encode_file(args.file, args.out, **options), args.file.stat().st_size
    with counted(args) as chunks:
        n_ids = write_ids(args.out, id_batches(tokenizer, chunks, **more), tokenizer.vocab_size)
    return n_ids, chunks.bytes


@contextmanager
def counted(args: argparse.Namespace) -> Iterator[Counted]:
    """The text of the arguments, with a bar if it is a file."""
    from zoo.console.progress import track

    if args.file is None:
        yield Counted(text_chunks(args), lambda n: None)
        return
    with track("encoding", args.file.stat().st_size, "B") as advance:
        yield Counted(text_chunks(args), advance)


@contextmanager
def file_progress(path: Path) -> Iterator[Callable[[str, int, int | None], None]]:
    """Yields ``progress(doing, done, total)``, in bytes of a file."""
    from zoo.console.progress import track

    reached = 0
    with track("encoding", path.stat().st_size, "B") as advance:

        def progress(doing: str, done: int, total: int | None) -> None:
            nonlocal reached
            advance(done - reached)
            reached = done

        yield progress
