"""Nothing is imported from the folder that zoo is started in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zoo.parallel.current_folder import ZOO

LAUNCH = (
    "import sys; sys.path[:] = filter(None, sys.path); from zoo.parallel import group; "
    "sys.exit(group.launch(1, ['--version']))"
)


@pytest.fixture
def _strangers_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder holds modules named as Python's own and as ours, which leave a trace."""
    trace = "import pathlib\npathlib.Path('imported').touch()\n"
    for name in ("random", "socket", "numpy"):
        (tmp_path / f"{name}.py").write_text(trace)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_strangers_folder")
@pytest.mark.parametrize(
    ("command", "hidden"),
    [
        ([sys.executable, "-m", "zoo", "--version"], False),
        ([*ZOO, "--version"], True),
        ([sys.executable, "-c", LAUNCH], True),
    ],
    ids=["python -m", "as zoo starts itself", "--nproc"],
)
def test_modules_in_the_current_folder_are_not_imported(command: list[str], hidden: bool) -> None:
    if hidden:  # where zoo itself says what to start, not even a folder of its name is taken for it
        Path("zoo").mkdir()
        Path("zoo", "__init__.py").write_text("raise SystemExit('not zoo')\n")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("zoo ")
    assert not Path("imported").exists()
