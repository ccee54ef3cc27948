"""Report a run's progress on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Protocol

from zoo.authoring import duration, say

if TYPE_CHECKING:
    from zoo.contracts import RunInfo

NOTE = 100
"""Characters of a note on the text that are told at the start."""


class Console:
    """Shows what a run is doing: a progress bar on a terminal, else a line now and then.

    Both say the phase, the step, the loss, the last validation loss, tokens/s and the time left;
    each evaluation leaves a line of its own. ``every_seconds`` is how often, at most, a line is
    written where there is no terminal. Long notes on the text are cut short.
    """

    def __init__(self, run: RunInfo, *, every_seconds: float = 5.0) -> None:
        if every_seconds < 0:
            raise ValueError(f"every_seconds must be at least 0, not {every_seconds}")
        self.run = run
        self.display = display_for(run, every_seconds)
        self.phase = "training"
        self.step = run.start_step
        self.facts: dict[str, str] = {}
        self._began = time.perf_counter()

    def run_started(self) -> None:
        run = self.run
        self.display.start()
        self.display.say(
            f"{run.name}: {run.params:,} parameters, steps {run.start_step} to "
            f"{run.total_steps} on {run.device} in {run.precision}"
            f"{', compiled' if run.compiled else ''}, text: {run.label}"
        )
        if run.compiled:
            self.display.say("compiling at the first steps: half a minute once, then kept on disk")
        for notice in run.notices:  # in full with the summary, and in run.json
            self.display.say(f"note: {shorten(notice, NOTE, placeholder=' …')}")

    def phase_changed(self, name: str) -> None:
        self.phase = name
        self._show()

    def step_ended(self, record: Mapping[str, Any]) -> None:
        self.step = record["step"]
        self.facts["loss"] = f"loss {record['loss']:.3f}"
        self.facts["speed"] = f"{record['tokens_per_s']:,.0f} tokens/s"
        self._show()

    def eval_ended(self, record: Mapping[str, Any]) -> None:
        self.step = record["step"]
        self.facts["valid"] = f"valid {record['loss']:.3f}"
        if self.step == self.run.start_step:
            self._began = time.perf_counter()  # the evaluation before the first step tells nothing
        self.display.say(
            f"step {self.step} of {self.run.total_steps}: validation loss {record['loss']:.4f} "
            f"({record['bits_per_byte']:.4f} bits per byte"
            f"{', lossy tokenizer' if self.run.lossy else ''})"
        )

    def run_ended(self, summary: Mapping[str, Any]) -> None:
        self.display.say(
            f"{summary['state']} at step {summary['step']} of {summary['total_steps']}, after "
            f"{duration(summary['seconds'])} of training"
        )
        self.display.stop()

    def _show(self) -> None:
        known = [self.facts[name] for name in ("loss", "valid", "speed") if name in self.facts]
        done = self.step - self.run.start_step
        if done:
            seconds = (time.perf_counter() - self._began) / done  # evaluation and saving included
            known.append(f"{duration(seconds * (self.run.total_steps - self.step))} left")
        self.display.show(self.phase, self.step, ", ".join(known))


class Display(Protocol):
    """Where the console writes: ``show`` is for now, ``say`` is to stay."""

    def start(self) -> None: ...

    def show(self, phase: str, step: int, status: str) -> None: ...

    def say(self, line: str) -> None: ...

    def stop(self) -> None: ...


class Lines:
    """Plain lines, for a log: the present state at most every ``every_seconds``."""

    def __init__(self, run: RunInfo, every_seconds: float) -> None:
        self.total = run.total_steps
        self.every_seconds = every_seconds
        self._next = 0.0

    def start(self) -> None:
        self._next = time.perf_counter()

    def show(self, phase: str, step: int, status: str) -> None:
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + self.every_seconds
            self.say(
                f"{phase}: " + ", ".join(filter(None, (f"step {step} of {self.total}", status)))
            )

    def say(self, line: str) -> None:
        say(line)

    def stop(self) -> None:
        pass


def display_for(run: RunInfo, every_seconds: float) -> Display:
    if not can_redraw():
        return Lines(run, every_seconds)
    from zoo_builtin.observers.bar import Bar  # needs rich, which a log doesn't

    return Bar(run)


def can_redraw() -> bool:
    """Whether standard error is a terminal that can draw over a line."""
    if not sys.stderr.isatty():
        return False
    from rich.console import Console as Terminal

    return not Terminal(stderr=True).is_dumb_terminal
