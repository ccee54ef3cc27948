"""Compiled training: the same numbers, whatever the components; compiled once; never a must."""

from __future__ import annotations

import functools
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from decoders import PARTS
from torch import Tensor, nn
from unusual_components import LinearAttention, RelativeBias, Skips

import zoo
from zoo.compute import compiling, device
from zoo.compute.compiling import choose_compile, compile_blocks, missing_compiler
from zoo.data.prepare import prepare
from zoo.errors import ZooError
from zoo.model.decoder import Decoder, Scored
from zoo.parallel.group import Group
from zoo.training.trainer import Trainer
from zoo_builtin.attention.softmax import SlidingAttention
from zoo_builtin.blocks import PreNorm
from zoo_builtin.optimizers.elementwise import AdamW

CPU = torch.device("cpu")

needs_compiler = pytest.mark.skipif(missing_compiler(CPU) is not None, reason="no C++ compiler")

RECIPE = """\
zoo = 1
data.corpus = { name = "stories", max_bytes = 60_000, valid_bytes = 15_000 }
tokenizer = { name = "byte" }
optimizer = { name = "adamw", lr = 3e-3 }

[model]
d_model = 32
n_layers = 3
n_heads = 2
max_seq_len = 32

[train]
steps = 12
batch_tokens = 256
micro_batch = 4
eval_tokens = 320
precision = "float32"
device = "cpu"
"""


@pytest.fixture(scope="module", autouse=True)
def compiled_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        yield
    torch._dynamo.reset()


