"""What `processes` runs in a process of its own; the answer is a line of JSON, the last of stdout.

python child.py import STARTED
python child.py first STARTED TOKENIZER     steps up to the first ids, then training and the rest
python child.py memory CORPUS VOCAB_SIZE    peak memory of training on a file and of encoding it
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

TEXT = "Once upon a time there was a zoo with 12 animals, and none of them could read yet. "


def main() -> None:
    what, *arguments = sys.argv[1:]
    answer = {"import": import_zoo, "first": first, "memory": memory}[what](*arguments)
    print(json.dumps(answer))


def import_zoo(started: str) -> dict[str, float]:
    import zoo  # noqa: F401

    return {"import zoo": time.time() - float(started)}


def first(started: str, folder: str) -> dict[str, float]:
    """The seconds that each step takes, in this order."""
    steps: dict[str, float] = {}
    now = float(started)

    def done(step: str) -> None:
        nonlocal now
        steps[step] = time.time() - now
        now = time.time()

    done("python")
    import numba  # noqa: F401

    done("numba")
    import zoo

    kind = type(zoo.make("tokenizer", "bpe"))
    done("zoo and its plug-ins")
    tokenizer = kind.load(Path(folder))
    done("load a tokenizer")
    ids = tokenizer.encode(TEXT)
    done("first encode")
    tokenizer.encode_batch([TEXT] * 1000)
    done("first encode_batch")
    tokenizer.decode(ids)
    done("first decode")
    learner = zoo.make("tokenizer", "bpe", vocab_size=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        learner.train(texts=[TEXT])
    done("first train")
    return steps


def memory(path: str, vocab_size: str) -> dict[str, float]:
    """Peaks in bytes and seconds. The compiled code is loaded before anything is measured."""
    import zoo

    def learner(size: int) -> Any:
        return zoo.make("tokenizer", "bpe", vocab_size=size)

    out = Path(path).with_suffix(".bin")
    small = learner(300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small.train(texts=[TEXT])
    small.encode_batch([TEXT] * 8)
    forget_peak()
    answer = {"at first": float(peak())}
    tokenizer = learner(int(vocab_size))
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer.train(files=[path])
    answer |= {"train": peak(), "train seconds": time.perf_counter() - start}
    forget_peak()
    start = time.perf_counter()
    answer["ids"] = tokenizer.encode_file(path, out)
    answer |= {"encode": peak(), "encode seconds": time.perf_counter() - start}
    out.unlink()
    return answer


def peak() -> int:
    """The most memory that this process has held, in bytes.

    Linux tells it of this program alone; ``ru_maxrss`` includes that of the process it comes from.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:", 1)[1].split()[0]) * 1024
    except (OSError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def forget_peak() -> None:
    """Begins again, where the system can do that; else the peak is that of all so far."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    main()
