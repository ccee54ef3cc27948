"""Tokenizer files that are malformed, hostile or beyond us: refused, with the reason."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from format_cases import CUSTOM, LEARNT
from tokenizer_cases import EOT, PLAIN, SPECIAL

import zoo
from zoo_builtin.tokenizers import BPE, limited
from zoo_builtin.tokenizers.formats import reading


def put(path: str, value: object) -> Callable[[dict], None]:
    """A change of a JSON document; numbers in the path are indices."""

    def change(data: Any) -> None:
        *inner, last = [int(key) if key.lstrip("-").isdigit() else key for key in path.split("/")]
        for key in inner:
            data = data[key]
        data[last] = value

    return change


def drop(path: str) -> Callable[[dict], None]:
    def change(data: Any) -> None:
        *inner, last = path.split("/")
        for key in inner:
            data = data[key]
        del data[last]

    return change


def with_split(**changes: object) -> Callable[[dict], None]:
    split = {"type": "Split", "pattern": {"Regex": r"\p{L}+"}, "behavior": "Isolated"}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    steps = [{**split, "invert": False, **changes}, byte_level]
    return put("pre_tokenizer", {"type": "Sequence", "pretokenizers": steps})


def added(**changes: object) -> Callable[[dict], None]:
    def change(data: Any) -> None:
        data["added_tokens"].append({"id": 450, "content": "<x>", **changes})

    return change


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (put("normalizer", {"type": "NFC"}), r"normalizer is 'NFC'.*ignore=\['normalizer'\]"),
        (put("truncation", {"max_length": 5}), "truncation is an object of 1"),
        (put("padding", {"strategy": "x"}), "padding is an object of 1"),
        (put("model", []), "model must be an object, not a list of 0"),
        (drop("model"), "no key 'model'"),
        (put("model/type", "Unigram"), "model.type is 'Unigram'; only BPE"),
        (put("model/type", "WordPiece"), "model.type is 'WordPiece'; only BPE"),
        (put("model/dropout", 0.1), r"model.dropout is 0.1.*ignore=\['model.dropout'\]"),
        (put("model/byte_fallback", True), "model.byte_fallback is True"),
        (put("model/continuing_subword_prefix", "##"), "model.continuing_subword_prefix is '##'"),
        (put("model/end_of_word_suffix", "</w>"), "model.end_of_word_suffix is '</w>'"),
        (put("model/novel", True), "model.novel: an unknown key"),
        (put("model/ignore_merges", 1), "model.ignore_merges must be a boolean, not 1"),
        (put("model/vocab", []), "model.vocab must be an object, not a list of 0"),
        (drop("model/merges"), "model.merges must be a list, not null"),
        (drop("model/vocab/!"), "no token has the id 33"),
        (put("model/vocab/!", 450), "no token has the id 33, though ids go up to 450"),
        (put("model/vocab/!", 10**11), "no token has the id 33, though ids go up to 100000000000"),
        (put("model/vocab/!", 10**30), "the number 1000.* has 31 digits"),
        (put("model/vocab/!", -1), "'!' has the id -1"),
        (put("model/vocab/!", 1.5), "'!' has the id 1.5"),
        (put("model/vocab/!", True), "'!' has the id True"),
        (put("model/vocab/!", None), "'!' has the id null"),
        (put("model/vocab/!", 34), "share the id 34"),
        (put("model/vocab/ x", 450), "id 450: ' x' does not spell bytes .* nor is it an added"),
        (put("model/vocab/", 450), "id 450: '' does not spell bytes"),
        (put("model/vocab/\ud800", 450), "id 450: .* does not spell bytes"),
        (put("model/merges/0", "a b c"), r"model.merges\[0\] must be two tokens, not 'a b c'"),
        (put("model/merges/0", ["a"]), r"model.merges\[0\] must be two tokens, not a list of 1"),
        (put("model/merges/0", 5), r"model.merges\[0\] must be two tokens, not 5"),
        (put("model/merges/0", [1, "a"]), r"model.merges\[0\] must be two tokens"),
        (put("model/merges/0", "qq q"), r"model.merges\[0\]: 'qq', of the merge .* is no token"),
        (put("model/merges/0", "q q"), r"model.merges\[0\]: 'qq', of the merge .* is no token"),
        (
            lambda data: data["model"]["merges"].append(data["model"]["merges"][3]),
            r"model.merges\[\d+\]: the merge .* there already \(model.merges\[3\]\)",
        ),
        (put("added_tokens", {}), "added_tokens must be a list, not an object"),
        (put("added_tokens/0", "x"), r"added_tokens\[0\] must be an object, not 'x'"),
        (put("added_tokens/0/content", ""), r"added_tokens\[0\].content '' is no text"),
        (put("added_tokens/0/content", "\ud800"), r"added_tokens\[0\].content .* is no text"),
        (put("added_tokens/0/id", -5), r"added_tokens\[0\].id must be 0 or more, not -5"),
        (put("added_tokens/0/id", "1"), r"added_tokens\[0\].id must be 0 or more, not '1'"),
        (put("added_tokens/0/id", 450), "the id 450, but 256 in model.vocab"),
        (added(id=452), "no token has the id 450, though ids go up to 452"),
        (added(id=10**9), "no token has the id 450"),
        (added(id=97), "'<x>' and 'a' share the id 97"),
        (added(content=EOT), "is added already"),
        (added(lstrip=True), r"added_tokens\[1\].lstrip is set for '<x>'"),
        (added(rstrip=True), r"added_tokens\[1\].rstrip is set for '<x>'"),
        (added(single_word=True), r"added_tokens\[1\].single_word is set for '<x>'"),
        (added(content="x" + EOT, normalized=True), "'x<|endoftext|>' .normalized. overlaps"),
        (added(content=EOT + "x", normalized=True), "overlaps with another"),
        (added(content="x<|", normalized=True), "overlaps with another"),
        (added(content="a", id=97), "'a', of the merge of 'a' and .* is no token"),
        (drop("pre_tokenizer"), "pre_tokenizer is null; only ByteLevel"),
        (put("pre_tokenizer", 5), "pre_tokenizer is null; only ByteLevel"),
        (put("pre_tokenizer/type", "Metaspace"), "pre_tokenizer is 'Metaspace'"),
        (put("pre_tokenizer/add_prefix_space", True), "pre_tokenizer.add_prefix_space must be fal"),
        (drop("pre_tokenizer/add_prefix_space"), "pre_tokenizer.add_prefix_space must be false"),
        (put("pre_tokenizer/use_regex", "no"), "pre_tokenizer.use_regex must be a boolean"),
        (put("pre_tokenizer", {"type": "Sequence"}), "pre_tokenizer.pretokenizers must be a list"),
        (with_split(behavior="MergedWithNext"), r"pretokenizers\[0\]: behavior 'MergedWithNext'"),
        (with_split(behavior="Removed", invert=True), r"pretokenizers\[0\]: behavior 'Removed'"),
        (with_split(pattern={"String": " "}), r"pretokenizers\[0\].pattern.Regex must be a string"),
        (with_split(pattern=None), r"pretokenizers\[0\].pattern must be an object, not null"),
        (with_split(pattern={"Regex": r"\p{N}{1,3}+|."}), r"\[0\].pattern: .* has '\{1,3\}\+\|\.'"),
        (with_split(pattern={"Regex": r"\s+$"}), r"has '\$', which .* may read otherwise"),
        (with_split(pattern={"Regex": r"[a-z&&[b]]"}), "may read otherwise"),
        (with_split(pattern={"Regex": r"\w+"}), "may read otherwise"),
        (with_split(pattern={"Regex": r"(?i:ss)"}), "may read otherwise"),
        (with_split(pattern={"Regex": "(" * 2000}), "nested too deeply"),
        (with_split(pattern={"Regex": "(" * 20}), "nor a regular expression"),
        (with_split(pattern={"Regex": "a" * 20_000}), "a regular expression of 20,000 characters"),
        (with_split(type="Digits"), "pretokenizers is 'Digits' and 'ByteLevel'; only"),
    ],
)
def test_what_would_change_ids_or_is_malformed_is_refused(change, what, tmp_path: Path) -> None:
    (path,) = PLAIN.export(tmp_path, "huggingface")
    data = json.loads(path.read_bytes())
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ValueError, match=what) as error:
        BPE.from_file(path)
    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value)) < 600
    with pytest.raises(zoo.ZooError, match=what):
        zoo.load_tokenizer(tmp_path)


def test_some_settings_may_be_left_out(tmp_path: Path) -> None:
    (path,) = PLAIN.export(tmp_path, "huggingface")
    data = json.loads(path.read_bytes())
    data["normalizer"] = {"type": "NFC"}
    data["model"]["dropout"] = 0.5
    path.write_text(json.dumps(data), encoding="utf-8")
    ours = zoo.load_tokenizer(path, ignore=["normalizer", "model.dropout"])
    assert ours.fingerprint == PLAIN.fingerprint
    with pytest.raises(zoo.ZooError, match="ignore: 'model' can't be left out"):
        zoo.load_tokenizer(path, ignore=["model"])


def nested(open_: str) -> bytes:
    return open_.encode() * (100_000_000 // len(open_))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "not JSON"),
        (b"\xff", r"not UTF-8 \(byte 0\)"),
        (b"[]", "a JSON object is expected, not a list of 0"),
        (b'{"model": NaN}', "NaN is no number"),
        (b'{"model": {}, "model": {}}', "the key 'model' is there twice"),
        (b'{"model": {"vocab": {"a": 1, "a": 2}}}', "the key 'a' is there twice"),
        (b'{"model": ' + b"1" * 5000 + b"}", "the number 11.* has 5,000 digits"),
        (b'{"model": ' + b"[" * 100_000, "nested too deeply"),
        (b"[" * 2_000_000, "nested too deeply"),
        (nested("["), "more than 3,000,000 values"),
        (nested('{"a":'), "more than 3,000,000 values"),
        (b'{"a":1,' * 1_100_000, "more than 1,000,000 keys"),
        (b"{" + b" " * (limited.MOST_BYTES + 1), "larger than 128 MB"),
    ],
    ids=range(13),
)
@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.json"])
def test_hostile_json_is_refused(name: str, content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (tmp_path / "merges.txt").write_text("")
    with pytest.raises(ValueError, match=what.replace("tokenizer.json", name)) as error:
        BPE.from_file(path)
    assert str(error.value).startswith(f"{path}: ")


RANKS = b"".join(base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no id for the byte"),
        (RANKS[7:], "no token has the id 0"),
        (RANKS.replace(b" 255\n", b" 256\n"), "no token has the id 255"),
        (RANKS.replace(b" 255\n", b" 999999999\n"), "no token has the id 255, .* up to 999999999"),
        (RANKS.replace(b" 255\n", b" 9999999999\n"), "line 256: a token in base64 and its id"),
        (RANKS.replace(b" 255\n", b" -1\n"), "line 256: a token in base64 and its id"),
        (RANKS.replace(b" 255\n", b" 2.5\n"), "line 256: a token in base64 and its id"),
        (RANKS.replace(b" 255\n", b" NaN\n"), "line 256: a token in base64 and its id"),
        (RANKS.replace(b" 255\n", b" 254\n"), "line 256: the id 254 is given already on line 255"),
        (RANKS + b"AA== 256\n", r"line 257: the token b'\\x00', which is there already"),
        (RANKS + b"AB= 256\n", "line 257: b'AB=' is not base64"),
        (RANKS + b"A~A= 256\n", "line 257: b'A~A=' is not base64"),
        (RANKS + b"AAA=\n", "line 257: a token in base64 and its id are expected"),
        (RANKS + b"AAA= 256 1\n", "line 257: a token in base64 and its id are expected"),
        (RANKS + b"=\xff 256\n", "line 257: "),
        (RANKS + base64.b64encode(b"a" * 50_000_000) + b" 256\n", "its tokens are too long"),
        (RANKS.replace(b"AA==", b"AAA="), r"no id for the byte b'\\x00'"),
        (b"[" * 100_000_000, "line 1: a token in base64 and its id"),
        (b"\n" * 1_100_000, "more than 1,000,000 lines"),
        (b" " * (limited.MOST_BYTES + 1), "larger than 128 MB"),
    ],
    ids=range(20),
)
def test_hostile_rank_files_are_refused(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "some.tiktoken"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=what) as error:
        BPE.from_file(path, pattern="gpt2")
    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value)) < 600


VOCAB = {reading.spell(bytes([byte])): byte for byte in range(256)}


@pytest.mark.parametrize(
    ("vocab", "merges", "where", "what"),
    [
        ({}, "", "vocab.json", "no id for the byte"),
        ({**VOCAB, "ab": 257}, "", "vocab.json", "no token has the id 256"),
        ({**VOCAB, "ab": 97}, "", "vocab.json", "'a' and 'ab' share the id 97"),
        ({**VOCAB, "ab": "97"}, "", "vocab.json", "'ab' has the id '97'"),
        ({**VOCAB, "é!é!": 256}, "", "vocab.json", "^(?!.*does not spell)"),
        ({**VOCAB, "€": 256}, "", "vocab.json", "'€' does not spell bytes.*special_tokens"),
        (VOCAB, "#version: 0.2\na b\n", "merges.txt", "line 2: 'ab', of the merge"),
        (
            {**VOCAB, "ab": 256},
            "a b\nb\n",
            "merges.txt",
            "line 2: two tokens are expected, not 'b'",
        ),
        ({**VOCAB, "ab": 256}, "a b c\n", "merges.txt", "line 1: two tokens are expected"),
        ({**VOCAB, "ab": 256}, "a  b\n", "merges.txt", "line 1: two tokens are expected"),
        ({**VOCAB, "ab": 256}, "a b\n\na b", "merges.txt", r"line 3: .* there already \(line 1\)"),
        ({**VOCAB, "ab": 256}, "a b\n#version\n", "merges.txt", "line 2: two tokens are expected"),
        (VOCAB, b"\xff", "merges.txt", r"not UTF-8 \(byte 0\)"),
        (VOCAB, b"[" * 100_000_000, "merges.txt", r"line 1: two tokens are expected, not '\[+'…"),
    ],
)
def test_hostile_vocabularies_and_merges_are_refused(
    vocab: dict, merges: str | bytes, where: str, what: str, tmp_path: Path
) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    content = merges.encode() if isinstance(merges, str) else merges
    (tmp_path / "merges.txt").write_bytes(content)
    if "é!é!" in vocab:  # spells bytes, though not in UTF-8
        assert BPE.from_file(tmp_path).vocab[256] == b"\xe9!\xe9!"
        return
    with pytest.raises(ValueError, match=what) as error:
        BPE.from_file(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / where}: ")


def test_a_missing_half_is_named(tmp_path: Path) -> None:
    vocab, merges = PLAIN.export(tmp_path / "gpt2_vocab.json", "gpt2")
    merges.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"gpt2_merges\.txt: isn't there.*gpt2_vocab\.json needs"):
        BPE.from_file(vocab)
    assert BPE.from_file(tmp_path) is None


def test_a_folder_with_two_vocabularies_is_refused(tmp_path: Path) -> None:
    PLAIN.export(tmp_path / "a_vocab.json", "gpt2")
    PLAIN.export(tmp_path / "b_vocab.json", "gpt2")
    with pytest.raises(ValueError, match=r"several .*a_vocab.json and b_vocab.json"):
        BPE.from_file(tmp_path)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "give the pattern .gpt2, cl100k"),
        ({"pattern": 5}, "give the pattern"),
        ({"pattern": "(", "special_tokens": None}, "pattern '\\('"),
        ({"pattern": "gpt2", "special_tokens": {EOT: 300}}, "no token has the id 256.*can fill"),
        ({"pattern": "gpt2", "special_tokens": {EOT: 5}}, "special_tokens: .* the id 5, as has"),
        ({"pattern": "gpt2", "special_tokens": {EOT: -1}}, "special_tokens: .* has the id -1"),
        ({"pattern": "gpt2", "special_tokens": {"<a>": 256, "<b>": 256}}, "share the id 256"),
        ({"pattern": "gpt2", "special_tokens": "<a>"}, "must be a list of strings, not '<a>'"),
        ({"pattern": "gpt2", "special_tokens": ["<a>", 5]}, "must be a list of strings; 5 is"),
        ({"pattern": "gpt2", "special_tokens": ["<a>", "<a>"]}, "names one twice"),
        (
            {"pattern": "gpt2", "ignore": ["x"]},
            "a rank file has no option 'ignore' .known: pattern",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict, what: str, tmp_path: Path) -> None:
    path = tmp_path / "bytes.tiktoken"
    path.write_bytes(RANKS)
    with pytest.raises(ValueError, match=what):
        BPE.from_file(path, **options)


def test_special_tokens_fill_gaps_in_ranks(tmp_path: Path) -> None:
    path = tmp_path / "ranks.txt"  # found by its first line
    path.write_bytes(RANKS + b"YWI= 257\n")
    ours = zoo.load_tokenizer(path, pattern="gpt2", special_tokens={EOT: 256, "<x>": 258})
    ids = ours.encode(f"ab{EOT}ab<x>", allowed_special=True).tolist()
    assert ids == [257, 256, 257, 258]
    assert ours.eot == 256


@pytest.mark.parametrize(
    ("tokenizer", "format", "what"),
    [
        (PLAIN, "onnx", r"no format 'onnx' \(known: huggingface, tiktoken, gpt2\)"),
        (LEARNT["cl100k"], "gpt2", "the pattern is 'cl100k', but vocab.json"),
        (LEARNT[CUSTOM], "gpt2", "but vocab.json and merges.txt are always read with 'gpt2'"),
        (BPE.from_vocab(PLAIN.vocab, PLAIN.merges, ["b"]), "gpt2", "'b' is spelled like the token"),
        (
            BPE.from_vocab(PLAIN.vocab, PLAIN.merges, ["b"]),
            "huggingface",
            "'b' is spelled like the",
        ),
        (BPE.from_vocab(PLAIN.vocab, PLAIN.merges[::-1]), "tiktoken", "in the order of ids"),
        (BPE.from_vocab(PLAIN.vocab, PLAIN.merges[:-1]), "tiktoken", "ids would differ"),
        (
            BPE.from_vocab(PLAIN.vocab, PLAIN.merges[:-1], ignore_merges=True),
            "gpt2",
            "no merges make the token",
        ),
        (
            BPE.from_vocab(PLAIN.vocab, PLAIN.merges, pattern=r"\w+|\W+"),
            "huggingface",
            "may read otherwise than zoo does",
        ),
    ],
)
def test_what_a_format_can_not_hold_is_refused(
    tokenizer: BPE, format: str, what: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=what):
        tokenizer.export(tmp_path / "out", format)
    assert not list(tmp_path.iterdir())


def test_an_untrained_tokenizer_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no vocabulary yet"):
        BPE().export(tmp_path / "out", "huggingface")


def test_exports_replace_theirs_but_never_ours(tmp_path: Path) -> None:
    PLAIN.export(tmp_path / "a.json", "huggingface")
    SPECIAL.export(tmp_path / "a.json", "huggingface")
    assert BPE.from_file(tmp_path / "a.json").vocab == SPECIAL.vocab
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    PLAIN.save(tmp_path / "ours")
    for path in (tmp_path / "ours", tmp_path / "ours" / "tokenizer.json"):
        with pytest.raises(ValueError, match="zoo's own; choose another place"):
            SPECIAL.export(path, "huggingface")
    with pytest.raises(ValueError, match="ours: is a folder"):
        PLAIN.export(tmp_path / "ours", "tiktoken")
    assert BPE.load(tmp_path / "ours").fingerprint == PLAIN.fingerprint
