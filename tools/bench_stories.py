"""What the corpus `stories` is like, in figures: speed, size, vocabulary, how far gzip shrinks it.

python tools/bench_stories.py [NUMBER_OF_STORIES]
"""

from __future__ import annotations

import gzip
import re
import statistics
import sys
import time

from zoo_stories import StoriesCorpus, lexicon
from zoo_stories.plots import PLOTS
from zoo_stories.tales import story


def main() -> None:
    n_stories = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    stories = [story(seed) for seed in range(n_stories)]
    sizes = [len(text) for text in stories]
    megabyte = "\n".join(stories).encode()[:1_000_000]
    words = set(re.findall(r"[a-z]+", " ".join(stories).lower()))
    words -= {name.lower() for name in lexicon.NAMES}
    print(f"plots           {len(PLOTS)}")
    print(f"stories         {n_stories}, {len(set(stories))} of them distinct")
    for split in ("train", "valid"):
        print(f"speed           {speed(split, sum(sizes)):.1f} MB/s of CPU time ({split})")
    print(f"bytes a story   {statistics.median(sizes):.0f} (median)")
    print(f"distinct words  {len(words)}, names not counted")
    print(f"gzip -9         {len(megabyte) / len(gzip.compress(megabyte, 9)):.2f} to 1")


def speed(split: str, n_bytes: int) -> float:
    """Megabytes of this split a second, over about as many bytes."""
    corpus = StoriesCorpus(max_bytes=n_bytes, valid_bytes=n_bytes)
    start = time.process_time()
    told = sum(map(len, corpus.documents(split)))
    return told / (time.process_time() - start) / 1e6


if __name__ == "__main__":
    main()
