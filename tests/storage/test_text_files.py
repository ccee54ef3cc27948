"""Which files are read, and that what is no text is refused, wherever text comes in."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.cli import main
from zoo.cli.prompts import read_prompt, read_prompts
from zoo.data.text_pieces import PIECE, Sample
from zoo.errors import ZooError
from zoo.storage.text_formats import HEAD, not_text, text_only
from zoo_builtin.corpora.text import TextCorpus
from zoo_builtin.tokenizers import BPE, Char

MARK = b"\xef\xbb\xbf"
TEXT = "One day, Zoë saw a bird.\nIt sang.\n"

links = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def write(path: Path, data: bytes | None = None) -> Path:
    """A file that holds its own name, unless something else is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(path.name.encode() if data is None else data)
    return path


def read(*files: Path, valid: Path) -> list[str]:
    corpus = TextCorpus(files=list(files), valid_files=[valid])
    return [document.decode() for document in corpus.documents("train")]


# ── Which files ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    return write(tmp_path / "held" / "valid.txt")


@links
def test_linked_folders_are_read_once_and_circles_end(tmp_path: Path, valid: Path) -> None:
    texts = tmp_path / "texts"
    write(texts / "b.txt")
    write(tmp_path / "elsewhere" / "deep" / "a.txt")
    (texts / "linked").symlink_to(tmp_path / "elsewhere")
    (texts / "again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "deep" / "up").symlink_to(texts)
    (texts / "self").symlink_to(texts)
    assert read(texts, valid=valid) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("zeros", [1, 511, 3 * 2**20])
def test_gzip_may_be_padded_with_zeros(tmp_path: Path, zeros: int) -> None:
    padded = gzip.compress(TEXT.encode()) + b"\0" * zeros
    both = padded + gzip.compress(b"\nand more\n")
    for name, data, text in (("one", padded, TEXT), ("two", both, TEXT + "\nand more\n")):
        corpus = TextCorpus(files=[write(tmp_path / f"{name}.txt.gz", data)])
        found = b"".join(b"".join(corpus.documents(split)) for split in ("train", "valid"))
        plain = TextCorpus(files=[write(tmp_path / f"{name}.txt", text.encode())])
        assert found == b"".join(b"".join(plain.documents(s)) for s in ("train", "valid"))


@links
def test_a_file_of_several_names_is_read_once_by_the_one_that_is_no_link(
    tmp_path: Path, valid: Path
) -> None:
    texts = tmp_path / "texts"
    write(texts / "m.txt")
    write(texts / "n.txt")
    (texts / "z.txt").symlink_to(texts / "m.txt")
    (texts / "a.txt").symlink_to(texts / "n.txt")
    os.link(texts / "n.txt", texts / "y.txt")
    assert read(texts, texts / "z.txt", texts / "*.txt", valid=valid) == ["m.txt", "n.txt"]
    assert len(TextCorpus(files=[texts], valid_files=[valid]).files) == 2


@links
@pytest.mark.parametrize("named", ["link", "folder", "hard"])
def test_a_validation_file_is_not_trained_on_whatever_its_name(tmp_path: Path, named: str) -> None:
    texts = tmp_path / "texts"
    write(texts / "a.txt")
    held = write(texts / "valid.txt")
    if named == "link":
        (name := tmp_path / "valid-link").symlink_to(held)
    elif named == "hard":
        os.link(held, name := tmp_path / "valid-too.txt")
    else:
        (tmp_path / "other").symlink_to(texts)
        name = tmp_path / "other" / "valid.txt"
    assert read(texts, valid=name) == ["a.txt"]


def test_endings_are_known_in_capitals_too(tmp_path: Path, valid: Path) -> None:
    for name in ("A.TXT", "b.Md", "c.Text"):
        write(tmp_path / "t" / name)
    write(tmp_path / "t" / "d.TXT.GZ", gzip.compress(b"d"))
    assert read(tmp_path / "t", valid=valid) == ["A.TXT", "b.Md", "c.Text", "d"]
    compressed = TextCorpus(files=[tmp_path / "t" / "d.TXT.GZ"], valid_files=[valid])
    assert compressed.size("train") is None


@pytest.mark.parametrize("folder", ["data[1]", "what?", "[a-z]*"])
def test_a_folder_with_a_pattern_in_its_name_stands_for_itself(
    tmp_path: Path, valid: Path, folder: str
) -> None:
    write(tmp_path / folder / "a.txt")
    write(tmp_path / folder / "deep" / "b.txt")
    write(tmp_path / "data1" / "other.txt")
    assert read(tmp_path / folder / "*.txt", valid=valid) == ["a.txt"]
    assert read(tmp_path / folder / "**" / "*.txt", valid=valid) == ["a.txt", "b.txt"]
    assert read(tmp_path / folder, valid=valid) == ["a.txt", "b.txt"]


@links
def test_what_is_read_and_what_is_not_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts"
    for name in ("b.txt", "a.md", "c.pdf", "d.PDF", "notes", ".hidden.txt", ".git/x.txt", "e.csv"):
        write(texts / name, b"x" * 1000)
    (texts / "gone.txt").symlink_to(texts / "nowhere")
    corpus = TextCorpus(files=[texts])
    corpus.fingerprint()
    assert corpus.label == "a.md and 1 more"
    assert (corpus.notice or "").startswith("read: a.md and 1 more (2 kB); for validation, ")
    told = "not read of texts/: 1 .csv, 2 .pdf, 1 broken links, 2 hidden, 1 without an ending"
    assert told in (corpus.notice or "")
    assert "name others" in (corpus.notice or "")
    assert main(["tokenizer", "train", str(texts), "--name", "byte", "-o", f"{tmp_path}/out"]) == 0
    assert told in capsys.readouterr().out

    beside = TextCorpus(files=[texts / "b.txt"], valid_files=[texts / "a.md"], max_bytes=500)
    beside.fingerprint()
    held = "validation text: a.md (1 kB), not trained on"
    assert beside.notice == f"read: b.txt (first 500 B of 1 kB); {held}"

    with pytest.raises(ValueError, match=r"below it, but 1 \.csv: name them themselves"):
        TextCorpus(files=[write(tmp_path / "only" / "a.csv").parent])


def test_folders_that_a_pattern_matches_are_said_to_be_left_out(tmp_path: Path) -> None:
    write(tmp_path / "t" / "a.txt", b"a" * 500)
    write(tmp_path / "t" / "more" / "b.txt")
    corpus = TextCorpus(files=[tmp_path / "t" / "*"])
    corpus.fingerprint()
    assert "not read of *: 1 folder" in (corpus.notice or "")


# ── Other formats ─────────────────────────────────────────────────────────────────────────────────


def zipped() -> bytes:
    with io.BytesIO() as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", TEXT)
        archive.close()
        return file.getvalue()


def tarred() -> bytes:
    with io.BytesIO() as file, tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("a.txt")
        entry.size = len(TEXT.encode())
        archive.addfile(entry, io.BytesIO(TEXT.encode()))
        archive.close()
        return file.getvalue()


def array() -> bytes:
    with io.BytesIO() as file:
        np.save(file, np.arange(9))
        return file.getvalue()


OTHERS = {
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 ": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "UTF-16 or UTF-32": TEXT.encode("utf-16-le"),
    "UTF-32": TEXT.encode("utf-32"),
    "UTF-16 or UTF-32 ": TEXT.encode("utf-32-be"),
    "gzip": gzip.compress(TEXT.encode()),
    "bzip2": bz2.compress(TEXT.encode()),
    "xz": lzma.compress(TEXT.encode()),
    "a zip archive": zipped(),
    "a tar archive": tarred(),
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "Parquet": b"PAR1\x15\x04\x15\x10",
    "a NumPy array": array(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_refused_with_what_to_do(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = OTHERS[name]
    path = write(tmp_path / "text.txt", data)
    told = rf"text\.txt: {name.strip()}.*, not plain text: \w+"
    with pytest.raises(ValueError, match=told):
        TextCorpus(files=[path])
    with pytest.raises(ValueError, match="not plain text"):
        TextCorpus(files=[write(tmp_path / "packed.txt.gz", gzip.compress(data))])
    with pytest.raises(ZooError, match=told):
        BPE(vocab_size=260).train(files=[path])
    with pytest.raises(ZooError, match=told):
        list(Sample(path, None))
    with pytest.raises(ZooError, match=told):
        read_prompts(path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
    with pytest.raises(ZooError, match=f"standard input: {name.strip()}"):
        read_prompt()
    assert main(["tokenizer", "train", str(path), "--name", "byte", "-o", f"{tmp_path}/out"]) == 2


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b"a",
            b"BZh9 is how bzip2 begins",
            b"PAR1 is how Parquet begins",
            b"PK\n",
            b"\0" * 64,
        ),
        *(
            "船が浮いた".encode(),
            "Ωμέγα".encode("latin-1", "replace"),
            bytes(range(256)),
            b"caf\xe9",
        ),
    ],
)
def test_text_is_not_taken_for_another_format(text: bytes) -> None:
    assert not_text(text) is None


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 5000])
def test_the_beginning_is_recognised_however_it_is_cut(size: int) -> None:
    def chunks(data: bytes) -> list[bytes]:
        return [data[at : at + size] for at in range(0, len(data), size)]

    text = TEXT.encode() * 200
    assert b"".join(text_only(chunks(MARK + text), Path("a"))) == text
    assert b"".join(text_only(chunks(text + MARK), Path("a"))) == text + MARK
    with pytest.raises(ZooError, match="tar archive"):
        list(text_only(chunks(tarred()), Path("a")))
    assert len(tarred()) > HEAD


