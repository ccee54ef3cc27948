"""Compiled code on disk that a crash or a disk has damaged is never loaded: it is made again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_runs import losses, somewhere  # noqa: F401

from zoo.compute import compile_cache
from zoo.compute.compile_cache import COMPILED, CompileCache
from zoo.compute.compiling import missing_compiler

needs_compiler = pytest.mark.skipif(
    missing_compiler(torch.device("cpu")) is not None, reason="no C++ compiler"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a process that compiled two files and ended."""
    folder = tmp_path / "compiled"
    cache = CompileCache(folder)
    cache.enter()
    write(folder)
    cache.leave()
    return folder


def write(folder: Path) -> None:
    for name in ("ab/code.so", "fxgraph/cd/graph"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * 100)


def there(folder: Path) -> set[str]:
    return {p.name for p in folder.rglob("*") if p.name in ("code.so", "graph", "half.so")}


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [half, zeros, Path.unlink, a_folder])
def test_damage_is_told_in_a_line_and_everything_made_anew(
    folder: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folder / "ab/code.so")
    cache = CompileCache(folder)
    cache.enter()
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{folder}: 1 of 2 files are damaged or gone" in line
    assert not [path for path in folder.rglob("*") if path.is_file() and path.name == "graph"]
    assert not (folder / "ab/code.so").is_file()
    cache.leave()
    CompileCache(folder).enter()
    assert capsys.readouterr().err == ""  # told once


def test_what_is_whole_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CompileCache(folder).enter()
    assert there(folder) == {"code.so", "graph"}
    assert capsys.readouterr().err == ""


KILLED = """
import os, sys
from pathlib import Path
from zoo.compute.compile_cache import CompileCache
CompileCache(Path(sys.argv[1])).enter()
Path(sys.argv[1], "half.so").write_text("half")
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_not_trusted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, timeout=60)
    assert there(folder) == {"code.so", "graph", "half.so"}
    CompileCache(folder).enter()
    assert there(folder) == {"code.so", "graph"}
    assert capsys.readouterr().err == ""


def test_nothing_is_taken_from_a_process_that_compiles(folder: Path) -> None:
    first, second = CompileCache(folder), CompileCache(folder)
    first.enter()
    (folder / "half.so").write_text("ha")
    zeros(folder / "ab/code.so")  # as it may write again what is listed
    second.enter()
    assert there(folder) == {"code.so", "graph", "half.so"}
    first.leave()  # the second may be writing: it lists what is there when it leaves
    (folder / "half.so").write_text("half")
    second.leave()
    CompileCache(folder).enter()
    assert there(folder) == {"code.so", "graph", "half.so"}


@pytest.mark.parametrize("text", ["", "[1]", '{"../../x": "1', '{"a": 3}'])
def test_a_damaged_list_trusts_nothing(folder: Path, text: str) -> None:
    (folder / "files.json").write_text(text)
    CompileCache(folder).enter()
    assert there(folder) == set()


def test_a_folder_that_other_programs_use_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(compile_cache, "_entered", None)
    for name, listed in (("others", False), (COMPILED, True)):
        write(tmp_path / name)
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / name))
        compile_cache.enter_own()
        assert bool(there(tmp_path / name)) == (not listed)  # what no list names is not trusted
        compile_cache.leave_own()
        assert (tmp_path / name / compile_cache.LIST).exists() == listed


TRAINS = """
import sys, zoo
zoo.train(zoo.load_recipe("tiny.toml", ["train.compile=true", "train.steps=4"]), out=sys.argv[1])
"""


@needs_compiler
@pytest.mark.slow
def test_training_goes_on_where_libraries_are_damaged(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    environment = {k: v for k, v in os.environ.items() if k != "TORCHINDUCTOR_CACHE_DIR"}

    def train(out: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", TRAINS, out],
            env=environment | {"ZOO_CACHE": str(cache)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "damaged" not in train("first")
    libraries = list((cache / COMPILED).rglob("*.so"))
    assert libraries
    for library in libraries:
        half(library)
    assert train("second").count("damaged or gone") == 1
    assert "damaged" not in train("third")
    assert losses("second") == pytest.approx(losses("first"), rel=1e-5)  # compiled code varies
