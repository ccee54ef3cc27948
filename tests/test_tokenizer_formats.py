"""Other programs' tokenizer files: the same ids as theirs, or refused with the reason."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import regex
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken.load import load_tiktoken_bpe
from tokenizer_cases import CHAR, EOT, FRAGMENTS, PLAIN, SPECIAL, SPECIALS, TEXT, TEXTS
from tokenizers import pre_tokenizers
from zoo_builtin.tokenizers.patterns import PATTERNS

import zoo
from zoo_builtin.tokenizers import BPE
from zoo_builtin.tokenizers.formats import reading
from zoo_builtin.tokenizers.formats.expressions import for_oniguruma, name_of

# None begins another: tiktoken promises no order, nor does tokenizers beyond the first letter.
DISTINCT = ["<|a|>", EOT, "é!", " the"]
CUSTOM = r"\p{L}+|[^\S\n]+|[.,!?]{1,2}|(?<=\n)\n"
CASES = [*PATTERNS, CUSTOM]


def learnt(pattern: str) -> BPE:
    tokenizer = BPE(vocab_size=420, pattern=pattern, special_tokens=DISTINCT)
    tokenizer.train([TEXT, "".join(FRAGMENTS)])
    return tokenizer


LEARNT = {pattern: learnt(pattern) for pattern in CASES}
EVERY_PATTERN = pytest.mark.parametrize("pattern", CASES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


@pytest.fixture(scope="module", autouse=True)
def no_cache() -> Iterator[None]:
    """tiktoken would read a file once, and never again what was written to the same path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", "")
        yield


def ordinary(tokenizer: BPE) -> dict[int, bytes]:
    special_ids = set(tokenizer.special_tokens.values())
    return {i: token for i, token in tokenizer.vocab.items() if i not in special_ids}


# ── round trips ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def huggingface(folder: Path) -> dict[str, tuple[BPE, tokenizers.Tokenizer]]:
    """What each tokenizer becomes: read by us, and read by them."""
    found = {}
    for number, (pattern, tokenizer) in enumerate(LEARNT.items()):
        (path,) = tokenizer.export(folder / f"{number}.json", "huggingface")
        found[pattern] = BPE.from_file(path), tokenizers.Tokenizer.from_file(str(path))
    return found


@EVERY_PATTERN
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_tokenizer_json_gives_the_same_ids(pattern: str, text: str, huggingface) -> None:
    again, theirs = huggingface[pattern]
    ids = LEARNT[pattern].encode(text, allowed_special=True).tolist()
    assert again.encode(text, allowed_special=True).tolist() == ids
    assert theirs.encode(text).ids == ids
    if "é!" not in text:  # which they read as bytes when they decode it
        assert theirs.decode(ids, skip_special_tokens=False) == LEARNT[pattern].decode(ids)


@EVERY_PATTERN
def test_tokenizer_json_keeps_everything_but_the_order_of_specials(
    pattern: str, huggingface
) -> None:
    again, theirs = huggingface[pattern]
    tokenizer = LEARNT[pattern]
    assert again.pattern == tokenizer.pattern
    assert again.vocab == tokenizer.vocab
    assert again.merges == tokenizer.merges
    assert again.special_tokens == tokenizer.special_tokens
    assert again.decode([again.eot]) == EOT
    assert theirs.get_vocab_size() == tokenizer.vocab_size
    text = TEXT + "".join(FRAGMENTS)
    assert theirs.encode(text).ids == tokenizer.encode(text, allowed_special=True).tolist()


@pytest.fixture(scope="module")
def rank_files(folder: Path) -> dict[str, tuple[BPE, tiktoken.Encoding]]:
    found = {}
    for number, (pattern, tokenizer) in enumerate(LEARNT.items()):
        (path,) = tokenizer.export(folder / f"ranks-{number}", "tiktoken")
        specials = tokenizer.special_tokens
        theirs = tiktoken.Encoding(
            "theirs",
            pat_str=PATTERNS.get(pattern, pattern),
            mergeable_ranks=load_tiktoken_bpe(str(path)),
            special_tokens=specials,
        )
        ours = BPE.from_file(path, pattern=pattern, special_tokens=specials)
        found[pattern] = ours, theirs
    return found


@EVERY_PATTERN
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_rank_files_give_the_same_ids(pattern: str, text: str, rank_files) -> None:
    again, theirs = rank_files[pattern]
    ids = LEARNT[pattern].encode(text, allowed_special=True).tolist()
    assert again.encode(text, allowed_special=True).tolist() == ids
    if pattern in PATTERNS:  # tiktoken drops what an expression leaves out
        assert theirs.encode(text, allowed_special="all") == ids


