"""From a corpus to batches of tokens: encoded once, then drawn in an order that needs no state.

Prepared tokens are kept in the cache folder under a name made of their content: the corpus's
fingerprint and the tokenizer's. Trained tokenizers are kept likewise, under the corpus's
fingerprint and the tokenizer's options.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import ZooError
from zoo.folders import whole_folder
from zoo.paths import cache_dir
from zoo.permutation import keyed_number, permute
from zoo.progress import amount, track
from zoo.tokens import Tokens, TokenWriter

if TYPE_CHECKING:
    from zoo.component import Component
    from zoo.contracts import Corpus, Tokenizer
    from zoo.recipe import Recipe

FORMAT = 1  # raise it whenever the same text would be stored otherwise
META = "meta.json"

# A split may have no end. These hold every public corpus that zoo knows, whole.
MOST_BYTES = {"train": 2**34, "valid": 2**29}


@dataclass(frozen=True)
class TokenData:
    """A prepared corpus.

    ``label`` and ``notice`` are the corpus's own words on what text this is; ``key`` names the
    content, so that a resumed run can ask for the same again.
    """

    train: Tokens
    valid: Tokens
    tokenizer: Tokenizer
    label: str
    notice: str | None
    dir: Path
    key: str


# ── Preparing ─────────────────────────────────────────────────────────────────────────────────────


def prepare(
    recipe: Recipe, *, tokenizer: Tokenizer | None = None, key: str | None = None
) -> TokenData:
    """Trains the recipe's tokenizer and encodes its corpus, or opens what an earlier call made.

    A resumed run passes its own ``tokenizer`` and ``key``, and gets its own tokens or an error:
    the corpus is asked only if they are no longer in the cache.

    Raises:
        ZooError: no training or validation text, text that the tokenizer can't encode, or a corpus
            that no longer gives the text behind ``key``.
    """
    prepared = cache_dir() / "tokens"
    if key is not None and (prepared / key / META).exists():
        return open_prepared(prepared / key, recipe)
    corpus: Corpus = recipe.data.corpus()
    text = corpus.fingerprint()
    if tokenizer is None:
        tokenizer = trained_tokenizer(recipe.tokenizer, corpus, text)
    entry = recipe.tokenizer.entry
    found = digest(FORMAT, MOST_BYTES, text, entry.owner, entry.name, tokenizer.fingerprint)
    if key is not None and found != key:
        raise ZooError(
            f"the recipe's corpus ({corpus.label}) no longer gives the text that this run was "
            "trained on, so the run can't go on; train a new one"
        )
    if not (prepared / found / META).exists():
        encode_corpus(corpus, tokenizer, prepared / found)
    return open_prepared(prepared / found, recipe)


def open_prepared(dir: Path, recipe: Recipe) -> TokenData:
    """Opens what ``prepare`` made in ``dir``.

    Raises:
        ZooError: nothing is there, or it is damaged.
    """
    if not (dir / META).exists():
        raise ZooError(
            f"{dir}: no prepared tokens there; where several machines train together, ZOO_CACHE "
            "must be a folder that they share"
        )
    try:
        meta = json.loads((dir / META).read_text(encoding="utf-8"))
        tokenizer = load_tokenizer(recipe.tokenizer, dir / "tokenizer")
        return TokenData(
            train=Tokens(dir, "train", meta["train"]),
            valid=Tokens(dir, "valid", meta["valid"]),
            tokenizer=tokenizer,
            label=meta["label"],
            notice=meta["notice"],
            dir=dir,
            key=dir.name,
        )
    except (OSError, ValueError, KeyError) as error:
        raise ZooError(f"{dir}: {error}; delete it, and it is built again") from error


def trained_tokenizer(component: Component, corpus: Corpus, text: str) -> Tokenizer:
    """The tokenizer, trained on the corpus whose fingerprint is ``text``, now or earlier."""
    entry = component.entry
    settings = json.dumps(component.resolved(), sort_keys=True)
    name = digest(FORMAT, MOST_BYTES, text, entry.owner, entry.version, settings)
    kept = cache_dir() / "tokenizers" / name
    if not kept.exists():
        tokenizer: Tokenizer = component()
        train_tokenizer(tokenizer, corpus)
        with whole_folder(kept) as unfinished:
            tokenizer.save(unfinished)
    return load_tokenizer(component, kept)


def train_tokenizer(tokenizer: Tokenizer, corpus: Corpus) -> None:
    """Trains on the corpus, showing how far reading has come and what follows it."""
    with track("training tokenizer", unit="B") as advance, phases() as progress:

        def documents() -> Iterator[bytes]:
            for document in beginning(corpus, "train"):
                yield document
                advance(len(document))

        if "progress" in inspect.signature(tokenizer.train).parameters:
            tokenizer.train(documents(), progress=progress)  # type: ignore[call-arg]
        else:
            tokenizer.train(documents())


@contextmanager
def phases() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yields ``progress(doing, done, total)``, which shows a bar for each phase with a total."""
    with ExitStack() as shown:
        phase, reached, advance = "", 0, None

        def progress(doing: str, done: int, total: int | None) -> None:
            nonlocal phase, reached, advance
            if total is None:
                return
            if advance is None or doing != phase:
                shown.close()
                phase, reached, advance = doing, 0, shown.enter_context(track(doing, total))
            advance(done - reached)
            reached = done

        yield progress


