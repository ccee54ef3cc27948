"""Start or resume a run: group, data, trainer, folder, loop."""

from __future__ import annotations

import os
import warnings
from contextlib import ExitStack
from pathlib import Path

import torch

from zoo.compute.compile_cache import leave_own
from zoo.compute.compiling import choose_compile, missing_compiler
from zoo.compute.device import choose_device, choose_precision, prepare_device
from zoo.compute.matmul_bench import THREADS
from zoo.console.shell import quoted
from zoo.console.terminal import say
from zoo.contracts.run_folder import CHECKPOINTS, LOCK
from zoo.data.prepare import TokenData, open_prepared, prepare
from zoo.errors import ZooError
from zoo.parallel.group import Group, process_group
from zoo.parallel.interrupts import Interrupts
from zoo.recipe.recipe import Recipe
from zoo.run_files import checkpoint
from zoo.run_files.kept_recipe import as_it_was
from zoo.run_files.places import new_run_dir, refuse_used, run_of_launch
from zoo.run_files.saved import SavedRun, open_saved
from zoo.storage.lock import Lock, only_this
from zoo.training.alike import check_ready_alike, check_started_alike
from zoo.training.loop import Session
from zoo.training.trainer import Trainer


def start(recipe: Recipe, *, out: Path | None = None, resumed: SavedRun | None = None) -> SavedRun:
    """Train a recipe in a new run, or resume an opened one, to the end.

    Raises:
        ZooError: what the recipe asks for can't be had here, or the loss is no longer finite.
        Interrupted: after Ctrl-C or SIGTERM; the run was saved.
    """
    with as_it_was(resumed.dir if resumed is not None else None):
        device = choose_device(recipe.train.device)
    prepare_device(device)
    with Interrupts() as interrupts, process_group(device) as group, ExitStack() as held:
        if resumed is None and (begun := saved_by_launch(group, out)) is not None:
            resumed = open_saved(begun, resumable=True)
            resumed.check_shapes()
            recipe = resumed.recipe
        kept = resumed.checkpoint.state if resumed is not None else None
        prepare_device(device, kept.products if kept else None)
        check_started_alike(group, recipe, resumed)
        lock = None
        if resumed is not None and group.is_first:
            lock = held.enter_context(only_this(resumed.dir / LOCK, str(resumed.dir)))
            leave_behind_later(resumed)
        # Not measured again by a resumed run or by each rank, which might fall otherwise.
        products = group.from_first(torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision(products)
        precision = group.from_first(
            kept.precision if kept else choose_precision(recipe.train.precision, device)
        )
        if (
            group.is_first
            and kept is None
            and (told := chosen_by(recipe, group, device, precision))
        ):
            say(told)
        tokens = _prepare(recipe, group, resumed)
        compiled = kept.compiled if kept else None
        with as_it_was(resumed.dir if resumed is not None else None):
            trainer = trainer_for(recipe, tokens, group, device, precision, compiled)
        if trainer.compiled:
            held.callback(leave_own)
        if resumed is not None:
            restore(trainer, resumed)
        check_ready_alike(group, trainer)
        if resumed is not None:
            run_dir = resumed.dir
        else:
            # Only now, so that nothing that can't start leaves an empty folder.
            lock = claimed_run_dir(recipe.name, out, group.launch, held) if group.is_first else None
            run_dir = group.from_first(lock.path.parent if lock is not None else None)
        session = Session(recipe, trainer, run_dir, lock)
        if kept is not None:
            session.best, session.valid = kept.best, kept.valid
            session.clock.go_on(kept.seconds)
        with interrupts.deferred():
            session.loop(interrupts)
        return session.run()


def chosen_by(recipe: Recipe, group: Group, device: torch.device, precision: str) -> str | None:
    """Says so where the number of processes may have chosen the precision.

    It does where torchrun gives each a thread or two: with all of them one process may find another
    type faster. ``--nproc`` measures for all instead.
    """
    if recipe.train.precision != "auto" or group.world == 1 or device.type != "cpu":
        return None
    if THREADS in os.environ:
        return None
    threads = torch.get_num_threads()
    return (
        f"precision is {precision}, as measured in a process of {threads} "
        f"thread{'s' * (threads > 1)}: write train.precision to have the same in one process"
    )


def trainer_for(
    recipe: Recipe,
    tokens: TokenData,
    group: Group,
    device: torch.device,
    precision: str,
    compiled: bool | None = None,
) -> Trainer:
    """Make a trainer, compiled if the recipe and machine say so, or as before if resumed."""
    trainer = Trainer(recipe, tokens, group, device, precision)
    setting = recipe.train.compile
    begun = compiled is not None
    if compiled is None:
        compiled = choose_compile(setting, device, precision, trainer.operations)
    # Not decided again by a resumed run, for the same roundings.
    if group.from_first(compiled) and can_compile(group, device, begun=begun):
        trainer.compile(forgiving=setting == "auto")
    return trainer


def can_compile(group: Group, device: torch.device, *, begun: bool) -> bool:
    """Whether every process has a compiler; report it if not. Every rank must call it.

    A run that had ``begun`` with compiled code goes on without.
    """
    lacking = missing_compiler(device)
    if not group.any(lacking is not None):
        return True
    if group.is_first:
        where = f"there is no {lacking}" if lacking else "another machine has no compiler"
        alike = ", and losses agree within rounding alone with a run that is" if begun else ""
        say(f"not compiled, so slower{alike}: {where}")
    return False


def _prepare(recipe: Recipe, group: Group, resumed: SavedRun | None) -> TokenData:
    """The tokens, prepared by the first rank and opened by the others; a resumed run's own ones."""
    key = resumed.checkpoint.state.data if resumed is not None else None
    if group.is_first:
        tokenizer = resumed.tokenizer if resumed is not None else None
        prepared = prepare(recipe, tokenizer=tokenizer, key=key)
        group.from_first(prepared.dir)
        return prepared
    return open_prepared(group.from_first(None), recipe)


def saved_by_launch(group: Group, out: Path | None) -> Path | None:
    """The run that an earlier attempt of this launch saved, to resume on all ranks."""
    begun = run_of_launch(group.launch, out) if group.is_first else None
    saved = begun is not None and checkpoint.all_in(begun / CHECKPOINTS)
    found: Path | None = group.from_first(begun if saved else None)
    return found


def claimed_run_dir(
    recipe_name: str, out: Path | None, launch: str | None, held: ExitStack
) -> Lock:
    """Create and lock a new run's folder; ``held`` releases the lock."""
    if (begun := run_of_launch(launch, out)) is not None:  # and there is no checkpoint yet
        return held.enter_context(only_this(begun / LOCK, str(begun)))
    run_dir = new_run_dir(recipe_name, out)
    lock = held.enter_context(only_this(run_dir / LOCK, str(run_dir)))
    if out is not None:
        refuse_used(out, locked=True)  # another process may have been quicker, and be done
    return lock


def leave_behind_later(run: SavedRun) -> None:
    """Sets aside the checkpoints after the one that is resumed, which are damaged.

    Raises:
        ZooError: one is whole, so going on from here would lose it.
    """
    saved = run.checkpoint
    for folder in checkpoint.all_in(run.dir / CHECKPOINTS):
        if folder == saved.folder or (checkpoint.step_of(folder) or 0) < saved.step:
            continue
        try:
            checkpoint.verify(folder)
        except ZooError:
            aside = checkpoint.set_aside(folder)
            warnings.warn(f"{folder} is damaged and now {aside.name}", stacklevel=2)
        else:
            raise ZooError(
                f"{folder} is whole and later than {saved.folder.name}: go on with "
                f"`--resume {quoted(run.dir)}`, or move it away first"
            )


def restore(trainer: Trainer, run: SavedRun) -> None:
    """Puts a checkpoint's weights, optimizer state and step into a fresh trainer."""
    saved = run.checkpoint
    trainer.model.load_state_dict(saved.model)
    try:
        checkpoint.restore_optimizers(
            trainer.optimizers, trainer.names, saved.optimizer, saved.state.optimizer
        )
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ZooError(
            f"{saved.folder}: the optimizer's state is not of the recipe's optimizer: "
            f"{type(error).__name__}: {error}"
        ) from error
    trainer.step = saved.state.step
    trainer.skipped_in_a_row = saved.state.skipped
