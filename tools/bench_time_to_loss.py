"""How long zoo's recipes take to a loss, beside plain baselines on the same text.

python tools/bench_time_to_loss.py stories --text FILE [--json FILE]
python tools/bench_time_to_loss.py characters --text FILE [--json FILE]

stories: the main recipe for 3 minutes, against the same sizes with plain AdamW for as many tokens
as litgpt trains on in 12. characters: recipes/shakespeare-char.toml against nanoGPT's preset for a
CPU. `pip install -e '.[bench]'` gets the peers. Tables go to stdout, progress to stderr.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from bench_time_to_loss.peers import Preset, litgpt_rates
from bench_time_to_loss.runs import Measured, corpus, steps_within, train
from bench_tokenizer.measure import Table, cores, installed, processor, say
from bench_train.shapes import Shape

import zoo
from zoo.data.prepare import prepare

RECIPES = Path(__file__).parents[1] / "recipes"
HELD_OUT = {"stories": 0.05, "characters": 0.1}  # from the end of the text
ALL = 1 << 40  # tokens of an evaluation: the whole validation text

BASELINE = """
zoo = 1

[tokenizer]
name = "bpe"
vocab_size = {vocab_size}

[model]
d_model = {d_model}
n_layers = {n_layers}
n_heads = {n_heads}
max_seq_len = {max_seq_len}

[optimizer]
name = "adamw"
betas = [0.9, 0.99]
weight_decay = 0.1

[[params]]
role = "vector"
weight_decay = 0

[scheduler]
name = "cosine"
warmup = 100

