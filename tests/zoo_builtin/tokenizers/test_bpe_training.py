"""Training byte pairs: the merges that the definition gives, learnt the quick way."""

from __future__ import annotations

import warnings
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_cases import EOT, PLAIN, SPECIALS, TEXT, scan, trained

from zoo_builtin.tokenizers import BPE, Byte, Char, Unigram, reference, streams
from zoo_builtin.tokenizers.patterns import splitter


def naive_merges(texts: list[str], wanted: int) -> list[tuple[bytes, bytes]]:
    """Count everything again for each merge."""
    words = Counter(word for text in texts for word in splitter("gpt2")(text))
    spelled = [([bytes([b]) for b in word.encode()], count) for word, count in words.items()]
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < wanted:
        pairs: Counter[tuple[bytes, bytes]] = Counter()
        for word, count in spelled:
            for pair in pairwise(word):
                pairs[pair] += count
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, _ in spelled:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == best:
                    word[i : i + 2] = [word[i] + word[i + 1]]
                i += 1
    return merges


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text("aabc é'1\n", max_size=40), max_size=6), st.integers(0, 40))
def test_trainer_learns_what_a_naive_one_learns(texts: list[str], wanted: int) -> None:
    tokenizer = BPE(vocab_size=257 + wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer.train(texts)
    assert tokenizer.merges == naive_merges(texts, wanted)
    assert tokenizer.vocab_size == len(tokenizer.vocab) == 257 + len(tokenizer.merges)


def test_trainer_learns_what_a_naive_one_learns_from_prose() -> None:
    assert PLAIN.merges == naive_merges([TEXT], 450 - 257)


def test_merges(snapshot) -> None:
    assert [f"{left!r} {right!r}" for left, right in PLAIN.merges] == snapshot


def test_ties_go_to_the_greater_pair_of_byte_strings() -> None:
    counts = {b"ab": 2, b"ac": 2, b"\xff\x00": 1, b"ba": 2}
    assert list(reference.learn_merges(counts))[:3] == [(b"b", b"a"), (b"a", b"c"), (b"a", b"b")]


@given(st.lists(st.binary(max_size=4)))
def test_descending_keys_reverse_the_order_of_byte_strings(tokens: list[bytes]) -> None:
    assert sorted(tokens, key=reference.descending) == sorted(tokens, reverse=True)


def test_a_smaller_vocabulary_is_the_beginning_of_a_larger_one() -> None:
    small = trained(300)
    assert list(small.vocab.items()) == list(PLAIN.vocab.items())[:300]
    assert list(small.vocab.values())[:256] == [bytes([value]) for value in range(256)]
    assert small.eot == PLAIN.eot == BPE().eot == 256


def test_training_forgets_what_was_learnt_before() -> None:
    reverse = {449 - index: token for index, token in PLAIN.vocab.items()}
    tokenizer = BPE.from_vocab(reverse, PLAIN.merges)
    tokenizer.train([TEXT])
    assert tokenizer.fingerprint == PLAIN.fingerprint


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["ab", "abc", " ab", "<|", *SPECIALS]), max_size=30))
def test_training_learns_nothing_across_special_tokens(parts: list[str]) -> None:
    whole, separate = (BPE(vocab_size=290, special_tokens=SPECIALS) for _ in range(2))
    text = "".join(parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.train([text])
        separate.train([part for part, special in scan(text, SPECIALS) if not special])
    assert whole.merges == separate.merges


def test_texts_files_and_block_borders_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [TEXT[:700], TEXT[700:] + EOT + "  'll the end"]
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path, part in zip(paths, parts, strict=True):
        path.write_bytes(part.encode())
    expected = BPE(vocab_size=400)
    expected.train(parts)
    for block in (1 << 20, 7):
        monkeypatch.setattr(streams, "BLOCK", block)
        for given_ in (
            {"texts": parts},
            {"files": paths},
            {"texts": parts[:1], "files": paths[1:]},
        ):
            tokenizer = BPE(vocab_size=400)
            tokenizer.train(**given_)
            assert tokenizer.fingerprint == expected.fingerprint
        assert expected.encode(TEXT).tolist() == list(expected.encode_iterable([TEXT]))


def test_training_reports_progress(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    heard: list[tuple[str, int, int | None]] = []
    BPE(vocab_size=450).train(files=[path], progress=lambda *report: heard.append(report))
    size = len(TEXT.encode())
    steps = [("merging", done, 193) for done in (100, 193)]
    assert heard == [("reading", size, size), *steps]


def test_too_little_text_warns_and_gives_the_real_size() -> None:
    tokenizer = BPE(vocab_size=1000)
    with pytest.warns(UserWarning, match="only 2 merges, not 743.* 259 tokens instead of 1000"):
        tokenizer.train(["abc", b"abc"])
    assert tokenizer.vocab_size == 259
    assert tokenizer.encode("abcab").tolist() == [258, 97, 98]


def test_unusable_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"vocab_size = 257 .* 2 special tokens are 258"):
        BPE(vocab_size=257, special_tokens=["<a>", "<b>"])
    with pytest.raises(ValueError, match="2097152 is more than 2097151"):
        BPE(vocab_size=1 << 21)
    with pytest.raises(ValueError, match="4194305 merges are more than 4194304"):
        BPE.from_vocab(PLAIN.vocab, [(b"a", b"b")] * ((1 << 22) + 1))
    with pytest.raises(ValueError, match="nothing to train on"):
        BPE().train()
    with pytest.raises(TypeError, match=r"write \[text\]"):
        BPE().train("a text")
    for tokenizer in (BPE, Unigram, Byte, Char):
        for specials, what in [([], "empty"), (["a", "a"], "twice"), ([""], "''"), ("<>", "list")]:
            with pytest.raises(ValueError, match=f"special_tokens.*{what}"):
                tokenizer(special_tokens=specials)


@pytest.mark.parametrize("tokenizer", [BPE(), Unigram(), Char()], ids=["bpe", "unigram", "char"])
def test_untrained_tokenizers_say_so(tokenizer: BPE | Unigram | Char, tmp_path: Path) -> None:
    for use in (
        lambda: tokenizer.encode("a"),
        lambda: list(tokenizer.encode_iterable(["a"])),
        lambda: tokenizer.decode([1]),
        tokenizer.token_bytes,
        lambda: tokenizer.save(tmp_path),
    ):
        with pytest.raises(RuntimeError, match="has no vocabulary yet"):
            use()
    assert not list(tmp_path.iterdir())
