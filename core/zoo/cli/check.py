"""Tell whether recipes are right, without training.

Every problem of every recipe is shown, with its file and line. The parts are made, as far as that
needs no memory for weights and no text. A device that this machine lacks is a problem: a recipe for
another machine is checked with --set train.device=auto.
"""

from __future__ import annotations

import argparse
import sys

from zoo.cli.arguments import Parser, add_recipe_options, load_plugins, path
from zoo.cli.text import count, size_of
from zoo.console.terminal import on_one_line, say
from zoo.errors import RecipeError

USAGE = "RECIPE… [options]"
EXAMPLES = """\
examples:
  zoo check recipes/tinystories.toml
  zoo check recipes/tinystories*.toml --set tokenizer.vocab_size=8192
"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("recipes", metavar="RECIPE", nargs="+", type=path, help="a TOML file")
    add_recipe_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    load_plugins(args)

    from zoo.recipe.load import load_to_train

    code = 0
    for file in args.recipes:
        try:
            recipe = load_to_train(file, args.set)
        except RecipeError as error:
            print(error, file=sys.stderr)
            say(f"{file}: {count(len(error.problems), 'problem')}")
            code = 2
        else:
            print(on_one_line(f"{file}: ok, {size_of(recipe)}"), flush=True)
            for swap in recipe.swaps:
                say(f"{file}: {swap}")
    return code
