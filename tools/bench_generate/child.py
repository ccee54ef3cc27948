"""One contender in a warm process of its own: greedy tokens, as often as it is asked.

Each line of stdin asks for one text a row; a line of JSON answers with its seconds and its ids.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

Ids = list[list[int]]


def zoo(run: str, prompt: str, rows: int, new_tokens: int, precision: str) -> Callable[[], Ids]:
    """zoo's loop with a sampler, as ``zoo generate`` runs it; compiled if that is on disk."""
    from zoo import make, open_run

    opened = open_run(run)
    ids = [opened.tokenizer.eot, *opened.tokenizer.encode(prompt).tolist()]
    engine = opened.scorer if precision == "float32" else opened.engine

    def generate() -> Ids:
        made: Ids = [[] for _ in range(rows)]
        greedy = [make("sampler", "greedy")]
        for row, token in engine.request([ids] * rows, greedy, max_new_tokens=new_tokens):
            made[row].append(token)
        return made

    return generate


def transformers(
    folder: str, prompt: str, rows: int, new_tokens: int, precision: str
) -> Callable[[], Ids]:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision))
    given = tokenizer([prompt] * rows, return_tensors="pt", return_token_type_ids=False)
    length = given["input_ids"].shape[1]

    def generate() -> Ids:
        made = model.generate(
            **given, min_new_tokens=new_tokens, max_new_tokens=new_tokens, do_sample=False
        )
        ids: Ids = made[:, length:].tolist()
        return ids

    return generate


def main(who: str, where: str, prompt: str, rows: str, new_tokens: str, precision: str) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what others print isn't an answer
    make = {"zoo": zoo, "transformers": transformers}[who]
    generate = make(where, prompt, int(rows), int(new_tokens), precision)
    for _ in sys.stdin:
        start = time.perf_counter()
        ids = generate()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "ids": ids}), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(*sys.argv[1:])
