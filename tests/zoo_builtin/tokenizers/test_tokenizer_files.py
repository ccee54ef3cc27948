"""Tokenizers from vocabularies and files: the same again, or refused with the reason."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizer_cases import (
    ALL,
    CHAR,
    EOT,
    FRAGMENTS,
    PLAIN,
    SPECIAL,
    TEXT,
    UNIGRAM,
    trained,
    with_last,
)

from zoo_builtin.tokenizers import BPE, Byte, Char, Unigram


@given(st.randoms(use_true_random=False))
def test_a_vocabulary_may_have_any_order(random) -> None:
    new_ids = list(range(PLAIN.vocab_size))
    random.shuffle(new_ids)
    vocab = {new_ids[old]: token for old, token in PLAIN.vocab.items()}
    tokenizer = BPE.from_vocab(vocab, PLAIN.merges)
    assert tokenizer.eot == new_ids[PLAIN.eot]
    assert tokenizer.vocab_size == PLAIN.vocab_size
    ids = tokenizer.encode(TEXT + EOT, allowed_special=True).tolist()
    assert ids == [new_ids[old] for old in PLAIN.encode(TEXT + EOT, allowed_special=True)]
    assert tokenizer.decode(ids) == TEXT + EOT


def test_special_tokens_missing_from_a_vocabulary_are_added() -> None:
    tokenizer = BPE.from_vocab(PLAIN.vocab, PLAIN.merges, [EOT, " the", "b"])
    assert tokenizer.special_tokens == {EOT: 256, " the": 450, "b": 451}
    assert tokenizer.encode("b the").tolist() == PLAIN.encode("b the").tolist()
    assert tokenizer.encode("b the", allowed_special=True).tolist() == [451, 450]
    again = BPE.from_vocab(tokenizer.vocab, tokenizer.merges, list(tokenizer.special_tokens))
    assert again.fingerprint == tokenizer.fingerprint


def test_impossible_vocabularies_are_refused() -> None:
    bytes_ = {value: bytes([value]) for value in range(256)}
    for vocab, merges, what in [
        ({**bytes_, 300: b"ab"}, [], "must be 0 to 256"),
        ({value: bytes([value]) for value in range(255)}, [], r"no id for the byte b'\\xff'"),
        ({**bytes_, 256: b"a"}, [], "ids 97 and 256 both stand for b'a'"),
        (bytes_, [(b"a", b"b")], "merge 0 is of b'a' and b'b': no id for b'ab'"),
        ({**bytes_, 256: b"ab"}, [(b"a", b"b")] * 2, "merge 1 .* twice"),
    ]:
        with pytest.raises(ValueError, match=what):
            BPE.from_vocab(vocab, merges)


@ALL
def test_saved_tokenizers_are_the_same_when_loaded(
    tokenizer: BPE | Unigram | Byte | Char, tmp_path: Path
) -> None:
    tokenizer.save(tmp_path / "new")
    loaded = type(tokenizer).load(tmp_path / "new")
    text = TEXT + "".join(FRAGMENTS)
    for special in (False, True):
        ids = tokenizer.encode(text, allowed_special=special).tolist()
        assert loaded.encode(text, allowed_special=special).tolist() == ids
    assert loaded.vocab == tokenizer.vocab
    assert loaded.special_tokens == tokenizer.special_tokens
    assert loaded.vocab_size == tokenizer.vocab_size
    saved = (tmp_path / "new" / "tokenizer.json").read_bytes()
    assert loaded.fingerprint == tokenizer.fingerprint == hashlib.sha256(saved).hexdigest()


def test_fingerprints_differ_where_ids_may() -> None:
    upper = Char(unknown=True)
    upper.train([TEXT.upper()])
    flat = dict.fromkeys(UNIGRAM.log_probs, -1.0)
    different = [PLAIN, SPECIAL, trained(449), trained(text=TEXT.upper()), Byte()]
    different += [Byte(special_tokens=["<x>"]), CHAR, upper, UNIGRAM]
    different += [Unigram.from_pieces(UNIGRAM.log_probs), Unigram.from_pieces(flat)]
    different += [BPE.from_vocab(PLAIN.vocab, PLAIN.merges[::-1])]
    assert len({tokenizer.fingerprint for tokenizer in different}) == len(different)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.update(format="other"), 'no "format": "zoo-tokenizer-1"'),
        (lambda state: state.update(tokenizer="char"), "a tokenizer 'char', not 'bpe'"),
        (lambda state: state.update(pattern="("), r"pattern '\(' is neither a known name"),
        (lambda state: state.pop("merges"), "'merges' is missing"),
        (lambda state: state.update(tokens="abc"), "'tokens' must be a list, not 'abc'"),
        (with_last("tokens", 5), r"must be a string of U\+0000 to U\+00FF, not 5"),
        (with_last("tokens", "€"), r"must be a string of U\+0000 to U\+00FF, not '€'"),
        (with_last("tokens", "zzz"), "merge 192 .*: no id for"),
        (with_last("merges", ["a"]), r"'merges' must be pairs, not \['a'\]"),
        (with_last("merges", ["qq", "q"]), "merge 192 .*: no id for b'qq'"),
        (lambda state: state["tokens"].append("a"), "ids 97 and 450 both stand for b'a'"),
        (lambda state: state["tokens"].__setitem__(0, "?!?"), "no id for the byte"),
        (lambda state: state.update(special_tokens={}), "special_tokens is empty"),
        (lambda state: state.update(special_tokens={EOT: 0}), "endoftext.* its id, 0"),
        (lambda state: state.update(special_tokens={EOT: True}), "endoftext.* its id, True"),
    ],
)
def test_malformed_files_are_refused(change, what: str, tmp_path: Path) -> None:
    PLAIN.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    state = json.loads(path.read_bytes())
    change(state)
    path.write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(ValueError, match=what) as error:
        BPE.load(tmp_path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("kind", [BPE, Unigram, Byte, Char])
def test_files_that_are_no_tokenizer_are_refused(kind, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"tokenizer\.json: "):
        kind.load(tmp_path)


@pytest.mark.parametrize(
    "change", [{"characters": "aa"}, {"characters": "ab"}, {"unknown": 1}, {"special_tokens": [1]}]
)
def test_malformed_character_tables_are_refused(change: dict, tmp_path: Path) -> None:
    CHAR.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}), encoding="utf-8")
    with pytest.raises(ValueError, match=f"tokenizer.json: .*{next(iter(change))}"):
        Char.load(tmp_path)
