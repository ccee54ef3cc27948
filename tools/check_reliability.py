"""The reliability tests at full count, and whether they would notice a missing safeguard.

python tools/check_reliability.py [PART…]

The parts: kills (200 kills of one run, with one process and with two), signals (50 moments each),
recipes (5,000 mutated ones), damage (disks that fail, files that are damaged, forged ones) and
mutations (each fsync, rename and check is taken out in a copy, where a test must then fail).
Without one, all of them, which takes most of an hour. Exit code 1 if anything fails.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COPIED = ("core", "plugins", "tests", "recipes", "pyproject.toml", "README.md")
DISK_TESTS = (
    *("test_failing_disk.py", "test_checkpoint.py", "test_damage.py", "test_hostile.py"),
    "test_checkpoint_machine.py",
)


class Mutation(NamedTuple):
    """A safeguard to take out: in which file, what stands there and what shall."""

    file: str
    old: str
    new: str


CHECKPOINT, FOLDERS, PATHS = (f"core/zoo/{name}.py" for name in ("checkpoint", "folders", "paths"))
MUTATIONS = [
    Mutation(
        PATHS,
        "        os.fsync(handle)\n    finally:\n        os.close(handle)\n\n\n@",
        "    finally:\n        os.close(handle)\n\n\n@",
    ),
    Mutation(
        PATHS,
        "            left = left[os.write(handle, left) :]",
        "            os.write(handle, left); left = left[:0]",
    ),
    Mutation(
        PATHS,
        "        os.replace(temporary, path)",
        "        path.write_bytes(temporary.read_bytes())",
    ),
    Mutation(
        PATHS,
        "        temporary.unlink(missing_ok=True)\n    sync_dir(path.parent)",
        "        temporary.unlink(missing_ok=True)",
    ),
    Mutation(
        PATHS,
        "        new.mkdir(exist_ok=True)\n        sync_dir(new.parent)",
        "        new.mkdir(exist_ok=True)",
    ),
    Mutation(FOLDERS, "        sync_tree(unfinished)\n        if replace", "        if replace"),
    Mutation(FOLDERS, "                os.fsync(file.fileno())", "                pass"),
    Mutation(FOLDERS, "            sync_dir(path)\n", "            pass\n"),
    Mutation(FOLDERS, "    sync_dir(folder)\n\n\ndef _make_hidden", "\n\ndef _make_hidden"),
    Mutation(FOLDERS, "        sync_dir(folder.parent)\n    finally:", "    finally:"),
    Mutation(
        FOLDERS,
        "    unfinished = _make_hidden(folder)\n",
        "    unfinished = folder; folder.mkdir()\n",
    ),
    Mutation(
        FOLDERS,
        "    folder.rename(doomed)\n    shutil.rmtree(doomed, ignore_errors=True)",
        "    shutil.rmtree(folder, ignore_errors=True)",
    ),
    Mutation(CHECKPOINT, "(found := path.stat().st_size) != stated.size", "False and (found := 0)"),
    Mutation(
        CHECKPOINT,
        "if hashed and (sha := sha256(path, into)) != stated.sha256:",
        "if (sha := sha256(path, into)) and False:",
    ),
    Mutation(CHECKPOINT, "if path.is_symlink() or path.parent.is_symlink():", "if False:"),
    Mutation(CHECKPOINT, "        if outside(name):", "        if False:"),
    Mutation(CHECKPOINT, "or step_of(folder) not in (None, step)", ""),
    Mutation(CHECKPOINT, "    keep = max(keep, LEAST_KEPT)\n", ""),
    Mutation(
        CHECKPOINT, "        try:\n            verify(folder)\n", "        try:\n            pass\n"
    ),
    Mutation(CHECKPOINT, "        if len(data) > LARGEST_TEXT:", "        if False:"),
    Mutation("core/zoo/tensor_files.py", "if not dense.isfinite().all():", "if False:"),
    Mutation("core/zoo/tensor_files.py", "> LARGEST_HEADER:", "> 1 << 60:"),
]


def main() -> None:
    parts: dict[str, Callable[[], bool]] = {
        "kills": kills,
        "signals": lambda: passes("test_stopping.py", "test_ranks.py", ZOO_TEST_SIGNALS="50"),
        "recipes": lambda: passes("test_mutated_recipes.py", ZOO_TEST_RECIPES="5000"),
        "damage": lambda: passes(*DISK_TESTS),
        "mutations": mutations,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", metavar="PART", nargs="*", choices=[*parts, []])
    chosen = parser.parse_args().parts or [*parts]
    failed = []
    for name in chosen:
        start = time.monotonic()
        if not parts[name]():
            failed.append(name)
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all is well")
    sys.exit(bool(failed))


def kills() -> bool:
    """200 kills of a run with dropout, accumulation and a norm that has a state."""
    ok = True
    for nproc in ("1", "2"):
        command = [sys.executable, "-m", "zoo", "verify-resume", str(ROOT / "recipes/smoke.toml")]
        command += ["--kills=200", f"--nproc={nproc}", "--seed=1", "--set=train.micro_batch=4"]
        command += [f"--plugin={ROOT}/tests/stateful_norms.py", "--set=model.norm=remembering"]
        ok &= subprocess.run(command, check=False).returncode == 0
    return ok


def passes(*files: str, root: Path = ROOT, quiet: bool = False, **environment: str) -> bool:
    """Whether these tests pass, those of a copy of zoo with that copy."""
    path = os.pathsep.join(str(root / folder) for folder in ("core", "plugins", "tests"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *(str(root / "tests" / f) for f in files)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=quiet,
        text=True,
        check=False,
    )
    if quiet and (failed := re.search(r"^FAILED \S+?(\w+\.py::\S+)", done.stdout or "", re.M)):
        print(f"  noticed by {failed[1]}", flush=True)
    return done.returncode == 0


def mutations() -> bool:
    """Whether every safeguard's absence is noticed."""
    survived = 0
    with TemporaryDirectory(prefix="zoo-mutations-") as name:
        copy = Path(name)
        for each in COPIED:
            source = ROOT / each
            if source.is_dir():
                shutil.copytree(source, copy / each, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / each)
        for mutation in MUTATIONS:
            path = copy / mutation.file
            whole = path.read_text(encoding="utf-8")
            if whole.count(mutation.old) != 1:
                sys.exit(f"{mutation.file}: this isn't there once: {mutation.old!r}")
            print(f"{mutation.file}: without {' '.join(mutation.old.split())[:70]}", flush=True)
            path.write_text(whole.replace(mutation.old, mutation.new), encoding="utf-8")
            if passes(*DISK_TESTS, root=copy, quiet=True):
                print("  SURVIVED: no test notices", flush=True)
                survived += 1
            path.write_text(whole, encoding="utf-8")
    print(f"{len(MUTATIONS) - survived} of {len(MUTATIONS)} noticed")
    return not survived


if __name__ == "__main__":
    main()
