"""Read and write other programs' byte-level BPE files with identical ids, or refuse."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from zoo.authoring import write_atomically
from zoo_builtin.tokenizers.base import FILE_NAME
from zoo_builtin.tokenizers.formats import huggingface, ranks, vocab_merges
from zoo_builtin.tokenizers.formats.reading import Vocabulary
from zoo_builtin.tokenizers.limited import naming

READS = (
    "a tokenizer.json of Hugging Face's tokenizers (byte-level BPE)",
    "a rank file of tiktoken's",
    "GPT-2's vocab.json and merges.txt, or a folder that has them",
)
FORMATS = ("huggingface", "tiktoken", "gpt2")

OURS = re.compile(rb'\s*\{\s*"format"\s*:\s*"zoo-tokenizer-')

RANK_FILE = ".tiktoken"
FIRST_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} 0\r?\n")
LONGEST_LINE = 4096

Reader = Callable[..., Vocabulary]

T = TypeVar("T")


def read(from_vocab: Callable[..., T], path: str | Path, options: Mapping[str, Any]) -> T | None:
    """What is made of the vocabulary in a file or folder; None where we don't know its format.

    Raises:
        ValueError: it is, but it is malformed, needs what isn't supported, or options don't fit.
            Names the file, and its line or key.
    """
    found = recognise(Path(path))
    if found is None:
        return None
    where, name, reader = found
    with naming(where):
        parameters = inspect.signature(reader).parameters.values()
        known = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
        for option in options:
            if option not in known:
                raise ValueError(f"{name} has no option {option!r} (known: {', '.join(known)})")
        file = reader(**options)
        return from_vocab(
            file.vocab,
            file.merges,
            file.special_tokens,
            pattern=file.pattern,
            ignore_merges=file.ignore_merges,
        )


def recognise(path: Path) -> tuple[Path, str, Reader] | None:
    """The file by which a path is read, what that is called, and what reads it."""
    if path.is_dir():
        if (path / FILE_NAME).is_file():
            return recognise(path / FILE_NAME)
        pair = vocab_merges.pair_in(path)
    else:
        pair = vocab_merges.sibling_pair(path)
    if pair is not None:
        return pair[0], "vocab.json", partial(vocab_merges.read, *pair)
    if not path.is_file():
        return None
    start = first_bytes(path)
    if path.suffix == ".json":
        ours = OURS.match(start)
        return None if ours else (path, "tokenizer.json", partial(huggingface.read, path))
    if path.suffix == RANK_FILE or FIRST_LINE.match(start):
        return path, "a rank file", partial(ranks.read, path)
    return None


def first_bytes(path: Path) -> bytes:
    with naming(path), path.open("rb") as file:
        return file.read(LONGEST_LINE)


def export(tokenizer: Vocabulary, path: str | Path, format: str) -> list[Path]:
    """Writes a tokenizer for another program, atomically, and returns the files written.

    ``"huggingface"`` is a tokenizer.json: the file, or a folder to put it in. ``"tiktoken"`` is a
    rank file, without the pattern and the special tokens, which go to whoever reads it.
    ``"gpt2"`` is vocab.json and merges.txt: a folder, or the path of one of the two.

    Raises:
        ValueError: no such format, or one that can't hold what the tokenizer is.
        RuntimeError: it isn't trained.
    """
    if format not in FORMATS:
        raise ValueError(f"no format {format!r} (known: {', '.join(FORMATS)})")
    path = Path(path)
    with naming(path):
        if format == "tiktoken":
            files = {path: ranks.write(tokenizer)}
        elif format == "huggingface":
            file = path if path.suffix == ".json" and not path.is_dir() else path / FILE_NAME
            files = {file: huggingface.write(tokenizer)}
        else:
            pair = None if path.is_dir() else vocab_merges.sibling_pair(path)
            names = pair or (path / "vocab.json", path / "merges.txt")
            files = dict(zip(names, vocab_merges.write(tokenizer), strict=True))
        for file in files:
            if file.is_file() and OURS.match(first_bytes(file)):
                raise ValueError(f"{file.name} there is zoo's own; choose another place")
            if file.is_dir():
                raise ValueError("is a folder")
        for file, data in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, data)
    return list(files)
