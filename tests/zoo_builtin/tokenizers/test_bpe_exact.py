"""Exactness of the fast byte pairs: the ids of the readable twin, of tiktoken and of tokenizers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tiktoken
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizer_cases import EOT, FRAGMENTS, PLAIN, RAW, SPECIAL, TEXT, trained

from zoo_builtin.tokenizers import BPE, streams
from zoo_builtin.tokenizers.reference import BPEReference

Merge = tuple[bytes, bytes]

BYTES = [bytes([value]) for value in range(256)]
WHOLE = r"(?s:.+)"
"""A pattern that makes one pre-token of any text."""


def blocks(width: int) -> list[bytes]:
    """Three letters, each spelled in so many bytes."""
    return [bytes(range(65 + width * k, 65 + width * (k + 1))) for k in range(3)]


def with_blocks(width: int, merges: Sequence[Merge]) -> list[Merge]:
    """Merges of the letters a, b and c, after those that make each of its bytes."""
    letters = dict(zip(b"abc", blocks(width), strict=True))
    chains = [(block[:k], block[k : k + 1]) for block in letters.values() for k in range(1, width)]
    long = [tuple(b"".join(map(letters.get, part)) for part in pair) for pair in merges]
    return [*chains, *long]


def vocabulary(merges: Sequence[Merge], more: Sequence[bytes] = ()) -> dict[int, bytes]:
    products = (left + right for left, right in merges)
    return dict(enumerate(dict.fromkeys([*BYTES, *products, *more])))


def twins(
    merges: Sequence[Merge] | None, vocab: dict[int, bytes], **options: object
) -> tuple[BPE, BPEReference]:
    options = {"pattern": WHOLE, **options}
    return tuple(cls.from_vocab(vocab, merges, **options) for cls in (BPE, BPEReference))


@st.composite
def merge_lists(draw: st.DrawFn, proper: bool) -> tuple[int, list[Merge]]:
    """Merges over three letters, and how many bytes spell a letter.

    Proper ones make each token in one way, after its parts; others in several, in any order.
    """
    tokens, merges = [b"a", b"b", b"c"], []
    for left, right in draw(st.lists(st.tuples(*2 * [st.integers(0, 99)]), max_size=30)):
        pair = tokens[left % len(tokens)], tokens[right % len(tokens)]
        product = b"".join(pair)
        if len(product) > 40 or pair in merges or (proper and product in tokens):
            continue
        merges.append(pair)
        if product not in tokens:
            tokens.append(product)
    if not proper:
        merges = draw(st.permutations(merges))
    return draw(st.sampled_from([1, 12])), merges


RUNS = st.lists(st.tuples(st.text("abc", min_size=1, max_size=9), st.integers(1, 60)), max_size=12)


def spelled(runs: list[tuple[str, int]], width: int) -> str:
    """Runs of a repeated string, in the letters' spelling: up to some 5,000 bytes."""
    letters = dict(zip("abc", blocks(width), strict=True))
    text = "".join(part * times for part, times in runs)
    return "".join(letters[letter].decode() for letter in text[: 5000 // width])


# ── Merging ───────────────────────────────────────────────────────────────────────────────────────

# Where larger and larger windows see the end of the text differently.
LATE = [(b"a", b"a"), (b"b", b"b"), (b"a", b"bb"), (b"aa", b"a"), (b"b", b"aa"), (b"a", b"baa")]
LATE_RUNS = [("ba", 2), ("b", 1), ("a", 3), ("b", 27), ("abbb", 1), ("a", 42), ("b", 8), ("ab", 10)]


@settings(max_examples=200, deadline=None)
@given(rules=merge_lists(proper=True), runs=st.lists(RUNS, min_size=1, max_size=4))
@example(rules=(12, LATE), runs=[LATE_RUNS])
def test_proper_merges_give_the_ids_of_the_reference_and_of_tokenizers(
    rules: tuple[int, list[Merge]], runs: list[list[tuple[str, int]]]
) -> None:
    width, merges = rules
    merges = with_blocks(width, merges)
    fast, reference = twins(merges, vocabulary(merges))
    theirs = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            vocab={token.decode("latin-1"): index for index, token in fast.vocab.items()},
            merges=[(left.decode(), right.decode()) for left, right in merges],
        )
    )
    for text in (spelled(some, width) for some in runs):
        ids = fast.encode(text).tolist()
        assert ids == reference.encode(text).tolist() == theirs.encode(text).ids
        assert fast.decode(ids) == text


