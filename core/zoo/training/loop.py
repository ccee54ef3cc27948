"""The training loop: steps, evaluations, records, checkpoints."""

from __future__ import annotations

import json
import math
import platform
import signal
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from zoo.catalog.plugins import plugin_flags
from zoo.catalog.version import zoo_version
from zoo.console.shell import quoted
from zoo.contracts import RunInfo
from zoo.contracts.run_folder import CHECKPOINTS, RECIPE, RESOLVED, RUN_INFO, SUMMARY
from zoo.errors import ZooError
from zoo.parallel.group import translate_peer_errors
from zoo.parallel.interrupts import Interrupted, Interrupts
from zoo.run_files import checkpoint
from zoo.run_files.kept_recipe import digests, digests_at_the_start, told_of_edits
from zoo.run_files.metrics import jsonable, table_in
from zoo.run_files.metrics_writer import MetricsWriter
from zoo.run_files.saved import SavedRun, open_saved
from zoo.run_files.train_state import TrainState
from zoo.storage.paths import overwrite, write_atomically
from zoo.training.clock import Clock
from zoo.training.trainer import SavedTensors, Trainer

if TYPE_CHECKING:
    from zoo.contracts import Observer
    from zoo.data.prepare import TokenData
    from zoo.recipe.recipe import Recipe
    from zoo.storage.lock import Lock

LOSSY = (
    "the tokenizer is lossy: bits per byte counts the bytes of the text as it was, but what was "
    "replaced in it is not told apart, so that others' figures compare with it only roughly"
)
EVALUATIONS = 10  # a run, unless the recipe says otherwise
DECIDING = ("torch", "device", "processes", "threads")  # of the last bits, in run.json
FAILED_SAVES = 3  # in a row end a run: what it learns would be lost


