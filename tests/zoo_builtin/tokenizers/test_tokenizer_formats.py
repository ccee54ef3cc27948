"""Other programs' tokenizer files: the same ids as theirs, or refused with the reason."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiktoken
import tokenizers
from format_cases import CASES, CUSTOM, DISTINCT, LEARNT, LLAMA3
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken.load import load_tiktoken_bpe
from tokenizer_cases import CHAR, EOT, FRAGMENTS, PLAIN, SPECIAL, SPECIALS, TEXT, TEXTS
from tokenizers import pre_tokenizers

import zoo
from zoo.api.tokenizers import save_tokenizer
from zoo_builtin.tokenizers import BPE
from zoo_builtin.tokenizers.formats import reading
from zoo_builtin.tokenizers.patterns import PATTERNS

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
        with pytest.raises(zoo.ZooError, match=r"component\.json; a run; .*vocab\.json"):
            zoo.load_tokenizer(path)


def test_options_are_for_files_of_other_programs(tmp_path: Path) -> None:
    save_tokenizer(PLAIN, "bpe", tmp_path)
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
