"""Prepare the tokens of a recipe's corpus once, shared by all processes.

Prepared tokens are kept in the cache folder under a name made of their content: the corpus's
fingerprint and the tokenizer's. Trained tokenizers are kept likewise, under the corpus's
fingerprint and the tokenizer's options.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.console.progress import track
from zoo.console.terminal import say
from zoo.data.encode import (
    META,
    MOST_BYTES,
    SPLITS,
    beginning,
    encode_corpus,
    expected_bytes,
    nothing_in,
)
from zoo.data.shards import Tokens
from zoo.errors import ZooError
from zoo.storage.folders import whole_folder
from zoo.storage.offline import without_network
from zoo.storage.paths import cache_dir

if TYPE_CHECKING:
    from zoo.catalog.component import Component
    from zoo.contracts import Corpus, Tokenizer
    from zoo.recipe.recipe import Recipe

FORMAT = 1  # raise it whenever the same text would be stored otherwise


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

    def __repr__(self) -> str:
        sizes = f"{len(self.train):,} tokens to train on, {len(self.valid):,} for validation"
        return f"<TokenData {self.label!r}: {sizes}>"

    @property
    def opening(self) -> str:
        """How the first document of validation begins, in 64 tokens at most."""
        ids = self.valid.window(0, min(64, len(self.valid)) - 1).tolist()
        end = ids.index(self.tokenizer.eot) if self.tokenizer.eot in ids else len(ids)
        return self.tokenizer.decode(ids[:end])


def prepare(
    recipe: Recipe, *, tokenizer: Tokenizer | None = None, key: str | None = None
) -> TokenData:
    """Trains the recipe's tokenizer and encodes its corpus, or opens what an earlier call made.

    What an interrupted call has encoded isn't encoded again.

    A resumed run passes its own ``tokenizer`` and ``key``, and gets its own tokens or an error:
    the corpus is asked only if they are no longer in the cache.

    Raises:
        ZooError: no training or validation text, text that the tokenizer can't train on or encode,
            or a corpus that no longer gives the text behind ``key``.
    """
    if key is not None and (cache_dir() / "tokens" / key / META).exists():
        return open_prepared(cache_dir() / "tokens" / key, recipe)
    corpus: Corpus = recipe.data.corpus()
    text = corpus.fingerprint()
    if tokenizer is None:
        tokenizer = trained_tokenizer(recipe.tokenizer, corpus, text)
    found = tokens_dir(recipe, text, tokenizer)
    if key is not None and found.name != key:
        raise ZooError(
            f"the recipe's corpus ({corpus.label}) no longer gives the text that this run was "
            "trained on, or zoo divides it otherwise than the version that began the run, and the "
            f"tokens of that time are not in {cache_dir() / 'tokens'}: go on where they are (see "
            "ZOO_CACHE), or train a new run"
        )
    if not (found / META).exists():
        encode_corpus(corpus, tokenizer, found)
    # What is said of the text is that of now: the same content may lie in other files.
    return replace(open_prepared(found, recipe), label=corpus.label, notice=corpus.notice)


def find_prepared(recipe: Recipe) -> TokenData | None:
    """Find data that ``prepare`` made earlier for this recipe, without downloading anything."""
    try:
        # That another text stands in matters to a run alone.
        with without_network(), redirect_stderr(io.StringIO()):
            corpus: Corpus = recipe.data.corpus()
            text = corpus.fingerprint()
        kept = cache_dir() / "tokenizers" / tokenizer_name(recipe.tokenizer, text)
        if not kept.exists():
            return None
        found = tokens_dir(recipe, text, load_tokenizer(recipe.tokenizer, kept))
        return open_prepared(found, recipe) if (found / META).exists() else None
    except (ZooError, ValueError, OSError):  # text that isn't there, or can't be had offline
        return None


def tokens_dir(recipe: Recipe, text: str, tokenizer: Tokenizer) -> Path:
    """Where the tokens of the corpus whose fingerprint is ``text`` are kept."""
    entry = recipe.tokenizer.entry
    name = digest(FORMAT, MOST_BYTES, text, entry.owner, entry.name, tokenizer.fingerprint)
    return cache_dir() / "tokens" / name


def open_prepared(dir: Path, recipe: Recipe) -> TokenData:
    """Opens what ``prepare`` made in ``dir``.

    Raises:
        ZooError: nothing is there, or it is damaged.
    """
    if not (dir / META).exists():
        raise ZooError(
            f"{dir}: no prepared tokens there; where several machines train together, ZOO_CACHE "
            "must be a folder that they share, under this path"
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
    kept = cache_dir() / "tokenizers" / tokenizer_name(component, text)
    if not kept.exists():
        tokenizer: Tokenizer = component()
        splits = splits_for(tokenizer)
        if len(splits) > 1:
            say(f"{component.entry.name}: validation text is read for the vocabulary too")
        train_tokenizer(tokenizer, corpus, splits)
        with whole_folder(kept) as unfinished:
            tokenizer.save(unfinished)
    return load_tokenizer(component, kept)


def tokenizer_name(component: Component, text: str) -> str:
    entry = component.entry
    settings = json.dumps(component.resolved(), sort_keys=True)
    splits = splits_for(component())
    read = splits if len(splits) > 1 else ()
    return digest(FORMAT, MOST_BYTES, text, entry.owner, entry.version, settings, *read)


def splits_for(tokenizer: Tokenizer) -> tuple[str, ...]:
    """What a tokenizer is trained on: validation text only if it couldn't be encoded otherwise."""
    return SPLITS if getattr(tokenizer, "closed_vocabulary", False) else SPLITS[:1]


def train_tokenizer(
    tokenizer: Tokenizer, corpus: Corpus, splits: Sequence[str] = SPLITS[:1]
) -> None:
    """Trains on the corpus, showing how far reading has come and what follows it.

    Raises:
        ZooError: there is no text, or it isn't what the tokenizer can be trained on.
    """
    sizes = [expected_bytes(corpus, split) for split in splits]
    total = None if None in sizes else sum(filter(None, sizes))
    with track("training tokenizer", total, unit="B") as advance, phases() as progress:

        def documents() -> Iterator[bytes]:
            for split in splits:
                none = True
                for document in beginning(corpus, split):
                    none = False
                    yield document
                    advance(len(document))
                if none:
                    raise nothing_in(corpus, split)

        takes_progress = "progress" in inspect.signature(tokenizer.train).parameters
        more = {"progress": progress} if takes_progress else {}
        try:
            tokenizer.train(documents(), **more)
        except ValueError as error:
            raise ZooError(f"{corpus.label}, train split: {error}") from error


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


def digest(*parts: Any) -> str:
    """A name for content: 32 hexadecimal digits of a hash over all parts."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
