"""Steps, evaluation, prefill and decoding on a made-up accelerator, with every component on offer.

It is torch's meta device, watched by ``zoo.testing``: a tensor on the wrong device and a value that
is read raise.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_runs import somewhere, tiny
from torch import nn

import zoo
from zoo.contracts import Out
from zoo.data.prepare import prepare
from zoo.generation import engine
from zoo.model.decoder import Decoder
from zoo.parallel.group import Group
from zoo.testing.accelerator import DEVICE, Accelerator, MisusedDeviceError
from zoo.training import trainer as training
from zoo.training.trainer import Trainer
from zoo_builtin.norms import RMSNorm

__all__ = ["somewhere"]  # fixtures

IN_MODEL = ("norm", "activation", "position", "attention", "feedforward", "block", "loss")
OPTIONS = {"sliding": ", window=5"}
USUAL = ("optimizer.lr=1e-3", "scheduler=none", "train.clip=1.0", "train.micro_batch=4")


def trainer_of(*overrides: str) -> Trainer:
    recipe = tiny(*USUAL, *overrides)
    return Trainer(recipe, prepare(recipe), Group(), DEVICE, "float32")


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many numbers were fetched at a time, which are all 1."""
    counts: list[int] = []

    def fetched(numbers: Any) -> list[float]:
        assert all(number.device == DEVICE and number.ndim == 0 for number in numbers)
        counts.append(len(numbers))
        return [1.0] * len(numbers)

    monkeypatch.setattr(training, "fetched", fetched)
    return counts


def setting(kind: str, name: str) -> str:
    option = f'{{name="{name}"{OPTIONS.get(name, "")}}}'
    return f"model.{kind}={option}" if kind in IN_MODEL else f"{kind}={option}"


CHANGES = [
    (entry.kind, setting(entry.kind, entry.name))
    for entry in zoo.registry().entries()
    if entry.kind in (*IN_MODEL, "optimizer")
]


@pytest.mark.parametrize(
    "changes",
    [
        *(
            # The suites try each part alone.
            pytest.param([change], marks=[pytest.mark.slow] if kind in IN_MODEL else [])
            for kind, change in CHANGES
        ),
        ['model.attention={name="full", kernel="reference", n_kv_heads=1, qk_norm="rmsnorm"}'],
        ['model.block={name="pre_norm", layer_scale=0.1, dropout=0.1, stochastic_depth=0.2}'],
        ["model.tie_embeddings=true", "model.logit_cap=30.0", "model.logit_scale=0.5"],
    ],
    ids=lambda changes: changes[0],
)
def test_a_run_takes_its_steps_there(changes: list[str], waited: list[int]) -> None:
    trainer = trainer_of(*changes)
    with Accelerator():
        for _ in range(2):
            trainer.train_step()
        trainer.evaluate()
        generate(trainer.model)
    assert waited == [5, 5, 4]  # loss and objective of two micro-batches and the norm; 16 windows
    for optimizer in trainer.optimizers:
        for state in optimizer.state.values():
            assert all(v.device == DEVICE for v in state.values() if isinstance(v, torch.Tensor))


@torch.no_grad()
def generate(model: Decoder) -> None:
    """A prompt of several rows, of different lengths where that is known without asking."""
    ids = torch.zeros(2, 9, dtype=torch.int64, device=DEVICE)
    paddings = [None, torch.zeros(2, dtype=torch.int64, device=DEVICE)]
    for padding in paddings if model.position_limit is None else paddings[:1]:
        state = model.new_state(2, padding=padding)
        assert model.decode(ids, state).device == DEVICE
        for _ in range(3):
            assert model.decode(ids[:, :1], state).device == DEVICE
        assert all(t.device == DEVICE for layer in state.layers for t in layer.values())


@pytest.mark.parametrize("position", ["none", "rope", "alibi", "learned"])
def test_an_engine_reads_what_it_draws_from_and_nothing_else(
    position: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trainer_of(f"model.position={position}").model
    samplers = [zoo.make("sampler", name) for name in ("temperature", "top_k", "top_p")]
    drawn: list[int] = []

    def draw(logits: torch.Tensor, uniforms: list[float]) -> torch.Tensor:
        assert logits.device == DEVICE
        drawn.append(len(logits))
        return torch.zeros(len(logits), dtype=torch.int64)

    monkeypatch.setattr(engine, "draw", draw)
    request = engine.Engine(model).request([[1, 2, 3], [4]], samplers, max_new_tokens=40)
    with Accelerator():
        for nth, _ in enumerate(request):
            if nth == 3:
                request.end(1)
    assert drawn == [2, 2, *[1] * 38]


class Wrong(RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + torch.zeros(x.shape[-1])


class Reading(RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * float(x.detach().abs().max() > 0)


@pytest.mark.parametrize(
    ("norm", "told"), [(Wrong, "tensors of two devices"), (Reading, "needs a value")]
)
@pytest.mark.usefixtures("waited")
def test_a_wrong_device_and_a_hidden_wait_raise(norm: type[RMSNorm], told: str) -> None:
    trainer = trainer_of()
    trainer.model.norm = norm(16).to(DEVICE)
    with Accelerator(), pytest.raises(MisusedDeviceError, match=told):
        trainer.train_step()


class Counting(nn.Module):
    """A part whose statistics come back summed."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.heard = torch.zeros(16, device=DEVICE)

    def forward(self, x: torch.Tensor) -> Out:
        return Out(self.inner(x), stats={"load": x.detach().sum((0, 1))})

    def after_step(self, stats: dict[str, torch.Tensor]) -> None:
        self.heard += stats["load"]


def test_statistics_stay_there(waited: list[int]) -> None:
    trainer = trainer_of()
    block: Any = trainer.model.blocks[0]
    block.feedforward = Counting(block.feedforward)
    with Accelerator():
        trainer.train_step()
    assert waited == [5]


WAITING = [
    "x.sum().item()",
    "bool(x[0, 0])",
    "float(x.sum())",
    "x.tolist()",
    "x.cpu()",
    "x[x > 0]",
    "x.nonzero()",
    "x.masked_select(x > 0)",
    "torch.equal(x, x)",
    "torch.zeros(3, 4).copy_(x)",
    "x.index_put((x > 0,), x)",
]
MISPLACED = [
    "x + torch.arange(4)",
    "x[torch.tensor([0, 1])]",
    "torch.arange(4) * x.sum()",
    "torch.cat([x, torch.zeros(1, 4)])",
    "torch.rand(3, device=DEVICE, generator=torch.Generator())",
]
FINE = [
    "x * torch.tensor(2.0)",
    "torch.arange(4).to(DEVICE) + x",
    "torch.zeros(4) + 1",
    "x.masked_fill(x > 0, 1.0)",
    "x.index_put((x > 0,), x.new_zeros(()))",
    "x[x.argmax(0)]",
    "x.new_tensor([1.0, 2.0])",
]


@pytest.mark.parametrize("code", [*WAITING, *MISPLACED])
def test_what_a_gpu_would_suffer_from(code: str) -> None:
    x = torch.ones(3, 4, device=DEVICE)
    told = "needs a value" if code in WAITING else "two devices|from a generator of the CPU"
    with Accelerator(), pytest.raises(MisusedDeviceError, match=told):
        eval(code, globals(), {"x": x})


@pytest.mark.parametrize("code", FINE)
def test_what_a_gpu_takes(code: str) -> None:
    with Accelerator():
        eval(code, globals(), {"x": torch.ones(3, 4, device=DEVICE)})
