"""Learn a vocabulary from files.

Names may be files, folders (for all .txt, .text and .md files below, also .gz) or patterns. Bytes
that are not UTF-8 are kept as bytes.
"""

from __future__ import annotations

import argparse
import inspect
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.arguments import (
    Parser,
    add_plugin_option,
    integer,
    load_plugins,
    new_path,
    path,
)
from zoo.cli.text import count, table
from zoo.console.progress import amount, duration
from zoo.errors import RecipeError, ZooError
from zoo_tokenizers.cli.loading import refusals

if TYPE_CHECKING:
    from zoo.contracts import Corpus
    from zoo.data.text_pieces import TextCount

USAGE = "FILE… --out DIR [options]"
EXAMPLES = """\
examples:
  zoo tokenizer train stories.txt --vocab-size 4096 --out my-tokenizer
  zoo tokenizer train texts/ 'more/*.txt.gz' --vocab-size 32000 --pattern o200k --out my-tokenizer
  zoo tokenizer train code.txt --special-token "<|end|>" --special-token "<|file|>" --out for-code
  zoo tokenizer train stories.txt --name char --set unknown=true --out characters
"""
SEPARATOR = b"<|endoftext|>"
COMPRESSION_SAMPLE = 2_000_000

OPTIONS = (
    "vocab_size",
    "pattern",
    "min_frequency",
    "max_token_bytes",
    "max_train_bytes",
    "tie",
)
"""The tokenizer's options that have a flag of the same name."""


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=path, help="a text file, a folder or a pattern"
    )
    parser.add_argument(
        "-o", "--out", metavar="DIR", type=new_path, required=True, help="where it is saved"
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
    parser.add_argument(
        "--pattern",
        metavar="NAME|REGEX",
        help="how text is cut before merging: a name such as o200k, or an expression (slower)",
    )
    parser.add_argument(
        "--min-frequency", metavar="N", type=integer(1), help="merge no pair rarer than this"
    )
    parser.add_argument(
        "--max-token-bytes", metavar="N", type=integer(1), help="make no longer token"
    )
    parser.add_argument(
        "--max-train-bytes", metavar="N", type=integer(1), help="learn from the first N bytes"
    )
    parser.add_argument(
        "--tie", metavar="RULE", help="which of equally frequent pairs is merged first"
    )
    parser.add_argument(
        "--set",
        metavar="OPTION=VALUE",
        action="append",
        default=[],
        help="any option that `zoo describe tokenizer NAME` lists; may be repeated",
    )
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise ZooError(f"{args.out}: exists already; choose another --out")
    load_plugins(args)

    from zoo.api.make import make
    from zoo.api.tokenizers import save_tokenizer
    from zoo.storage.folders import check_place, whole_folder

    try:
        options = given_options(args)
        tokenizer = make("tokenizer", args.name, **options)
    except RecipeError as error:  # no recipe here: a line for each mistake, and no more
        raise ZooError(str(error)) from None
    corpus: Corpus = make("corpus", "text", files=args.files)
    files = plain_files(tokenizer, corpus)
    check_place(args.out)
    started = time.perf_counter()
    with refusals(corpus.label), noted() as notes:
        if files is None:
            text = train_on_documents(tokenizer, corpus)
        else:
            text = train_on_files(tokenizer, files, options.get("max_train_bytes"))
    seconds = time.perf_counter() - started
    with whole_folder(args.out, replace=True) as unfinished:
        save_tokenizer(tokenizer, args.name, unfinished)
    asked = options.get("vocab_size")
    if isinstance(asked, int) and (tokenizer.vocab_size or 0) < asked and not notes:
        notes.append(f"the text gives {tokenizer.vocab_size:,} ids, not the {asked:,} asked for")
    if corpus.notice:
        notes.append(corpus.notice)
    if text.invalid:
        notes.append(f"{count(text.invalid, 'byte')} of the text are not UTF-8; kept as bytes")
    rows = [
        ("saved", str(args.out)),
        ("vocabulary", f"{tokenizer.vocab_size:,} ids"),
        ("read", f"{amount(text.n_bytes, 'B')} of {corpus.label}"),
        ("time", f"{seconds:.1f} s" if seconds < 60 else duration(seconds)),
        ("compression", compression(tokenizer, corpus)),
        *(("note", note) for note in notes),
    ]
    print(table(rows))


def given_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of the tokenizer that flags name."""
    from zoo.recipe.document import Node, Origin, override

    node = Node({}, Origin("", None, Path.cwd()))
    for text in args.set:
        node = override(node, text)
    options: dict[str, Any] = node.plain()
    flags = {name: getattr(args, name) for name in OPTIONS}
    flags["special_tokens"] = args.special_token
    return {**options, **{name: value for name, value in flags.items() if value is not None}}


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collects what is warned of, to be told with the result."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield notes
    notes += [str(warning.message) for warning in caught]


# ── From files ────────────────────────────────────────────────────────────────────────────────────


def plain_files(tokenizer: Any, corpus: Corpus) -> Sequence[Path] | None:
    """The corpus's files, where the tokenizer can read them itself, which is faster; else None.

    It can't read compressed ones, and it cuts documents at its special tokens only: a separator
    that is none of them would be learnt as text. What is learnt may differ from that of the
    corpus's documents, which lack the line ends around them and are cut when they are long.
    """
    if "files" not in inspect.signature(tokenizer.train).parameters:
        return None
    files: Sequence[Path] | None = getattr(corpus, "files", None)
    if files is None or any(path.suffix.lower() == ".gz" for path in files):
        return None
    if SEPARATOR.decode() in getattr(tokenizer, "special_tokens", ()):
        return files
    return None if any(map(has_separator, files)) else files


def has_separator(path: Path) -> bool:
    from zoo.data.text_pieces import file_chunks

    end = b""
    for chunk in file_chunks(path):
        if SEPARATOR in end + chunk:
            return True
        end = chunk[-len(SEPARATOR) :]
    return False


def train_on_files(tokenizer: Any, files: Sequence[Path], most: int | None) -> TextCount:
    """Trains on whole files, the first ``most`` bytes of them; returns what was read."""
    from zoo.console.progress import track
    from zoo.data.prepare import phases
    from zoo.data.text_pieces import count_text

    total = sum(path.stat().st_size for path in files)
    if most is not None:
        total = min(total, most)
    with track("checking text", total, "B") as advance:
        text = count_text(first_bytes(files, total, advance))
    refuse_empty(text.n_bytes, files)
    with track("training tokenizer", total, "B") as advance, phases() as others:
        reached = 0

        def progress(doing: str, done: int, of: int | None) -> None:
            nonlocal reached
            if doing == "reading":
                advance(done - reached)
                reached = done
            else:
                others(doing, done, of)

        if "progress" in inspect.signature(tokenizer.train).parameters:
            tokenizer.train(files=files, progress=progress)
        else:
            tokenizer.train(files=files)
            advance(total)
    return text


def first_bytes(
    files: Sequence[Path], most: int, advance: Callable[[float], None]
) -> Iterator[bytes]:
    from zoo.data.text_pieces import file_chunks

    left = most
    for chunk in chain.from_iterable(map(file_chunks, files)):
        if left <= 0:
            return
        yield chunk[:left]
        left -= len(chunk)
        advance(len(chunk))


def refuse_empty(n_bytes: int, files: Sequence[Path]) -> None:
    if not n_bytes:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        raise ZooError(f"{files[0]}{more}: no text to learn from")


# ── From documents ────────────────────────────────────────────────────────────────────────────────


class Whole:
    """A corpus that holds nothing back: all of another one's text is for training.

    ``text`` counts what was read of it.
    """

    def __init__(self, corpus: Corpus) -> None:
        from zoo.data.text_pieces import TextCount

        self.corpus = corpus
        self.label = corpus.label
        self.notice = corpus.notice
        self.text = TextCount()

    def documents(self, split: str) -> Iterator[bytes]:
        if split == "train":
            for part in ("train", "valid"):
                for document in self.corpus.documents(part):
                    self.text.add(document)
                    yield document

    def fingerprint(self) -> str:
        return f"whole {self.corpus.fingerprint()}"


def train_on_documents(tokenizer: Any, corpus: Corpus) -> TextCount:
    """Trains on a corpus's documents; returns what was read."""
    from zoo.data.prepare import train_tokenizer

    if next(Whole(corpus).documents("train"), None) is None:
        raise ZooError(f"{corpus.label}: no text to learn from")
    whole = Whole(corpus)
    train_tokenizer(tokenizer, whole)
    return whole.text


def compression(tokenizer: Any, corpus: Corpus) -> str:
    """How many bytes a token stands for, on the beginning of the training text."""
    n_bytes = n_ids = 0
    for document in Whole(corpus).documents("train"):
        n_bytes += len(document)
        n_ids += len(tokenizer.encode(document))
        if n_bytes >= COMPRESSION_SAMPLE:
            break
    if not n_ids:
        return "none: no text beside separators"
    return f"{n_bytes / n_ids:.2f} bytes per token, on {amount(n_bytes, 'B')} of the text"
