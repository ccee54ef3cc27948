"""A run that version 0.1.0 began, as that version left it after 8 of its 12 steps."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_runs import losses

import zoo
from zoo.api.train import resume
from zoo.cli import main

KEPT = Path(__file__).with_name("run_of_0_1_0.zip")
WENT_ON = {
    9: 5.656266808509827,
    10: 5.637076020240784,
    11: 5.607616662979126,
    12: 5.614669680595398,
}
"""The losses that 0.1.0 itself had after the steps that are left."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    shutil.unpack_archive(KEPT, tmp_path / "run")
    return tmp_path / "run"


def test_it_opens_and_generates(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = zoo.open_run(run)
    assert opened.checkpoint.step == 8
    assert sum(p.numel() for p in opened.model.parameters()) == 8104
    assert main(["generate", str(run), "--prompt", "Once", "--max-new-tokens", "5"]) == 0
    assert capsys.readouterr().out.startswith("Once")
    assert main(["runs", "check", str(run)]) == 0


@pytest.mark.filterwarnings("ignore::UserWarning")  # of another torch or processor, perhaps
def test_it_goes_on_as_it_would_have(run: Path) -> None:
    went_before = losses(run)
    resume(run)
    after = losses(run)
    assert {step: after[step] for step in went_before} == went_before
    assert {step: after[step] for step in WENT_ON} == pytest.approx(WENT_ON, rel=1e-5)
