"""Collect versions, devices, plug-ins and disks, and try a small run, for a bug report."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import zoo
from zoo.catalog.version import zoo_version
from zoo.errors import ZooError
from zoo.storage.lock import only_this, owner_of
from zoo.storage.paths import cache_dir, sync_dir, write_atomically

if TYPE_CHECKING:
    from zoo.catalog.entries import Entry

Finding = tuple[str, str, bool]
"""What was looked at, what was found, and whether that is as it should be."""

PACKAGES = ("torch", "numpy", "numba", "regex", "pluggy", "safetensors")
LITTLE_SPACE = 1 << 30  # bytes

RECIPE = """\
zoo = 1
data.corpus = { name = "stories", max_bytes = 200_000, valid_bytes = 50_000 }
tokenizer = { name = "bpe", vocab_size = 300 }
optimizer = "adamw"

[model]
d_model = 32
n_layers = 2
n_heads = 2
max_seq_len = 32

[train]
steps = 8
batch_tokens = 256
eval_tokens = 512
device = "cpu"
observers = []
"""


def versions() -> Iterator[Finding]:
    """Versions of zoo, Python, the system and zoo's dependencies."""
    yield "zoo", f"{zoo_version()}, {Path(str(zoo.__file__)).parent}", True
    yield "python", f"{platform.python_version()}, {sys.executable}", True
    yield "system", platform.platform(), True
    for name in PACKAGES:
        try:
            yield name, metadata.version(name), True
        except metadata.PackageNotFoundError:
            yield name, "not installed", False
    for name, value in sorted(os.environ.items()):
        if name.startswith("ZOO_") or name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
            yield name, value, True


def devices() -> Iterator[Finding]:
    """Where it can compute, and which precision training would choose there."""
    import torch

    from zoo.compute.compiling import missing_compiler
    from zoo.compute.device import choose_device, choose_precision

    threads = torch.get_num_threads()
    yield "cpu", f"{os.cpu_count()} cores, {threads} threads", True
    for n in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        about = torch.cuda.get_device_properties(n)
        yield f"cuda:{n}", f"{about.name}, {about.total_memory / 1e9:.0f} GB", True
    device = choose_device("auto")
    yield "training on", f"{device}, in {choose_precision('auto', device)}", True
    lacking = missing_compiler(device)
    yield "compiling", f"no {lacking}, so not" if lacking else "there is a compiler", True


def plugins() -> Iterator[Finding]:
    """What offers components, and what could not be loaded."""
    registry = zoo.registry()
    owners: dict[tuple[str, str], list[Entry]] = {}
    for entry in registry.entries():
        owners.setdefault((entry.owner, entry.version), []).append(entry)
    for (owner, version), entries in owners.items():
        yield owner, f"{version}, {len(entries)} components", True
    for failure in registry.failures:
        yield failure.owner, f"{failure.version}: can't be loaded: {failure.reason}", False


def disks() -> Iterator[Finding]:
    """Whether what saving and locking rest on works where zoo writes."""
    for name, folder in (("cache", cache_dir()), ("here", Path.cwd())):
        problem = trouble_in(folder)
        free = shutil.disk_usage(folder).free
        space = f"{free / 1e9:.1f} GB free"
        yield name, f"{folder}: {problem or f'writes, syncs, locks; {space}'}", problem is None
        if free < LITTLE_SPACE:
            yield name, f"little space: {space}", False


def trouble_in(folder: Path) -> str | None:
    """What a file system can't do that a checkpoint needs."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".zoo-doctor-") as name:
            inside = Path(name)
            write_atomically(inside / "file", b"x")
            (inside / "folder").mkdir()
            sync_dir(inside)
            (inside / "folder").rename(inside / "renamed")
            with only_this(inside / "lock", "the lock"):
                if owner_of(inside / "lock") is None:
                    return "locks don't hold, so two processes could write to one run"
    except (OSError, ZooError) as error:
        return str(error)
    return None


def small_run() -> Iterator[Finding]:
    """A model is trained, resumed, and asked for a text."""
    from zoo.api.train import resume

    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="zoo-doctor-") as name:
        folder = Path(name)
        path = folder / "doctor.toml"
        path.write_text(RECIPE, encoding="utf-8")
        try:
            run = zoo.train(zoo.load_recipe(path), out=folder / "run")
            yield "training", f"loss {run.summary['valid_loss']:.3f} after 8 steps", True
            resume(folder / "run")
            yield "resuming", "every file of the checkpoint verified", True
            text = run.generate("One day", max_new_tokens=8)
            yield "generating", repr(text), True
        except (ZooError, OSError, RuntimeError) as error:
            yield "failed", f"{type(error).__name__}: {error}", False
    yield "time", f"{time.perf_counter() - start:.1f} s", True


CHECKS: Mapping[str, Callable[[], Iterator[Finding]]] = {
    "versions": versions,
    "devices": devices,
    "plug-ins": plugins,
    "disks": disks,
    "a small run": small_run,
}
