"""A compiler that is gone, or what it kept can't be read: training goes on, and a line says so."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from small_runs import losses, somewhere, tiny  # noqa: F401

import zoo
from zoo.api.train import resume
from zoo.compute.compile_trouble import Complaints
from zoo.compute.compiling import missing_compiler

CPU = torch.device("cpu")
needs_compiler = pytest.mark.skipif(missing_compiler(CPU) is not None, reason="no C++ compiler")


def complaint(message: str, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, None) if error is not None else None
    return logging.LogRecord("torch", logging.WARNING, __file__, 1, message, None, info)


def test_damage_is_told_once_with_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    complaints = Complaints()
    for _ in range(3):
        assert not complaints.filter(complaint("fx graph: unable to load"))
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}: what was compiled earlier is damaged" in line


def test_what_is_not_compiled_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    complaints = Complaints()
    for _ in range(2):
        assert not complaints.filter(complaint("WON'T CONVERT", RuntimeError("no such op\ntrace")))
    assert capsys.readouterr().err == "not all is compiled, so slower: no such op\n"
    assert complaints.filter(logging.LogRecord("torch", logging.INFO, "", 1, "fine", None, None))


@needs_compiler
@pytest.mark.slow
def test_a_compiled_run_goes_on_without_a_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    whole = zoo.train(tiny("train.compile=true"), out="whole")
    zoo.train(tiny("train.compile=true"), out="half")
    for path in Path("half/checkpoints").glob("step-00000012*"):
        path.rename(path.with_name(f"gone-{path.name}"))
    capsys.readouterr()
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "other"))
    torch._dynamo.reset()
    resume("half")
    told = capsys.readouterr().err
    assert told.count("not compiled, so slower") == 1
    assert "C++ compiler" in told
    assert losses("half") == pytest.approx(losses(whole.dir), rel=1e-3)
