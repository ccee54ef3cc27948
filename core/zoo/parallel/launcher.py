"""Read the launch environment of torchrun or ``--nproc``. Imports no torch."""

from __future__ import annotations

import os

from zoo.errors import ZooError

LEAST = {"WORLD_SIZE": 1, "RANK": 0, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}
REMEDY = "start the processes with torchrun or --nproc, or unset it"

NPROC = "zoo-nproc"
"""The name that ``--nproc`` gives to its launches; torchrun's have another."""


def check_environment() -> None:
    """Refuse an environment that describes no launch.

    ``WORLD_SIZE=1`` is one process, whatever started it; a rank without a WORLD_SIZE means nothing.

    Raises:
        ZooError: no number, a rank that the group doesn't have, or one that isn't said.
    """
    for name, least in LEAST.items():
        if name in os.environ and _number(name, -1) < least:
            told = f"{name}={os.environ[name]!r} in the environment"
            raise ZooError(f"{told}: a number of at least {least} is expected; {REMEDY}")
    world = _number("WORLD_SIZE", 1)
    if world == 1:
        return
    lacking = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if lacking:
        told = f"WORLD_SIZE={world} in the environment, but no {', '.join(lacking)}"
        raise ZooError(f"{told}: {REMEDY}")
    if rank() >= world:
        raise ZooError(f"RANK={rank()} in the environment of {world} processes; {REMEDY}")


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else default


def launched() -> bool:
    """Whether this process is one of a group, torchrun's group of one included."""
    return "TORCHELASTIC_RUN_ID" in os.environ or world_size() > 1


def launched_by_nproc() -> bool:
    """Whether ``--nproc`` started this process, after it had read the recipe itself."""
    return os.environ.get("TORCHELASTIC_RUN_ID") == NPROC


def world_size() -> int:
    """How many processes train together."""
    return _number("WORLD_SIZE", 1)


def local_world_size() -> int:
    """How many of them run on this machine."""
    return _number("LOCAL_WORLD_SIZE", 1) if world_size() > 1 else 1


def rank() -> int:
    """This process's number among all."""
    return _number("RANK", 0) if world_size() > 1 else 0


def is_first_process() -> bool:
    """Whether this is the process that speaks."""
    return rank() == 0


def local_rank() -> int:
    """This process's number on its machine."""
    return _number("LOCAL_RANK", 0)


def attempt() -> int:
    """How often the processes were started again after one failed."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0)


def keeps_store() -> bool:
    """Whether torchrun may start this process again, and keeps what it stores for it until then."""
    kept = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return kept and _number("TORCHELASTIC_MAX_RESTARTS", 0) > 0
