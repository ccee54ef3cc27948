"""Checkpoints: ``step-00000500/``, complete in itself and verified before anything is read.

model.safetensors, optimizer.safetensors     tensors by name
state.json, recipe.toml                      all the rest, and the resolved recipe
tokenizer/                                   what the tokenizer saved
manifest.json                                sizes and SHA-256 of all the others, written last

A checkpoint that fails verification is passed over, and set aside by whoever writes to the run.
``LATEST`` beside them names the newest, for people and scripts: zoo itself doesn't trust it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.errors import ZooError
from zoo.folders import remove_folder, whole_folder
from zoo.optimizer_state import flatten_optimizers, restore_optimizers
from zoo.paths import write_atomically, write_new
from zoo.tensor_files import packed, unpacked

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.contracts import Tokenizer

__all__ = [
    "Checkpoint",
    "all_in",
    "flatten_optimizers",
    "newest",
    "open_checkpoint",
    "prune",
    "restore_optimizers",
    "save",
    "set_aside",
    "step_dir",
    "step_of",
    "verify",
]

FORMAT = 1
MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
RECIPE = "recipe.toml"
TOKENIZER = "tokenizer"
MANIFEST = "manifest.json"
LATEST = "LATEST"

LEAST_KEPT = 2  # whole checkpoints; were there one, nothing would be left when that is damaged
LARGEST_TEXT = 1 << 24  # bytes of a manifest or a state; a forged one shall not fill the memory
BLOCK = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. What is parsed are the very bytes that were verified.

    Attributes:
        folder: where it lies.
    """

    folder: Path
    _manifest: Manifest
    _files: dict[str, bytes]

    @property
    def step(self) -> int:
        """After how many steps it was saved."""
        return self._manifest.step

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, and so of all files."""
        return self._manifest.digest

    @contextmanager
    def tokenizer_dir(self) -> Iterator[Path]:
        """What the tokenizer saved, as a folder that is gone afterwards.

        The checkpoint's own may be gone by now, as training removes old ones. A ValueError of
        whoever reads the folder becomes a ZooError that names the checkpoint's.
        """
        with TemporaryDirectory(prefix="zoo-tokenizer-") as scratch:
            Path(scratch, TOKENIZER).mkdir()
            for name, data in self._files.items():
                if name.startswith(f"{TOKENIZER}/"):
                    path = Path(scratch, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
            try:
                yield Path(scratch, TOKENIZER)
            except (ValueError, RecursionError) as error:
                raise ZooError(str(error).replace(scratch, str(self.folder))) from error

    @property
    def recipe_toml(self) -> str:
        """The resolved recipe."""
        return self._files[RECIPE].decode()

    @cached_property
    def state(self) -> dict[str, Any]:
        """All that are no tensors."""
        with naming(self.folder / STATE):
            state = json.loads(self._files[STATE])
            if not isinstance(state, dict):
                raise ValueError("not a table")
            return state

    @cached_property
    def model(self) -> dict[str, Tensor]:
        """The model's tensors. Tied weights are one tensor under several names."""
        with naming(self.folder / MODEL):
            return unpacked(self._files.pop(MODEL))

    @cached_property
    def optimizer(self) -> dict[str, Tensor]:
        """The optimizer's tensors, the largest file, which only training on needs: read here.

        Raises:
            ZooError: the file is damaged.
        """
        path = self.folder / OPTIMIZER
        data = read(path, self._manifest.files[OPTIMIZER])
        with naming(path):
            return unpacked(data)


class Stated(NamedTuple):
    """What a manifest says of a file."""

    size: int
    sha256: str


class Manifest(NamedTuple):
    """A manifest, and the SHA-256 of its own bytes."""

    step: int
    files: dict[str, Stated]
    digest: str


def step_dir(dir: Path, step: int) -> Path:
    """The folder of a step's checkpoint among those in ``dir``."""
    return dir / f"step-{step:08d}"


