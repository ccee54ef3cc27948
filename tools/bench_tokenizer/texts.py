"""What is read: files given or made, documents, a corpus of any size, nasty inputs."""

from __future__ import annotations

import multiprocessing
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .measure import cores, say

DOCUMENT_BYTES = 65_536
MADE_BYTES = 16_000_000
STORY_BYTES = 8_000_000
SUFFIXES = {".py", ".pyi", ".md", ".rst", ".txt", ".h", ".hpp", ".cpp", ".c", ".html", ".js"}


@dataclass(frozen=True)
class Documents:
    """A text in documents, and the file it is from."""

    texts: list[str]
    path: Path

    @cached_property
    def encoded(self) -> list[bytes]:
        return [text.encode() for text in self.texts]

    @cached_property
    def n_bytes(self) -> int:
        return sum(map(len, self.encoded))

    def share(self, one_in: int) -> Documents:
        """One of so many documents, if that leaves enough to measure."""
        few = Documents(self.texts[::one_in], self.path)
        return few if one_in > 1 and few.n_bytes >= 2_000_000 else self


def documents(path: Path, size: int = DOCUMENT_BYTES) -> Documents:
    """The file in pieces of at most ``size`` bytes, cut between characters."""
    data = path.read_bytes()
    texts, start = [], 0
    while start < len(data):
        end = min(start + size, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        texts.append(data[start:end].decode())
        start = end
    return Documents(texts, path)


def given_or_made(given: dict[str, Path], max_bytes: int | None, folder: Path) -> dict[str, Path]:
    """The files to read, by name: the given ones, or stories and Python code; cut where asked."""
    if not given:
        size = min(MADE_BYTES, max_bytes or MADE_BYTES)
        made = {"stories": stories(0, size), "code": code(size)}
        return {name: saved(folder / f"{name}.txt", text) for name, text in made.items()}
    return {name: shortened(path, max_bytes, folder) for name, path in given.items()}


def shortened(path: Path, max_bytes: int | None, folder: Path) -> Path:
    """The file if it is short enough, else a copy of its beginning. Exits if it isn't UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(-1 if max_bytes is None else max_bytes + 1)
        if max_bytes is None or len(data) <= max_bytes:
            data.decode()
            return path
        return saved(folder / path.name, data[:max_bytes].decode(errors="ignore").encode())
    except OSError as error:
        raise SystemExit(f"--text {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SystemExit(f"--text {path}: not UTF-8, which the peers need: {error}") from None


def saved(path: Path, text: bytes) -> Path:
    path.write_bytes(text)
    return path


def stories(seed: int, n_bytes: int = STORY_BYTES) -> bytes:
    from zoo_stories import StoriesCorpus

    told = StoriesCorpus(seed=seed, max_bytes=n_bytes).documents("train")
    return (b"\n\n".join(told) + b"\n\n")[:n_bytes]  # the stories are ASCII


def code(n_bytes: int) -> bytes:
    """The beginning of the sources of Python's standard library, in an order without order."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = [path for path in sorted(root.rglob("*.py")) if "site-packages" not in path.parts]
    random.Random(0).shuffle(paths)
    made, size = [], 0
    for path in paths:
        if size >= n_bytes:
            break
        if text := utf8(path):
            made.append(text)
            size += len(text)
    return b"".join(made)[:n_bytes].decode(errors="ignore").encode()


def utf8(path: Path) -> bytes | None:
    """The text of a file, if it is one."""
    try:
        text = path.read_bytes()
        text.decode()
    except (OSError, UnicodeDecodeError):
        return None
    return text + b"\n"


def different(given: list[Path], n_bytes: int) -> Iterator[tuple[str, bytes]]:
    """About ``n_bytes`` of text, and where it is from: given files, sources, then stories."""
    left = n_bytes
    for path in given:
        with path.open("rb") as file:
            while left > 0 and (block := file.read(1 << 22)):
                left -= len(block)
                yield "given files", block
    roots = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")}
    for path in sorted({path for root in roots for path in root.rglob("*")}):
        if left <= 0:
            return
        if path.suffix in SUFFIXES and path.is_file() and (text := utf8(path)):
            left -= len(text)
            yield "installed sources", text
    seeds = range(1, 1 + -(-left // STORY_BYTES))
    # Spawned: a process that has compiled code and threads of its own must not be forked.
    with multiprocessing.get_context("spawn").Pool(cores()) as pool:
        # A few at a time, so that nobody tells stories ahead while something is measured.
        for start in range(0, len(seeds), cores()):
            say(
                f"memory: {start * STORY_BYTES / 1e6:.0f} MB of stories told, {left / 1e6:.0f} left"
            )
            for text in pool.map(stories, seeds[start : start + cores()]):
                left -= len(text)
                yield "generated stories", text


class Corpus:
    """A file that grows: each size begins with the smaller one."""

    def __init__(self, path: Path, given: list[Path], max_bytes: int) -> None:
        self.path = path
        self.size = 0
        self.sources: dict[str, int] = {}
        self._blocks = different(given, max_bytes)
        self._rest = ("", b"")
        path.write_bytes(b"")

    def grow(self, size: int) -> None:
        with self.path.open("ab") as file:
            while self.size < size:
                source, block = self._rest if self._rest[1] else next(self._blocks, ("", b""))
                if not block:
                    break
                part, rest = block[: size - self.size], block[size - self.size :]
                self._rest = (source, rest)
                file.write(part)
                self.size += len(part)
                self.sources[source] = self.sources.get(source, 0) + len(part)

    def told(self) -> str:
        return ", ".join(f"{size / 1e6:.0f} MB {source}" for source, size in self.sources.items())


def worst(n_bytes: int, ordinary: str) -> dict[str, str | bytes]:
    """Inputs of ``n_bytes`` that are hard on one part of a tokenizer or another."""
    draw = random.Random(0)

    def filled(pattern: str) -> str:
        return (
            (pattern * (n_bytes // len(pattern.encode()) + 1))
            .encode()[:n_bytes]
            .decode(errors="ignore")
        )

    def drawn(letters: str) -> str:
        return filled("".join(draw.choices(letters, k=n_bytes // len(letters[0].encode()) + 1)))

    return {
        "ordinary text": filled(ordinary),
        "a": filled("a"),
        "spaces": filled(" "),
        "newlines": filled("\n"),
        "tabs and spaces, mixed": drawn(" \t"),
        "'": filled("'"),
        "digits": drawn("0123456789"),
        "random letters": drawn("abcdefghijklmnopqrstuvwxyz"),
        "a and b, mixed": drawn("ab"),
        "random signs": drawn("!#$%&()*+,-./:;<=>?@[]^_{|}~"),
        "combining marks": filled("\u0301"),
        "a and combining marks": filled("a\u0301\u0302\u0303"),
        "random Chinese": drawn("".join(map(chr, range(0x4E00, 0x9FA6)))),
        "emoji and joiners": filled("\U0001f469\u200d\U0001f52c"),
        "words without spaces": filled("".join(ordinary.split())),
        "words in one line": filled(" ".join(ordinary.split()) + " "),
        "random bytes": draw.randbytes(n_bytes),
    }
