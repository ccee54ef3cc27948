"""The sections `encode`, `decode` and `latency`: text to ids and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from .measure import Contender, Table, cores, median, race, ratio, say, speeds, tried
from .peers import SLOW, Peer, Way, encoders
from .settings import Bench
from .texts import Documents, documents

WORDS = 20
PROMPTS = 500
CHECKED_AT_ONCE = 64  # documents: what some peers return takes many times the room of its ids


def encode(bench: Bench) -> None:
    """All cores, then one, in a process of its own that is held to it."""
    for name, path in bench.texts.items():
        encode_text(bench, name, documents(path))
    if "--cores" not in bench.argv and cores() > 1:
        on_one_core(bench)


def on_one_core(bench: Bench) -> None:
    out = bench.folder / "one-core.json"
    texts = [f"--text={name}={path}" for name, path in bench.texts.items()]
    vocab = ["--vocab", str(bench.vocabulary.folder)]
    script = str(Path(__file__).parent.with_suffix(".py"))
    told = ["--part-of", str(bench.vocab or "learnt from these texts")]
    options = [*bench.argv, *texts, *vocab, *told, "--cores", "1", "--json", str(out)]
    process = subprocess.Popen([sys.executable, script, "encode", *options])
    try:
        if process.wait():
            raise SystemExit(f"encode on one core ended with {process.returncode}")
    finally:
        process.wait()  # it was interrupted too, and still prints its table
        if out.exists():
            bench.report.read_json(out)


def loader(bench: Bench, make: Callable[..., Peer]) -> Callable[[], Peer]:
    """Makes the peer again each time, so that it hasn't seen the text; or once, where asked."""
    if not bench.reuse:
        return lambda: make(bench.vocabulary).warm()
    return cache(lambda: make(bench.vocabulary).warm())


def encode_text(bench: Bench, name: str, whole: Documents) -> None:
    used = f"{cores()} core{'s' * (cores() > 1)}"
    title = f"Encoding, {used}, {name} ({whole.n_bytes / 1e6:.1f} MB), {bench.vocabulary_told}"
    what = f"encode {name}, {used}"
    shares: dict[str, Documents] = {}
    verdicts: dict[str, str] = {}
    contenders: dict[str, Contender] = {}

    def fill(table: Table) -> None:
        zoo = median(table.seconds.get("zoo encode_batch", []))
        for way, times in table.seconds.items():
            n_bytes = shares[way].n_bytes
            per_byte, zoo_per_byte = median(times) / n_bytes, zoo / whole.n_bytes
            compared = "" if way.startswith("zoo ") else ratio(per_byte, zoo_per_byte)
            table.row(way, *speeds(n_bytes, times), compared, verdicts.get(way, "–"))

    columns = ["contender", "MB/s", "slowest–fastest", "zoo is × as fast", "ids"]
    with bench.report.table(title, columns, fill) as table:
        expected: dict[bool, np.ndarray] = {}
        for peer_name, make in encoders(bench.peers).items():
            load = loader(bench, make)
            peer, why = tried(peer_name, load)
            if peer is None:
                table.notes.append(f"{peer_name} left out: {why}")
                continue
            for way_name, way in peer.ways.items():
                full = f"{peer_name} {way_name}"
                shares[full] = whole if way.whole else whole.share(SLOW.get(peer_name, 1))
                if shares[full] is not whole:
                    table.notes.append(f"{full} is timed on {shares[full].n_bytes / 1e6:.1f} MB.")
                contenders[full] = Contender(partial(go, way_name, shares[full]), load)
                if not bench.part_of:
                    say(f"{what}: the ids of {full}")
                    told, why = tried(full, partial(verdict, peer, way, whole, expected))
                    verdicts[full] = told or why
        failed = race(what, contenders, bench.rounds, table.seconds)
        table.notes += [f"{way} left out: {why}" for way, why in failed.items()]


def go(way: str, share: Documents, peer: Peer) -> Any:
    return peer.ways[way].run(share)


def verdict(peer: Peer, way: Way, whole: Documents, expected: dict[bool, np.ndarray]) -> str:
    """Whether the ids are those of zoo, which is asked first: of the documents and of the file."""
    if way.whole:
        ids = way.ids(way.run(whole))
        if way.whole not in expected:  # zoo's own encode, of all the text at once
            expected[True] = np.asarray(peer.one("".join(whole.texts)))
    else:
        texts = whole.texts
        batches = [
            Documents(texts[start : start + CHECKED_AT_ONCE], whole.path)
            for start in range(0, len(texts), CHECKED_AT_ONCE)
        ]
        ids = np.concatenate([way.ids(way.run(batch)) for batch in batches])
        expected.setdefault(False, ids)
    return compared(ids, expected[way.whole])


