"""Encode a corpus to token files: read and encode in parallel, resume after a kill.

While it is unfinished, the folder has a ``progress.json``: for each split, what the shards hold
that is certain to be on disk. Whatever was written later is cut off before going on, so that the
result is the same, byte for byte, as if nothing had happened.
"""

from __future__ import annotations

import inspect
import json
import shutil
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zoo.compute.threads import side_by_side
from zoo.console.progress import amount, track
from zoo.console.terminal import say
from zoo.data.shards import TokenWriter, drop_after, dtype_for
from zoo.errors import ZooError
from zoo.storage.folders import WEEK, resumed_folder, whole_folder
from zoo.storage.lock import Lock, only_one
from zoo.storage.paths import make_folder, write_atomically

if TYPE_CHECKING:
    from zoo.contracts import Corpus, Tokenizer

META = "meta.json"
PROGRESS = "progress.json"
SPLITS = ("train", "valid")
COUNTS = ("documents", "bytes", "not_utf8_documents")

# A split may have no end. These hold every public corpus that zoo knows, whole.
MOST_BYTES = {"train": 2**34, "valid": 2**29}

BATCH_BYTES = 2**21  # enough that encode_batch has work for many threads
SMALL_BATCH_BYTES = 2**18  # where documents are encoded one by one
READ_AHEAD = 2  # batches
CHECKPOINT_SECONDS = 10.0  # as much work is lost by a kill


class Batch(NamedTuple):
    """Some documents; ``n_bytes`` is their size, ``not_utf8`` how many of them aren't UTF-8."""

    documents: list[bytes]
    n_bytes: int
    not_utf8: int


def encode_corpus(corpus: Corpus, tokenizer: Tokenizer, dir: Path) -> None:
    """Writes both splits as tokens, the tokenizer and ``meta.json`` to ``dir``, all at once.

    Interrupted, the next call for this ``dir`` goes on. Of several processes one does the work,
    and the others wait for it.

    Raises:
        ZooError: a split without documents, or text that the tokenizer can't encode.
    """
    make_folder(dir.parent)
    waiting = f"{corpus.label}: another process is preparing the same tokens; waiting for it"
    with only_one(dir.with_name(f".{dir.name}.lock"), waiting) as lock:
        if (dir / META).exists():
            return
        folder = resumed_folder(dir) if lock.works else whole_folder(dir, abandoned_after=WEEK)
        with folder as unfinished:
            try:
                fill(unfinished, corpus, tokenizer, lock)
            except BaseException as error:
                # What the user must mend would fail again at the same place.
                useless = isinstance(error, ZooError) or not (unfinished / PROGRESS).exists()
                if useless and lock.is_there:
                    shutil.rmtree(unfinished, ignore_errors=True)
                raise


def fill(folder: Path, corpus: Corpus, tokenizer: Tokenizer, lock: Lock) -> None:
    """Does what is still to be done in an unfinished folder, which is ours while ``lock`` is.

    Raises:
        ZooError: it was taken away meanwhile: another process may have started again in its place.
    """
    if (folder / META).exists():
        (folder / PROGRESS).unlink(missing_ok=True)
        return
    if tokenizer.vocab_size is None:
        raise ZooError("the tokenizer has no vocabulary even after training")
    progress = what_is_done(folder, dtype_for(tokenizer.vocab_size))
    for leftover in folder.glob(".*"):
        leftover.unlink()
    shutil.rmtree(folder / "tokenizer", ignore_errors=True)
    (folder / "tokenizer").mkdir()
    tokenizer.save(folder / "tokenizer")

    def checkpoint(split: str, meta: Mapping[str, Any], finished: bool) -> None:
        check_held(lock)
        progress[split] = {**meta, "finished": finished}
        write_atomically(folder / PROGRESS, as_json(progress))

    meta: dict[str, Any] = {"label": corpus.label, "notice": corpus.notice}
    for split in SPLITS:
        done = progress.get(split)
        meta[split] = (
            {key: value for key, value in done.items() if key != "finished"}
            if done and done["finished"]
            else encode_split(corpus, split, tokenizer, folder, lock, checkpoint, after=done)
        )
    if wrong := sum(meta[split]["not_utf8_documents"] for split in SPLITS):
        documents = sum(meta[split]["documents"] for split in SPLITS)
        warnings.warn(
            f"{corpus.label}: {wrong:,} of {documents:,} documents aren't valid UTF-8; their bytes "
            "are kept as they are",
            stacklevel=2,
        )
    check_held(lock)
    # Last, so that a folder that has it is complete.
    write_atomically(folder / META, as_json(meta))
    (folder / PROGRESS).unlink(missing_ok=True)


def check_held(lock: Lock) -> None:
    """Raises ZooError where the folder with the lock is gone, and another may be in its place."""
    if told := lock.lost():
        raise ZooError(f"{told}: no more text is encoded there; start again")


def what_is_done(folder: Path, dtype: np.dtype[Any]) -> dict[str, dict[str, Any]]:
    """What ``progress.json`` says is done of each split; nothing where it isn't so."""
    path = folder / PROGRESS
    if not path.exists():
        return {}
    try:
        progress: dict[str, dict[str, Any]] = json.loads(path.read_bytes())
        for split, meta in progress.items():
            numbers = [*(meta[name] for name in COUNTS), *meta["shards"]]
            if split not in SPLITS or not all(isinstance(n, int) and n >= 0 for n in numbers):
                raise ValueError(f"it says {meta} of the split {split!r}")
            if meta["dtype"] != dtype.str or not isinstance(meta["finished"], bool):
                raise ValueError(f"{split} has the type {meta['dtype']}, not {dtype.str}")
            drop_after(folder, split, meta["shards"], dtype)
    except (ZooError, ValueError, KeyError, TypeError, AttributeError) as error:
        say(f"what an interrupted preparation left is damaged, so all is encoded again ({error})")
        path.unlink()
        return {}
    done = sum(meta["bytes"] for meta in progress.values())
    say(f"going on with an interrupted preparation: {amount(done, 'B')} are encoded")
    return progress