@settings(max_examples=100, deadline=None)
@given(
    rules=merge_lists(proper=False),
    runs=st.lists(RUNS, min_size=1, max_size=4),
    whole=st.lists(RUNS, max_size=3),
    ignore_merges=st.booleans(),
)
def test_merges_in_any_order_give_the_ids_of_the_reference(
    rules: tuple[int, list[Merge]],
    runs: list[list[tuple[str, int]]],
    whole: list[list[tuple[str, int]]],
    ignore_merges: bool,
) -> None:
    width, merges = rules
    merges = with_blocks(width, merges)
    out_of_reach = [text.encode() for some in whole if (text := spelled(some, width))]
    vocab = vocabulary(merges, out_of_reach)
    fast, reference = twins(merges, vocab, ignore_merges=ignore_merges)
    for text in [*(spelled(some, width) for some in runs), *out_of_reach]:
        ids = fast.encode(text).tolist()
        assert ids == reference.encode(text).tolist()
        assert not ignore_merges or text not in out_of_reach or len(ids) == 1


@settings(max_examples=100, deadline=None)
@given(
    rules=merge_lists(proper=False),
    runs=st.lists(RUNS, min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
    ignore_merges=st.booleans(),
)
def test_ranks_give_the_ids_of_the_reference_and_of_tiktoken(
    rules: tuple[int, list[Merge]],
    runs: list[list[tuple[str, int]]],
    order,
    ignore_merges: bool,
) -> None:
    width, merges = rules
    tokens = [*vocabulary(with_blocks(width, merges)).values()]
    order.shuffle(tokens)
    vocab = dict(enumerate(tokens))
    fast, reference = twins(None, vocab, ignore_merges=ignore_merges)
    theirs = tiktoken.Encoding(
        "ours",
        pat_str=WHOLE,
        mergeable_ranks={token: index for index, token in vocab.items()},
        special_tokens={},
    )
    for text in (spelled(some, width) for some in runs):
        ids = fast.encode(text).tolist()
        assert ids == reference.encode(text).tolist()
        assert not ignore_merges or ids == theirs.encode_ordinary(text)


@settings(max_examples=40, deadline=None)
@given(runs=st.lists(RUNS, min_size=1, max_size=4), more=RUNS, size=st.integers(257, 400))
@pytest.mark.filterwarnings("ignore:the text gives only")
def test_what_was_learnt_from_long_runs_encodes_others(
    runs: list[list[tuple[str, int]]], more: list[tuple[str, int]], size: int
) -> None:
    tokenizer = BPE(vocab_size=size, pattern=WHOLE)
    tokenizer.train(spelled(some, 1) for some in runs)
    reference = BPEReference.from_vocab(tokenizer.vocab, tokenizer.merges, [EOT], pattern=WHOLE)
    for some in (*runs, more):
        text = spelled(some, 1)
        assert tokenizer.encode(text).tolist() == reference.encode(text).tolist()


TWIN = BPEReference.from_vocab(PLAIN.vocab, PLAIN.merges, [EOT])


@settings(max_examples=300, deadline=None)
@given(RAW | st.binary(max_size=300) | st.text(max_size=200).map(streams.to_bytes))
def test_any_bytes_give_the_ids_of_the_reference_and_come_back(raw: bytes) -> None:
    ids = PLAIN.encode(raw).tolist()
    assert ids == TWIN.encode(raw).tolist()
    assert PLAIN.decode_bytes(ids) == raw


def test_any_unicode_gives_the_ids_of_the_reference() -> None:
    """All characters in order, in scripts that tiktoken and tokenizers may not know yet."""
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x30000), *range(0xE0000, 0xE0200)]))
    ids = PLAIN.encode(text).tolist()
    assert ids == TWIN.encode(text).tolist()
    assert PLAIN.decode(ids) == text


# ── One tokenizer in many places ──────────────────────────────────────────────────────────────────


def test_one_tokenizer_serves_many_threads() -> None:
    texts = [(TEXT + "".join(FRAGMENTS))[k:] * 5 for k in range(60)]
    expected = [TWIN.encode(text).tolist() for text in texts]
    fresh = trained()
    with ThreadPoolExecutor(8) as pool:
        for ids, wanted in zip(pool.map(fresh.encode, texts), expected, strict=True):
            assert ids.tolist() == wanted


@pytest.mark.parametrize("pattern", ["gpt2", r"\w+|\W+"])
def test_copies_and_pickles_give_the_same_ids(pattern: str, tmp_path: Path) -> None:
    tokenizer = trained(specials=list(SPECIAL.special_tokens), pattern=pattern)
    text = TEXT + "".join(FRAGMENTS)
    ids = tokenizer.encode(text, allowed_special=True).tolist()
    tokenizer.save(tmp_path)
    for other in (
        copy.copy(tokenizer),
        copy.deepcopy(tokenizer),
        pickle.loads(pickle.dumps(tokenizer)),
        BPE.load(tmp_path),
        BPEReference.load(tmp_path),
    ):
        assert other.fingerprint == tokenizer.fingerprint
        assert other.encode(text, allowed_special=True).tolist() == ids
    assert len(pickle.dumps(tokenizer)) < 100_000  # without what can be made again