[train]
batch_tokens = 2048
observers = ["jsonl"]
"""


def stories(options: argparse.Namespace, folder: Path) -> Table:
    """The main recipe for some minutes against a baseline for more of them."""
    recipe = options.recipe or RECIPES / "tinystories.toml"
    given = [corpus(options.text, HELD_OUT["stories"], folder), f"train.eval_tokens={ALL}"]
    loaded = zoo.load_recipe(recipe, given)
    prepare(loaded)
    plain = folder / "plain.toml"
    plain.write_text(BASELINE.format(**asdict(zoo.build(loaded).dims)), encoding="utf-8")
    shape = shape_of(zoo.load_recipe(plain, [*given, "train.steps=1000"]))
    rates = {"given": options.litgpt} if options.litgpt else litgpt_rates(shape, rounds=15)
    name, rate = max(rates.items(), key=lambda item: item[1])
    tokens = round(rate * 60 * options.baseline_minutes)
    say(f"litgpt, float32: {rates}; {tokens:,} tokens in {options.baseline_minutes} minutes")

    table = Table(
        f"{options.text.name}: bits per byte",
        ["contender", "minutes", "tokens", "tokens/s", "bits per byte", "at the end"],
    )
    ours_steps = steps_within(60 * options.minutes, recipe, given, folder)
    ours = train(recipe, [*given, f"train.steps={ours_steps}"], folder / "ours")
    in_time = [point for point in ours.points if point.seconds <= 60 * options.minutes]
    best = min(point.bits_per_byte for point in in_time)
    row(table, f"{recipe.name}", ours, f"{ours.seconds / 60:.2f}", best)

    lowest = math.inf
    for lr in options.lrs:
        settings = [*given, f"optimizer.lr={lr}", f"train.tokens={tokens}"]
        measured = train(plain, settings, folder / f"plain-{lr}")
        say(f"baseline, lr {lr}: {measured.best.bits_per_byte:.4f} bits per byte")
        granted = f"{options.baseline_minutes:.2f} granted"
        row(table, f"plain AdamW, lr {lr}", measured, granted, measured.best.bits_per_byte)
        lowest = min(lowest, measured.best.loss)
    reached = ours.reaches(lowest)
    minutes = f"after {reached.seconds / 60:.2f} minutes" if reached else "not"
    table.notes += [
        f"{recipe.name} reaches the best baseline's loss {minutes}.",
        "Minutes are those of the whole command `zoo train`, with start, evaluations, checkpoints "
        "and plots; text is prepared and code compiled before.",
        f"litgpt {installed('litgpt')}, float32, tokens/s: "
        + ", ".join(f"{mode} {speed:,.0f}" for mode, speed in rates.items())
        + f". The baseline has the tokens that the faster ({name}) trains on in "
        f"{options.baseline_minutes} minutes; zoo trains it, as loss over tokens is the same, in "
        "the precision that is fastest here.",
        f"Sizes: {', '.join(f'{key} {value:,}' for key, value in asdict(shape).items())}.",
    ]
    return table


def row(table: Table, name: str, measured: Measured, minutes: str, best: float) -> None:
    last = measured.points[-1]
    figures = (f"{last.tokens:,}", f"{measured.tokens_per_s:,.0f}")
    table.row(name, minutes, *figures, f"{best:.4f}", f"{last.bits_per_byte:.4f}")


def shape_of(recipe: Any) -> Shape:
    """What litgpt's model and batch need to know of the baseline's."""
    model = zoo.build(recipe)
    dims = model.dims
    return Shape(
        dims.vocab_size,
        dims.max_seq_len,
        dims.d_model,
        model.blocks[0].feedforward.down.d_in,
        dims.n_layers,
        dims.n_heads,
        recipe.train.batch_tokens // dims.max_seq_len,
    )


def characters(options: argparse.Namespace, folder: Path) -> Table:
    """The recipe for characters against the preset, in turns."""
    recipe = options.recipe or RECIPES / "shakespeare-char.toml"
    given = [corpus(options.text, HELD_OUT["characters"], folder), f"train.eval_tokens={ALL}"]
    data = prepare(zoo.load_recipe(recipe, given))
    train(recipe, [*given, "train.steps=5", "scheduler=none"], folder / "compiling")
    table = Table(
        f"{options.text.name}: seconds to the preset's loss",
        ["round", "preset s", "its loss", "zoo s to it", "ratio", "command s to it", "best loss"],
    )
    ratios = []
    for turn in range(options.rounds):
        preset = Preset(data, seed=turn)
        seconds = preset.train()
        loss = preset.loss()
        settings = [*given, f"train.seed={turn}", "train.eval_every=50"]
        ours = train(recipe, settings, folder / f"characters-{turn}")
        reached = ours.reaches(loss)
        ratios.append(reached.training_seconds / seconds if reached else math.inf)
        table.row(
            turn + 1,
            f"{seconds:.1f}",
            f"{loss:.4f}",
            f"{reached.training_seconds:.1f}" if reached else "–",
            f"{ratios[-1]:.2f}",
            f"{reached.seconds:.1f}" if reached else "–",
            f"{ours.best.loss:.4f}",
        )
    table.notes += [
        f"Median ratio: {statistics.median(ratios):.2f}.",
        "Times are those of training steps alone, up to the evaluation that finds the loss; the "
        "command's is that of `zoo train` as a whole, its many evaluations and its start included.",
        f"transformers {installed('transformers')}, GPT-2 of nanoGPT's sizes, float32, eager.",
    ]
    return table


def header() -> str:
    size, times = 1024, {torch.float32: [], torch.bfloat16: []}
    matrices = {dtype: torch.full((size, size), 0.5, dtype=dtype) for dtype in times}
    for _ in range(12):
        for dtype, matrix in matrices.items():
            start = time.perf_counter()
            matrix @ matrix
            times[dtype].append(time.perf_counter() - start)
    rates = (
        f"{str(dtype).removeprefix('torch.')} {2 * size**3 / statistics.median(taken) / 1e9:,.0f}"
        for dtype, taken in times.items()
    )
    return (
        f"{processor()}, {cores()} cores, torch {torch.__version__}; products of {size}² matrices, "
        f"GFLOP/s: {', '.join(rates)}.\n"
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    sections = parser.add_subparsers(dest="section", required=True)
    for name, about in (("stories", stories), ("characters", characters)):
        section = sections.add_parser(name, help=about.__doc__)
        section.add_argument("--text", type=Path, required=True, metavar="FILE", help="UTF-8")
        section.add_argument("--recipe", type=Path, help="in place of the shipped one")
        section.add_argument("--json", type=Path, metavar="FILE", help="write the table there too")
        if name == "stories":
            section.add_argument("--minutes", type=float, default=3.0)
            section.add_argument("--baseline-minutes", type=float, default=12.0)
            section.add_argument("--lrs", type=numbers, default=[1e-3, 2e-3, 4e-3], metavar="X,X")
            section.add_argument(
                "--litgpt", type=float, metavar="X", help="its tokens/s, not to be measured"
            )
        else:
            section.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def main() -> None:
    options = parsed()
    print(header(), flush=True)
    with TemporaryDirectory(prefix="bench-time-to-loss-") as folder:
        section = stories if options.section == "stories" else characters
        table = section(options, Path(folder))
    table.complete = True
    print(table.markdown(), flush=True)
    if options.json:
        text = json.dumps(asdict(table), indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
