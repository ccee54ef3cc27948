"""The version of the running zoo."""

from __future__ import annotations

import functools


@functools.cache
def zoo_version() -> str:
    from importlib.metadata import version  # slow to import, and `zoo --help` needs it not

    return version("zoo-lm")
