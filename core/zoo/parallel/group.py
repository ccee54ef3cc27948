"""The process group: rendezvous, collectives, and launching several processes."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from zoo.errors import ZooError
from zoo.overrides import environment_default
from zoo.parallel.current_folder import ZOO
from zoo.parallel.interrupts import ending_at_once
from zoo.parallel.launcher import NPROC, attempt, keeps_store, rank, world_size
from zoo.parallel.watchdog import Watchdog

# The first rank prepares the data while the others wait.
PATIENCE = timedelta(hours=6)

JOINING = timedelta(minutes=10)
"""How long a process waits for the others to be started."""

STORE_ANSWERS = timedelta(seconds=10)

FIRST_TOLD, TOLD_AGAIN = 5.0, 60.0
"""Seconds until a process says that it waits for the others, and until it says so again."""


@dataclass(frozen=True)
class Group:
    """The processes that train together; ``rank`` is this one's number.

    ``launch`` is the same for all of them, and if torchrun starts them again for those too, and for
    nobody else. None for a process that nobody starts again.
    """

    rank: int = 0
    world: int = 1
    watchdog: Watchdog = field(default_factory=Watchdog)
    launch: str | None = None

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sum_(self, tensor: Tensor) -> Tensor:
        """All-reduce: add the tensors of all ranks, in place."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def any(self, here: bool) -> bool:
        """Whether ``here`` is true on any rank; every rank must call it."""
        return bool(self.sum_(torch.tensor(int(here)))) if self.world > 1 else here

    def from_first(self, value: Any) -> Any:
        """Broadcast the first rank's value."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def from_all(self, value: Any) -> list[Any]:
        """All-gather: the values of all ranks in order; every rank must call it."""
        if self.world == 1:
            return [value]
        each: list[Any] = [None] * self.world
        dist.all_gather_object(each, value)
        return each

    def wait(self) -> None:
        """Barrier over all ranks."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def translate_peer_errors() -> Iterator[None]:
    """Raise ZooError if a collective fails because a peer has exited."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error).lower():
            raise
        message = "another process of this run has ended; what it said is the cause"
        raise ZooError(message) from error


_last: list[Any] = []
"""The last process group. If DDP's reducer held the last reference to it, the two would deadlock:
a reducer is freed with the GIL held, the group's destructor waits for a thread, and that thread may
wait for the GIL to free a tensor.
"""


@contextmanager
def process_group(device: torch.device) -> Iterator[Group]:
    """This process's group: torchrun's where it started us, else a group of one."""
    world = world_size()
    if world == 1:
        yield Group(launch=launch_of_one())
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with Watchdog(rank()) as watchdog:
        # A signal must end the wait for a process that has ended, which may take hours.
        with translate_peer_errors(), ending_at_once():
            store = meet(world)
            launch = launch_in(store)
            # torchrun keeps the store when it starts the processes again, and the addresses of
            # those that have ended are still in it.
            store = PrefixStore(f"attempt {attempt()}", store)
            dist.init_process_group(
                backend, store=store, rank=rank(), world_size=world, timeout=PATIENCE
            )
            watchdog.peers = processes_here(world)
        try:
            yield Group(rank(), world, watchdog, launch)
        finally:
            _last[:] = [dist.group.WORLD]
            dist.destroy_process_group()


def launch_in(store: Any) -> str:
    """A name of this launch that no other has: the one in its store, which is made now if need be.

    torchrun's store lives as long as torchrun. Host names, process ids and run ids are the same
    again in the next container.
    """
    return str(store.compare_set("zoo/launch", "", uuid.uuid4().hex).decode())


def launch_of_one() -> str | None:
    """The name of the launch if torchrun started this process alone, and may do so again."""
    if not keeps_store():
        return None
    try:
        store, _, _ = next(rendezvous("env://", timeout=STORE_ANSWERS))
        return launch_in(store)
    except (ValueError, dist.DistError):  # an environment that somebody left behind
        return None


def meet(world: int) -> Any:
    """Rendezvous: return the store shared by all processes of the launch.

    Raises:
        ZooError: some don't come within ``JOINING``.
    """
    place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    told = f"rank {rank()} of {world} waits for the others at {place}"
    met = threading.Event()

    def tell() -> None:
        seconds = FIRST_TOLD
        while not met.wait(seconds):
            minutes = JOINING.total_seconds() / 60
            print(f"{told}, for {minutes:.0f} minutes at most", file=sys.stderr, flush=True)
            seconds = TOLD_AGAIN

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        store, _, _ = next(rendezvous("env://", timeout=JOINING))
    except dist.DistError as error:
        raise ZooError(
            f"{told}, and they did not come within {JOINING}: start {world} processes with this "
            "address, or unset WORLD_SIZE to train in one"
        ) from error
    finally:
        met.set()
        teller.join()
    store.set_timeout(PATIENCE)
    return store


def processes_here(world: int) -> list[int]:
    """The ids of the group's processes on this machine; every rank must ask."""
    each: list[Any] = [None] * world
    here = socket.gethostname()
    dist.all_gather_object(each, (here, os.getpid()))
    return [pid for host, pid in each if host == here]


def launch(n_processes: int, arguments: Sequence[str]) -> int:
    """Runs ``zoo ARGUMENTS`` in this many processes and returns the exit code."""
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # What goes wrong, the processes say themselves.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # A step or a save is finished before the processes end, however long it takes.
    environment_default("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "3600")
    threads = max(1, (os.cpu_count() or 1) // n_processes)
    environment_default("OMP_NUM_THREADS", str(threads))
    with TemporaryDirectory(prefix="zoo-") as logs:  # torch makes a folder, and leaves it there
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=n_processes,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            run_id=NPROC,
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=logs),
        )
        try:
            elastic_launch(config, ZOO[0])(*ZOO[1:], *arguments)
        except SignalException as stopped:
            return 128 + int(stopped.sigval)
        except ChildFailedError as failed:
            return cause([each.exitcode for each in failed.failures.values()])
    return 0


def cause(codes: Sequence[int]) -> int:
    """Of the exit codes of processes that ended badly the one that says why.

    When one dies, the others are lost without it (2, as after any error) or told to end (143).

    >>> cause([2, -9]), cause([143, 2]), cause([143, -15])
    (137, 2, 143)
    """
    shells = [128 - code if code < 0 else code for code in codes]
    least_telling = (2, 128 + signal.SIGTERM)
    return max(shells, key=lambda code: -least_telling.index(code) if code in least_telling else 1)
