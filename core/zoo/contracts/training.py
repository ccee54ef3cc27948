"""Interfaces of optimizers, schedulers and observers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import nn


class Optimizer(Protocol):
    """A ``torch.optim.Optimizer`` (or a list of them) that covers each parameter exactly once.

    ``params`` is a list of ``zoo.Param``, one a parameter of the model: the tensor, and what is to
    be known of it. Its ``lr`` and ``weight_decay`` multiply the optimizer's own, so each group has
    ``lr * param.lr`` and ``weight_decay * param.weight_decay``. ``zoo.authoring.groups`` makes
    them, one group for each pair of multipliers::

        super().__init__(groups(params, lr=lr, weight_decay=weight_decay), {})

    Each parameter group has "lr", which the host multiplies by the schedule before every step.
    ``own_schedule`` (class attribute) says that it sets its own learning rate: the host then
    refuses a scheduler beside it; what a method ``lr_multiplier(step)`` tells is recorded.
    """

    def step(self) -> Any: ...


class Scheduler(Protocol):
    """Step (from 0) -> multiplier of the learning rate. A pure function."""

    def __call__(self, step: int) -> float: ...


class Observer(Protocol):
    """Watches a run on rank 0 and changes nothing. Implements any subset of these events.

    An OSError, as of a full disk, is told and costs no run (but in ``run_started``).

    ``run`` is a ``zoo.RunInfo``: its folder, recipe, steps, schedule and size, and ``run.model``,
    whose weights each event finds as they are by then. They are to be read, never changed, and
    anything kept of them is a copy: ``run.model.head.weight.detach().norm().item()``.
    ``record`` is the line that also goes to metrics.jsonl. In the order of the loop::

        run_started()
        each step:            step_ended(record)          event = "train", every log_every steps
        around slow work:     phase_changed(name)         "evaluating", "saving", then "training"
        every eval_every:     eval_ended(record)          event = "valid"
        every checkpoint_every: checkpoint_saved(path)
        run_ended(summary)                                also after an interrupt or an error
    """

    def run_started(self) -> None: ...

    def step_ended(self, record: Mapping[str, Any]) -> None: ...

    def eval_ended(self, record: Mapping[str, Any]) -> None: ...

    def checkpoint_saved(self, path: Path) -> None: ...

    def phase_changed(self, name: str) -> None: ...

    def run_ended(self, summary: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class RunInfo:
    """The run that an observer watches.

    ``recipe`` is the ``Recipe``, and ``start_step`` the step after which a resumed run goes on, 0
    for a new one. ``lr_at`` gives the learning rate of a step; ``params`` counts the model's
    parameters. ``lossy`` says that the tokenizer changes some text, which then counts to bits per
    byte with its own size. ``model`` is the Decoder that is trained, to read from and not to
    change; when a recipe is checked, on the meta device.
    """

    dir: Path
    name: str
    recipe: Any
    total_steps: int
    start_step: int
    label: str
    notices: list[str]
    lr_at: Callable[[int], float]
    params: int
    device: str
    precision: str
    compiled: bool = False
    world: int = 1
    lossy: bool = False
    model: nn.Module | None = None

    def __repr__(self) -> str:
        return f"<RunInfo {str(self.dir)!r}, {self.total_steps:,} steps>"
