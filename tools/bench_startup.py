"""Seconds from the start of a command to its end, and of training to its first step.

python tools/bench_startup.py [--rounds N] [RECIPE [--set …]]

Medians over several processes that take turns. The recipe is prepared and trained once before
anything is timed, so that tokens, tokenizer and compiled code are in the cache.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OBSERVER = '''\
import os
import zoo


class FirstStep:
    """Ends the process at the first step."""

    def __init__(self, run: zoo.RunInfo) -> None:
        pass

    def step_ended(self, record) -> None:
        os._exit(0)


@zoo.hookimpl
def zoo_register(registry):
    registry.observer("first_step", FirstStep)
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", nargs="?", default="recipes/tinystories.toml")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    changes = [word for change in args.set for word in ("--set", change)]
    recipe = str(Path(args.recipe).resolve())
    with tempfile.TemporaryDirectory() as folder:
        observer = Path(folder) / "first_step.py"
        observer.write_text(OBSERVER, encoding="utf-8")
        first = ["train", recipe, *changes, "--plugin", str(observer)]
        first += ["--set", 'train.observers=["first_step"]', "--set", "train.log_every=1"]
        commands = {
            "zoo --help": ["--help"],
            f"zoo check {args.recipe}": ["check", recipe, *changes],
            f"zoo train {args.recipe}, to its first step": first,
        }
        for command in commands.values():
            seconds(command, folder)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(args.rounds):
            for name, command in commands.items():
                times[name].append(seconds(command, folder))
    print("| command | median s | fastest | slowest |\n|---|---|---|---|")
    for name, taken in times.items():
        print(f"| {name} | {statistics.median(taken):.2f} | {min(taken):.2f} | {max(taken):.2f} |")


def seconds(command: list[str], folder: str) -> float:
    """How long a process takes; it runs in a folder of its own, which is thrown away."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "zoo", *command],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
