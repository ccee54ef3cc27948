"""One contender in a process of its own, so that nobody's settings or memory are another's.

Reads numbers of steps from stdin, a line each, takes that many and answers with a line of JSON:
their seconds, and the process's peak memory. Before the first answer it has taken two steps.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def main(name: str, shape: str, precision: str, folder: str) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what others print isn't an answer
    start = time.perf_counter()
    if name.startswith("zoo"):
        import zoo  # noqa: F401, as in every run: it says how memory is to be had
    from bench_train.contenders import CONTENDERS
    from bench_train.shapes import SHAPES

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
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "peak": peak}), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(*sys.argv[1:])