def save(
    dir: Path,
    step: int,
    *,
    model: Mapping[str, Tensor],
    optimizer: Mapping[str, Tensor],
    state: Mapping[str, Any],
    tokenizer: Tokenizer,
    recipe_toml: str,
) -> Path:
    """Writes ``dir/step-…``, which appears whole and durable or not at all; returns its path.

    ``state`` is anything that JSON can hold. An earlier checkpoint of the same step is replaced.
    One process at a time may save to ``dir``: what another one left unfinished is removed.

    Raises:
        ZooError: a tensor holds a number that is not finite.
        OSError: the disk is full, or fails.
    """
    folder = step_dir(dir, step)
    with whole_folder(folder, replace=True, abandoned_after=0) as unfinished:
        stated: dict[str, Stated] = {}

        def write(name: str, data: bytes) -> None:
            stated[name] = Stated(len(data), hashlib.sha256(data).hexdigest())
            write_new(unfinished / name, data)

        write(MODEL, packed(model))
        write(OPTIMIZER, packed(optimizer))
        write(STATE, as_json(state))
        write(RECIPE, recipe_toml.encode())
        (unfinished / TOKENIZER).mkdir()
        tokenizer.save(unfinished / TOKENIZER)
        for path in sorted((unfinished / TOKENIZER).rglob("*")):
            if path.is_file():
                about = Stated(path.stat().st_size, sha256(path))
                stated[path.relative_to(unfinished).as_posix()] = about
        files = {name: about._asdict() for name, about in stated.items()}
        manifest = {"format": FORMAT, "step": step, "files": files}
        write_new(unfinished / MANIFEST, as_json(manifest))
    with suppress(OSError):  # it is a hint
        for left in dir.glob(f".{LATEST}.*.tmp"):  # by a process that was killed
            left.unlink()
        write_atomically(dir / LATEST, f"{folder.name}\n".encode())
    return folder


def open_checkpoint(folder: Path, *, resumable: bool = True) -> Checkpoint:
    """Verifies a checkpoint and holds what was verified; the optimizer's state stays on disk.

    If training won't go on from it, the content of the optimizer's state isn't looked at.

    Raises:
        ZooError: a file is missing, damaged or of a newer format; names the file.
    """
    manifest = read_manifest(folder)
    held = {}
    for name, stated in manifest.files.items():
        if name in (MODEL, STATE, RECIPE) or name.startswith(f"{TOKENIZER}/"):
            held[name] = read(folder / name, stated)
        else:
            compare(folder / name, stated, hashed=resumable or name != OPTIMIZER)
    return Checkpoint(folder, manifest, held)


def verify(folder: Path) -> None:
    """Compares every file of a checkpoint with its manifest.

    Raises:
        ZooError: names the file, and what it should be and is.
    """
    for name, stated in read_manifest(folder).files.items():
        compare(folder / name, stated)


def all_in(dir: Path) -> list[Path]:
    """The checkpoints in ``dir``, oldest first."""
    if not dir.is_dir():
        return []
    # Unlike glob, iterdir tells of a folder that may not be read.
    found = [path for path in dir.iterdir() if step_of(path) is not None]
    return sorted(found, key=lambda path: step_of(path) or 0)


def step_of(folder: Path) -> int | None:
    """The step in a checkpoint's name; None for what isn't named as one."""
    match = re.fullmatch(r"step-(\d+)", folder.name)
    return int(match[1]) if match else None


def newest(dir: Path, *, resumable: bool = True) -> Checkpoint | None:
    """The newest checkpoint in ``dir`` that is whole, or None where there is none at all.

    Warns of newer ones that it has to pass over, but not of those that training removes meanwhile.
    Where training won't go on from it, the content of the optimizer's state doesn't matter.

    Raises:
        ZooError: there are checkpoints, and all are damaged.
        PermissionError: one may not be read, which is no damage.
    """
    problems: dict[Path, ZooError] = {}
    while left := [folder for folder in all_in(dir) if folder not in problems]:
        folder = left[-1]
        try:
            found = open_checkpoint(folder, resumable=resumable)
        except ZooError as error:
            if folder.exists():  # else it was removed, as there are newer ones by now
                problems[folder] = error
            continue
        for problem in problems.values():
            warnings.warn(f"{problem}; going back to {folder.name}", stacklevel=2)
        named = latest(dir)
        if not problems and named is not None and named > (step_of(all_in(dir)[-1]) or 0):
            gone = step_dir(dir, named).name
            warnings.warn(f"{dir}: {gone} is gone; going back to {folder.name}", stacklevel=2)
        return found
    if problems:
        raise ZooError(f"{next(iter(problems.values()))}; none of {len(problems)} is whole")
    return None