def compared(ids: np.ndarray, expected: np.ndarray) -> str:
    if np.array_equal(ids, expected):
        return "as zoo's"
    shortest = min(len(ids), len(expected))
    differing = np.flatnonzero(ids[:shortest] != expected[:shortest])
    first = differing[0] if differing.size else shortest
    return f"differ from id {first:,} of {len(expected):,} on"


def decode(bench: Bench) -> None:
    for name, path in bench.texts.items():
        decode_text(bench, name, documents(path))


def decode_text(bench: Bench, name: str, whole: Documents) -> None:
    title = f"Decoding, document by document, {name} ({whole.n_bytes / 1e6:.1f} MB)"
    verdicts: dict[str, str] = {}

    def fill(table: Table) -> None:
        zoo = {
            "decode_bytes": median(table.seconds.get("zoo decode_bytes", [])),
            "decode": median(table.seconds.get("zoo decode", [])),
        }
        for way, times in table.seconds.items():
            against = zoo[way.split()[1]]
            compared = "" if way.startswith("zoo ") else ratio(median(times), against)
            table.row(way, *speeds(whole.n_bytes, times), compared, verdicts[way])

    columns = ["contender", "MB/s", "slowest–fastest", "zoo is × as fast", "text"]
    with bench.report.table(title, columns, fill) as table:
        table.notes.append(
            "`decode` gives str, `decode_bytes` bytes, and each is compared to zoo's of that name. "
            "Ids come as each tokenizer gives them itself: numpy arrays (zoo), lists (the others)."
        )
        contenders: dict[str, Contender] = {}
        arrays: list[np.ndarray] = []
        lists: list[list[int]] = []
        for peer_name, make in encoders(bench.peers).items():
            peer, why = tried(peer_name, loader(bench, make))
            if peer is None:
                table.notes.append(f"{peer_name} left out: {why}")
                continue
            if not arrays:  # zoo comes first
                say(f"decode {name}: the ids")
                arrays = [np.asarray(peer.one(text)) for text in whole.texts]
                lists = [ids.tolist() for ids in arrays]
            for call_name, call in peer.decode.items():
                ids: list[Any] = list(arrays) if peer.array else list(lists)
                got = list(map(call, ids))
                expected = whole.texts if isinstance(got[0], str) else whole.encoded
                full = f"{peer_name} {call_name}"
                verdicts[full] = "as it was" if got == expected else "differs"
                contenders[full] = Contender(partial(each, call, ids))
        failed = race(f"decode {name}", contenders, bench.rounds, table.seconds)
        table.notes += [f"{way} left out: {why}" for way, why in failed.items()]


def each(call: Callable[[Any], Any], of: list[Any], _: None) -> Any:
    return [call(one) for one in of]


def latency(bench: Bench) -> None:
    name, path = next(iter(bench.texts.items()))
    with path.open("rb") as file:
        words = file.read(PROMPTS * WORDS * 16).decode(errors="ignore").split()
    prompts = [
        " ".join(words[start : start + WORDS])
        for start in range(0, min(len(words) - WORDS, PROMPTS * WORDS), WORDS)
    ]
    if not prompts:
        say(f"latency: {name} has fewer than {WORDS} words")
        return

    def fill(table: Table) -> None:
        zoo = median(table.seconds.get("zoo", []))
        for peer, times in table.seconds.items():
            micros = [seconds / len(prompts) * 1e6 for seconds in times]
            spread = f"{min(micros):.1f}–{max(micros):.1f}" if micros else "–"
            compared = "" if peer == "zoo" else ratio(zoo, median(times))
            table.row(peer, f"{median(micros):.1f}", spread, compared)

    title = f"Latency of a prompt of {WORDS} words, {name}, {len(prompts)} prompts in turn"
    columns = ["contender", "µs", "fastest–slowest", "zoo takes × as long"]
    with bench.report.table(title, columns, fill) as table:
        contenders = {}
        for peer_name, make in encoders(bench.peers).items():
            peer, why = tried(peer_name, loader(bench, make))
            if peer is None:
                table.notes.append(f"{peer_name} left out: {why}")
                continue
            contenders[peer_name] = Contender(partial(each, peer.one, prompts))
            each(peer.one, prompts, None)
        failed = race("latency", contenders, max(bench.rounds, 20), table.seconds)
        table.notes += [f"{peer} left out: {why}" for peer, why in failed.items()]
