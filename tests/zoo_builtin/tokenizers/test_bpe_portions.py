"""Byte pairs in portions, threads and files: the ids of each text whole, wherever it is cut."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tiktoken
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizer_cases import EOT, FRAGMENTS, PLAIN, RAW, TEXT, TEXTS, scan

from zoo.storage.text_formats import MARK, not_text
from zoo_builtin.tokenizers import BPE, bpe, encode, portions, streams
from zoo_builtin.tokenizers.reference import BPEReference

# Special tokens that begin and overlap each other, that hold letters, spaces and line ends, or are
# tokens of the vocabulary as well.
SPECIALS = [
    EOT,
    "<|a|>",
    "<|a|><|b|>",
    "|><|",
    "the",
    " the end",
    "the end ",
    "s",
    "  ",
    "\n\n",
    "é!",
]
NAMES = ["gpt2", "cl100k", "o200k", "llama3", "qwen2", r"\w+ ?|\s+(?!\S)|\W", r"(?<=a)b+"]
PAIRS = {
    name: [
        cls.from_vocab(PLAIN.vocab, PLAIN.merges, SPECIALS, pattern=name)
        for cls in (BPE, BPEReference)
    ]
    for name in NAMES
}
PARTS = [*SPECIALS, *FRAGMENTS, "<|", "th", "e en", "d ", "a", "ab"]
SOME = st.one_of(
    st.lists(st.sampled_from(PARTS), max_size=40).map("".join),
    TEXTS,
    RAW,
)


@contextmanager
def small(portion: int, block: int = 1 << 20) -> Iterator[None]:
    """Threads get few bytes at a time, and files are read a few bytes at a time."""
    with (
        mock.patch.object(bpe, "PORTION", portion),
        mock.patch.object(portions, "PORTION", portion),
        mock.patch.object(streams, "BLOCK", block),
    ):
        yield


def by_the_reference(reference: BPEReference, text: str | bytes, allowed: list[str]) -> list[int]:
    """Each part whole, as letter by letter reading finds them."""
    ids: list[int] = []
    text = streams.to_str(text) if isinstance(text, bytes) else text
    for part, special in scan(text, allowed):
        if special:
            ids.append(reference.special_tokens[part])
        else:
            ids += reference.encode(streams.from_str(part)).tolist()
    return ids


@pytest.mark.parametrize("pattern", NAMES)
@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(SOME, max_size=6),
    allowed=st.just(SPECIALS) | st.lists(st.sampled_from(SPECIALS), unique=True),
    portion=st.integers(1, 60),
    block=st.integers(1, 60),
    threads=st.sampled_from([None, 1, 2, 3]),
)
def test_portions_and_threads_change_no_ids(
    pattern: str,
    texts: list[str | bytes],
    allowed: list[str],
    portion: int,
    block: int,
    threads: int | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tokenizer, reference = PAIRS[pattern]
    expected = [by_the_reference(reference, text, allowed) for text in texts]
    with small(portion, block):
        for text, wanted in zip(texts, expected, strict=True):
            assert tokenizer.encode(text, allowed_special=allowed).tolist() == wanted
            assert list(tokenizer.encode_iterable([text], allowed_special=allowed)) == wanted
        for given_ in (texts, iter(texts)):
            ids, offsets = tokenizer.encode_batch(given_, threads=threads, allowed_special=allowed)
            assert (ids.dtype, offsets.dtype, ids.ndim) == (np.int32, np.int64, 1)
            assert offsets.tolist() == [0, *np.cumsum([*map(len, expected)]).tolist()]
            assert ids.tolist() == [*chain.from_iterable(expected)]

        folder = tmp_path_factory.mktemp("files")
        source, out = folder / "text", folder / "ids.npy"
        data = b"".join(map(streams.to_bytes, texts))
        assume(not_text(data) is None and not data.startswith(MARK))  # a file of those is refused
        source.write_bytes(data)
        n = tokenizer.encode_file(source, out, threads=threads, allowed_special=allowed)
    whole = by_the_reference(reference, source.read_bytes(), allowed)
    assert np.load(out).tolist() == whole
    assert n == len(whole)


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────


def wide() -> BPE:
    """A vocabulary that needs more than two bytes an id."""
    more = {450 + k: b"\xff" + k.to_bytes(3, "big") for k in range(1 << 16)}
    return BPE.from_vocab({**PLAIN.vocab, **more}, PLAIN.merges, [EOT, "<|far|>"])


@pytest.mark.parametrize(("tokenizer", "dtype"), [(PLAIN, "<u2"), (wide(), "<u4")])
def test_files_hold_numbers_as_wide_as_the_vocabulary_needs(
    tokenizer: BPE, dtype: str, tmp_path: Path
) -> None:
    names = list(tokenizer.special_tokens)
    path = tmp_path / "text.txt"
    path.write_text(TEXT + names[-1] + TEXT, encoding="utf-8")
    expected = tokenizer.encode(path.read_bytes(), allowed_special=True)
    assert tokenizer.special_tokens[names[-1]] in expected
    for name in ("ids.npy", "ids.bin"):
        n = tokenizer.encode_file(path, tmp_path / name, allowed_special=True)
        assert n == len(expected)
    assert np.load(tmp_path / "ids.npy").dtype == dtype
    assert np.load(tmp_path / "ids.npy", mmap_mode="r").tolist() == expected.tolist()
    assert np.fromfile(tmp_path / "ids.bin", dtype).tolist() == expected.tolist()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_leaves_no_file_and_the_old_one_as_it_was(threads: int, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT * 10, encoding="utf-8")
    out = tmp_path / "ids.bin"
    out.write_bytes(b"before")

    def stop(doing: str, done: int, total: int | None) -> None:
        if done > 2000:
            raise KeyboardInterrupt

    with small(100, 500), pytest.raises(KeyboardInterrupt):
        PLAIN.encode_file(path, out, threads=threads, progress=stop)
    with pytest.raises(ValueError, match=r"\.npy or \.bin"):
        PLAIN.encode_file(path, tmp_path / "ids.txt", threads=threads)
    with pytest.raises(FileNotFoundError):
        PLAIN.encode_file(tmp_path / "none", tmp_path / "none.npy", threads=threads)
    with pytest.raises(ValueError, match="no special token"):
        PLAIN.encode_file(path, out, threads=threads, allowed_special={"<x>"})
    assert out.read_bytes() == b"before"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ids.bin", "text.txt"]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_among_the_texts_arrives(threads: int) -> None:
    with small(10), pytest.raises(TypeError, match="not int"):
        PLAIN.encode_batch([TEXT, 5, TEXT], threads=threads)
    for texts in ([], [""], ["", b""]):
        ids, offsets = PLAIN.encode_batch(texts, threads=threads)
        assert (ids.tolist(), offsets.tolist()) == ([], [0] * (len(texts) + 1))
    with pytest.raises(ValueError, match="threads = 0"):
        PLAIN.encode_batch([TEXT], threads=0)


# ── What an encoder remembers ─────────────────────────────────────────────────────────────────────


def test_what_is_remembered_stays_right_when_there_is_no_room_left() -> None:
    """Long pre-tokens, more than are remembered, come back soon and late."""
    draw = random.Random(1)
    words: list[str] = []
    text: list[str] = []
    for k in range(30_000):
        words.append("".join(draw.choices("aehilnorst", k=draw.randrange(1, 140))))
        text.append(words[k])
        text.append(words[max(0, k - draw.choice([1, 100, 9000, 13_500, 14_000, 14_500, 25_000]))])
    joined = " ".join(text)
    theirs = tiktoken.Encoding(
        "ours",
        pat_str=r"[^ ]+| ",
        mergeable_ranks={t: i for i, t in PLAIN.vocab.items() if t.decode("latin-1") != EOT},
        special_tokens={},
    )
    tokenizer = BPE.from_vocab(PLAIN.vocab, None, [EOT], pattern=r"[^ ]+| ", ignore_merges=True)
    expected = np.array(theirs.encode_ordinary(joined))
    for _ in range(2):
        assert np.array_equal(tokenizer._encode_piece(joined.encode()), expected)


def test_what_is_remembered_takes_no_more_room_than_it_has() -> None:
    """Ids and text of each word take 32 places, so that they fill the ring to its last one."""
    tokenizer = BPE.from_vocab({value: bytes([value]) for value in range(256)}, [])
    draw = random.Random(1)
    words = [
        " " + "".join(draw.choices("aehilnorst", k=24)) for _ in range(encode.RING // 32 + 999)
    ]
    first, then = words[: encode.RING // 32], words[encode.RING // 32 :]
    again = [word for new, old in zip(then, words[1:], strict=False) for word in (new, old)]
    text = "".join([*first, *again])
    assert tokenizer._encode_piece(text.encode()).astype(np.uint8).tobytes() == text.encode()