@EVERY_PATTERN
def test_rank_files_keep_the_merges(pattern: str, rank_files) -> None:
    again, _ = rank_files[pattern]
    assert again.merges == LEARNT[pattern].merges
    assert not again.ignore_merges
    assert again.fingerprint == LEARNT[pattern].fingerprint


@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_vocab_and_merges_give_the_same_ids(text: str, gpt2) -> None:
    again, theirs = gpt2
    ids = PLAIN.encode(text).tolist()
    assert again.encode(text).tolist() == theirs.encode(text).ids == ids


@pytest.fixture(scope="module")
def gpt2(folder: Path) -> tuple[BPE, tokenizers.Tokenizer]:
    paths = PLAIN.export(folder / "gpt2", "gpt2")
    assert [path.name for path in paths] == ["vocab.json", "merges.txt"]
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE.from_file(*map(str, paths)))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return BPE.from_file(folder / "gpt2"), theirs


@pytest.mark.parametrize(
    ("vocab", "merges"),
    [
        ("vocab.json", "merges.txt"),
        ("my_vocab.json", "my_merges.txt"),
        ("encoder.json", "vocab.bpe"),
    ],
)
@pytest.mark.parametrize("version", [True, False])
def test_vocab_and_merges_are_found_by_either_name(
    vocab: str, merges: str, version: bool, tmp_path: Path
) -> None:
    tokenizer = LEARNT["gpt2"]
    tokenizer.export(tmp_path / vocab, "gpt2")
    lines = (tmp_path / merges).read_text(encoding="utf-8").split("\n", 1)
    (tmp_path / merges).write_text("\n".join(lines[1 - version :]), encoding="utf-8")
    for path in (tmp_path, tmp_path / vocab, tmp_path / merges):
        again = zoo.load_tokenizer(path, special_tokens=DISTINCT)
        assert again.fingerprint == tokenizer.fingerprint


def test_a_vocabulary_without_end_of_text_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "bytes_vocab.json"
    path.write_text(json.dumps({reading.spell(bytes([b])): 255 - b for b in range(256)}))
    (tmp_path / "bytes_merges.txt").write_text("")
    assert zoo.load_tokenizer(path).special_tokens == {EOT: 256}
    assert zoo.load_tokenizer(path).encode("az").tolist() == [255 - ord("a"), 255 - ord("z")]


# ── files that others wrote ───────────────────────────────────────────────────────────────────────


def theirs_trained(pre_tokenizer: Any, **options: Any) -> tokenizers.Tokenizer:
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE(**options))
    theirs.pre_tokenizer = pre_tokenizer
    theirs.decoder = tokenizers.decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, show_progress=False, special_tokens=["<pad>"]
    )
    theirs.train_from_iterator([TEXT] * 2, trainer)
    theirs.add_tokens(["<tool>", "  "])
    theirs.add_special_tokens(["</s>", "<|x|>"])
    return theirs


def split(expression: str, behavior: str = "isolated", invert: bool = False) -> Any:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(expression), behavior, invert),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.mark.parametrize(
    ("pre_tokenizer", "pattern"),
    [
        (pre_tokenizers.ByteLevel(add_prefix_space=False), "gpt2"),
        (pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), r"[\s\S]+"),
        (split(LLAMA3), "llama3"),
        (split(LLAMA3, "removed", True), "llama3"),
        (split(CUSTOM), CUSTOM),
        (split(r" ?\d+|\.{2,}"), r" ?\d+|\.{2,}"),
    ],
)
@pytest.mark.parametrize("ignore_merges", [False, True])
def test_files_of_tokenizers_give_the_same_ids(
    pre_tokenizer, pattern: str, ignore_merges: bool, tmp_path: Path
) -> None:
    theirs = theirs_trained(pre_tokenizer, ignore_merges=ignore_merges)
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = zoo.load_tokenizer(tmp_path)
    assert ours.pattern == pattern
    assert ours.ignore_merges is ignore_merges
    assert ours.special_tokens == {
        name: theirs.token_to_id(name) for name in ("</s>", "<pad>", "<tool>", "  ", "<|x|>")
    }
    assert ours.decode([ours.eot]) == "</s>"
    chosen = zoo.load_tokenizer(tmp_path / "tokenizer.json", end_of_text="<|x|>")
    assert chosen.decode([chosen.eot]) == "<|x|>"
    text = TEXT + "".join(FRAGMENTS) + "<tool> a  b</s>" + TEXT[::-1]
    assert ours.encode(text, allowed_special=True).tolist() == theirs.encode(text).ids


