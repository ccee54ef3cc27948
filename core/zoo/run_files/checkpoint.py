"""Write and read checkpoints (``step-00000500/``), verified before anything is parsed.

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
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from zoo.contracts.run_folder import LATEST, MANIFEST, MODEL, OPTIMIZER, RECIPE, STATE, TOKENIZER
from zoo.errors import PluginError, ZooError
from zoo.run_files.manifest import (
    FORMAT,
    Manifest,
    Stated,
    compare,
    is_of_tokenizer,
    opened,
    read,
    read_manifest,
    sha256,
    step_of,
)
from zoo.run_files.optimizer_state import flatten_optimizers, restore_optimizers
from zoo.run_files.train_state import TrainState, read_state
from zoo.storage.folders import remove_folder, whole_folder
from zoo.storage.paths import open_regular, write_atomically, write_new
from zoo.storage.tensor_files import Header, packed, read_header, unpacked

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
    "sha256",
    "step_dir",
    "step_of",
    "unlisted",
    "verify",
]


LEAST_KEPT = 2  # whole checkpoints; were there one, nothing would be left when that is damaged
LARGE = 1 << 28  # bytes of tensors that are read only after they are accounted for


Accept = Callable[["Checkpoint"], None]


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. What is parsed are the very bytes that were verified.

    Attributes:
        folder: where it lies.
        state: all that are no tensors.
        header: which tensors the model has.
    """

    folder: Path
    state: TrainState
    _manifest: Manifest
    _files: dict[str, bytes]
    header: Header

    def __repr__(self) -> str:
        return f"<Checkpoint {str(self.folder)!r}>"

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

        The checkpoint's own may be gone by now, as training removes old ones. What whoever reads
        the folder finds missing or wrong becomes a ZooError that names the checkpoint's.
        """
        with TemporaryDirectory(prefix="zoo-tokenizer-") as scratch:
            Path(scratch, TOKENIZER).mkdir()
            for name, data in self._files.items():
                if is_of_tokenizer(name):
                    path = Path(scratch, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
            try:
                yield Path(scratch, TOKENIZER)
            except (OSError, ValueError, RecursionError) as error:
                told = str(error)
                if isinstance(error, FileNotFoundError):
                    told = f"{error.filename}: not in the checkpoint"
                raise ZooError(told.replace(scratch, str(self.folder))) from error

    @property
    def recipe_toml(self) -> str:
        """The resolved recipe."""
        with naming(self.folder / RECIPE):
            return self._files[RECIPE].decode()

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
        with naming(self.folder / OPTIMIZER):
            return unpacked(read(self.folder, OPTIMIZER, self._manifest.files[OPTIMIZER]))


def step_dir(dir: Path, step: int) -> Path:
    """The folder of a step's checkpoint among those in ``dir``."""
    return dir / f"step-{step:08d}"


def save(
    dir: Path,
    *,
    model: Mapping[str, Tensor],
    optimizer: Mapping[str, Tensor],
    state: TrainState,
    tokenizer: Tokenizer,
    recipe_toml: str,
) -> Path:
    """Writes ``dir/step-…``, which appears whole and durable or not at all; returns its path.

    An earlier checkpoint of the same step is replaced. One process at a time may save to ``dir``:
    what another one left unfinished is removed.

    Raises:
        ZooError: a tensor holds a number that is not finite, or the rest couldn't be read again.
        OSError: the disk is full, or fails.
    """
    folder = step_dir(dir, state.step)
    with naming(folder / STATE):
        state_json = state.to_json()
    with whole_folder(folder, replace=True, abandoned_after=0) as unfinished:
        stated: dict[str, Stated] = {}

        def write(name: str, data: bytes) -> None:
            stated[name] = Stated(len(data), hashlib.sha256(data).hexdigest())
            write_new(unfinished / name, data)

        write(MODEL, packed(model))
        write(OPTIMIZER, packed(optimizer))
        write(STATE, state_json)
        write(RECIPE, recipe_toml.encode())
        (unfinished / TOKENIZER).mkdir()
        tokenizer.save(unfinished / TOKENIZER)
        for path in sorted((unfinished / TOKENIZER).rglob("*")):
            if path.is_file():
                about = Stated(path.stat().st_size, sha256(path))
                stated[path.relative_to(unfinished).as_posix()] = about
        files = {name: about._asdict() for name, about in stated.items()}
        manifest = {"format": FORMAT, "step": state.step, "files": files}
        write_new(unfinished / MANIFEST, as_json(manifest))
    with suppress(OSError):  # it is a hint
        for left in dir.glob(f".{LATEST}.*.tmp"):  # by a process that was killed
            left.unlink()
        write_atomically(dir / LATEST, f"{folder.name}\n".encode())
    return folder