class Session:
    """One stretch of training: the loop, its records, and what it writes. Only rank 0 writes.

    Args:
        recipe, trainer: what is trained.
        run_dir: where the run goes.
        lock: the one on that folder; when it is lost with the folder, nothing more is written.
    """

    def __init__(
        self, recipe: Recipe, trainer: Trainer, run_dir: Path, lock: Lock | None = None
    ) -> None:
        settings = recipe.train
        self.recipe = recipe
        self.trainer = trainer
        self.dir = run_dir
        self.lock = lock
        self.first = trainer.group.is_first
        self.eval_every = settings.eval_every or max(1, trainer.total_steps // EVALUATIONS)
        self.checkpoint_every = settings.checkpoint_every or self.eval_every
        self.best: dict[str, Any] | None = None
        self.valid: dict[str, Any] = {}
        self.failed_saves = 0
        self.watchdog = trainer.group.watchdog
        self.clock = Clock(trainer)
        self.info = RunInfo(
            dir=run_dir,
            name=run_dir.name,
            recipe=recipe,
            total_steps=trainer.total_steps,
            start_step=trainer.step,
            label=trainer.data.label,
            notices=notices_of(trainer.data),
            lr_at=trainer.lr_at,
            params=sum(p.tensor.numel() for p in trainer.params),
            device=str(trainer.device),
            precision=trainer.precision,
            compiled=trainer.compiled,
            world=trainer.group.world,
            lossy=getattr(trainer.data.tokenizer, "lossy", False),
            model=trainer.model,
        )
        makers = settings.observers if self.first else []
        written: list[Observer] = [MetricsWriter(self.info)] if self.first else []
        self.observers = [*written, *(make(self.info) for make in makers)]

    def loop(self, interrupts: Interrupts) -> None:
        """Train until the run is done or a signal asks to stop; report the outcome."""
        if self.first:
            self.write_metadata()
            self.write_summary(self.summary("running"))
        try:
            self.notify("run_started", forgiving=False)
        except BaseException as error:
            self.tell_how_it_ended("failed", str(error))
            raise
        try:
            with translate_peer_errors():
                self.train(interrupts)
        except Interrupted as stopped:
            self.ended("interrupted")
            raise Interrupted(stopped.signum, self.lost() or self.how_to_resume()) from None
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            self.ended("interrupted" if interrupted else "failed", str(error))
            raise
        self.ended("finished")

    def train(self, interrupts: Interrupts) -> None:
        """Steps, evaluates and saves."""
        trainer, settings = self.trainer, self.recipe.train
        stop = not self.evaluated(interrupts)
        while trainer.step < trainer.total_steps and not stop:
            lr = trainer.lr_at(trainer.step)
            with self.watchdog.step(), self.clock:
                measured, stop = trainer.train_step(bool(interrupts.pending))
            done = trainer.step == trainer.total_steps
            if trainer.step % settings.log_every == 0 or done or stop:
                self.record("train", "step_ended", lr=lr, **measured)
            stop = not self.evaluated(interrupts) or (stop and not done)
            if trainer.step % self.checkpoint_every == 0 or done or stop:
                self.save(needed=done or stop)
        if stop:
            raise Interrupted(interrupts.pending or signal.SIGTERM)

    def ended(self, state: str, reason: str = "") -> None:
        """Report the outcome to the observers and in the run's folder."""
        if state != "finished" and self.lost():
            return
        summary = self.tell_how_it_ended(state, reason)
        # On a full disk, what ended the run is what is to be told.
        self.notify("run_ended", summary, told=state == "finished")

    def tell_how_it_ended(self, state: str, reason: str = "") -> dict[str, Any]:
        """Write summary.json if the disk allows, and return its contents."""
        summary = self.summary(state)
        if reason:
            summary["reason"] = reason
        if self.first:
            with suppress(OSError):
                self.write_summary(summary)
        return summary

    def evaluated(self, interrupts: Interrupts) -> bool:
        """Evaluates if that is due here and not done yet; False if a signal came in between."""
        trainer = self.trainer
        due = trainer.step % self.eval_every == 0 or trainer.step == trainer.total_steps
        if not due or self.valid.get("step") == trainer.step:
            return True
        self.notify("phase_changed", "evaluating")
        with self.watchdog.long():
            measured = trainer.evaluate(lambda: self.asked_to_stop(interrupts))
        if measured is not None:
            self.valid = {"step": trainer.step, **measured}
            self.record(
                "valid", "eval_ended", lr=trainer.lr_at(max(0, trainer.step - 1)), **measured
            )
        self.notify("phase_changed", "training")
        return measured is not None

    def asked_to_stop(self, interrupts: Interrupts) -> bool:
        """Whether a signal came; asked before every batch of an evaluation."""
        self.watchdog.goes_on()
        return bool(interrupts.pending)

    def how_to_resume(self) -> str:
        """The message after an interrupt: the step and the command that resumes."""
        saved = checkpoint.all_in(self.dir / CHECKPOINTS)
        if not saved:
            return f"{self.dir} has no checkpoint yet"
        world = self.info.world
        processes = f" --nproc {world}" if world > 1 else ""
        return (
            f"saved at {saved[-1].name} of {self.trainer.total_steps}; go on with: "
            f"zoo train --resume {quoted(self.dir)}{processes}{plugin_flags()}"
        )

    def save(self, *, needed: bool) -> None:
        """Writes a checkpoint, then drops those that are neither among the newest nor the best.

        A disk that is full may have room next time: only a save that is ``needed``, or several that
        fail in a row, end the run.
        """
        with self.watchdog.long():
            tensors = self.trainer.state()
            if self.first:
                self.save_here(tensors, needed=needed)
            self.trainer.group.wait()

    def lost(self) -> str:
        """What became of the run's folder if it is no longer at its place, else nothing."""
        told = self.lock.lost() if self.lock is not None else ""
        return told and f"{told}: ended at step {self.trainer.step}, nothing more is written there"

    def check_folder(self) -> None:
        """Raises ZooError where the run's folder was deleted, moved or replaced meanwhile."""
        if lost := self.lost():
            raise ZooError(lost)

    def save_here(self, tensors: SavedTensors, *, needed: bool) -> None:
        self.notify("phase_changed", "saving")
        checkpoints = self.dir / CHECKPOINTS
        best = self.best_now()
        try:
            path = self.write_checkpoint(checkpoints, tensors, best)
        except OSError as error:
            self.check_folder()
            self.failed_saves += 1
            told = f"{checkpoints}: step {self.trainer.step} can't be saved ({error.strerror})"
            if needed or self.failed_saves >= FAILED_SAVES:
                raise ZooError(f"{told}; what was saved before is whole") from error
            warnings.warn(f"{told}; going on, and trying again with the next", stacklevel=2)
        else:
            self.failed_saves = 0
            self.best = best
            best_dir = checkpoint.step_dir(checkpoints, best["step"]) if best else None
            self.check_folder()
            try:
                checkpoint.prune(checkpoints, self.recipe.train.keep, best_dir)
            except OSError as error:
                warnings.warn(f"{checkpoints}: can't be tidied ({error.strerror})", stacklevel=2)
            self.notify("checkpoint_saved", path)
        self.notify("phase_changed", "training")

    def best_now(self) -> dict[str, Any] | None:
        """The best evaluation of those after which a checkpoint was saved, this step's included."""
        if self.valid.get("step") != self.trainer.step or not math.isfinite(self.valid["loss"]):
            return self.best
        better = self.best is None or self.valid["loss"] < self.best["loss"]
        return self.valid if better else self.best

    def write_checkpoint(
        self, checkpoints: Path, tensors: SavedTensors, best: dict[str, Any] | None
    ) -> Path:
        trainer = self.trainer
        return checkpoint.save(
            checkpoints,
            model=tensors.model,
            optimizer=tensors.optimizer,
            state=TrainState(
                step=trainer.step,
                tokens=trainer.tokens,
                seconds=self.clock.total,
                best=best,
                valid=self.valid,
                data=trainer.data.key,
                precision=trainer.precision,
                skipped=trainer.skipped_in_a_row,
                products=torch.get_float32_matmul_precision(),
                compiled=trainer.compiled,
                optimizer=tensors.numbers,
                plugins=self.recipe.plugins,
                code=self.recipe.code,
                label=self.info.label,
                notices=self.info.notices,
            ),
            tokenizer=trainer.data.tokenizer,
            recipe_toml=self.recipe.to_toml(),
        )

    def record(self, event: str, method: str, **measured: float) -> None:
        trainer = self.trainer
        record = {
            "event": event,
            "step": trainer.step,
            **measured,
            "tokens": trainer.tokens,
            "seconds": self.clock.total,
        }
        if event == "train":
            record["tokens_per_s"] = self.clock.rate()
        self.notify(method, record)

    def notify(self, method: str, *given: Any, forgiving: bool = True, told: bool = True) -> None:
        """Calls a method of all observers.

        A full disk costs what they write, not what is learnt: ``forgiving`` goes on, and that is
        ``told``.
        """
        self.check_folder()
        for observer in self.observers:
            if not callable(hear := getattr(observer, method, None)):
                continue
            try:
                hear(*given)
            except OSError as error:
                if not forgiving:
                    raise
                if told:
                    where = error.filename or type(observer).__name__
                    message = f"{where}: can't be written ({error.strerror or error}); going on"
                    warnings.warn(message, stacklevel=2)

    def summary(self, state: str) -> dict[str, Any]:
        return {
            "state": state,
            "dir": str(self.dir),
            "step": self.trainer.step,
            "total_steps": self.trainer.total_steps,
            "tokens": self.trainer.tokens,
            "seconds": self.clock.total,
            "valid_loss": self.valid.get("loss"),
            "bits_per_byte": self.valid.get("bits_per_byte"),
            "label": self.info.label,
            "notices": self.info.notices,
        }

    def write_metadata(self) -> None:
        """run.json, which says first whose run this is, and the recipe as written and resolved."""
        self.check_folder()
        about: dict[str, Any] = {
            "zoo": zoo_version(),
            "torch": torch.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "plugins": self.recipe.plugins,
            "code": self.recipe.code,
            "corpus": self.info.label,
            "notices": self.info.notices,
            "device": self.info.device,
            "precision": self.info.precision,
            "compiled": self.info.compiled,
            "processes": self.info.world,
            "launch": self.trainer.group.launch,
            "threads": torch.get_num_threads(),
            "parameters": self.info.params,
        }
        copies: dict[str, bytes] = {}
        if self.trainer.step:
            before = table_in(self.dir / RUN_INFO)
            about["recipe_files"] = digests_at_the_start(self.dir, before, self.recipe)
            self.warn_of_changes(before, about)
        else:
            copies[RECIPE] = self.recipe.source.encode()
            copies[RESOLVED] = self.recipe.to_toml().encode()
            about["recipe_files"] = digests(copies)
        write_atomically(self.dir / RUN_INFO, (json.dumps(about, indent=2) + "\n").encode())
        for name, text in copies.items():
            write_atomically(self.dir / name, text)

    def warn_of_changes(self, before: dict[str, Any], about: dict[str, Any]) -> None:
        """Says what is now another than it was when the run began."""
        if told := told_of_edits(self.dir, about["recipe_files"]):
            warnings.warn(told, stacklevel=2)
        changed = [
            f"{name} {before[name]}, now {about[name]}"
            for name in DECIDING
            if name in before and before[name] != about[name]
        ]
        if changed:
            told = f"{self.dir} was trained with {'; '.join(changed)}"
            warnings.warn(f"{told}: losses will agree within rounding alone", stacklevel=2)

    def write_summary(self, summary: dict[str, Any]) -> None:
        self.check_folder()
        path = self.dir / SUMMARY
        told = (json.dumps(jsonable(summary), indent=2) + "\n").encode()
        try:
            write_atomically(path, told)
        except OSError as error:
            try:
                overwrite(path, told)  # a full disk has room for what is there already
            except OSError:
                raise error from None

    def run(self) -> SavedRun:
        """The finished run, opened where it was written; other machines may not see its folder."""
        self.trainer.group.wait()
        opened = open_saved(self.dir) if self.first else SavedRun(self.dir)
        opened.summary = self.summary("finished")
        opened.opening = self.trainer.data.opening
        opened.recipe = self.recipe  # which knows its registry
        return opened


def notices_of(data: TokenData) -> list[str]:
    """What a user must know of the text and of the figures about it."""
    notices = [data.notice] if data.notice else []
    if getattr(data.tokenizer, "lossy", False):
        notices.append(LOSSY)
    return notices