# ── Byte-order marks ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_byte_order_mark_is_no_text_of_a_corpus(tmp_path: Path, pack: object) -> None:
    name = "a.txt" if pack is bytes else "a.txt.gz"
    held = write(tmp_path / "v.txt", MARK + b"held out")
    marked = write(tmp_path / "marked" / name, pack(MARK + TEXT.encode()))  # type: ignore[operator]
    plain = write(tmp_path / "plain" / name, pack(TEXT.encode()))  # type: ignore[operator]
    corpora = [TextCorpus(files=[path], valid_files=[held]) for path in (marked, plain)]
    for corpus in corpora:
        assert list(corpus.documents("train")) == [TEXT.strip().encode()]
        assert list(corpus.documents("valid")) == [b"held out"]


def test_a_text_whose_mark_was_learnt_before_has_another_fingerprint(tmp_path: Path) -> None:
    held = write(tmp_path / "v", b"v")
    marked = TextCorpus(files=[write(tmp_path / "a", MARK + b"a")], valid_files=[held])
    of_0_1_0 = "b24782a6007f57d4cc12ab3f3039e351dc86d8dcdd4d8c2dcd3b63ce2b6fa5a4"
    assert marked.fingerprint() != of_0_1_0


def test_a_byte_order_mark_is_no_text_of_a_tokenizer(tmp_path: Path) -> None:
    marked = write(tmp_path / "marked.txt", MARK + TEXT.encode())
    tokenizer = Char()
    tokenizer.train(files=[marked])
    assert "\ufeff".encode() not in tokenizer.vocab.values()
    tokenizer.encode_file(marked, tmp_path / "ids.npy")
    assert tokenizer.decode(np.load(tmp_path / "ids.npy")) == TEXT
    assert b"".join(Sample(marked, None)) == TEXT.encode()
    long = write(tmp_path / "long.txt", MARK + TEXT.encode() * (3 * PIECE // len(TEXT)))
    assert next(iter(Sample(long, 2 * PIECE))).startswith(b"One day")


def test_a_byte_order_mark_is_no_text_of_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_prompts(write(tmp_path / "a.txt", MARK + b"Once\r\nTwice")) == {
        1: "Once",
        2: "Twice",
    }
    lines = MARK + b'{"prompt": "Once"}\n'
    for name in ("a.jsonl", "b.JSONL"):
        assert read_prompts(write(tmp_path / name, lines)) == {1: "Once"}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(MARK + b"Once\n"), "utf-8"))
    assert read_prompt() == "Once"


def test_a_recipe_says_where_the_file_is_named_that_is_no_text(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", TEXT.encode("utf-16"))
    smoke = (Path(__file__).parents[2] / "recipes" / "smoke.toml").as_posix()
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        f'extends = "{smoke}"\n[data]\ncorpus = {{ name = "text", files = ["a.txt"] }}\n',
        encoding="utf-8",
    )
    told = "\n".join(map(str, zoo.check(recipe)))
    assert "r.toml:3" in told
    assert "a.txt: UTF-16, not plain text: save it as UTF-8" in told
