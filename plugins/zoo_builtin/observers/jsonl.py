"""The observer ``jsonl`` of zoo 0.1.0's recipes, which does nothing any more."""

from __future__ import annotations


class JSONL:
    """Does nothing: every run writes its metrics.jsonl itself. Kept for recipes that name it."""

    def run_started(self) -> None: ...
