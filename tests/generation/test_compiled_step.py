"""Steps as compiled code: the same as those that aren't compiled, and only where they are."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commands import inside, output_of, started, trained  # noqa: F401  (fixtures)
from torch import Tensor
from unusual_components import COMPONENTS, LinearAttention, RelativeBias, ValueResidual

import zoo
from zoo.generation import compiled_step
from zoo.generation.compiled_step import CompiledSteps, as_step, check, traced
from zoo.generation.engine import Engine
from zoo.model.decoder import Decoder
from zoo.model.kv_cache import DecodingState
from zoo.model.sequence import Seq
from zoo.testing import decoding
from zoo_builtin.attention.softmax import FullAttention, SlidingAttention
from zoo_builtin.positions import RoPE

ATTENTIONS = {
    "full": FullAttention,
    "shared heads": partial(FullAttention, n_kv_heads=2),
    "reference": partial(FullAttention, kernel="reference"),
    "sliding": partial(SlidingAttention, window=5),
    "linear": LinearAttention,
    "residual": ValueResidual,
}
POSITIONS = ["rope", "learned", "sinusoidal", "alibi", "none", "relative"]

compiles = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")


def decoder(attention: Any, position: Any = RoPE) -> Decoder:
    return decoding.decoder(attention, position).float().requires_grad_(False).eval()


@pytest.mark.parametrize(
    ("attention", "position", "rows"),
    [("full", position, 3) for position in POSITIONS]
    + [(attention, "rope", 3) for attention in ATTENTIONS if attention != "full"]
    + [("sliding", "alibi", 1), ("shared heads", "none", 1)],
)
def test_what_is_compiled_steps_like_what_is_not(attention: str, position: str, rows: int) -> None:
    found = {"relative": RelativeBias}
    factory = found.get(position) or zoo.registry().find("position", position).factory
    model = decoder(ATTENTIONS[attention], factory)
    check(model, rows, as_step(traced(model, rows)))


@pytest.mark.parametrize("position", ["none", "rope"])
def test_what_is_compiled_writes_on_beyond_the_context(
    position: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = decoder(FullAttention, zoo.registry().find("position", position).factory)
    sampler, prompts = zoo.make("sampler", "greedy"), [[1], [2, 3, 4], list(range(40))]
    monkeypatch.setattr(CompiledSteps, "load", lambda self, rows: as_step(traced(model, rows)))
    plain, compiled = Engine(model), Engine(model, origin="traced")
    texts = [
        list(engine.request(prompts, [sampler], max_new_tokens=30)) for engine in (plain, compiled)
    ]
    assert texts[0] == texts[1]


def test_every_attention_from_outside_is_among_these() -> None:
    assert {made for kind, made in COMPONENTS if kind == "attention"} <= {*ATTENTIONS.values()}


class Forgetful(FullAttention):
    """Replaces its state instead of updating it."""

    def forward(self, x: Tensor, seq: Seq, cache: Any = None, *more: Any) -> Any:
        y = super().forward(x, seq, cache, *more)
        if cache is not None:
            cache["v"] = cache["v"] * 0.5
        return y


class Curious(FullAttention):
    """Looks at numbers, which can't be traced."""

    def forward(self, x: Tensor, *given: Any) -> Any:
        return super().forward(x * 2 if x.sum().item() > 0 else x, *given)


def test_a_step_that_comes_out_otherwise_is_refused() -> None:
    model = decoder(FullAttention)
    with pytest.raises(ValueError, match="compiled, it differs"):
        check(model, 2, lambda ids, state: model.decode(ids, state) * 1.5)


@pytest.mark.parametrize("attention", [Forgetful, Curious])
def test_what_can_not_be_compiled_is_told_and_not_kept(attention: Any) -> None:
    steps = CompiledSteps(decoder(attention), attention.__name__)
    with pytest.raises(zoo.ZooError, match="decoding can't be compiled here"):
        steps.compile(1)
    assert steps.load(1) is None


@compiles
@pytest.mark.slow
def test_compiled_steps_are_kept_and_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ["generate", "runs/tiny-1", "--prompt", "a", "--num-samples", "2", "--seed", "1"]
    plain = output_of(capsys, *args)
    assert output_of(capsys, *args, "--compile") == plain
    used = []
    step = compiled_step.CompiledStep.__call__

    def counted(self: Any, ids: Tensor, state: DecodingState) -> Tensor:
        used.append(len(ids))
        return step(self, ids, state)

    monkeypatch.setattr(compiled_step.CompiledStep, "__call__", counted)
    assert output_of(capsys, *args) == plain
    assert set(used) == {2}
    run = zoo.open_run("runs/tiny-1")
    assert run.steps.load(2) is not None
    assert run.steps.load(1) is None
    code = run.steps.folder(2) / "step.so"
    code.unlink()  # as this process has it mapped
    code.write_bytes(b"damaged")
    out, _ = started(*args).communicate()
    assert out.decode() == plain.replace("\n", os.linesep)


def test_code_of_other_weights_sources_or_rows_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = decoder(FullAttention)
    folder = CompiledSteps(model, "a").folder(1)
    assert CompiledSteps(model, "a").folder(1) == folder
    source = tmp_path / "plugin.py"
    source.write_text("# changed")
    others = {CompiledSteps(model, "b").folder(1), CompiledSteps(model, "a").folder(2)}
    monkeypatch.setattr(compiled_step, "sources", lambda model: [source])
    assert len({folder, CompiledSteps(model, "a").folder(1), *others}) == 4


def test_the_sources_are_those_of_all_parts() -> None:
    names = {path.name for path in compiled_step.sources(decoder(ValueResidual, RelativeBias))}
    assert {"unusual_components.py", "softmax.py", "kv_cache.py", "host.py"} <= names
    assert "conftest.py" not in names


def test_only_the_last_used_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_step, "KEPT", 2)
    for used, number in enumerate((3, 1, 2)):
        (tmp_path / f"step-{number}").mkdir()
        os.utime(tmp_path / f"step-{number}", (used, used))
    compiled_step.forget_oldest(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-1", "step-2"]
