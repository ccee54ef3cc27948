"""Estimate a run's parameters, operations, memory and time."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from zoo.api.make import count_parameters
from zoo.compute.device import choose_device, choose_precision, prepare_device
from zoo.console.progress import amount, track
from zoo.contracts import UNKNOWN_VOCAB
from zoo.data.prepare import find_prepared
from zoo.parallel.launcher import local_world_size, world_size
from zoo.training.feed import BatchPlan, plan_batch
from zoo_measure.memory import available
from zoo_measure.rehearsal import Rehearsal, rehearse, rehearse_without_values

if TYPE_CHECKING:
    from zoo.recipe.recipe import Recipe

PROBE_STEPS = 5
PROCESS_BYTES = 400e6
"""What Python and torch take on the CPU before the first tensor, and some compiled code."""

HELD = 1.3
"""How much more than its tensors a process takes, since allocators hold on to what was freed."""


@dataclass(frozen=True)
class Plan:
    """What a run takes. Memory in bytes, of one process, unless it says otherwise.

    Attributes:
        vocab_size: None where only training the tokenizer can tell it (256 is counted with).
        processes: how many train together on this machine.
        epochs: how often the training text is read; None where it isn't prepared.
        needed: memory of the whole process at its peak, an estimate.
        beside: how many of the processes share what is available: on the CPU all of them.
        available: memory that can be had now.
        step: seconds of a step, measured; None without a probe.
    """

    name: str
    device: str
    precision: str
    vocab_size: int | None
    processes: int
    steps: int
    batch: BatchPlan
    epochs: float | None
    rehearsal: Rehearsal
    needed: int
    beside: int
    available: int | None
    step: float | None

    @property
    def tokens(self) -> int:
        return self.steps * self.batch.tokens

    @property
    def seconds(self) -> float | None:
        """Of all steps; evaluation and preparation come on top."""
        return None if self.step is None else self.steps * self.step


def plan(recipe: Recipe, *, probe: bool = True, processes: int = 1) -> Plan:
    """Counts on tensors without memory, then (``probe``) times a few real steps if they fit.

    With several processes no step is tried: one of them alone would tell another time.

    Raises:
        ZooError: what the recipe asks for can't be had here.
    """
    device = choose_device(recipe.train.device)
    precision = choose_precision(recipe.train.precision, device)
    prepared = find_prepared(recipe)
    known = prepared.tokenizer.vocab_size if prepared else recipe.tokenizer().vocab_size
    batch = batch_of(recipe, processes)
    rehearsal = rehearse(recipe, known or UNKNOWN_VOCAB, batch.micro_batch, device, precision)
    needed, free = needed_bytes(rehearsal, device), available(device)
    beside = processes if device.type == "cpu" else 1
    fits = free is None or beside * needed <= free
    probe = probe and fits and processes == 1
    return Plan(
        name=recipe.name,
        device=str(device),
        precision=precision,
        vocab_size=known,
        processes=processes,
        steps=recipe.total_steps,
        batch=batch,
        epochs=recipe.total_steps * batch.tokens / len(prepared.train) if prepared else None,
        rehearsal=rehearsal,
        needed=needed,
        beside=beside,
        available=free,
        step=probed(recipe, device, precision) if probe else None,
    )


def batch_of(recipe: Recipe, world: int = 1) -> BatchPlan:
    settings, length = recipe.train, recipe.model.options["max_seq_len"]
    return plan_batch(settings.batch_tokens, length, world, settings.micro_batch)


def needed_bytes(rehearsal: Rehearsal, device: torch.device) -> int:
    return int(HELD * rehearsal.peak + (PROCESS_BYTES if device.type == "cpu" else 0))


def probed(recipe: Recipe, device: torch.device, precision: str) -> float:
    """Seconds of a step, the median of a few."""
    from zoo_measure.bench import WARM_UP, contender, run_steps, tokens_to_time

    prepare_device(device)
    with tokens_to_time(recipe) as data:
        one = contender(recipe, data, device, precision)
        with track("trying some steps", WARM_UP + PROBE_STEPS, "steps") as advance:
            run_steps([one], PROBE_STEPS, advance)
    return one.seconds


def warn_if_too_large(recipe: Recipe) -> None:
    """A warning before a run that this machine's memory won't hold.

    Counting takes a second or two, so it is done only where a generous guess leaves a doubt.
    """
    device = choose_device(recipe.train.device)
    free = available(device)
    if free is None:
        return
    batch = batch_of(recipe, world_size())
    beside = local_world_size() if device.type == "cpu" else 1
    guess = PROCESS_BYTES + 5 * 4 * count_parameters(recipe) + generous_activations(recipe, batch)
    if beside * guess < free:
        return
    vocab_size = recipe.tokenizer().vocab_size or UNKNOWN_VOCAB
    precision = recipe.train.precision if recipe.train.precision != "auto" else "bfloat16"
    rows = batch.micro_batch
    rehearsal = rehearse_without_values(recipe, vocab_size, rows, device, precision)
    needed = beside * needed_bytes(rehearsal, device) if rehearsal is not None else 0
    if needed > free:
        warnings.warn(too_large(needed, free, batch), stacklevel=2)


def generous_activations(recipe: Recipe, batch: BatchPlan) -> int:
    """More bytes than any part we know keeps: of each layer's width, and all pairs of tokens."""
    sizes = recipe.model.options
    a_token = 150 * sizes["d_model"] + 20 * sizes["n_heads"] * batch.length
    return int(batch.micro_batch * batch.length * sizes["n_layers"] * a_token)


def too_large(needed: int, free: int, batch: BatchPlan) -> str:
    remedy = "train a smaller model"
    if batch.micro_batch > 1:
        fewer = max(n for n in range(1, batch.micro_batch) if batch.rows_per_rank % n == 0)
        remedy = f"try --set train.micro_batch={fewer}, or {remedy}"
    return (
        f"training will need about {amount(needed, 'B')} of memory, and {amount(free, 'B')} are "
        f"free: {remedy}"
    )
