"""The unigram model: against all segmentations, listed one by one, and against `tokenizers`."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_cases import EOT, RAW, SPECIALS, TEXT, TEXTS, UNIGRAM, with_last

from zoo_builtin.tokenizers import Unigram, portions, streams, unigram_train
from zoo_builtin.tokenizers.patterns import splitter
from zoo_builtin.tokenizers.unigram_model import Model, joined
from zoo_builtin.tokenizers.unigram_train import PRIOR, Words, step, suffix_order

BYTES = [bytes([value]) for value in range(256)]
WHOLE = r"(?s:.+)"  # a text is one pre-token

LETTERS = st.text("abé", max_size=9).map(str.encode)
PIECES = st.sets(st.text("abé", min_size=2, max_size=4).map(str.encode), max_size=8)
COUNTS = st.dictionaries(
    st.text("aabé ", min_size=1, max_size=12).map(str.encode), st.integers(1, 9), max_size=12
)


@st.composite
def log_probs(draw: st.DrawFn, step: float = 0.25) -> dict[bytes, float]:
    """All bytes and a few pieces; few values, so that there are ties."""
    pieces = [*BYTES, *sorted(draw(PIECES))]
    values = draw(st.lists(st.integers(1, 12), min_size=len(pieces), max_size=len(pieces)))
    return {piece: -step * value for piece, value in zip(pieces, values, strict=True)}


def segmentations(text: bytes, pieces: dict[bytes, float]) -> Iterator[tuple[bytes, ...]]:
    if not text:
        yield ()
    for end in range(1, len(text) + 1):
        if text[:end] in pieces:
            yield from ((text[:end], *rest) for rest in segmentations(text[end:], pieces))


def score(pieces: tuple[bytes, ...], log_probs: dict[bytes, float]) -> float:
    return sum(log_probs[piece] for piece in pieces)


def model_of(log_probs: dict[bytes, float]) -> Model:
    pieces = sorted(log_probs)
    return Model(pieces, np.array([log_probs[piece] for piece in pieces]))


def words_of(counts: dict[bytes, int], longest: int = 16) -> Words:
    text, ends = joined([*counts])
    return Words(text, ends, np.array([*counts.values()], dtype=np.int64), longest)


# ── One text ──────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=300, deadline=None)
@given(log_probs(), LETTERS)
def test_the_best_of_all_segmentations_is_taken_and_of_equals_the_longest_pieces_first(
    probs: dict[bytes, float], text: bytes
) -> None:
    tokenizer = Unigram.from_pieces(probs, pattern=WHOLE)
    best = max(
        segmentations(text, probs), key=lambda way: (score(way, probs), [len(p) for p in way])
    )
    assert tuple(tokenizer.vocab[index] for index in tokenizer.encode(text).tolist()) == best


@settings(max_examples=200, deadline=None)
@given(log_probs(step=0.37), LETTERS, st.integers(1, 5))
def test_likelihood_and_counts_are_those_over_all_segmentations(
    probs: dict[bytes, float], text: bytes, weight: int
) -> None:
    chances = {way: math.exp(score(way, probs)) for way in segmentations(text, probs)}
    total = sum(chances.values())
    expected: Counter[bytes] = Counter()
    for way, chance in chances.items():
        for piece in way:
            expected[piece] += weight * chance / total
    model = model_of(probs)
    likelihood, counts = model.expect(*joined([text]), np.array([weight]))
    assert likelihood == pytest.approx(weight * math.log(total), abs=1e-9)
    assert counts == pytest.approx([expected[piece] for piece in model.pieces], abs=1e-9)


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
def test_samples_are_as_frequent_as_their_probability_says(alpha: float) -> None:
    probs = dict.fromkeys(BYTES, -3.0)
    probs |= {b"ab": -4.0, b"bc": -3.5, b"abc": -6.0, b"cab": -5.0}
    tokenizer = Unigram.from_pieces(probs, pattern=r"abcab|\|")
    n = 5000
    ids = tokenizer.sample(b"|".join([b"abcab"] * n), alpha=alpha, seed=7)
    seen = Counter(
        tuple(tokenizer.vocab[int(token)] for token in part.split())
        for part in " ".join(map(str, ids.tolist())).split(f" {ord('|')} ")
    )
    chances = {way: math.exp(alpha * score(way, probs)) for way in segmentations(b"abcab", probs)}
    assert len(chances) == 10
    assert seen.keys() == chances.keys()
    for way, chance in chances.items():
        p = chance / sum(chances.values())
        assert abs(seen[way] / n - p) < 4.5 * math.sqrt(p * (1 - p) / n)


@settings(max_examples=100, deadline=None)
@given(RAW, st.integers(0, 3), st.floats(0, 50))
def test_samples_decode_to_the_text(raw: bytes, seed: int, alpha: float) -> None:
    for special in (False, True):
        ids = UNIGRAM.sample(raw, alpha=alpha, seed=seed, allowed_special=special)
        assert ids.dtype == np.int32
        assert UNIGRAM.decode_bytes(ids) == raw
        again = UNIGRAM.sample(raw, alpha=alpha, seed=seed, allowed_special=special)
        assert ids.tolist() == again.tolist()


def test_a_great_alpha_samples_what_encode_gives() -> None:
    assert UNIGRAM.sample(TEXT, alpha=1e5, seed=0).tolist() == UNIGRAM.encode(TEXT).tolist()
    drawn = {tuple(UNIGRAM.sample(TEXT, seed=seed).tolist()) for seed in range(5)}
    assert len(drawn) == 5
    for alpha in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"alpha = {alpha}"):
            UNIGRAM.sample(TEXT, alpha=alpha, seed=0)


def as_tokenizers(tokenizer: Unigram) -> tokenizers.Tokenizer:
    alphabet = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in alphabet]
    spelling = {byte: chr(byte) for byte in alphabet}
    spelling |= {byte: chr(256 + index) for index, byte in enumerate(others)}
    vocab = [
        ("".join(spelling[byte] for byte in piece), log_prob)
        for piece, log_prob in tokenizer.log_probs.items()
    ]
    other = tokenizers.Tokenizer(tokenizers.models.Unigram(vocab))
    other.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return other


TOKENIZERS = as_tokenizers(UNIGRAM)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_segmentations_are_as_probable_as_those_of_tokenizers(text: str) -> None:
    pieces = [*UNIGRAM.log_probs]
    theirs = [pieces[index] for index in TOKENIZERS.encode(text).ids]
    ours = [UNIGRAM.vocab[index] for index in UNIGRAM.encode(text).tolist()]
    assert b"".join(theirs) == b"".join(ours)
    assert score(tuple(ours), UNIGRAM.log_probs) == score(tuple(theirs), UNIGRAM.log_probs)


def test_ids_of_prose_equal_those_of_tokenizers() -> None:
    pieces = [*UNIGRAM.log_probs]
    theirs = [pieces[index] for index in TOKENIZERS.encode(TEXT).ids]
    assert theirs == [UNIGRAM.vocab[index] for index in UNIGRAM.encode(TEXT).tolist()]


def test_long_pre_tokens_of_one_letter() -> None:
    probs = dict.fromkeys(BYTES, -5.0) | {b"a" * n: -5.0 - n / 8 for n in range(2, 17)}
    tokenizer = Unigram.from_pieces(probs)
    ids = tokenizer.encode("a" * 100_003)
    assert [len(tokenizer.vocab[index]) for index in ids.tolist()] == [16] * 6250 + [3]
    assert tokenizer.decode(tokenizer.sample("a" * 100_003, seed=0)) == "a" * 100_003


# ── Training ──────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=100, deadline=None)
@given(log_probs(), COUNTS)
def test_a_step_never_lowers_the_likelihood(
    probs: dict[bytes, float], counts: dict[bytes, int]
) -> None:
    words = words_of(counts)
    for prior in (0.0, PRIOR):
        model = model_of(probs)
        model.log_probs = model.log_probs - np.log(np.exp(model.log_probs).sum())
        before = -math.inf
        for _ in range(6 if counts or prior else 0):
            likelihood, _ = model.expect(words.text, words.ends, words.weights)
            after = likelihood + (prior * model.log_probs[model.single].sum() if prior else 0.0)
            assert after >= before - 1e-9 * abs(after)
            before = after
            step(model, words, prior)


@settings(max_examples=50, deadline=None)
@given(log_probs(), COUNTS, st.integers(1, 12))
def test_work_shared_by_threads_is_the_same(
    probs: dict[bytes, float], counts: dict[bytes, int], shares: int
) -> None:
    words, model = words_of(counts), model_of(probs)
    _, whole = model.expect(words.text, words.ends, words.weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unigram_train, "SHARES", shares)
        parts = [*words.shares()]
    assert len(parts) == shares
    assert b"".join(text.tobytes() for text, _, _ in parts) == words.text.tobytes()
    assert sum(model.expect(*part)[1] for part in parts) == pytest.approx(whole)


@settings(max_examples=100, deadline=None)
@given(log_probs(), st.lists(st.floats(0.01, 50), min_size=300, max_size=300))
def test_losses_are_what_the_likelihood_falls_by(
    probs: dict[bytes, float], values: list[float]
) -> None:
    model = model_of(probs)
    counts = np.array(values[: len(probs)])
    total = counts.sum()
    by_piece = dict(zip(model.pieces, counts.tolist(), strict=True))
    shares = {piece: math.log(count / total) for piece, count in by_piece.items()}
    losses = model.losses(counts)
    for index, piece in enumerate(model.pieces):
        if len(piece) == 1:
            assert losses[index] == math.inf
            continue
        # What the best segmentation without the piece would gain: one of several if they tie.
        ways = [way for way in segmentations(piece, shares) if len(way) > 1]
        best = max(score(way, shares) for way in ways)
        count = by_piece[piece]
        possible = [
            count
            * (
                shares[piece]
                - sum(math.log(by_piece[part] + count) for part in way)
                + len(way) * math.log(total + count * (len(way) - 1))
            )
            for way in ways
            if score(way, shares) > best - 1e-9
        ]
        assert any(losses[index] == pytest.approx(loss) for loss in possible)


@settings(max_examples=150, deadline=None)
@given(COUNTS, st.sampled_from([1, 2, 3, 5, 9, 16]))
def test_seeds_are_the_frequent_substrings(counts: dict[bytes, int], longest: int) -> None:
    occurrences: Counter[bytes] = Counter()
    for word, count in counts.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + longest) + 1):
                occurrences[word[start:end]] += count
    pieces, seen = words_of(counts, longest).seeds(10**6)
    seeds = dict(zip(pieces, seen.tolist(), strict=True))
    assert pieces == sorted({*pieces, *BYTES})
    for piece, count in seeds.items():
        if len(piece) == 1:
            assert count == occurrences[piece] + PRIOR
        else:
            assert count == occurrences[piece] >= 2
            piece.decode()  # of characters of one or two bytes, only whole ones
    for text, count in occurrences.items():
        if count >= 2 and len(text) > 1 and is_text(text):
            # A longer one may stand for it, if it is always followed by the same.
            assert any(
                seed.startswith(text) and found == count
                for seed, found in seeds.items()
                if len(seed) > 1
            )


def is_text(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_seeds_may_be_the_beginning_of_a_character() -> None:
    pieces, _ = words_of({"中丰".encode(): 2, "串x".encode(): 3}).seeds(10**6)
    learnt = [piece for piece in pieces if len(piece) > 1]
    common = "中".encode()[:2]
    assert common == "丰".encode()[:2] == "串".encode()[:2]
    assert learnt == sorted([common, *(text.encode() for text in ("丰", "中丰", "串x"))])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40) | LETTERS.filter(len), min_size=1, max_size=8))
def test_suffixes_are_sorted(words: list[bytes]) -> None:
    text, ends = joined(words)
    left = np.repeat(ends, [*map(len, words)]) - np.arange(len(text))
    for depth in (1, 7, 8, 16, 30):
        order = suffix_order(text, left, depth).tolist()
        assert sorted(order) == [*range(len(text))]
        suffixes = [text[at : at + min(depth, left[at])].tobytes() for at in order]
        assert suffixes == sorted(suffixes)


def test_learnt_pieces_are_whole_characters_of_the_text() -> None:
    tokenizer = Unigram(vocab_size=360, max_token_bytes=5)
    tokenizer.train([TEXT])
    assert tokenizer.vocab_size == len(tokenizer.vocab) == 360
    assert [*tokenizer.vocab.values()][:257] == [*BYTES, EOT.encode()]
    pre_tokens = [pre_token.encode() for pre_token in splitter("gpt2")(TEXT)]
    learnt = [*tokenizer.vocab.values()][257:]
    for piece in learnt:
        assert 2 <= len(piece) <= 5
        assert sum(piece in pre_token for pre_token in pre_tokens) >= 1
        assert is_text(piece) or is_beginning(piece)
    probs = [tokenizer.log_probs[piece] for piece in learnt]
    assert probs == sorted(probs, reverse=True)
    assert sum(map(math.exp, tokenizer.log_probs.values())) == pytest.approx(1, abs=1e-3)


def is_beginning(piece: bytes) -> bool:
    return any(is_text(piece + more) for more in (b"\x80", b"\x80\x80", b"\x80\x80\x80"))


def test_pieces(snapshot) -> None:
    pieces = [*UNIGRAM.vocab.values()][256 + len(SPECIALS) :]
    assert [f"{piece!r} {UNIGRAM.log_probs[piece]:.3f}" for piece in pieces] == snapshot


def test_the_order_of_documents_and_the_number_of_threads_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = TEXT.split("\n\n") * 3
    path = tmp_path / "text.txt"
    path.write_text(parts[-1], encoding="utf-8")
    prints = set()
    for threads, portion, block, given_ in (
        (1, 1 << 18, 1 << 20, {"texts": parts}),
        (3, 64, 1 << 20, {"texts": parts[::-1]}),
        (2, 64, 7, {"texts": [part.encode() for part in parts[:-1]], "files": [path]}),
    ):
        monkeypatch.setattr(portions, "cores", lambda threads=threads: threads)
        monkeypatch.setattr(portions, "PORTION", portion)
        monkeypatch.setattr(streams, "BLOCK", block)
        tokenizer = Unigram(vocab_size=330)
        tokenizer.train(**given_)
        prints.add(tokenizer.fingerprint)
    assert len(prints) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["ab", "abc", " ab", "<|", *SPECIALS]), max_size=30))
def test_training_learns_nothing_from_special_tokens(parts: list[str]) -> None:
    whole, separate = (Unigram(vocab_size=270, special_tokens=SPECIALS) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.train(["".join(f"{part}<|a|>" for part in parts)])
        separate.train([part for part in parts if part not in SPECIALS])
    assert whole.log_probs == separate.log_probs


def test_training_forgets_what_was_learnt_before() -> None:
    tokenizer, fresh = Unigram(vocab_size=300), Unigram(vocab_size=300)
    tokenizer.train([TEXT.upper()])
    tokenizer.encode(TEXT)
    tokenizer.train([TEXT])
    fresh.train([TEXT])
    assert tokenizer.fingerprint == fresh.fingerprint
    assert tokenizer.encode(TEXT).tolist() == fresh.encode(TEXT).tolist()


def test_training_reports_progress(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    heard: list[tuple[str, int, int | None]] = []
    Unigram(vocab_size=300).train(files=[path], progress=lambda *report: heard.append(report))
    size = len(TEXT.encode())
    assert heard[0] == ("reading", size, size)
    assert {doing for doing, _, _ in heard[1:]} == {"pruning"}
    totals = {total for _, _, total in heard[1:]}
    assert [done for _, done, _ in heard[1:]][-1:] == [*totals]
    assert all(before[1] < after[1] for before, after in pairwise(heard[1:]))


def test_only_the_beginning_is_read() -> None:
    limited, short = Unigram(vocab_size=300, max_train_bytes=500), Unigram(vocab_size=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limited.train([TEXT])
        short.train([TEXT.encode()[:500]])
    assert limited.fingerprint == short.fingerprint


def test_too_little_text_warns_and_gives_the_real_size() -> None:
    tokenizer = Unigram(vocab_size=1000)
    with pytest.warns(UserWarning, match="only 2 pieces, not 743.* 259 tokens instead of 1000"):
        tokenizer.train(["abc", b"abc"])
    assert tokenizer.vocab_size == 259
    assert [*tokenizer.vocab.values()][257:] == [b"abc", b"bc"]
    assert tokenizer.encode("abcab").tolist() == [257, 97, 98]
    empty = Unigram()
    with pytest.warns(UserWarning, match="only 0 pieces"):
        empty.train([])
    assert empty.encode("é").tolist() == [*"é".encode()]


def test_unusable_arguments_are_refused() -> None:
    for options, what in [
        ({"vocab_size": 256}, "vocab_size = 256 is too small: 256 bytes and 1 special .* 257"),
        ({"vocab_size": 1 << 40}, "vocab_size = .* more than"),
        ({"max_token_bytes": 0}, "max_token_bytes = 0 must be at least 1"),
        ({"max_train_bytes": 0}, "max_train_bytes = 0 must be at least 1"),
        ({"shrink": 1.0}, "shrink = 1.0 must be between 0 and 1"),
        ({"pattern": "("}, r"pattern '\(' is neither"),
    ]:
        with pytest.raises(ValueError, match=what):
            Unigram(**options)
    with pytest.raises(ValueError, match="nothing to train on"):
        Unigram().train()
    probs = dict.fromkeys(BYTES, -1.0)
    for more, what in [({b"": -1.0}, "no bytes"), ({b"ab": 0.1}, "b'ab'.* from -10,000 to 0")]:
        with pytest.raises(ValueError, match=what):
            Unigram.from_pieces(probs | more)
    del probs[b"a"]
    with pytest.raises(ValueError, match="no log-probability for the byte b'a'"):
        Unigram.from_pieces(probs)


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.update(tokenizer="bpe"), "a tokenizer 'bpe', not 'unigram'"),
        (lambda state: state.update(pattern="("), r"pattern '\(' is neither a known name"),
        (lambda state: state.pop("pattern"), "'pattern' must be a str, not None"),
        (lambda state: state.update(tokens="abc"), "'tokens' must be a list, not 'abc'"),
        (lambda state: state.pop("log_probs"), "'log_probs' must be a list, not None"),
        (lambda state: state["log_probs"].pop(), "'log_probs' for .* 'tokens'"),
        (lambda state: state["tokens"].pop(), "'log_probs' for .* 'tokens'"),
        (lambda state: state["tokens"].__setitem__(7, "?!"), "must begin with the 256 bytes"),
        (lambda state: state.update(tokens=[], log_probs=[]), "must begin with the 256 bytes"),
        (with_last("tokens", 5), r"must be a string of U\+0000 to U\+00FF, not 5"),
        (with_last("tokens", "€"), r"must be a string of U\+0000 to U\+00FF, not '€'"),
        (with_last("tokens", ""), "a piece of no bytes"),
        (with_last("tokens", "a"), "'tokens' has b'a' twice"),
        (with_last("log_probs", 0.5), "from -10,000 to 0, not 0.5"),
        (with_last("log_probs", math.nan), "NaN is no number"),
        (with_last("log_probs", -math.inf), "-Infinity is no number"),
        (with_last("log_probs", -(10**400)), "has 402 digits"),
        (with_last("log_probs", False), "from -10,000 to 0, not False"),
        (with_last("log_probs", "-1"), "from -10,000 to 0, not '-1'"),
        (lambda state: state.update(special_tokens=[]), "special_tokens is empty"),
        (lambda state: state.update(special_tokens={EOT: 0}), "'special_tokens' must be a list"),
    ],
)
def test_malformed_files_are_refused(change, what: str, tmp_path: Path) -> None:
    UNIGRAM.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    state = json.loads(path.read_bytes())
    change(state)
    path.write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(ValueError, match=what) as error:
        Unigram.load(tmp_path)
    assert str(error.value).startswith(f"{path}: ")


def test_pattern_and_scores_are_kept(tmp_path: Path) -> None:
    probs = dict.fromkeys(BYTES, -3.3) | {b"a b": -1 / 3}
    tokenizer = Unigram.from_pieces(probs, ["<x>"], pattern=r"\S \S")
    tokenizer.save(tmp_path)
    loaded = Unigram.load(tmp_path)
    assert loaded.log_probs == tokenizer.log_probs == pytest.approx(probs, abs=1e-5)
    assert loaded.pattern == r"\S \S"
    for text in ("xa bx", "a b<x>"):
        assert loaded.encode(text).tolist() == tokenizer.encode(text).tolist()
    assert loaded.encode("a b<x>", allowed_special=True).tolist() == [257, 256]


def test_numba_is_imported_only_to_train_and_encode(tmp_path: Path) -> None:
    UNIGRAM.save(tmp_path)
    code = (
        "import sys, zoo_builtin.tokenizers as t; u = t.Unigram.load(sys.argv[1]);"
        "print(u.decode([97]), 'numba' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["a", "False"]
