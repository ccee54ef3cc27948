"""Corpora of files: nothing is lost, nothing leaks, and where text comes from is said."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import ZooError
from zoo_builtin.corpora import download as downloading
from zoo_builtin.corpora import reading
from zoo_builtin.corpora.public import OWTSample, PublicCorpus, TinyStories
from zoo_builtin.corpora.text import TextCorpus

SEPARATOR = b"<|endoftext|>"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ZOO_CACHE", str(folder))
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    return folder


def some_documents(n: int, seed: int = 0) -> list[bytes]:
    draw = random.Random(seed)
    words = ["tree", "sun", "a", "the", "ran", "über", "\n", "\n\n"]
    return [
        (f"{i} " + " ".join(draw.choices(words, k=draw.randrange(5, 200))) + " end").encode()
        for i in range(n)
    ]


def write(path: Path, documents: list[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = (b"\n" + SEPARATOR + b"\n").join(documents)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(corpus: TextCorpus | PublicCorpus, split: str = "train") -> list[bytes]:
    return list(corpus.documents(split))


# ── Splitting a stream ────────────────────────────────────────────────────────────────────────────


def split(data: bytes, separator: bytes, size: int) -> list[bytes]:
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "LONG", 24)
        patch.setattr(reading, "PIECE", 10)
        return [piece for _, piece in reading.split_documents(chunks, separator)]


TEXTS = st.text("ab \nü€😀|<", max_size=120)


@given(st.lists(TEXTS, max_size=6), st.integers(1, 30), st.sampled_from(["<|>", "\n\n", "|"]))
def test_splitting_loses_nothing_and_ignores_the_size_of_chunks(
    texts: list[str], size: int, separator: str
) -> None:
    mark = separator.encode()
    data = mark.join(text.encode() for text in texts)
    whole = data.split(mark)
    found = split(data, mark, size)

    assert found == split(data, mark, 10_000)
    assert b"".join(found) == b"".join(whole)
    pieces = iter(found)
    for document in whole:
        if len(document) <= 24:
            assert next(pieces) == document
        else:
            rest = document
            while rest:
                piece = next(pieces)
                piece.decode()  # no character is cut in two
                assert 0 < len(piece) <= 10
                assert rest.startswith(piece)
                rest = rest[len(piece) :]


def test_long_documents_are_cut_where_paragraphs_end(tmp_path: Path) -> None:
    paragraphs = [f"{i}: " + "word " * 150 for i in range(400)]
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(paragraphs), encoding="utf-8")
    pieces = list(reading.read_documents(path, "<|endoftext|>"))
    assert len(pieces) > 30
    assert "\n\n".join(piece.decode() for piece in pieces) == "\n\n".join(paragraphs)


@pytest.mark.parametrize("name", ["text.txt", "text.txt.gz"])
def test_a_file_of_any_size_takes_little_memory(tmp_path: Path, name: str) -> None:
    line = b"All work and no play makes Jack a dull boy.\n"
    data = line * (20_000_000 // len(line))
    path = tmp_path / name
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    length = len(data)
    del data
    tracemalloc.start()
    total = sum(len(piece) + 1 for piece in reading.read_documents(path, "<|endoftext|>"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == length
    assert peak < 3_000_000


# ── text ──────────────────────────────────────────────────────────────────────────────────────────


def test_every_document_is_on_one_side(tmp_path: Path) -> None:
    documents = some_documents(2000)
    corpus = TextCorpus(files=[write(tmp_path / "a.txt", documents)], valid_share=0.1)
    train, valid = read(corpus), read(corpus, "valid")
    assert sorted(train + valid) == sorted(documents)
    assert not set(train) & set(valid)
    assert 150 < len(valid) < 250


def test_equal_documents_share_a_side_and_more_text_moves_none(tmp_path: Path) -> None:
    documents = some_documents(500)
    before = TextCorpus(files=[write(tmp_path / "a.txt", documents)])
    held_out = read(before, "valid")
    more = [write(tmp_path / "b.txt", some_documents(300, seed=1) + documents), *before.files]
    after = TextCorpus(files=more)
    assert held_out
    assert set(held_out) <= set(read(after, "valid"))
    assert not set(held_out) & set(read(after))


@pytest.mark.parametrize("max_bytes", [None, 100_000])
@pytest.mark.parametrize("held_out", [True, False])
def test_about_the_size_of_a_split_is_known_without_reading(
    tmp_path: Path, max_bytes: int | None, held_out: bool
) -> None:
    files = [write(tmp_path / "a.txt", some_documents(2000))]
    own = [write(tmp_path / "b.txt", some_documents(100, seed=1))] if held_out else None
    corpus = TextCorpus(files=files, valid_files=own, max_bytes=max_bytes, valid_share=0.2)
    for split in ("train", "valid"):
        size = corpus.size(split)
        assert size is not None
        assert size == pytest.approx(sum(map(len, read(corpus, split))), rel=0.25)


def test_the_size_of_compressed_text_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"a bird"))
    plain = write(tmp_path / "b.txt", [b"a bird"])
    corpus = TextCorpus(files=[tmp_path / "a.txt.gz"], valid_files=[plain])
    assert corpus.size("train") is None
    assert corpus.size("valid") == plain.stat().st_size


def test_output(tmp_path: Path, snapshot) -> None:
    paragraphs = [f"{i}. " + "A line of a paragraph.\n" * (3 + i % 4) for i in range(40)]
    path = tmp_path / "text.txt"
    path.write_bytes("\n".join(paragraphs).encode())
    corpus = TextCorpus(files=[path])
    train, valid = read(corpus)[-1].decode(), read(corpus, "valid")[0].decode()
    assert {"train ends with": train[-200:], "valid": valid} == snapshot


def test_validation_files_of_their_own(tmp_path: Path) -> None:
    documents = some_documents(100)
    write(tmp_path / "all" / "train.txt", documents[:90])
    valid = write(tmp_path / "all" / "valid.txt", documents[90:])
    corpus = TextCorpus(files=[tmp_path / "all"], valid_files=[valid])
    assert read(corpus) == documents[:90]
    assert read(corpus, "valid") == documents[90:]


def test_folders_and_globs(tmp_path: Path) -> None:
    names = ["b.txt", "a/z.md", "a/y.txt.gz", "a/deep/x.text", "a/no.csv", ".git/n.txt"]
    for name in names:
        write(tmp_path / name, [name.encode()])

    def found(*files: str) -> list[bytes]:
        paths = [tmp_path / file for file in files]
        return read(TextCorpus(files=paths, valid_files=[tmp_path / "a/no.csv"]))

    assert found(".") == [b"a/deep/x.text", b"a/y.txt.gz", b"a/z.md", b"b.txt"]
    assert found("a/*.md", "b.txt") == [b"a/z.md", b"b.txt"]
    assert found("**/*.txt*") == [b"a/y.txt.gz", b"b.txt"]
    assert found("b.txt", "a/../b.txt", "*.txt") == [b"b.txt"]


def test_gzip_reads_like_plain_text(tmp_path: Path) -> None:
    documents = some_documents(3000)
    plain = write(tmp_path / "a.txt", documents)
    middle = plain.stat().st_size // 2
    zipped = tmp_path / "b.txt.gz"
    parts = plain.read_bytes()[:middle], plain.read_bytes()[middle:]
    zipped.write_bytes(b"".join(map(gzip.compress, parts)))
    assert read(TextCorpus(files=[zipped])) == read(TextCorpus(files=[plain]))


@pytest.mark.parametrize("spoil", [lambda data: data[:-9], lambda data: b"no gzip" + data])
def test_a_spoiled_gzip_file_is_named(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = write(tmp_path / "a.txt.gz", some_documents(100))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises((ZooError, ValueError), match=r"a\.txt\.gz"):
        read(TextCorpus(files=[path]))


def test_max_bytes_takes_the_first_documents_that_fit(tmp_path: Path) -> None:
    documents = some_documents(100)
    path = write(tmp_path / "a.txt", documents)
    limit = sum(map(len, documents[:40])) + 1
    corpus = TextCorpus(files=[path], max_bytes=limit)
    assert sorted(read(corpus) + read(corpus, "valid")) == sorted(documents[:40])


def test_line_ends_around_documents_and_empty_documents_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write(tmp_path / "b.txt", [b"four"])
    path.write_bytes(b"\r\none\r\ntwo\r\n---\n---\r\n\r\n---\n\n three \n")
    corpus = TextCorpus(files=[path], valid_files=[path.with_name("b.txt")], separator="---")
    assert read(corpus) == [b"one\r\ntwo", b" three "]


def test_the_fingerprint_follows_content_and_options_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", some_documents(10))
    original = TextCorpus(files=[path]).fingerprint()

    assert TextCorpus(files=[path.rename(tmp_path / "b.txt")]).fingerprint() == original
    assert TextCorpus(files=[tmp_path / "b.txt"], separator="--").fingerprint() != original
    assert TextCorpus(files=[tmp_path / "b.txt"], valid_share=0.1).fingerprint() != original
    assert TextCorpus(files=[tmp_path / "b.txt"], max_bytes=500).fingerprint() != original
    write(tmp_path / "b.txt", some_documents(10)[::-1])  # as long as before
    assert TextCorpus(files=[tmp_path / "b.txt"]).fingerprint() != original


def test_the_content_of_a_file_is_read_once_for_fingerprints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.txt", some_documents(10))
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))
    original = TextCorpus(files=[path]).fingerprint()
    with monkeypatch.context() as patch:
        again = TextCorpus(files=[path])
        patch.setattr(reading, "_stored", lambda *_: pytest.fail("read again"))
        assert again.fingerprint() == original
    path.write_bytes(path.read_bytes()[::-1])
    assert TextCorpus(files=[path]).fingerprint() != original


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"files": []}, "no files"),
        ({"files": ["missing.txt"]}, r"missing\.txt: no such file"),
        ({"files": ["*.md"]}, r"\*\.md: no file matches"),
        ({"files": ["empty"]}, r"empty: no \.txt"),
        ({"files": ["a.txt"], "valid_files": ["missing"]}, "missing: no such file"),
        ({"files": ["a.txt"], "valid_files": ["*.txt"]}, "none is left"),
        ({"files": ["a.txt"], "valid_share": 0.0}, r"valid_share = 0\.0"),
        ({"files": ["a.txt"], "valid_share": 1.0}, r"valid_share = 1\.0"),
        ({"files": ["a.txt"], "separator": ""}, "separator"),
        ({"files": ["a.txt"], "max_bytes": 0}, "max_bytes = 0"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    write(tmp_path / "a.txt", some_documents(3))
    (tmp_path / "empty").mkdir()
    for key in ("files", "valid_files"):
        if isinstance(names := options.get(key), list):
            options = options | {key: [tmp_path / name for name in names]}
    with pytest.raises(ValueError, match=message):
        TextCorpus(**options)  # type: ignore[arg-type]


def test_only_two_splits(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'test' \(known: train, valid\)"):
        TextCorpus(files=[write(tmp_path / "a.txt", some_documents(3))]).documents("test")


# ── Public data sets ──────────────────────────────────────────────────────────────────────────────

TRAIN = some_documents(1500, seed=2)
VALID = some_documents(50, seed=3)


class Hub(BaseHTTPRequestHandler):
    """Serves the files as the hub does: any range, and the SHA-256 of the whole."""

    files: dict[str, bytes]
    sent: list[tuple[str, int]]
    lies: bool = False

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.removeprefix("/")
        data = self.files[name]
        start, stop = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        body = data[start : stop + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Linked-Size", str(len(data)))
        digest = hashlib.sha256(b"" if self.lies else data).hexdigest()
        self.send_header("X-Linked-Etag", f'"{digest}"')
        self.end_headers()
        self.sent.append((name, len(body)))  # first: who has the body may look at once
        self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Hub]]:
    """The public corpora's address, for this test a local server with small files."""
    files = {
        name: write(tmp_path / "hub" / name, documents).read_bytes()
        for corpus in (TinyStories, OWTSample)
        for name, documents in ((corpus.train_file, TRAIN), (corpus.valid_file, VALID))
    }
    handler = type("ServingHub", (Hub,), {"files": files, "sent": []})
    monkeypatch.setattr(downloading, "PAUSES", (0.01,))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for corpus in (TinyStories, OWTSample):
            monkeypatch.setattr(corpus, "address", f"http://127.0.0.1:{server.server_address[1]}")
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "1")


