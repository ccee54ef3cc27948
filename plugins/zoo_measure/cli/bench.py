"""Measure how fast a recipe trains, and where the time of a step goes.

A few real steps are trained and timed; then every part of the model is timed alone. On the recipe's
tokens if they are prepared, else on random ones: nothing is downloaded, and nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import TYPE_CHECKING, Any

from zoo.cli.arguments import Parser, add_recipe_options, change, integer, load_plugins, path
from zoo.cli.text import count, right, share, short, table
from zoo.console import terminal
from zoo.console.terminal import on_one_line, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo_measure.bench import Contender, Report

USAGE = "RECIPE [options]"
EXAMPLES = """\
examples:
  zoo bench recipes/tinystories.toml
  zoo bench recipes/tinystories.toml --json
  zoo bench recipes/tinystories.toml --compare model.norm=layernorm
"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", type=path, help="a TOML file")
    add_recipe_options(parser)
    parser.add_argument(
        "--compare",
        metavar="PATH=VALUE",
        type=change,
        action="append",
        default=[],
        help="time the recipe beside itself with this changed; may be repeated",
    )
    parser.add_argument(
        "--steps",
        metavar="N",
        type=integer(1),
        default=10,
        help="how many steps to time, after a few to warm up (default: 10)",
    )
    parser.add_argument("--json", action="store_true", help="for a program to read")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    load_plugins(args)

    from zoo.recipe.load import load_recipe

    recipe = load_recipe(args.recipe, args.set)
    changed = load_recipe(args.recipe, [*args.set, *args.compare]) if args.compare else None

    from zoo_measure import bench

    if changed is not None:
        contenders = bench.compare([recipe, changed], args.steps, say)
        print_comparison(contenders, args.compare, args.json)
        return
    report = bench.measure(recipe, args.steps, say)
    print(json.dumps(as_json(report), indent=2) if args.json else readable(as_text(report)))


def say(data: str) -> None:
    terminal.say(f"training on {data}")


def as_json(report: Report) -> dict[str, Any]:
    plain = {
        key: value for key, value in vars(report).items() if key not in ("parts", "phases", "step")
    }
    return {
        **plain,
        "tokens_per_s": report.tokens_per_s,
        "flops_per_s": report.flops_per_s,
        "share_of_product_rate": report.flops_per_s / report.product_rate,
        "parts_fit_the_step": report.excess <= 1,
        "seconds_per_step": report.step,
        "phase_seconds": report.phases,
        "parts": [
            {
                "part": part.name,
                "type": part.type,
                "depth": part.depth,
                "calls": part.calls * report.micro_batches,
                "forward_seconds": report.seconds_of(part)[0],
                "backward_seconds": report.seconds_of(part)[1],
            }
            for part in report.parts
        ],
    }


def as_text(report: Report) -> str:
    step = sum(report.phases.values())
    compiled = ", blocks compiled" if report.compiled else ""
    where = f"{report.device}, {count(report.threads, 'thread')}, {report.precision}{compiled}"
    rows = [
        ("recipe", f"{report.name}, {short(report.parameters)} parameters"),
        ("data", report.data),
        ("computed on", where),
        ("speed", f"{report.tokens_per_s:,.0f} tokens/s"),
        (
            "a step",
            f"{seconds(report.step)} for {count(report.step_tokens, 'token')}, "
            f"{report.micro_batches} × {count(report.micro_batch, 'row')}",
        ),
        ("the first one", seconds(report.first_step)),
        (
            "products",
            f"{short(report.flops)}FLOP a token, {short(report.flops_per_s)}FLOP/s: "
            f"{of_products(report)}",
        ),
        ("peak memory", memory(report.peak_memory)),
    ]
    phases = [("", "ms", "share")]
    phases += [
        (name, f"{1000 * taken:.2f}", share(taken, step)) for name, taken in report.phases.items()
    ]
    parts = [("", "type", "calls", "forward ms", "backward ms", "share")]
    for part in report.parts:
        forward, backward = report.seconds_of(part)
        parts.append(
            (
                f"{'  ' * part.depth}{part.name}",
                part.type,
                f"{part.calls * report.micro_batches}",
                f"{1000 * forward:.2f}",
                f"{1000 * backward:.2f}",
                share(forward + backward, step) if report.excess <= 1 else "–",
            )
        )
    busy = ""
    if report.excess > 1:
        busy = (
            f"\nno shares: the longest part took {report.excess:.2f} times as long alone as "
            "forward, loss and backward took\nin real steps, so the machine was busier "
            f"meanwhile{' or the parts are slower apart' if report.compiled else ''}: run it again"
        )
    how = "each compiled by itself" if report.compiled else "each alone"
    return (
        f"{table(rows)}\n\n"
        f"where the time of a step goes (the middle half of {count(report.steps, 'step')})\n"
        f"{table(right(phases, 1), indent=2)}\n\n"
        f"parts of the model, {how}, on what it is given in training, times its calls in a step;\n"
        "an indented part is within the one above it, whose time includes it\n"
        f"{table(right(parts, 2), indent=2)}{busy}"
    )


def of_products(report: Report) -> str:
    """The share of the fastest matmul rate that training reaches."""
    rate = f"{short(report.product_rate)}FLOP/s of the fastest square product here"
    if report.flops_per_s > report.product_rate:
        return f"more than the {rate}, so the machine was busier when that was timed: run it again"
    return f"{share(report.flops_per_s, report.product_rate)} of the {rate}"


def seconds(taken: float) -> str:
    return f"{taken:.3g} s" if taken >= 1 else f"{1000 * taken:.3g} ms"


def memory(size: int | None) -> str:
    from zoo.console.progress import amount

    return "not told by this system" if size is None else amount(size, "B")


def print_comparison(
    contenders: Sequence[Contender], changes: Sequence[str], as_json: bool
) -> None:
    plain, changed = contenders
    # Of steps that stood side by side, so that what else the machine does meets both.
    ratio = statistics.median(
        sum(after.values()) / sum(before.values())
        for before, after in zip(plain.steps, changed.steps, strict=True)
    )
    if as_json:
        told = [
            {
                "seconds_per_step": one.seconds,
                "tokens_per_s": one.rate,
                "phase_seconds": one.phases(),
            }
            for one in contenders
        ]
        result = {"plain": told[0], "changed": told[1], "changes": changes, "time_ratio": ratio}
        print(json.dumps(result, indent=2))
        return
    rows: list[tuple[str, ...]] = [("", plain.recipe.name, " ".join(changes))]
    rows += [("tokens/s", *(f"{one.rate:,.0f}" for one in contenders))]
    rows += [("parameters", *(short(one.parameters) for one in contenders))]
    rows += [("ms a step", *(f"{1000 * one.seconds:.1f}" for one in contenders))]
    both = [one.phases() for one in contenders]
    rows += [
        (f"  {p}", *(f"{1000 * of[p]:.1f}" for of in both)) for p in both[0] if p != "observers"
    ]
    print(table(right(rows, 1)))
    swap = on_one_line(" ".join(changes))
    print(f"\na step with {swap} takes {ratio:.3f} of the time (median of pairs)")
