"""One process or many: who this one is, and how the others are started."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.watchdog import Watchdog

# The first rank prepares the data while the others wait.
PATIENCE = timedelta(hours=6)


@dataclass(frozen=True)
class Group:
    """The processes that train together; ``rank`` is this one's number."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    watchdog: Watchdog | None = None

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sum_(self, tensor: Tensor) -> Tensor:
        """Adds the tensors of all ranks, in place."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def any(self, here: bool) -> bool:
        """Whether it holds on any rank; every rank must ask."""
        return bool(self.sum_(torch.tensor(int(here))))

    def from_first(self, value: Any) -> Any:
        """The first rank's value, on every rank."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def wait(self) -> None:
        """Returns once every rank has come here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def process_group(device: torch.device) -> Iterator[Group]:
    """This process's group: torchrun's where it started us, else a group of one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Group()
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with Watchdog(int(os.environ["RANK"])) as watchdog:
        dist.init_process_group(backend, timeout=PATIENCE)
        try:
            yield Group(dist.get_rank(), world, local_rank(), watchdog)
        finally:
            dist.destroy_process_group()


def local_rank() -> int:
    """This process's number on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def launch_id() -> str | None:
    """What all attempts of one launch have in common, None for a process that started alone."""
    if not launched():
        return None
    return f"{socket.gethostname()} {os.getppid()} {os.environ.get('TORCHELASTIC_RUN_ID', '')}"


def launched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ or "WORLD_SIZE" in os.environ


def launch(n_processes: int, arguments: Sequence[str]) -> int:
    """Runs ``python -m zoo ARGUMENTS`` in this many processes and returns the exit code."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # What goes wrong, the processes say themselves.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # A step or a save is finished before the processes end, however long it takes.
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "3600")
    threads = max(1, (os.cpu_count() or 1) // n_processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=n_processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        run_id="zoo",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "zoo", *arguments)
    except SignalException as stopped:
        return 128 + int(stopped.sigval)
    except ChildFailedError as failed:
        return failed.get_first_failure()[1].exitcode
    return 0
