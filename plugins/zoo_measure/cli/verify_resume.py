"""Try whether a recipe's runs, killed at any moment, go on bit for bit.

The recipe is trained briefly twice: once undisturbed, and once killed without warning at random
moments, about half of them within a save, and resumed each time. All losses and every tensor of all
checkpoints must be the same. If they aren't, the first that differs is told with its component.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from pathlib import Path

from zoo.cli.arguments import (
    Parser,
    add_recipe_options,
    integer,
    load_plugins,
    new_path,
    path,
)
from zoo.cli.text import count
from zoo.console.terminal import on_one_line, readable, say
from zoo.errors import ZooError
from zoo.parallel.current_folder import ZOO

USAGE = "RECIPE [options]"
EXAMPLES = """\
examples:
  zoo verify-resume recipes/smoke.toml
  zoo verify-resume recipes/smoke.toml --kills 20 --nproc 2
  zoo verify-resume my.toml --plugin my_norm.py --set train.precision=float32
"""

DIFFERS = 1


def add_arguments(parser: Parser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", type=path, help="a TOML file")
    add_recipe_options(parser)
    parser.add_argument(
        "--kills", metavar="N", type=integer(1), default=5, help="how often (default: 5)"
    )
    parser.add_argument(
        "--steps",
        metavar="N",
        type=integer(4),
        help="of each run (default: five a kill, so that they suffice)",
    )
    parser.add_argument(
        "--nproc", metavar="N", type=integer(1), default=1, help="processes a run (default: 1)"
    )
    parser.add_argument("--seed", metavar="N", type=integer(0), help="for the same moments again")
    parser.add_argument(
        "--keep", metavar="DIR", type=new_path, help="leave both runs in this folder"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if os.name != "posix":
        raise ZooError("zoo verify-resume kills process groups, which only POSIX systems have")
    load_plugins(args)

    from zoo.recipe.load import load_recipe
    from zoo_measure.verify_resume import STEPS_A_KILL, Trial

    steps = args.steps or STEPS_A_KILL * (1 + args.kills)
    changes = [
        *args.set,
        f"train.steps={steps}",
        "train.checkpoint_every=1",
        "train.eval_every=4",
        "train.log_every=1",
        f"train.keep={steps + 1}",
        "train.observers=[]",
    ]
    recipe = load_recipe(args.recipe, changes)
    seed = random.randrange(2**31) if args.seed is None else args.seed
    options = [f"--nproc={args.nproc}", *(f"--plugin={path}" for path in args.plugin)]
    with tempfile.TemporaryDirectory(prefix="zoo-verify-resume-") as temporary:
        folder = Path(temporary)
        if args.keep is not None:
            folder = args.keep
            folder.mkdir(parents=True)
        trial = Trial(
            recipe=recipe,
            train=[*ZOO, "train", *options],
            begin=[str(args.recipe), *(f"--set={change}" for change in changes)],
            folder=folder,
            rng=random.Random(seed),
            say=say,
        )
        verdict = trial.run(args.kills)
    killed = (
        f"{recipe.name}: {count(steps, 'step')}, killed {count(verdict.kills, 'time')}, "
        f"{verdict.in_saves} of them in a save (--seed {seed})"
    )
    if verdict.difference is None:
        print(on_one_line(f"{killed}: bit-identical, all losses and tensors"))
        return 0
    print(readable(f"{killed}: the runs differ\nfirst {verdict.difference}"))
    return DIFFERS
