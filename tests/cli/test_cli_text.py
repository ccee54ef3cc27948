"""`zoo tokenizer` and `zoo data`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import inside, output_of, trained  # noqa: F401  (fixtures)

import zoo
from zoo.cli import main
from zoo.data.prepare import prepare

TEXT = "the cat sat on the mat 🐈\n" * 40 + "<|endoftext|>" + "a dog — a dog\n" * 40


@pytest.fixture
def tokenizer_dir(tmp_path: Path) -> Path:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8", newline="")
    options = ("--vocab-size", "280", "-o", str(tmp_path / "bpe"))
    assert main(["tokenizer", "train", str(text), *options]) == 0
    return tmp_path / "bpe"


def test_a_trained_tokenizer_encodes_and_decodes(
    tokenizer_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--tokenizer", str(tokenizer_dir))
    ids = output_of(capsys, "tokenizer", "encode", "the cat 🐈", *flags).split()
    loaded = zoo.load_tokenizer(tokenizer_dir)
    assert loaded.vocab_size == 280
    assert [int(i) for i in ids] == loaded.encode("the cat 🐈").tolist()
    assert len(ids) < len("the cat 🐈".encode())
    assert output_of(capsys, "tokenizer", "decode", *ids, *flags) == "the cat 🐈"


def test_a_file_is_encoded_and_decoded_exactly(
    tokenizer_dir: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    raw = b"the cat \xff\xfe\r\n" * 100
    (tmp_path / "raw").write_bytes(raw)
    flags = ("--tokenizer", str(tokenizer_dir))
    ids = tmp_path / "ids.npy"
    assert (
        main(["tokenizer", "encode", "--file", f"{tmp_path}/raw", "--out", f"{ids}", *flags]) == 0
    )
    assert np.load(ids).dtype == np.uint16
    capsysbinary.readouterr()
    assert main(["tokenizer", "decode", "--file", str(ids), *flags]) == 0
    assert capsysbinary.readouterr().out == raw


def test_special_tokens_come_in_the_order_given(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    special = ("--special-token", "<|end|>", "--special-token", "<|user|>")
    args = ("--name", "char", *special, "--out", str(tmp_path / "char"))
    assert main(["tokenizer", "train", str(tmp_path / "text.txt"), *args]) == 0
    tokenizer = zoo.load_tokenizer(tmp_path / "char")
    assert tokenizer.decode([tokenizer.eot]) == "<|end|>"
    assert set("🐈—") <= set(tokenizer.decode(range(tokenizer.vocab_size or 0)))


def test_special_tokens_are_encoded_when_asked_for(
    tokenizer_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("tokenizer", "encode", "cat<|endoftext|>", "--tokenizer", str(tokenizer_dir))
    loaded = zoo.load_tokenizer(tokenizer_dir)
    plain = [int(i) for i in output_of(capsys, *args).split()]
    special = [int(i) for i in output_of(capsys, *args, "--special").split()]
    assert loaded.eot not in plain
    assert special == [*loaded.encode("cat").tolist(), loaded.eot]


def test_a_run_is_a_tokenizer(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "tokenizer", "encode", "zoo", "--tokenizer", "runs/tiny-1")
    assert out.split() == [str(byte) for byte in b"zoo"]


def test_data_prepare_counts(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "data", "prepare", "tiny.toml")
    data = prepare(zoo.load_recipe("tiny.toml"))
    assert f"{len(data.train):,} tokens, {data.train.documents:,} documents" in out
    assert f"{len(data.valid):,} tokens, {data.valid.documents:,} documents" in out
    assert str(data.dir) in out


def test_data_inspect_counts(capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads(output_of(capsys, "data", "inspect", "tiny.toml", "--json"))
    data = prepare(zoo.load_recipe("tiny.toml"))
    ids = np.concatenate(data.train.shards)
    values, counts = np.unique(ids, return_counts=True)
    assert report["tokens"] == len(ids) == data.train.bytes + data.train.documents
    assert report["never_used"] == 257 - len(values)
    assert report["special_share"] == pytest.approx((ids == data.tokenizer.eot).mean())
    assert report["most_frequent"][0]["count"] == counts.max()
    assert report["batch"]["rows"] == 8

    beside = [str(data.dir / name) for name in ("token-frequency.png", "document-lengths.png")]
    assert report["plots"] == beside
    assert all(Path(path).exists() for path in beside)

    text = output_of(capsys, "data", "inspect", "tiny.toml", "--plots", "pictures/tiny")
    assert f"{len(ids):,} (" in text
    assert f"{len(values)} of 257 ids occur" in text
    assert f"{counts.max():,}" in text
    assert report["batch"]["sample"] in text
    for name in ("token-frequency.png", "document-lengths.png"):
        assert f"pictures/tiny/{name}" in text
        assert Path("pictures/tiny", name).exists()


def test_bytes_that_are_no_text_are_counted_and_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    documents = [b"one day %d" % number for number in range(40)] + [b"caf\xe9"]
    (tmp_path / "old.txt").write_bytes(b"<|endoftext|>".join(documents))
    (tmp_path / "new.txt").write_text("the cat sat on the mat", encoding="utf-8")
    files = f'files = ["{tmp_path}/old.txt"], valid_files = ["{tmp_path}/new.txt"]'
    corpus = f'data.corpus={{ name = "text", {files} }}'
    assert main(["data", "prepare", "tiny.toml", "--set", corpus]) == 0
    said = capsys.readouterr()
    assert "warning: old.txt: 1 of 42 documents aren't valid UTF-8" in said.err
    assert "not UTF-8   1 document, kept as they are" in said.out
