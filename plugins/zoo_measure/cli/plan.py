"""Tell what training a recipe will take: parameters, operations, memory, tokens and time.

All is counted without memory for the model. Then a few real steps tell the time, on random tokens
where the recipe's are not prepared; `--no-probe` leaves them out.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from zoo.cli.arguments import Parser, add_recipe_options, integer, load_plugins, path
from zoo.cli.text import count, right, share, short, table
from zoo.console.terminal import readable

if TYPE_CHECKING:
    from zoo_measure.plan import Plan

USAGE = "RECIPE [options]"
EXAMPLES = """\
examples:
  zoo plan recipes/tinystories.toml
  zoo plan recipes/tinystories.toml --set model.d_model=512 --no-probe
  zoo plan recipes/tinystories.toml --nproc 2 --json
"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", type=path, help="a TOML file")
    add_recipe_options(parser)
    parser.add_argument(
        "--no-probe", action="store_true", help="train no steps, and estimate no time"
    )
    parser.add_argument(
        "--nproc",
        metavar="N",
        type=integer(1),
        default=1,
        help="plan for N processes on this machine (default: 1); no steps are tried then",
    )
    parser.add_argument("--json", action="store_true", help="for a program to read")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    load_plugins(args)

    from zoo.recipe.load import load_recipe

    recipe = load_recipe(args.recipe, args.set)

    from zoo_measure.plan import plan, too_large

    made = plan(recipe, probe=not args.no_probe, processes=args.nproc)
    print(json.dumps(as_json(made), indent=2) if args.json else readable(as_text(made)))
    needed = made.beside * made.needed
    if made.available is not None and needed > made.available:
        sys.stdout.flush()
        warning = too_large(needed, made.available, made.batch)
        print(f"warning: {warning}", file=sys.stderr)


def as_json(plan: Plan) -> dict[str, Any]:
    counted = plan.rehearsal
    return {
        "name": plan.name,
        "device": plan.device,
        "precision": plan.precision,
        "vocab_size": plan.vocab_size,
        "parameters": {
            "total": counted.total_parameters,
            "non_embedding": counted.non_embedding,
            "parts": counted.parameters,
        },
        "flops_per_token": {
            "forward": sum(counted.forward.values()),
            "training": counted.training,
            "forward_parts": counted.forward,
        },
        "bytes": {
            "weights": counted.weights,
            "gradients": counted.gradients,
            "optimizer": counted.optimizer,
            "activations": counted.activations,
            "peak": counted.peak,
            "process": plan.needed,
            "available": plan.available,
        },
        "processes": plan.processes,
        "steps": plan.steps,
        "batch_tokens": plan.batch.tokens,
        "micro_batch": plan.batch.micro_batch,
        "tokens": plan.tokens,
        "epochs": plan.epochs,
        "seconds_per_step": plan.step,
        "seconds": plan.seconds,
    }


def as_text(plan: Plan) -> str:
    from zoo.console.progress import amount, duration

    counted = plan.rehearsal
    parts = [("part", "parameters", "share", "forward FLOP a token", "share")]
    flops = sum(counted.forward.values())
    for kind in sorted(counted.parameters, key=order):
        own, products = counted.parameters[kind], counted.forward.get(kind, 0)
        if own or products:
            shares = share(own, counted.total_parameters), share(products, flops)
            parts.append((kind, f"{own:,}", shares[0], short(products), shares[1]))
    parts.append(("all", f"{counted.total_parameters:,}", "", short(flops), ""))
    parts.append(("without the embedding", f"{counted.non_embedding:,}", "", "", ""))

    memory = [
        ("weights", amount(counted.weights, "B")),
        ("gradients", amount(counted.gradients, "B")),
        ("optimizer state", amount(counted.optimizer, "B")),
        ("activations", f"{amount(counted.activations, 'B')}, kept for backward"),
        ("at the peak", f"{amount(counted.peak, 'B')}, temporary tensors included"),
        ("whole process", f"about {amount(plan.needed, 'B')}"),
    ]
    if plan.beside > 1:
        total = amount(plan.beside * plan.needed, "B")
        memory.append((f"all {plan.beside} of them", f"about {total}"))
    if plan.available is not None:
        memory.append(("free now", amount(plan.available, "B")))
    batch = plan.batch
    run = [
        ("steps", f"{plan.steps:,}"),
        (
            "a step",
            f"{count(batch.tokens, 'token')}, {batch.micro_batch} rows of {batch.length} at once"
            + (f" in each of {plan.processes} processes" if plan.processes > 1 else ""),
        ),
        (
            "tokens",
            f"{short(plan.tokens)}, {plan.tokens / counted.total_parameters:.3g} a parameter",
        ),
        ("the text", "not prepared" if plan.epochs is None else f"read {plan.epochs:.3g} times"),
        (
            "products",
            f"{short(counted.training)}FLOP a token, {short(counted.training * plan.tokens)}FLOP",
        ),
    ]
    if plan.step is not None and plan.seconds is not None:
        rate = batch.tokens / plan.step
        run.append(("speed", f"{rate:,.0f} tokens/s, from a few steps"))
        run.append(("time", f"about {duration(plan.seconds)}, evaluation not included"))
    vocabulary = ""
    if plan.vocab_size is None:
        vocabulary = " (counted with 256 ids: only training the tokenizer tells how many)"
    return (
        f"{plan.name}, in {plan.precision} on {plan.device}{vocabulary}\n\n"
        f"{table(right(parts))}\n\n"
        f"memory of a process, counted for code that is not compiled\n{table(memory, indent=2)}\n\n"
        f"the run\n{table(run, indent=2)}"
    )


ORDER = (
    *("embedding", "position"),
    *("attention_norm", "attention", "attention_output_norm"),
    *("feedforward_norm", "feedforward", "feedforward_output_norm"),
)


def order(kind: str) -> int:
    """In the order in which a token passes through the parts."""
    name = kind.partition("_")[0] if kind.startswith("position") else kind
    return ORDER.index(name) if name in ORDER else len(ORDER)
