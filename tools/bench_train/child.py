"""One contender in a process of its own, so that nobody's settings or memory are another's.

Reads numbers of steps from stdin, a line each, takes that many and answers with a line of JSON:
their seconds, and the process's peak memory. Before the first answer it has taken two steps.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main(name: str, shape: str, precision: str, folder: str) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what others print isn't an answer
    start = time.perf_counter()
    import torch

    from bench_train.contenders import CONTENDERS
    from bench_train.shapes import SHAPES
    from zoo_measure.memory import peak_bytes

    step = CONTENDERS[name](SHAPES[shape], precision, Path(folder))
    step()
    step()
    print(json.dumps({"ready": time.perf_counter() - start}), file=answers, flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        peak = peak_bytes(torch.device("cpu"))
        print(json.dumps({"seconds": seconds, "peak": peak}), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(*sys.argv[1:])