def latest(dir: Path) -> int | None:
    """The step of the checkpoint that was saved last, which may be gone; None if that is lost."""
    try:
        return step_of(dir / (dir / LATEST).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None


def set_aside(folder: Path) -> Path:
    """Renames a checkpoint that shall not be used to ``….bad``, and returns its new path."""
    names = (folder.with_name(f"{folder.name}.bad{n or ''}") for n in range(1000))
    new = next(path for path in names if not os.path.lexists(path))
    folder.rename(new)
    return new


def prune(dir: Path, keep: int, best: Path | None = None) -> list[Path]:
    """Removes all checkpoints but the ``keep`` newest (two at the least) and the best.

    Where any are to be removed, those that are kept are verified; a damaged one is set aside and
    doesn't count. Returns where such ones are now.
    """
    keep = max(keep, LEAST_KEPT)
    found = all_in(dir)
    if len(found) <= keep:  # reading them all would be for nothing
        return []
    bad, whole = [], 0
    for folder in reversed(found):
        if whole >= keep and folder != best:
            with suppress(PermissionError):  # Windows, while a file of it is mapped: next time
                remove_folder(folder)
            continue
        try:
            verify(folder)
        except ZooError as error:
            bad.append(set_aside(folder))
            warnings.warn(f"{error}; it is now {bad[-1].name}", stacklevel=2)
        else:
            whole += 1
    return bad


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a checkpoint.

    Raises:
        ZooError: there is none, or it is malformed, or lists what it may not, or lacks a file.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
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
            f"{path}: checkpoint format {version}; this zoo reads format {FORMAT}: "
            "use the version of zoo that wrote it"
        )
    if type(step) is not int or step_of(folder) not in (None, step):
        raise ZooError(f"{path}: damaged: of step {step!r}, in {folder.name}")
    for name in (MODEL, OPTIMIZER, STATE, RECIPE, *files):
        if name not in files:
            raise ZooError(f"{path}: does not list {name}")
        if outside(name):
            raise ZooError(f"{path}: lists {name!r}, which lies outside the checkpoint")
    for name in (STATE, RECIPE):
        if files[name].size > LARGEST_TEXT:
            raise ZooError(f"{path}: {name} has {files[name].size} bytes, which can't be")
    return Manifest(step, files, hashlib.sha256(data).hexdigest())


def outside(name: str) -> bool:
    """Whether a name in a manifest leads elsewhere, on any system."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or any(bad in name for bad in "\\:\0")


def read(path: Path, stated: Stated) -> bytes:
    """The content of a file, if it is what was written. Raises ZooError if not."""
    data: list[bytes] = []
    compare(path, stated, into=data.append)
    return b"".join(data)


def compare(
    path: Path,
    stated: Stated,
    *,
    hashed: bool = True,
    into: Callable[[bytes], None] = lambda block: None,
) -> None:
    """Raises ZooError unless the file has this size in bytes and, if ``hashed``, this SHA-256."""
    if path.is_symlink() or path.parent.is_symlink():
        raise ZooError(f"{path}: a link, which no checkpoint has")
    if not path.is_file():
        raise ZooError(f"{path}: missing from the checkpoint")
    if (found := path.stat().st_size) != stated.size:
        raise ZooError(f"{path}: damaged: {found} bytes where {stated.size} were written")
    if hashed and (sha := sha256(path, into)) != stated.sha256:
        raise ZooError(f"{path}: damaged: its SHA-256 is {sha}, it was written as {stated.sha256}")


def sha256(path: Path, into: Callable[[bytes], None] = lambda block: None) -> str:
    """Of a file's content, whose blocks are handed on."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                found.update(block)
                into(block)
    except PermissionError:
        raise
    except OSError as error:
        raise ZooError(f"{path}: can't be read: {error.strerror}") from error
    return found.hexdigest()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turns what is wrong with a verified file's content into a ZooError that names it."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise ZooError(f"{path}: can't be read: {error}") from error


def as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
