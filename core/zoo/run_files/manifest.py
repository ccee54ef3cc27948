"""A checkpoint's manifest: sizes and hashes, verified on every read.

What isn't in the manifest isn't there; links, pipes and devices are no files of a checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from zoo.contracts.run_folder import MANIFEST, MODEL, OPTIMIZER, RECIPE, STATE, TOKENIZER
from zoo.errors import ZooError
from zoo.storage.paths import open_regular

FORMAT = 1

LARGEST_TEXT = 1 << 24  # bytes of a manifest or a state; a forged one shall not fill the memory
LARGEST_RECIPE = 1 << 20
LARGEST_TOKENIZER = 1 << 28  # bytes of all its files
MOST_FILES = 1000
BLOCK = 1 << 20


class Stated(NamedTuple):
    """What a manifest says of a file."""

    size: int
    sha256: str


class Manifest(NamedTuple):
    """A manifest, and the SHA-256 of its own bytes."""

    step: int
    files: dict[str, Stated]
    digest: str


def step_of(folder: Path) -> int | None:
    """The step in a checkpoint's name; None for what isn't named as one."""
    match = re.fullmatch(r"step-([0-9]+)", folder.name)
    return int(match[1]) if match else None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a checkpoint.

    Raises:
        ZooError: there is none, or it is malformed, or lists what it may not, or lacks a file.
    """
    path = folder / MANIFEST
    try:
        with open_regular(path, follow_links=False) as file:
            data = file.read(LARGEST_TEXT + 1)
        if len(data) > LARGEST_TEXT:
            raise ValueError("too large")
        manifest = json.loads(data)
        version, step, listed = manifest["format"], manifest["step"], manifest["files"]
        files = {name: Stated(about["size"], about["sha256"]) for name, about in listed.items()}
    except FileNotFoundError:
        raise ZooError(f"{path}: missing, so {folder} is no complete checkpoint") from None
    except PermissionError:  # no damage: it goes up as it is, and nothing is set aside
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ZooError(f"{path}: not a checkpoint's manifest: {error}") from error
    if version != FORMAT:
        raise ZooError(
            f"{path}: checkpoint format {version!r:.40}; this zoo reads format {FORMAT}: "
            "use the version of zoo that wrote it"
        )
    if type(step) is not int or step < 0 or step_of(folder) not in (None, step):
        raise ZooError(f"{path}: damaged: of step {step!r:.40}, in {folder.name}")
    if len(files) > MOST_FILES:
        raise ZooError(f"{path}: lists {len(files):,} files, which can't be")
    for name in (MODEL, OPTIMIZER, STATE, RECIPE, *files):
        if name not in files:
            raise ZooError(f"{path}: does not list {name}")
        if outside(name):
            raise ZooError(f"{path}: lists {name!r:.200}, which lies outside the checkpoint")
        if type(files[name].size) is not int or type(files[name].sha256) is not str:
            raise ZooError(f"{path}: damaged: no size and SHA-256 of {name!r:.200}")
    refuse_large(path, files)
    return Manifest(step, files, hashlib.sha256(data).hexdigest())


def refuse_large(path: Path, files: dict[str, Stated]) -> None:
    """Raises ZooError for what is to be held in memory and larger than zoo ever wrote it."""
    of_tokenizer = sum(files[name].size for name in files if is_of_tokenizer(name))
    for name, size, most in (
        (STATE, files[STATE].size, LARGEST_TEXT),
        (RECIPE, files[RECIPE].size, LARGEST_RECIPE),
        (TOKENIZER, of_tokenizer, LARGEST_TOKENIZER),
    ):
        if size > most:
            raise ZooError(f"{path}: {name} has {size} bytes, which can't be")


def is_of_tokenizer(name: str) -> bool:
    return name.startswith(f"{TOKENIZER}/")


def outside(name: str) -> bool:
    """Whether a name in a manifest leads elsewhere, on any system."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or any(bad in name for bad in "\\:\0")


@contextmanager
def opened(folder: Path, name: str, stated: Stated) -> Iterator[BinaryIO]:
    """A file of a checkpoint that has this size in bytes.

    Raises:
        ZooError: it is missing, damaged, or no file of the checkpoint.
        PermissionError: it may not be read, which is no damage.
    """
    path = folder / name
    parts = PurePosixPath(name).parts
    if any(folder.joinpath(*parts[: n + 1]).is_symlink() for n in range(len(parts))):
        raise ZooError(f"{path}: a link, which no checkpoint has")
    try:
        with open_regular(path, follow_links=False) as file:
            if (found := file.seek(0, 2)) != stated.size:
                raise ZooError(f"{path}: damaged: {found} bytes where {stated.size} were written")
            file.seek(0)
            yield file
    except FileNotFoundError:
        raise ZooError(f"{path}: missing from the checkpoint") from None
    except PermissionError:
        raise
    except OSError as error:
        raise ZooError(f"{path}: can't be read: {error.strerror}") from error


def read(folder: Path, name: str, stated: Stated) -> bytes:
    """The content of a file, if it is what was written. Raises as ``opened`` does."""
    with opened(folder, name, stated) as file:
        data = file.read(stated.size)
    check_hash(folder / name, stated, hashlib.sha256(data).hexdigest())
    return data


def compare(folder: Path, name: str, stated: Stated) -> None:
    """Compares a file with what was written, without holding it. Raises as ``opened`` does."""
    with opened(folder, name, stated) as file:
        check_hash(folder / name, stated, hash_of(file))


def check_hash(path: Path, stated: Stated, found: str) -> None:
    if found != stated.sha256:
        raise ZooError(
            f"{path}: damaged: its SHA-256 is {found}, it was written as {stated.sha256:.64}"
        )


def hash_of(file: BinaryIO) -> str:
    """SHA-256 of what follows in a file."""
    found = hashlib.sha256()
    while block := file.read(BLOCK):
        found.update(block)
    return found.hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hash_of(file)