class Pebbles:
    """A corpus that needs nothing."""

    label = "pebbles"
    notice: str | None = None

    def documents(self, split: str) -> Iterator[bytes]:
        return iter([b"pebble"] * 3)

    def fingerprint(self) -> str:
        return "pebbles-1"


both = pytest.mark.parametrize("make", [TinyStories, OWTSample])


@both
def test_downloads_once(make: type[PublicCorpus], hub: type[Hub]) -> None:
    corpus = make()
    assert not hub.sent  # nothing happens before something is asked for
    fingerprint = corpus.fingerprint()
    assert (read(corpus), read(corpus, "valid")) == (TRAIN, VALID)
    assert (corpus.label, corpus.notice) == (make.title, None)

    hub.sent.clear()
    again = make()
    assert (read(again), again.fingerprint()) == (TRAIN, fingerprint)
    assert not hub.sent


@both
def test_max_bytes_downloads_no_more_and_ends_with_a_whole_document(
    make: type[PublicCorpus], hub: type[Hub]
) -> None:
    corpus = make(max_bytes=200_000)
    train = read(corpus)
    assert train == TRAIN[: len(train)]
    assert 190_000 < sum(map(len, train)) <= 200_000
    assert read(corpus, "valid") == VALID
    assert max(size for name, size in hub.sent if name == make.train_file) <= 200_000
    assert corpus.label.endswith("(first 200 kB)")