def encode_split(
    corpus: Corpus,
    split: str,
    tokenizer: Tokenizer,
    dir: Path,
    lock: Lock,
    checkpoint: Callable[[str, Mapping[str, Any], bool], None],
    *,
    after: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes one split's tokens and returns what there is to know of them.

    Documents are read while another thread encodes with ``encode_batch``. ``checkpoint(split, meta,
    finished)`` is called every few seconds with what is certain to be on disk; ``after`` is such a
    ``meta`` to go on from. Nothing is written to ``dir`` once ``lock`` is lost with it.
    """
    assert tokenizer.vocab_size is not None
    documents = beginning(corpus, split)
    if after and not skipped(documents, split, after):
        say(f"{corpus.label}: the {split} text has changed meanwhile, so it is encoded again")
        documents, after = beginning(corpus, split), None
    writer = TokenWriter(
        dir, split, vocab_size=tokenizer.vocab_size, eot=tokenizer.eot, after=after
    )
    saved = time.monotonic()

    def encode(batch: Batch) -> int:
        nonlocal saved
        try:
            ids, offsets = encode_all(tokenizer, batch.documents)
        except ValueError as error:
            raise ZooError(f"{corpus.label}, {split} split: {error}") from error
        if len(offsets) != len(batch.documents) + 1:
            raise ZooError(
                f"the tokenizer gave {len(offsets)} offsets for {len(batch.documents)} documents"
            )
        check_held(lock)
        writer.add_batch(ids, offsets, batch.n_bytes, not_utf8=batch.not_utf8)
        if time.monotonic() - saved >= CHECKPOINT_SECONDS:
            writer.sync()
            checkpoint(split, writer.meta, False)
            saved = time.monotonic()
        return batch.n_bytes

    total = expected_bytes(corpus, split)
    label = f"encoding {split} text"
    with writer, track(label, total, unit="B", done=writer.bytes) as advance:
        if one_by_one(tokenizer):  # reading beside it would only take turns with it
            for batch in batches(documents, SMALL_BATCH_BYTES):
                advance(encode(batch))
        else:
            in_one_thread = side_by_side(
                encode, batches(documents, BATCH_BYTES), threads=1, ahead=READ_AHEAD
            )
            with closing(in_one_thread) as encoded:
                for n_bytes in encoded:
                    advance(n_bytes)
        writer.sync()
    if not writer.documents:
        raise nothing_in(corpus, split)
    checkpoint(split, writer.meta, True)
    return writer.meta


def batches(documents: Iterable[bytes], size: int) -> Iterator[Batch]:
    """Group the documents, in order, into batches of at least ``size`` bytes except the last."""
    taken: list[bytes] = []
    room = size
    for document in documents:
        taken.append(document)
        room -= len(document) + 1  # so that empty ones don't pile up
        if room <= 0:
            yield counted(taken)
            taken, room = [], size
    if taken:
        yield counted(taken)


def counted(documents: list[bytes]) -> Batch:
    not_utf8 = sum(not (document.isascii() or is_utf8(document)) for document in documents)
    return Batch(documents, sum(map(len, documents)), not_utf8)


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def one_by_one(tokenizer: Tokenizer) -> bool:
    return not callable(getattr(tokenizer, "encode_batch", None))


def encode_all(tokenizer: Any, documents: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Their ids, end to end, and where each document begins: (n,), (documents + 1,)."""
    if not one_by_one(tokenizer):
        ids, offsets = tokenizer.encode_batch(documents)
        return np.asarray(ids), np.asarray(offsets)
    each = [np.asarray(tokenizer.encode(document)) for document in documents]
    return np.concatenate(each), np.cumsum([0, *map(len, each)])


def skipped(documents: Iterator[bytes], split: str, after: Mapping[str, Any]) -> bool:
    """Passes over what is encoded; False if it isn't as many documents and bytes as it was."""
    n_documents = n_bytes = 0
    with track(f"finding the place in {split} text", after["bytes"], unit="B") as advance:
        for document in islice(documents, after["documents"]):
            n_documents += 1
            n_bytes += len(document)
            advance(len(document))
    return (n_documents, n_bytes) == (after["documents"], after["bytes"])


def beginning(corpus: Corpus, split: str) -> Iterator[bytes]:
    """The documents of a split, up to the size that zoo takes of it."""
    left = MOST_BYTES[split]
    for document in corpus.documents(split):
        left -= len(document)
        if left < 0:
            warnings.warn(
                f"{corpus.label}: the {split} split is cut after {amount(MOST_BYTES[split], 'B')}",
                stacklevel=2,
            )
            return
        yield document


def expected_bytes(corpus: Corpus, split: str) -> int | None:
    """About how much ``beginning`` yields, where the corpus can tell."""
    tell = getattr(corpus, "size", None)
    size: int | None = tell(split) if callable(tell) else None
    return None if size is None else min(size, MOST_BYTES[split])


def nothing_in(corpus: Corpus, split: str) -> ZooError:
    given = inspect.signature(type(corpus)).parameters.values()
    options = ", ".join(option.name for option in given if option.kind is option.KEYWORD_ONLY)
    remedy = f", or change one of its options ({options})" if options else ""
    return ZooError(
        f"{corpus.label}: no document in the {split} split: give the corpus more text{remedy}"
    )


def as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode("ascii")
