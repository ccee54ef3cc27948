"""zoo's byte-pair encoding beside other tokenizers: ratios of speed, memory, worst cases.

python tools/bench_tokenizer.py [SECTION…] [--text NAME=FILE…] [--vocab FOLDER] [--json FILE]

The sections are train, encode, decode, latency, memory, worst and startup; without one, all but
memory, which writes 2 GB. `pip install -e '.[bench]'` gets the peers; who isn't installed is left
out. Tables go to stdout as Markdown, progress to stderr. Ctrl-C prints what was measured so far.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

SECTIONS = ("train", "encode", "decode", "latency", "worst", "startup", "memory")
THREADS = ("RAYON_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS")


def main() -> int:
    options = parsed()
    if options.cores:
        hold_to(options.cores)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if options.cores != 1 else "false")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Those who read the number of threads do so when they are imported, so not before.
    from bench_tokenizer import measure, texts
    from bench_tokenizer.settings import Bench

    report = measure.Report()
    if not options.part_of:
        print(measure.header(options.rounds), flush=True)
    with TemporaryDirectory(prefix="bench-tokenizer-", dir=options.temp) as folder:
        try:
            max_bytes = round(options.max_mb * 1e6) if options.max_mb else None
            bench = Bench(
                report=report,
                texts=texts.given_or_made(dict(options.text), max_bytes, Path(folder)),
                folder=Path(folder),
                rounds=options.rounds,
                vocab=options.vocab,
                vocab_sizes=sorted(options.vocab_sizes),
                peers=options.peers,
                gigabytes=options.gigabytes,
                reuse=options.reuse,
                part_of=options.part_of,
                argv=passed_on(options),
            )
            for section in options.sections:
                run_of(section)(bench)
        except KeyboardInterrupt:
            measure.say("interrupted")
            return 130
        finally:
            if options.json:
                report.write_json(options.json)
    return 0


def run_of(section: str) -> Callable[[object], None]:
    from bench_tokenizer import encoding, processes, training, worst

    sections = {
        "train": training.train,
        "encode": encoding.encode,
        "decode": encoding.decode,
        "latency": encoding.latency,
        "worst": worst.worst,
        "startup": processes.startup,
        "memory": processes.memory,
    }
    return sections[section]


def parsed() -> argparse.Namespace:
    about = str(__doc__).split("\n\n")
    parser = argparse.ArgumentParser(description=f"{about[0]} {about[2]}")
    add = parser.add_argument
    add("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    add(
        "--text",
        action="append",
        default=[],
        type=named,
        metavar="NAME=FILE",
        help="UTF-8 text to measure on (else: generated stories, and the sources of Python)",
    )
    add(
        "--vocab",
        type=Path,
        metavar="FOLDER",
        help="vocab.json and merges.txt, or files that end so, to encode with (else: learnt here)",
    )
    add("--vocab-sizes", type=numbers(int), default=[10_000, 32_000], metavar="N,N")
    add("--rounds", type=positive, default=5, metavar="N", help="default: 5")
    add("--peers", type=names, metavar="NAME,NAME", help="who to compare with (default: all)")
    add("--max-mb", type=float, metavar="N", help="only the beginning of each text")
    add("--cores", type=positive, metavar="N", help="how many to use (default: all)")
    add("--reuse", action="store_true", help="keep the tokenizers' caches from round to round")
    add(
        "--gigabytes",
        type=numbers(float),
        default=[0.1, 0.5, 2.0],
        metavar="N,N",
        help="corpora of the section memory (default: 0.1,0.5,2)",
    )
    add("--temp", type=Path, metavar="FOLDER", help="where temporary files go")
    add("--json", type=Path, metavar="FILE", help="write the tables and all times there too")
    add("--part-of", help=argparse.SUPPRESS)  # of another run of this tool
    options = parser.parse_args()
    if unknown := [section for section in options.sections if section not in SECTIONS]:
        parser.error(f"no section {unknown[0]!r} (known: {', '.join(SECTIONS)})")
    options.sections = options.sections or [name for name in SECTIONS if name != "memory"]
    return options


def passed_on(options: argparse.Namespace) -> list[str]:
    """The options that matter to the same tool held to one core."""
    argv = ["--rounds", str(options.rounds)]
    argv += ["--vocab-sizes", ",".join(map(str, options.vocab_sizes))]
    argv += ["--peers", ",".join(options.peers)] if options.peers is not None else []
    argv += ["--temp", str(options.temp)] if options.temp else []
    argv += ["--cores", str(options.cores)] if options.cores else []
    return argv + ["--reuse"] * options.reuse


def hold_to(n_cores: int) -> None:
    for variable in THREADS:
        os.environ[variable] = str(n_cores)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n_cores])


def named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE")
    return name, Path(path)


def names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return int(text)


def numbers(kind: type) -> Callable[[str], list[float]]:
    def parse(text: str) -> list[float]:
        return [kind(number) for number in text.split(",")]

    parse.__name__ = "list of numbers"
    return parse


if __name__ == "__main__":
    sys.exit(main())
