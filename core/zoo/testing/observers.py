"""Conformance of observers."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from zoo.api.make import build
from zoo.catalog.component import Component
from zoo.contracts import RunInfo
from zoo.recipe.first_pass import EVENTS
from zoo.recipe.load import load_recipe
from zoo.testing.compare import Complaints, luck

TOTAL = 20
RECIPE = f"""\
zoo = 1
data.corpus = "stories"
tokenizer = "byte"
model = {{ d_model = 32, n_layers = 1, n_heads = 2, max_seq_len = 16 }}
train = {{ steps = {TOTAL}, batch_tokens = 64 }}
"""


@contextmanager
def a_run() -> Iterator[RunInfo]:
    """A run in a folder of its own, with nothing in it but what observers write."""
    # Windows can't remove what an observer that failed left open.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        recipe = Path(folder) / "tiny.toml"
        recipe.write_text(RECIPE, encoding="utf-8")
        run_dir = Path(folder) / "tiny-1"
        run_dir.mkdir()
        loaded = load_recipe(recipe)
        model = build(loaded)
        yield RunInfo(
            dir=run_dir,
            name="tiny-1",
            recipe=loaded,
            total_steps=TOTAL,
            start_step=0,
            label="stories",
            notices=["a notice"],
            lr_at=lambda step: 1e-3 * (1 - step / TOTAL),
            params=sum(parameter.numel() for parameter in model.parameters()),
            device="cpu",
            precision="float32",
            model=model,
        )


def resumed(run: RunInfo, step: int) -> RunInfo:
    return RunInfo(**{**vars(run), "start_step": step})


def record(event: str, step: int, **more: float) -> dict[str, Any]:
    return {
        "event": event,
        "step": step,
        "loss": 5.0 - step / TOTAL,
        "lr": 1e-3,
        **more,
        "tokens": 64 * step,
        "tokens_per_s": 1000.0,
        "seconds": 0.1 * step,
    }


def summary(run: RunInfo, step: int, state: str) -> dict[str, Any]:
    return {
        "state": state,
        "dir": str(run.dir),
        "step": step,
        "total_steps": TOTAL,
        "tokens": 64 * step,
        "seconds": 0.1 * step,
        "valid_loss": 4.0 if state == "finished" else None,
        "bits_per_byte": 1.0 if state == "finished" else None,
        "label": run.label,
        "notices": run.notices,
    }


def events(run: RunInfo, stop: int = TOTAL, state: str = "finished") -> Iterator[tuple[Any, ...]]:
    """What a run tells, in the loop's order: (event, argument). It evaluates every 5 steps."""
    yield ("run_started",)
    if run.start_step == 0 and stop > 0:
        yield from evaluation(0)
    for step in range(run.start_step + 1, stop + 1):
        yield "step_ended", record("train", step, grad_norm=0.5)
        if step % 5 == 0:
            yield from evaluation(step)
            yield "phase_changed", "saving"
            yield "checkpoint_saved", run.dir / "checkpoints" / f"step-{step:08d}"
            yield "phase_changed", "training"
    yield "run_ended", summary(run, stop, state)


def evaluation(step: int) -> Iterator[tuple[Any, ...]]:
    yield "phase_changed", "evaluating"
    yield "eval_ended", record("valid", step, bits_per_byte=1.2)
    yield "phase_changed", "training"


def tell(observer: Any, event: str, *given: Any) -> None:
    if callable(hear := getattr(observer, event, None)):
        hear(*given)


def watch(component: Component, run: RunInfo, stop: int = TOTAL, state: str = "finished") -> None:
    observer = component(run)
    for event in events(run, stop, state):
        tell(observer, *event)


def made(component: Component) -> Complaints:
    """Given run, it makes something that hears at least one of the events of zoo.Observer."""
    with a_run() as run:
        observer = component(run)
        if not any(callable(getattr(observer, event, None)) for event in EVENTS):
            yield f"it has none of {', '.join(EVENTS)}"


def hears_a_whole_run(component: Component) -> Complaints:
    """It gets through a run from the first event to the last."""
    with a_run() as run:
        watch(component, run)
    yield from ()


def hears_an_early_end(component: Component) -> Complaints:
    """It gets through runs that are interrupted, or fail before their first record."""
    for stop, state in ((0, "failed"), (0, "interrupted"), (7, "interrupted")):
        with a_run() as run:
            watch(component, run, stop, state)
    yield from ()


def hears_a_resumed_run(component: Component) -> Complaints:
    """It gets through a run that goes on in the folder where it was interrupted."""
    with a_run() as run:
        watch(component, run, 7, "interrupted")
        watch(component, resumed(run, 5))
    yield from ()


def changes_nothing(component: Component) -> Complaints:
    """It leaves records, the run, its weights and the global generators of randomness alone."""
    with a_run() as run:
        notices, weights = list(run.notices), copy.deepcopy(weights_of(run))
        observer = component(run)
        for event, *given in events(run):
            before, told = luck(), copy.deepcopy(given)
            tell(observer, event, *given)
            if given != told:
                yield f"{event} changed what it was given"
            if luck() != before:
                yield f"{event} drew from a global generator"
        if run.notices != notices:
            yield "it changed run.notices"
        for name, weight in weights_of(run).items():
            if not torch.equal(weight, weights[name]):
                yield f"it changed {name}"


def weights_of(run: RunInfo) -> dict[str, torch.Tensor]:
    assert run.model is not None
    return run.model.state_dict()


PROPERTIES = (
    made,
    hears_a_whole_run,
    hears_an_early_end,
    hears_a_resumed_run,
    changes_nothing,
)
