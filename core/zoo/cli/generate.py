"""Continue a prompt with what a run has learnt."""

from __future__ import annotations

import argparse
import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from zoo.api.run import open_run
from zoo.cli.arguments import (
    Parser,
    add_plugin_option,
    existing_file,
    integer,
    load_plugins,
    number,
)
from zoo.cli.prompts import read_prompt, read_prompts
from zoo.cli.text import as_json_line, for_reader
from zoo.console.terminal import say
from zoo.contracts.run_folder import RUNS
from zoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from zoo.api.run import Run

USAGE = "[RUN] [options]"
EXAMPLES = """\
examples:
  zoo generate --prompt "Once upon a time"
  zoo generate runs/tinystories-1 --temperature 0.8 --top-p 0.95 --seed 7
  zoo generate --num-samples 3 --stop "The end."
  echo "One day, a cat" | zoo generate
  zoo generate --batch-file prompts.txt --num-samples 2
  zoo generate --num-samples 64 --device cuda
"""

SEEDS = 2**31


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "path",
        metavar="RUN",
        nargs="?",
        help="a run, or one checkpoint of it (default: the newest run in runs/)",
    )
    parser.add_argument(
        "--prompt",
        metavar="TEXT",
        help="what to continue (default: standard input, if it is piped)",
    )
    parser.add_argument(
        "--batch-file",
        metavar="FILE",
        type=existing_file,
        help="continue each line of a file, all at once; for prompts of several lines, a .jsonl "
        'file of {"prompt": "…"}',
    )
    parser.add_argument(
        "--json", action="store_true", help='print {"prompt": "…", "text": "…"} a line'
    )
    parser.add_argument(
        "--max-new-tokens", metavar="N", type=integer(1), help="when to end at last"
    )
    parser.add_argument("--seed", metavar="N", type=integer(0), help="for the same text again")
    parser.add_argument(
        "--num-samples", metavar="N", type=integer(1), default=1, help="how many texts (default: 1)"
    )
    parser.add_argument(
        "--stop",
        metavar="TEXT",
        action="append",
        default=[],
        help="end before this text; may be repeated",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="first compile decoding of so many texts at once, which is kept and used from then on",
    )
    parser.add_argument(
        "--device",
        metavar="NAME",
        default="cpu",
        help="cpu (default), cuda, cuda:1, mps, or auto: a GPU if there is one",
    )
    add_plugin_option(parser)
    samplers = parser.add_argument_group(
        "samplers",
        "Each takes the place of the recipe's sampler of that name, or else comes after the\n"
        "recipe's; the others stay.",
    )
    samplers.add_argument(
        "--temperature",
        metavar="T",
        type=number,
        help="below 1 safer, above 1 wilder; 0: the likeliest",
    )
    samplers.add_argument(
        "--top-p", metavar="P", type=number, help="keep the likeliest tokens of this mass"
    )
    samplers.add_argument(
        "--top-k", metavar="K", type=integer(1), help="keep the K likeliest tokens"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    alone = args.prompt is None and args.batch_file is None
    if args.path is not None and alone and looks_like_text(args.path):
        raise ZooError(f"{args.path}: no such run; give a text to continue after --prompt")
    if args.batch_file is not None and args.prompt is not None:
        raise ZooError("either --prompt or --batch-file: write the prompt into the file")
    if args.plugin:  # first: a large checkpoint is compared with the model that they make
        load_plugins(args)
    with ThreadPoolExecutor(1) as beside:  # files are verified while torch is imported
        opening = beside.submit(open_run, args.path, device=args.device)
        load_plugins(args)
        opened = opening.result()
    prompts = prompts_of(args, opened)
    seed = random.randrange(SEEDS) if args.seed is None else args.seed
    pieces = opened.stream(
        prompts,
        temperature=args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        max_new_tokens=args.max_new_tokens,
        seed=seed,
        stop=args.stop,
    )
    if args.compile:  # only now that nothing was refused
        compile_steps(opened, len(prompts))
    print_header(opened, seed)
    if args.json or len(prompts) > 1:
        print_texts(prompts, pieces, as_json=args.json)
    else:
        print_stream(prompts[0], pieces)
    return 0


def prompts_of(args: argparse.Namespace, opened: Run) -> list[str]:
    """What to continue, each prompt as often as there are samples to make of it."""
    if args.batch_file is None:
        prompts = [read_prompt() if args.prompt is None else args.prompt]
    else:
        lines = read_prompts(args.batch_file)
        check_prompts(opened, lines, args)
        prompts = list(lines.values())
    return [prompt for prompt in prompts for _ in range(args.num_samples)]


def check_prompts(opened: Run, prompts: Mapping[int, str], args: argparse.Namespace) -> None:
    """Raises ZooError for a prompt that would be refused, with its line."""
    from zoo.generation.text_stream import encoded

    for line, prompt in prompts.items():
        try:
            encoded(prompt, opened.tokenizer)
        except ZooError as error:
            raise ZooError(f"{args.batch_file}:{line}: {error}") from error


def compile_steps(opened: Run, rows: int) -> None:
    """Compiles what isn't yet; where that can't be done, it is said and left."""
    if opened.steps.load(rows) is not None:
        return
    say("compiling, which takes half a minute or so, once")
    try:
        opened.steps.compile(rows)
    except ZooError as error:
        say(f"{error}; going on without")


def looks_like_text(path: str) -> bool:
    """Whether this is words and no path: a prompt where the run was expected."""
    return len(path.split()) > 1 and not os.path.exists(path) and not os.path.exists(RUNS / path)


def print_header(opened: Run, seed: int) -> None:
    state = opened.checkpoint.state
    where = "" if opened.device == "cpu" else f"; on {opened.device}"
    say(f"{opened.dir}, step {state.step:,}, trained on {state.label}; seed {seed}{where}")


def print_stream(prompt: str, pieces: Iterator[tuple[int, str]]) -> None:
    """The prompt and its continuation, each piece as it comes."""
    _, text = next(pieces, (0, ""))  # before the prompt: it may be refused
    try:
        print(for_reader(prompt + text), end="", flush=True)
        for _, text in pieces:
            print(for_reader(text), end="", flush=True)
    finally:
        print()


def print_texts(
    prompts: Sequence[str], pieces: Iterator[tuple[int, str]], *, as_json: bool
) -> None:
    """Each text under a header, or as a line of JSON; in order, as soon as it is complete."""
    texts = [""] * len(prompts)
    complete: set[int] = set()
    printed = 0
    for row, text in pieces:
        texts[row] += text
        if not text:
            complete.add(row)
        while printed in complete:
            prompt, text = prompts[printed], texts[printed]
            printed += 1
            if as_json:
                print(as_json_line({"prompt": prompt, "text": text}), flush=True)
            else:
                header = f"--- sample {printed} of {len(texts)} ---"
                print(f"{header}\n{for_reader(prompt + text)}\n", flush=True)