@both
def test_a_whole_file_put_there_by_hand_gives_the_same_beginning(
    make: type[PublicCorpus], hub: type[Hub], cache: Path
) -> None:
    downloaded = make(max_bytes=100_000)
    expected = read(downloaded), downloaded.fingerprint()
    for file in cache.rglob("*.first-*"):
        file.unlink()
    (cache / "corpora" / make.folder / make.train_file).write_bytes(hub.files[make.train_file])
    hub.sent.clear()
    by_hand = make(max_bytes=100_000)
    assert (read(by_hand), by_hand.fingerprint()) == expected
    assert not hub.sent


@both
def test_more_than_there_is_takes_all(make: type[PublicCorpus], hub: type[Hub]) -> None:
    assert read(make(max_bytes=10**9)) == TRAIN


def test_the_size_of_plain_files_is_about_what_is_read(hub: type[Hub]) -> None:
    for max_bytes in (None, 200_000):
        corpus = TinyStories(max_bytes=max_bytes)
        corpus.fingerprint()
        for split in ("train", "valid"):
            size = corpus.size(split)
            assert size == pytest.approx(sum(map(len, read(corpus, split))), rel=0.05)


@both
def test_a_stand_in_is_used_offline_and_cannot_be_missed(
    make: type[PublicCorpus], no_hub: None, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = make(offline=Pebbles)
    assert capsys.readouterr().err == ""
    fingerprint = corpus.fingerprint()
    assert corpus.label == f"pebbles, standing in offline for {make.title}"
    assert corpus.notice is not None
    assert make.title in corpus.notice
    assert f"WARNING: {corpus.notice}" in capsys.readouterr().err
    assert read(corpus) == [b"pebble"] * 3
    assert corpus.size("train") is None  # pebbles don't tell
    assert fingerprint != Pebbles().fingerprint()  # what is kept for one has the other's label
    assert capsys.readouterr().err == ""  # said once


@both
def test_without_a_stand_in_it_is_said_how_to_get_the_files(
    make: type[PublicCorpus], no_hub: None, cache: Path
) -> None:
    with pytest.raises(ZooError) as raised:
        make().fingerprint()
    for name in (make.train_file, make.valid_file):
        assert f"{make.address}/{name}" in str(raised.value)
        assert str(cache / "corpora" / make.folder / name) in str(raised.value)
        documents = TRAIN if name == make.train_file else VALID
        write(cache / "corpora" / make.folder / name, documents)
    assert read(make()) == TRAIN


def test_a_stand_in_does_not_hide_a_spoiled_download(hub: type[Hub]) -> None:
    hub.lies = True
    with pytest.raises(ZooError, match="SHA-256"):
        TinyStories(offline=Pebbles).fingerprint()


@both
def test_useless_limits_are_refused(make: type[PublicCorpus]) -> None:
    with pytest.raises(ValueError, match="max_bytes = 10 "):
        make(max_bytes=10)
