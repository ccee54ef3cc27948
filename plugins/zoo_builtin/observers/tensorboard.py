"""Write a run's metrics for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo.authoring import ZooError

if TYPE_CHECKING:
    from zoo.contracts import RunInfo


class TensorBoard:
    """Writes every number of every record as a scalar (train/loss, valid/bits_per_byte, …).

    The files go to tensorboard/ in the run's folder; look at them with `tensorboard --logdir runs`.

    Raises:
        ZooError: the package tensorboard is missing.
    """

    def __init__(self, run: RunInfo) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ZooError(
                "the observer 'tensorboard' needs a package that is not installed: "
                "pip install 'zoo-lm[tensorboard]'"
            ) from error
        self.run = run
        self._make_writer = SummaryWriter
        self._writer: Any = None

    def run_started(self) -> None:
        # A resumed run hides what an earlier one wrote after the step it goes on from.
        purge_step = self.run.start_step + 1 if self.run.start_step else None
        self._writer = self._make_writer(str(self.run.dir / "tensorboard"), purge_step=purge_step)

    def step_ended(self, record: Mapping[str, Any]) -> None:
        self._write(record)

    def eval_ended(self, record: Mapping[str, Any]) -> None:
        self._write(record)

    def run_ended(self, summary: Mapping[str, Any]) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        for name, value in record.items():
            if name not in ("event", "step"):
                self._writer.add_scalar(f"{record['event']}/{name}", value, record["step"])