def test_merges_may_be_strings_or_lists(tmp_path: Path) -> None:
    (path,) = PLAIN.export(tmp_path, "huggingface")
    data = json.loads(path.read_bytes())
    data["model"]["merges"] = [merge.split(" ") for merge in data["model"]["merges"]]
    data["post_processor"] = {"type": "ByteLevel", "trim_offsets": False}
    path.write_text(json.dumps(data), encoding="utf-8")
    assert BPE.from_file(path).fingerprint == PLAIN.fingerprint


@st.composite
def ranked(draw: st.DrawFn) -> dict[bytes, int]:
    """Tokens in no order that anything would have learnt."""
    longer = st.text("ab ", min_size=2, max_size=7).map(str.encode)
    tokens = draw(st.lists(longer, unique=True, max_size=25))
    tokens += [bytes([value]) for value in range(256)]
    if draw(st.booleans()):
        tokens.sort(key=len)
    return {token: rank for rank, token in enumerate(tokens)}


@settings(max_examples=150, deadline=None)
@given(ranks=ranked(), text=st.text("ab ", max_size=30))
def test_ranks_in_any_order_give_the_ids_of_tiktoken(
    ranks: dict[bytes, int], text: str, folder: Path
) -> None:
    path = folder / "some.tiktoken"
    lines = [base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items()]
    path.write_bytes(b"".join(lines))
    pattern = r"\S+|\s+"
    theirs = tiktoken.Encoding(
        "theirs", pat_str=pattern, mergeable_ranks=ranks, special_tokens={EOT: len(ranks)}
    )
    ids = theirs.encode_ordinary(text)
    ours = BPE.from_file(path, pattern=pattern)
    assert ours.encode(text).tolist() == ids
    by_rule = BPE.from_vocab(
        ours.vocab, None, ours.special_tokens, pattern=pattern, ignore_merges=True
    )
    assert by_rule.encode(text).tolist() == ids
    for tokenizer in (ours, by_rule):
        (exported,) = tokenizer.export(folder / "some.json", "huggingface")
        assert tokenizers.Tokenizer.from_file(str(exported)).encode(text).ids == ids
        (again,) = tokenizer.export(folder / "again.tiktoken", "tiktoken")
        assert load_tiktoken_bpe(str(again)) == ranks


@settings(max_examples=100, deadline=None)
@given(merges=st.lists(st.tuples(*[st.text("ab ", min_size=1, max_size=2)] * 2), max_size=12))
def test_a_rank_file_is_refused_where_ids_would_differ(merges, folder: Path) -> None:
    tokens = [bytes([value]) for value in range(256)]
    kept: list[tuple[bytes, bytes]] = []
    for left, right in (tuple(map(str.encode, pair)) for pair in merges):
        if left in tokens and right in tokens and (left, right) not in kept:
            kept.append((left, right))
            tokens += [left + right] if left + right not in tokens else []
    tokenizer = BPE.from_vocab(dict(enumerate(tokens)), kept)
    theirs = tiktoken.Encoding(
        "theirs",
        pat_str=PATTERNS["gpt2"],
        mergeable_ranks={token: rank for rank, token in enumerate(tokens)},
        special_tokens={},
    )
    texts = ["".join(letters) for n in range(6) for letters in itertools.product("ab", repeat=n)]
    equal = all(tokenizer.encode(text).tolist() == theirs.encode(text) for text in texts)
    if equal:
        with contextlib.suppress(ValueError):  # rather than look into the matter for long
            tokenizer.export(folder / "maybe.tiktoken", "tiktoken")
    else:
        with pytest.raises(ValueError, match="ids would differ"):
            tokenizer.export(folder / "maybe.tiktoken", "tiktoken")


# ── patterns ──────────────────────────────────────────────────────────────────────────────────────

