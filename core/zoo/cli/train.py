"""Train what a recipe describes.

The run goes to runs/RECIPE-NUMBER: the recipe, metrics.jsonl, checkpoints, a sample, plots. Ctrl-C
saves and says how to go on.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.api.run import open_run
from zoo.catalog.plugins import plugin_flags, tell_before_training
from zoo.cli.arguments import (
    Parser,
    add_recipe_options,
    integer,
    load_plugins,
    new_path,
    path,
)
from zoo.cli.text import for_reader, size_of, table
from zoo.console import terminal
from zoo.console.lasting_streams import lasting_streams
from zoo.console.shell import quoted
from zoo.console.terminal import on_one_line, readable
from zoo.contracts.run_folder import SAMPLES, run_of
from zoo.errors import ZooError
from zoo.parallel.launcher import (
    attempt,
    is_first_process,
    launched,
    launched_by_nproc,
    world_size,
)
from zoo.run_files.kept_recipe import as_it_was, retrain_command
from zoo.run_files.places import find_run, refuse_used

if TYPE_CHECKING:
    from zoo.api.run import Run
    from zoo.recipe.recipe import Recipe

USAGE = "RECIPE [options]   or   zoo train --resume RUN"
EXAMPLES = """\
examples:
  zoo train recipes/tinystories.toml
  zoo train recipes/tinystories.toml --set model.norm=layernorm --set train.steps=200
  zoo train recipes/tinystories.toml --nproc 2
  torchrun --nproc_per_node 8 -m zoo train recipes/tinystories-17m.toml
  zoo train --resume runs/tinystories-1
"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", type=path, help="a TOML file")
    add_recipe_options(parser)
    parser.add_argument("--out", metavar="DIR", type=new_path, help="where the run goes")
    parser.add_argument("--resume", metavar="RUN", type=path, help="go on with a run")
    parser.add_argument(
        "--nproc",
        metavar="N",
        type=integer(1),
        default=1,
        help="train in N processes on this machine (default: 1)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with lasting_streams():  # closing a terminal, or `| head`, must not end what is learnt
        return train(args)


def train(args: argparse.Namespace) -> int:
    refuse_changes(args)
    if args.out is not None and not attempt() and is_first_process():
        refuse_used(args.out)  # not only after minutes of preparing the text
    told = launched_by_nproc()  # all this, by the process that started this one
    if args.nproc > 1 and launched() and not told and args.nproc != world_size():
        raise ZooError(
            f"--nproc {args.nproc}, but torchrun started this process as one of {world_size()}: "
            "leave --nproc out (torchrun's --nproc_per_node says how many there are)"
        )
    if not told:
        say(f"checking {args.recipe or args.resume}")
    with warnings.catch_warnings():
        if told:
            warnings.simplefilter("ignore")
        resumed, recipe = opened(args)

    from zoo.api.train import resume
    from zoo.api.train import train as train_recipe
    from zoo.compute.matmul_bench import measured_for_all
    from zoo.parallel.group import launch
    from zoo.training.feed import plan_batch

    if args.nproc > 1 and not launched():
        settings, length = recipe.train, recipe.model.options["max_seq_len"]
        with as_it_was(resumed.dir if resumed is not None else None):
            plan_batch(settings.batch_tokens, length, args.nproc, settings.micro_batch)
        # By each alone, with fewer threads, another type might be chosen.
        with measured_for_all() if resumed is None else nullcontext():
            return launch(args.nproc, args.argv)

    # A resumed run keeps its recipe under a name of no meaning: recipe.toml.
    name = resumed.dir.resolve().name if resumed is not None else recipe.name
    say(f"{name}: {size_of(recipe)}")
    for swap in recipe.swaps:
        say(swap)
    if is_first_process():
        tell_before_training(load_plugins(args), recipe)
    run = resume(resumed) if resumed is not None else train_recipe(recipe, out=args.out)
    if is_first_process():
        report(run)
    return 0


def refuse_changes(args: argparse.Namespace) -> None:
    """Raise ZooError for arguments that would change a resumed run."""
    if args.recipe is None and args.resume is None:
        raise ZooError("name either a recipe or, with --resume, a run; see `zoo train --help`")
    if args.resume is None:
        return
    keeps = "a resumed run keeps its recipe, its text and its folder"
    if args.recipe is not None:
        raise ZooError(
            f"name either a recipe or, with --resume, a run: {keeps}. Another recipe begins with "
            "new weights: leave out --resume"
        )
    if args.set:
        run = run_of(find_run(args.resume))
        load_plugins(args)
        raise ZooError(
            f"{keeps}: leave out --set. What it was trained on is trained with a change from new "
            f"weights alone: {retrain_command(run, args.set)}"
        )
    if args.out is not None:
        raise ZooError(f"{keeps}: leave out --out, or copy the folder and resume the copy")


def opened(args: argparse.Namespace) -> tuple[Run | None, Recipe]:
    """The run to resume, or None, and the recipe."""
    load_plugins(args)

    from zoo.recipe.load import load_to_train

    if args.resume is None:
        return None, load_to_train(args.recipe, args.set)
    resumed = open_run(args.resume, resumable=True)
    resumed.check_shapes()  # before its model is counted
    return resumed, resumed.recipe


def say(doing: str) -> None:
    """What is being done, once for all processes."""
    if is_first_process():
        terminal.say(doing)


def report(run: Run) -> None:
    """Where the run lies, how good it is, what it writes and how to get more of it."""
    summary = run.summary
    lossy = ", by a lossy tokenizer" if getattr(run.tokenizer, "lossy", False) else ""
    length = run.recipe.model.options["max_seq_len"]
    rows = [
        ("run", str(run.dir)),
        ("text", summary["label"]),
        ("validation loss", f"{summary['valid_loss']:.4f} nats per token, in windows of {length}"),
        ("", f"{summary['bits_per_byte']:.4f} bits per byte{lossy}"),
    ]
    print(f"\n{table(rows)}\n")
    for notice in summary["notices"]:
        print(f"note: {on_one_line(notice)}\n")
    sys.stdout.flush()  # the sample may be refused or interrupted
    say("writing a sample")
    sample = run.generate(seed=run.recipe.train.seed)
    print(f"{readable(str(write_sample(run, sample)))}\n{for_reader(sample.strip())}\n")
    words = first_words(run.opening)
    prompt = f" --prompt {quoted(words)}" if words else ""
    print(f"try: zoo generate {quoted(run.dir)}{plugin_flags()}{prompt}")


def write_sample(run: Run, sample: str) -> Path:
    from zoo.storage.paths import write_atomically

    path = run.dir / SAMPLES / f"{run.checkpoint.folder.name}.txt"
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, (sample + "\n").encode())
    return path


def first_words(text: str) -> str:
    """How texts of this kind begin, in words that every shell takes as they are.

    >>> first_words("Once upon a time, there was a cat.")
    'Once upon a time'
    """
    match = re.match(r"\s*(\w+(?: \w+){0,3})", text)
    return match[1] if match else ""
