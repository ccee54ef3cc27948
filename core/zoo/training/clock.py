"""Measure training time without evaluation and saving."""

from __future__ import annotations

import time

from zoo.training.trainer import Trainer


class Clock:
    """Seconds spent in training steps, evaluation and saving left out."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.total = 0.0
        self._start = 0.0
        self._last = (0.0, 0)

    def go_on(self, seconds: float) -> None:
        """Counts from what an earlier stretch of the run had taken."""
        self.total = seconds
        self._last = seconds, self.trainer.tokens

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.total += time.perf_counter() - self._start

    def rate(self) -> float:
        """Tokens a second since the last call."""
        seconds, tokens = self.total - self._last[0], self.trainer.tokens - self._last[1]
        self._last = self.total, self.trainer.tokens
        return tokens / seconds if seconds else 0.0
