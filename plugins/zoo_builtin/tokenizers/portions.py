"""Split text into portions for threads and collect the results in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from zoo.authoring import side_by_side

T = TypeVar("T")
R = TypeVar("R")

PORTION = 1 << 18
"""Bytes that a thread works on before it takes more."""

Piece = tuple[bytes, int]
"""A piece of text and -1, or a special token and its id."""


def portions(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces in lists of about PORTION bytes."""
    portion: list[Piece] = []
    size = 0
    for piece in pieces:
        portion.append(piece)
        size += len(piece[0])
        if size >= PORTION or len(portion) >= PORTION:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def in_threads(
    work: Callable[[T], R], items: Iterable[T], threads: int | None = None
) -> Iterator[R]:
    """What ``work`` gives for each item, in order; a few items are worked on ahead."""
    if threads is not None and threads < 1:
        raise ValueError(f"threads = {threads} must be at least 1")
    threads = threads or cores()
    if threads == 1:
        return map(work, items)
    return side_by_side(work, items, threads=threads, ahead=2 * threads)


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