WHITE = r"\s*[\r\n]+|\s+(?!\S)|\s+"
CASED = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
UNCASED = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
ENGLISH = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPELLINGS = [
    ("gpt2", r"""'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""),
    (
        "gpt2",
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    ),
    (
        "cl100k",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    (
        "cl100k",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    ("llama3", LLAMA3),
    (
        "llama3",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    ),
    (
        "qwen2",
        rf"{ENGLISH}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{WHITE}",
    ),
    (
        "o200k",
        rf"[^\r\n\p{{L}}\p{{N}}]?{CASED}*{UNCASED}+{ENGLISH}?"
        rf"|[^\r\n\p{{L}}\p{{N}}]?{CASED}+{UNCASED}*{ENGLISH}?"
        rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{WHITE}",
    ),
]
CROWDED = st.lists(st.sampled_from([*FRAGMENTS, "Th", "'S", "'Re", "/", "12345"])).map("".join)


def pieces(expression: str, text: str) -> list[str]:
    return regex.compile(expression).findall(text)


@pytest.mark.parametrize(("name", "expression"), SPELLINGS)
@settings(max_examples=150, deadline=None)
@given(text=CROWDED | TEXTS)
def test_spellings_of_a_pattern_have_its_name_and_cut_alike(
    name: str, expression: str, text: str
) -> None:
    assert name_of(expression) == name
    assert pieces(expression, text) == pieces(PATTERNS[name], text)


@pytest.mark.parametrize("name", PATTERNS)
@settings(max_examples=150, deadline=None)
@given(text=CROWDED | TEXTS)
def test_exported_patterns_cut_alike(name: str, text: str) -> None:
    theirs = pre_tokenizers.Split(tokenizers.Regex(for_oniguruma(name)), "isolated")
    assert [piece for piece, _ in theirs.pre_tokenize_str(text)] == pieces(PATTERNS[name], text)
    assert name_of(for_oniguruma(name)) == name


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_that_differ_have_other_names(name: str) -> None:
    """Each character left out makes another expression, or one that cuts the same."""
    expression = PATTERNS[name]
    text = "".join(FRAGMENTS) + "12345 It'S \n\n \n x//\n   "
    for i in range(len(expression)):
        other = expression[:i] + expression[i + 1 :]
        found = name_of(other)
        if found != other:
            assert pieces(other, text) == pieces(PATTERNS[found], text)


def test_a_mandatory_apostrophe_is_not_an_optional_contraction() -> None:
    other = PATTERNS["o200k"].replace("(?i:'(?:[sdmt]|ll|ve|re))?", "'(?i:[sdmt]|ll|ve|re)?")
    assert other != PATTERNS["o200k"]
    assert name_of(other) == other


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


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
        (b"{" + b" " * (reading.MOST_BYTES + 1), "larger than 128 MB"),
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
        (b"\n" * 6_000_000, "more than 3,000,000 values"),
        (b" " * (reading.MOST_BYTES + 1), "larger than 128 MB"),
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
        ({}, "pass pattern=gpt2|cl100k"),
        ({"pattern": 5}, "pass pattern="),
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


# ── zoo.load_tokenizer ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tokenizer", [PLAIN, CHAR], ids=["bpe", "char"])
def test_what_save_wrote_is_loaded_by_folder_and_by_file(tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    for path in (tmp_path, tmp_path / "tokenizer.json"):
        assert zoo.load_tokenizer(path).fingerprint == tokenizer.fingerprint
        with pytest.raises(zoo.ZooError, match="takes no pattern"):
            zoo.load_tokenizer(path, pattern="gpt2")


def test_what_can_be_read_is_listed(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Once upon a time 5\n")
    for path in (tmp_path, tmp_path / "text.txt", tmp_path / "absent"):
        with pytest.raises(zoo.ZooError, match=r"component\.json, a run, .*vocab\.json.* can"):
            zoo.load_tokenizer(path)


def test_options_are_for_files_of_other_programs(tmp_path: Path) -> None:
    zoo.api.save_tokenizer(PLAIN, "bpe", tmp_path)
    assert zoo.load_tokenizer(tmp_path).fingerprint == PLAIN.fingerprint
    with pytest.raises(zoo.ZooError, match="is complete and takes no pattern"):
        zoo.load_tokenizer(tmp_path, pattern="gpt2")
    PLAIN.export(tmp_path / "hf.json", "huggingface")
    with pytest.raises(zoo.ZooError, match=r"tokenizer.json has no option 'vocab_size' \(known"):
        zoo.load_tokenizer(tmp_path / "hf.json", vocab_size=5)


def test_overlapping_special_tokens_are_as_in_tokenizers(tmp_path: Path) -> None:
    (path,) = SPECIAL.export(tmp_path, "huggingface")
    theirs = tokenizers.Tokenizer.from_file(str(path))
    for left, right in itertools.product([*SPECIALS, "<|a", "x"], repeat=2):
        ids = SPECIAL.encode(left + right, allowed_special=True).tolist()
        assert theirs.encode(left + right).ids == ids
