"""The reliability tests at full count, and whether they would notice a missing safeguard.

python tools/check_reliability.py [PART…]

The parts: kills (200 kills of one run, with one process and with two), signals (50 moments each),
order (the rows of 10,000 steps, for up to 12 processes), starters (25 rounds of 8 that want one
run), recipes (5,000 mutated ones), damage (disks that fail, files that are damaged, forged ones,
power that is lost, servers that misbehave) and mutations (each fsync, rename and check is taken out
in a copy, where a test must then fail). Without one, all of them, which takes an hour and a half.
Exit code 1 if anything fails.
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

from safeguards import CHECKPOINTS, DOWNLOADS, PREPARING, SAFEGUARDS

ROOT = Path(__file__).parents[1]
LONGEST = 900  # seconds that the tests of one safeguard may take
COPIED = ("core", "plugins", "tests", "recipes", "pyproject.toml", "README.md")


def main() -> None:
    parts: dict[str, Callable[[], bool]] = {
        "kills": kills,
        "signals": lambda: passes("test_stopping.py", "test_ranks.py", ZOO_TEST_SIGNALS="50"),
        "order": lambda: passes("test_data.py", ZOO_TEST_STEPS="10000"),
        "starters": lambda: passes("test_cli_reliability.py", ZOO_TEST_ROUNDS="25"),
        "recipes": lambda: passes("test_mutated_recipes.py", ZOO_TEST_RECIPES="5000"),
        "damage": lambda: passes(*CHECKPOINTS, *PREPARING, *DOWNLOADS, "test_nonfinite.py"),
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
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-n",
                "0",
                "-m",
                "",
                "-x",
                *(str(root / "tests" / f) for f in files),
            ],
            cwd=root,
            env={**os.environ, "PYTHONPATH": path, **environment},
            capture_output=quiet,
            text=True,
            check=False,
            timeout=LONGEST if quiet else None,
        )
    except subprocess.TimeoutExpired:
        print(f"  noticed: a test has not ended after {LONGEST} s", flush=True)
        return False
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
        for (file, old, new), tests in SAFEGUARDS:
            path = copy / file
            whole = path.read_text(encoding="utf-8")
            if whole.count(old) != 1:
                sys.exit(f"{file}: this isn't there once: {old!r}")
            print(f"{file}: without {' '.join(old.split())[:70]}", flush=True)
            path.write_text(whole.replace(old, new), encoding="utf-8")
            if passes(*tests, root=copy, quiet=True):
                print("  SURVIVED: no test notices", flush=True)
                survived += 1
            path.write_text(whole, encoding="utf-8")
    print(f"{len(SAFEGUARDS) - survived} of {len(SAFEGUARDS)} noticed")
    return not survived


if __name__ == "__main__":
    main()