def load_tokenizer(component: Component, dir: Path) -> Tokenizer:
    factory: Any = component.entry.factory
    tokenizer: Tokenizer = factory.load(dir)
    return tokenizer


def encode_corpus(corpus: Corpus, tokenizer: Tokenizer, dir: Path) -> None:
    """Writes both splits as tokens, the tokenizer and ``meta.json`` to ``dir``, all at once."""
    with whole_folder(dir) as unfinished:
        (unfinished / "tokenizer").mkdir()
        tokenizer.save(unfinished / "tokenizer")
        meta: dict[str, Any] = {"label": corpus.label, "notice": corpus.notice}
        for split in ("train", "valid"):
            meta[split] = encode_split(corpus, split, tokenizer, unfinished)
        # Last, so that a folder that has it is complete.
        (unfinished / META).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


def encode_split(corpus: Corpus, split: str, tokenizer: Tokenizer, dir: Path) -> dict[str, Any]:
    """Writes one split's tokens and returns what there is to know of them."""
    if tokenizer.vocab_size is None:
        raise ZooError("the tokenizer has no vocabulary even after training")
    writer = TokenWriter(dir, split, vocab_size=tokenizer.vocab_size, eot=tokenizer.eot)
    with writer, track(f"encoding {split} text", unit="B") as advance:
        for document in beginning(corpus, split):
            try:
                ids = tokenizer.encode(document)
            except ValueError as error:
                raise ZooError(f"{corpus.label}, {split} split: {error}") from error
            writer.add(ids, len(document))
            advance(len(document))
    if not writer.documents:
        given = inspect.signature(type(corpus)).parameters.values()
        options = ", ".join(option.name for option in given if option.kind is option.KEYWORD_ONLY)
        remedy = f", or change one of its options ({options})" if options else ""
        raise ZooError(
            f"{corpus.label}: no document in the {split} split: give the corpus more text{remedy}"
        )
    return writer.meta


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


def digest(*parts: Any) -> str:
    """A name for content: 32 hexadecimal digits of a hash over all parts."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


# ── Batches ───────────────────────────────────────────────────────────────────────────────────────


def batch(
    tokens: Tokens, *, seed: int, step: int, n_rows: int, rows: range, length: int
) -> np.ndarray:
    """Some rows of a step's global batch: (len(rows), length + 1) int64.

    Row r of step s is the place s · n_rows + r in the whole run's reading order, and that order is
    a function of the seed alone: an epoch reads each of its n windows once, shuffled by a keyed
    permutation, and every epoch cuts the tokens into windows at another offset. So a step has the
    same ``n_rows`` rows however many processes share them (of W, rank k takes the range from
    k · n_rows / W on) and whenever the run was resumed.
    """
    starts = window_starts(tokens, seed, step * n_rows + np.asarray(rows), length)
    return tokens.rows(starts, length + 1)


def window_starts(tokens: Tokens, seed: int, places: np.ndarray, length: int) -> np.ndarray:
    """Where the windows at these places of the reading order begin: (n,) int64 -> (n,) int64."""
    n, offsets = epoch_size(tokens, length)
    epochs, nth = np.divmod(places, n)
    starts = np.empty_like(nth)
    for epoch in np.unique(epochs).tolist():
        now = epochs == epoch
        offset = keyed_number(offsets, seed, epoch)
        starts[now] = permute(nth[now], n, seed, epoch) * length + offset
    return starts


def epoch_size(tokens: Tokens, length: int) -> tuple[int, int]:
    """How many windows an epoch has, and how many offsets leave room for that many.

    One window fewer than there could be, where there is more than one, lets every offset fit.
    """
    n = max(1, tokens.n_windows(length) - 1)
    return n, min(length, len(tokens) - n * length)


def valid_windows(tokens: Tokens, n_tokens: int, length: int) -> np.ndarray:
    """The windows to evaluate on, the same ones always: evenly spaced, about ``n_tokens`` in all.

    All there are, where the split is smaller.
    """
    n = tokens.n_windows(length)
    count = min(n, max(1, n_tokens // length))
    return np.arange(count) * n // count


def windows(tokens: Tokens, indices: np.ndarray, length: int) -> np.ndarray:
    """Windows by number: (n,) -> (n, length + 1) int64."""
    return tokens.rows(indices * length, length + 1)
