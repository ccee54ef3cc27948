"""Whether the network may be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_unwanted: ContextVar[bool] = ContextVar("offline", default=False)


def offline() -> bool:
    """Whether nothing may be fetched: the user says ZOO_OFFLINE, or nothing is worth it here."""
    return _unwanted.get() or os.environ.get("ZOO_OFFLINE", "0") not in ("", "0")


@contextmanager
def without_network() -> Iterator[None]:
    """Inside, as if ZOO_OFFLINE were set: for what is worth telling only if it is here already."""
    token = _unwanted.set(True)
    try:
        yield
    finally:
        _unwanted.reset(token)