def graphs() -> int:
    """How many graphs were compiled in this process."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


class TestChoosing:
    """A run's operations against what this machine does in a second."""

    @pytest.fixture(autouse=True)
    def a_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiling, "operations_per_second", lambda *_: 1e11)
        monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")

    def test_auto_compiles_long_runs(self) -> None:
        assert not choose_compile("auto", CPU, "float32", 1e12)
        assert choose_compile("auto", CPU, "float32", 1e13)

    def test_true_and_false_are_obeyed(self) -> None:
        assert choose_compile(True, CPU, "float32", 1.0)
        assert not choose_compile(False, CPU, "float32", 1e18)

    def test_without_a_compiler_auto_says_so_in_one_line_and_goes_on(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        assert not choose_compile("auto", CPU, "float32", 1e18)
        (line,) = capsys.readouterr().err.splitlines()
        assert "C++ compiler" in line
        assert not choose_compile("auto", CPU, "float32", 1.0)
        assert not capsys.readouterr().err

    def test_without_a_compiler_true_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        with pytest.raises(ZooError, match="compile = true needs C\\+\\+ compiler"):
            choose_compile(True, CPU, "float32", 1.0)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> zoo.Recipe:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return zoo.load_recipe("tiny.toml")


def trainer(recipe: zoo.Recipe) -> Trainer:
    return Trainer(recipe, prepare(recipe), Group(), CPU, "float32")


@needs_compiler
@pytest.mark.slow
def test_a_run_takes_the_same_steps_and_compiles_each_kind_once(
    recipe: zoo.Recipe,
) -> None:
    plain, compiled = trainer(recipe), trainer(recipe)
    compiled.compile(forgiving=False)
    made = []
    for _ in range(4):
        # 10 rows to evaluate on, 4 at a time: the last batch is short.
        for ours, theirs in (
            (compiled.evaluate(), plain.evaluate()),
            (compiled.train_step()[0], plain.train_step()[0]),
        ):
            assert ours == pytest.approx(theirs, rel=1e-4)
        made.append(graphs())
    assert 0 < made[0] < made[1]  # the first evaluation takes no compiled code
    assert made[2:] == made[1:2] * 2
    for ours, theirs in zip(compiled.params, plain.params, strict=True):
        torch.testing.assert_close(ours.tensor, theirs.tensor, rtol=1e-3, atol=1e-4)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("all_work", [True, False])
def test_instructions_that_have_worked_are_not_tried_again(
    all_work: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._inductor.config as inductor
    from torch._inductor import cpu_vec_isa

    tried = []

    @functools.cache
    def listed() -> list[str]:
        if inductor.cpp.vec_isa_ok:
            return ["wide", "narrow"]
        tried.append(1)
        return ["wide", "narrow"] if all_work else ["narrow"]

    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(cpu_vec_isa, "valid_vec_isa_list", listed)
    for _ in range(2):
        with inductor.patch({"cpp.vec_isa_ok": None}):
            compiling.remember_instructions()
            assert inductor.cpp.vec_isa_ok is (True if all_work else None)
    assert len(tried) == (1 if all_work else 2)


class Louder(nn.Module):
    """A norm from elsewhere that branches on what it sees, which no compiler can look through."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        if x.detach().abs().amax().item() > 1e6:
            return x * 0
        return torch.nn.functional.normalize(x, dim=-1) * self.gain * math.sqrt(x.shape[-1])


def loss_and_gradients(model: Decoder) -> tuple[Tensor, list[Tensor]]:
    ids = torch.arange(40).reshape(2, 20) % 50
    model.zero_grad()
    with compiling.compiling(any(block._compiled_call_impl for block in model.blocks)):
        scored = model(ids, ids.roll(-1, 1))
    assert isinstance(scored, Scored)
    scored.total.backward()
    grads = [p.grad for p in model.parameters()]
    assert all(grad is not None for grad in grads)
    return scored.total.detach(), grads  # type: ignore[return-value]


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"norm": Louder},
        {"attention": LinearAttention},
        {"position": RelativeBias},
        {"attention": lambda build: SlidingAttention(build, window=7, n_kv_heads=1)},
        {"block": Skips},
    ],
    ids=["built-in", "norm", "attention", "position", "window", "block"],
)
def test_components_from_outside_are_compiled_like_any_other(parts: dict[str, Any]) -> None:
    model = Decoder(50, d_model=32, n_layers=2, n_heads=4, max_seq_len=20, **{**PARTS, **parts})
    asked, asked_grads = loss_and_gradients(model)
    before = graphs()
    compile_blocks(model.blocks, CPU, forgiving=False)
    seen, seen_grads = loss_and_gradients(model)
    assert graphs() > before
    torch.testing.assert_close(seen, asked, rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(seen_grads, asked_grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


@needs_compiler
@pytest.mark.slow
def test_layers_that_draw_differently_share_their_code() -> None:
    options = {"dropout": 0.1, "stochastic_depth": 0.5, "layer_scale": 0.1, "branch_scale": 0.7}
    made = []
    for n_layers in (1, 3):
        torch._dynamo.reset()
        parts = {**PARTS, "block": functools.partial(PreNorm, **options)}
        model = Decoder(50, d_model=32, n_layers=n_layers, n_heads=4, max_seq_len=20, **parts)
        compile_blocks(model.blocks, CPU, forgiving=False)
        before = graphs()
        loss, grads = loss_and_gradients(model)
        assert all(grad.isfinite().all() for grad in [loss, *grads])
        made.append(graphs() - before)
    assert made[0] == made[1] > 0


@needs_compiler
@pytest.mark.slow
def test_adamw_in_one_loop_takes_the_same_steps() -> None:
    sizes = [(3, 5), (7,), (1,), (64, 33)]
    ours, theirs = ([nn.Parameter(torch.ones(size)) for size in sizes] for _ in range(2))
    fast, plain = (AdamW(params, lr=0.1, weight_decay=0.3) for params in (ours, theirs))
    made = []
    for _ in range(4):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = other.grad = torch.randn_like(mine)
        with compiling.compiling(True):
            fast.step()
        plain.step()
        made.append(graphs())
    assert made[1:] == made[:1] * 3
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


def test_memory_is_kept_without_complaint_whatever_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device.keep_freed_memory()
    monkeypatch.setattr(device.sys, "platform", "darwin")
    monkeypatch.setattr(device.ctypes, "CDLL", None)  # whoever calls it fails
    device.keep_freed_memory()
