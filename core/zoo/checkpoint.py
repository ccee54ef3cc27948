"""Checkpoints: ``step-00000500/``, complete in itself and verified before anything is read.

model.safetensors, optimizer.safetensors     tensors by name
state.json, recipe.toml                      all the rest, and the resolved recipe
tokenizer/                                   what the tokenizer saved
manifest.json                                sizes and SHA-256 of all the others, written last
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from zoo.errors import ZooError
from zoo.folders import remove_folder, whole_folder
from zoo.optimizer_state import flatten_optimizers, restore_optimizers

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.contracts import Tokenizer

__all__ = [
    "Checkpoint",
    "all_in",
    "flatten_optimizers",
    "load",
    "newest",
    "prune",
    "restore_optimizers",
    "save",
    "step_dir",
    "verify",
]

FORMAT = 1
MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
RECIPE = "recipe.toml"
TOKENIZER = "tokenizer"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds. Tied weights are one tensor under several names."""

    folder: Path
    step: int
    model: dict[str, Tensor]
    state: dict[str, Any]
    recipe_toml: str
    tokenizer_dir: Path

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, and so of all files."""
        return sha256(self.folder / MANIFEST)

    @cached_property
    def optimizer(self) -> dict[str, Tensor]:
        """The optimizer's tensors, the largest file, which only training on needs: verified here.

        Raises:
            ZooError: the file is damaged.
        """
        verify(self.folder, lambda name: name == OPTIMIZER)
        return read_tensors(self.folder / OPTIMIZER)


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
    """
    folder = step_dir(dir, step)
    with whole_folder(folder, replace=True, abandoned_after=0) as unfinished:
        write_tensors(unfinished / MODEL, model)
        write_tensors(unfinished / OPTIMIZER, optimizer)
        (unfinished / STATE).write_bytes(as_json(state))
        (unfinished / RECIPE).write_bytes(recipe_toml.encode())
        (unfinished / TOKENIZER).mkdir()
        tokenizer.save(unfinished / TOKENIZER)
        files = {
            path.relative_to(unfinished).as_posix(): {
                "size": path.stat().st_size,
                "sha256": sha256(path),
            }
            for path in sorted(unfinished.rglob("*"))
            if path.is_file()
        }
        manifest = {"format": FORMAT, "step": step, "files": files}
        (unfinished / MANIFEST).write_bytes(as_json(manifest))
    return folder


def load(folder: Path, *, verified: bool = False) -> Checkpoint:
    """Reads a checkpoint, verified first if it isn't yet; the optimizer's state when asked for.

    Raises:
        ZooError: a file is missing, damaged or of a newer format; names the file.
    """
    step = verify(folder, lambda name: not verified and name != OPTIMIZER)
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        return Checkpoint(
            folder=folder,
            step=step,
            model=read_tensors(folder / MODEL),
            state=state,
            recipe_toml=(folder / RECIPE).read_bytes().decode(),
            tokenizer_dir=folder / TOKENIZER,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise ZooError(f"{folder}: can't be read: {error}") from error


def verify(folder: Path, hashed: Callable[[str], bool] = lambda name: True) -> int:
    """Compares every file of a checkpoint with its manifest; returns the checkpoint's step.

    Sizes are compared always, SHA-256 for the names that ``hashed`` picks.

    Raises:
        ZooError: names the file, and what it should be and is.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version, step, files = manifest["format"], manifest["step"], manifest["files"]
        stated = {name: (about["size"], about["sha256"]) for name, about in files.items()}
    except FileNotFoundError:
        raise ZooError(f"{path}: missing, so {folder} is no complete checkpoint") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ZooError(f"{path}: not a checkpoint's manifest: {error}") from error
    if version != FORMAT:
        raise ZooError(
            f"{path}: checkpoint format {version}; this zoo reads format {FORMAT}: "
            "use the version of zoo that wrote it"
        )
    for name in (MODEL, OPTIMIZER, STATE, RECIPE, *stated):
        if name not in stated:
            raise ZooError(f"{path}: does not list {name}")
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ZooError(f"{path}: lists {name!r}, which lies outside the checkpoint")
        size, sha = stated[name]
        compare(folder / name, size, sha if hashed(name) else None)
    return int(step)


def compare(path: Path, size: int, sha: str | None) -> None:
    """Raises ZooError unless the file has this size in bytes and this SHA-256, if one is given."""
    if not path.is_file():
        raise ZooError(f"{path}: missing from the checkpoint")
    if (found := path.stat().st_size) != size:
        raise ZooError(f"{path}: damaged: {found} bytes where {size} were written")
    if sha is not None and (found_sha := sha256(path)) != sha:
        raise ZooError(f"{path}: damaged: its SHA-256 is {found_sha}, it was written as {sha}")


def all_in(dir: Path) -> list[Path]:
    """The checkpoints in ``dir``, oldest first."""
    return sorted(
        (path for path in dir.glob("step-*") if re.fullmatch(r"step-\d+", path.name)),
        key=lambda path: int(path.name.removeprefix("step-")),
    )


def newest(dir: Path, *, resumable: bool = True) -> Path | None:
    """The newest checkpoint in ``dir`` that is whole, or None where there is none at all.

    Warns of newer ones that it has to pass over. Where training won't go on from it, the content
    of the optimizer's state doesn't matter.

    Raises:
        ZooError: there are checkpoints, and all are damaged.
    """
    problems: list[ZooError] = []
    for folder in reversed(all_in(dir)):
        try:
            verify(folder, lambda name: resumable or name != OPTIMIZER)
        except ZooError as error:
            problems.append(error)
            continue
        for problem in problems:
            warnings.warn(f"{problem}; going back to {folder.name}", stacklevel=2)
        return folder
    if problems:
        raise problems[0]
    return None


def prune(dir: Path, keep: int, best: Path | None = None) -> None:
    """Removes all checkpoints but the ``keep`` newest (at least one) and the best."""
    checkpoints = all_in(dir)
    kept = {*checkpoints[-max(1, keep) :], best}
    for folder in checkpoints:
        if folder not in kept:
            with suppress(PermissionError):  # Windows, while a file of it is mapped: next time
                remove_folder(folder)


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes tensors as safetensors. One that has several names is written once."""
    from safetensors.torch import save_file  # here, as files can be verified before torch is there

    first_names: dict[tuple[Any, ...], str] = {}
    aliases: dict[str, str] = {}
    distinct: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device)
        if tensor.numel() and first_names.setdefault(place, name) != name:
            aliases[name] = first_names[place]
            continue
        dense = tensor.detach().cpu().contiguous()
        if (storage := dense.untyped_storage().data_ptr()) in storages:
            dense = dense.clone()  # safetensors takes no views of one another
        storages.add(storage)
        distinct[name] = dense
    path.touch()
    mode = path.stat().st_mode  # safetensors would make it readable to its owner only
    save_file(distinct, path, metadata={"aliases": json.dumps(aliases)})
    path.chmod(mode)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Reads what ``write_tensors`` wrote."""
    from safetensors.torch import load_file

    tensors: dict[str, Tensor] = load_file(path)
    with safe_open(path, framework="pt") as file:
        aliases = json.loads((file.metadata() or {}).get("aliases", "{}"))
    return {**tensors, **{name: tensors[first] for name, first in aliases.items()}}


def as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()
