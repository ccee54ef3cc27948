"""Generating and scoring on another device: everything there, nothing of it recorded.

Torch's meta device stands in for a GPU; what is read of it to draw a token is made up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from commands import inside, output_of, trained  # noqa: F401  (fixtures)
from torch import Tensor

import zoo
from zoo.api.run import Run
from zoo.cli import main
from zoo.cli.text import for_reader
from zoo.compute import device as devices
from zoo.generation import engine as engines
from zoo.generation.engine import Engine
from zoo.testing import decoding
from zoo.testing.accelerator import DEVICE, Accelerator
from zoo_builtin.attention.softmax import FullAttention

SAMPLERS = [
    zoo.make("sampler", name)
    for name in ("repetition_penalty", "temperature", "top_k", "top_p", "min_p")
]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were drawn at a time."""
    counts: list[int] = []

    def draw(logits: Tensor, uniforms: list[float]) -> Tensor:
        assert logits.device == DEVICE
        assert len(logits) == len(uniforms)
        counts.append(len(logits))
        return torch.full((len(logits),), 7)

    monkeypatch.setattr(engines, "draw", draw)
    return counts


@pytest.mark.parametrize("position", ["rope", "learned", "alibi", "none"])
def test_a_request_stays_on_its_device_and_waits_for_nothing_but_the_draw(
    position: str, drawn: list[int]
) -> None:
    model = decoding.decoder(FullAttention, zoo.registry().find("position", position).factory)
    engine = Engine(model, DEVICE)
    assert {parameter.device for parameter in engine.model.parameters()} == {DEVICE}
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    request = engine.request([[1], [2, 3, 4], list(range(20))], SAMPLERS, max_new_tokens=30)
    with Accelerator():
        for nth, (row, _) in enumerate(request):
            if nth in (20, 40):
                request.end(row)
    assert set(drawn) == {3, 2, 1}
    assert len(drawn) == 30


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(devices, "no_device", lambda name: None)
    return zoo.open_run("runs/tiny-1", device="meta")


@pytest.mark.usefixtures("drawn")
def test_a_run_computes_on_the_device_it_was_opened_for(elsewhere: Run) -> None:
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    assert elsewhere.device == "meta"
    assert {weight.device for weight in elsewhere.model.parameters()} == {DEVICE}
    with Accelerator():
        assert elsewhere.generate("One day", max_new_tokens=3) == "One day" + 3 * chr(7)
        ids = torch.zeros(2, 3, dtype=torch.int64)
        assert elsewhere.logits(ids).device == DEVICE
        assert elsewhere.logits(ids).shape == (2, 3, elsewhere.tokenizer.vocab_size)
    with Accelerator(), pytest.raises(NotImplementedError, match="no data"):
        elsewhere.loss("One day")  # at its end, where the result goes to the CPU
    after = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    assert after == before, "the device was recorded"


def test_steps_are_compiled_for_the_cpu_alone(elsewhere: Run) -> None:
    with pytest.raises(zoo.ZooError, match="compiled for the CPU alone, and this is on meta"):
        elsewhere.steps.compile(1)
    assert elsewhere.steps.load(1) is None


def test_a_run_that_fits_no_more_is_told_with_its_device(
    elsewhere: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore of it")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(zoo.ZooError, match=r"tiny-1 doesn't fit on meta: CUDA .* 2 GiB\.$"):
        elsewhere.generate("a")


@pytest.mark.usefixtures("drawn")
def test_the_command_says_which_device_it_chose(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "no_device", lambda name: None)
    command = ["generate", "runs/tiny-1", "--prompt", "a", "--seed", "1", "--max-new-tokens", "2"]
    assert main([*command, "--device", "meta"]) == 0
    said = capsys.readouterr()
    assert said.out == f"a{for_reader(2 * chr(7))}\n"
    assert said.err.endswith("; seed 1; on meta\n")


def test_the_command_stays_on_the_cpu_unless_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["generate", "runs/tiny-1", "--prompt", "a", "--seed", "1"]
    assert output_of(capsys, *command) == output_of(capsys, *command, "--device", "cpu")


@pytest.mark.parametrize("device", ["cpu", "auto", torch.device("cpu")])
def test_the_cpu_has_several_names(device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    run = zoo.open_run("runs/tiny-1", device=device)
    assert run.device == "cpu"
    assert run.generate("a") == zoo.open_run("runs/tiny-1").generate("a")


def test_only_training_makes_a_device_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made_current: list[torch.device] = []
    monkeypatch.setattr(devices, "missing_here", lambda name: None)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    monkeypatch.setattr(torch.cuda, "set_device", made_current.append)
    assert devices.find_device("cuda:1", "device") == torch.device("cuda", 1)
    assert made_current == []
    assert devices.choose_device("cuda:1") == torch.device("cuda", 1)
    assert made_current == [torch.device("cuda", 1)]