def open_checkpoint(
    folder: Path, *, resumable: bool = True, accept: Accept | None = None
) -> Checkpoint:
    """Verifies a checkpoint and holds what was verified; the optimizer's state stays on disk.

    If training won't go on from it, the content of the optimizer's state isn't looked at.
    ``accept`` is asked before a large model is read, and raises ZooError if its ``shapes`` are not
    those of the recipe.

    Raises:
        ZooError: a file is missing, damaged, forged or of a newer format; names the file.
    """
    return verified(folder, accept, hold=True, resumable=resumable)


def verify(folder: Path) -> None:
    """Compares every file of a checkpoint with its manifest, and looks at what is in them.

    Raises:
        ZooError: names the file, and what it should be and is.
    """
    verified(folder, None, hold=False, resumable=True)


def unlisted(folder: Path) -> list[str]:
    """The files in a checkpoint's folder that its manifest doesn't list, so that none is used."""
    listed = {MANIFEST, *read_manifest(folder).files}
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    return sorted(set(names) - listed)


def verified(folder: Path, accept: Accept | None, *, hold: bool, resumable: bool) -> Checkpoint:
    """A checkpoint whose files were read; ``hold`` keeps the bytes of the model."""
    manifest = read_manifest(folder)
    files = manifest.files
    held = {
        name: read(folder, name, files[name])
        for name in (STATE, RECIPE, *filter(is_of_tokenizer, files))
    }
    with naming(folder / STATE):
        state = read_state(held[STATE])
        if state.step != manifest.step:
            raise ValueError(f"of step {state.step}, and the manifest of {manifest.step}")
    found = Checkpoint(folder, state, manifest, held, Header({}, {}))
    for name in [name for name in files if name not in held]:
        if name == OPTIMIZER and not resumable:
            with opened(folder, name, files[name]):
                continue
        if name in (MODEL, OPTIMIZER) and files[name].size > LARGE:
            header = header_of(folder, name, files[name])
            if name == MODEL and accept is not None:
                accept(replace(found, header=header))
        if name == MODEL and hold:
            held[name] = read(folder, name, files[name])
        else:
            compare(folder, name, files[name])
        if name in (MODEL, OPTIMIZER):
            header = header_of(folder, name, files[name], held.get(name))
            found = replace(found, header=header) if name == MODEL else found
    return found


def header_of(folder: Path, name: str, stated: Stated, held: bytes | None = None) -> Header:
    """The tensors of a file, from its bytes if given."""
    with naming(folder / name):
        if held is not None:
            return read_header(BytesIO(held), stated.size)
        with opened(folder, name, stated) as file:
            return read_header(file, stated.size)


def all_in(dir: Path) -> list[Path]:
    """The checkpoints in ``dir``, oldest first."""
    if not dir.is_dir():
        return []
    # Unlike glob, iterdir tells of a folder that may not be read.
    found = [path for path in dir.iterdir() if step_of(path) is not None]
    return sorted(found, key=lambda path: step_of(path) or 0)


def newest(dir: Path, *, resumable: bool = True, accept: Accept | None = None) -> Checkpoint | None:
    """The newest checkpoint in ``dir`` that is whole, or None where there is none at all.

    Warns of newer ones that it has to pass over, but not of those that training removes meanwhile.
    Where training won't go on from it, the content of the optimizer's state doesn't matter.
    ``accept`` as for ``open_checkpoint``.

    Raises:
        ZooError: there are checkpoints, and all are damaged.
        PermissionError: one may not be read, which is no damage.
        PluginError: its recipe needs a plug-in that is not here.
    """
    problems: dict[Path, ZooError] = {}
    while left := [folder for folder in all_in(dir) if folder not in problems]:
        folder = left[-1]
        try:
            found = open_checkpoint(folder, resumable=resumable, accept=accept)
        except PluginError:  # no damage
            raise
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
        with open_regular(dir / LATEST) as file:
            return step_of(dir / file.read(100).decode("ascii").strip())
    except (OSError, ValueError):
        return None


def set_aside(folder: Path) -> Path:
    """Rename a damaged checkpoint to ``….bad``, and return its new path."""
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


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turns what is wrong with a verified file's content into a ZooError that names it."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise ZooError(f"{path}: can't be read: {error}") from error


def as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
