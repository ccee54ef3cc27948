"""`zoo tokenizer`: training, encoding, decoding, and how mistakes are refused."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from commands import error_of, inside, output_of, posix, started, trained  # noqa: F401  (fixtures)
from tokenizer_commands import TEXT, a_bpe, a_byte, a_plugin, a_text_file  # noqa: F401  (fixtures)

import zoo
from zoo.cli import main
from zoo_builtin.tokenizers import BPE, Byte
from zoo_tokenizers.cli import COMMANDS

# ── train ─────────────────────────────────────────────────────────────────────────────────────────


def test_training_on_files_learns_what_the_tokenizer_learns_of_them(
    text_file: Path, bpe: str
) -> None:
    tokenizer = BPE(vocab_size=280)
    tokenizer.train(files=[text_file])
    assert zoo.load_tokenizer(bpe).fingerprint == tokenizer.fingerprint


def test_training_says_what_it_did(
    text_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "new")
    said = output_of(capsys, "tokenizer", "train", str(text_file), "--vocab-size", "270", "-o", out)
    rows = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert rows["saved"] == out
    assert rows["vocabulary"] == "270 ids"
    assert rows["read"] == f"{len(TEXT.encode()) / 1000:.1f} kB of text.txt"
    assert float(rows["time"].split()[0]) >= 0
    tokenizer = zoo.load_tokenizer(out)
    parts = [part.strip("\n") for part in TEXT.split("<|endoftext|>")]
    n_ids = sum(len(tokenizer.encode(part)) for part in parts)
    n_bytes = sum(len(part.encode()) for part in parts)
    assert abs(float(rows["compression"].split()[0]) - n_bytes / n_ids) < 0.1
    assert "note" not in rows


def test_a_vocabulary_larger_than_the_text_can_give_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.txt").write_text("ab ab ab")
    capsys.readouterr()
    args = ("tokenizer", "train", f"{tmp_path}/small.txt", "--vocab-size", "999")
    assert main([*args, "-o", f"{tmp_path}/new"]) == 0
    said = capsys.readouterr()
    size = zoo.load_tokenizer(tmp_path / "new").vocab_size
    assert size is not None
    assert size < 999
    assert f"{size} ids" in said.out
    (note,) = (line for line in said.out.splitlines() if line.startswith("note"))
    assert "999" in note
    assert str(size) in note
    assert "warning" not in said.err


@pytest.mark.parametrize("separated", [True, False])
def test_bytes_that_are_not_utf8_are_kept_and_counted(
    separated: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = "né ".encode() * 700_000 + b"\xff\xfe caf\xc3 " + "🐈".encode()[:3]
    (tmp_path / "raw.txt").write_bytes(raw)
    special = () if separated else ("--special-token", "<|end|>")  # another way to read the file
    out = f"{tmp_path}/new"
    args = ("--vocab-size", "300", "-o", out, *special)
    said = output_of(capsys, "tokenizer", "train", f"{tmp_path}/raw.txt", *args)
    assert "6 bytes of the text are not UTF-8" in said
    tokenizer = zoo.load_tokenizer(out)
    assert tokenizer.decode_bytes(tokenizer.encode(raw[-20:])) == raw[-20:]


@pytest.mark.parametrize("more", [(), ("--special-token", "<|end|>")])
def test_separators_are_not_learnt(more: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("once<|endoftext|>" * 500)
    args = ("--vocab-size", "300", "-o", f"{tmp_path}/new", *more)
    assert main(["tokenizer", "train", f"{tmp_path}/text.txt", *args]) == 0
    tokenizer: Any = zoo.load_tokenizer(tmp_path / "new")
    ordinary = set(tokenizer.vocab) - set(tokenizer.special_tokens.values())
    assert not any(b"|" in tokenizer.vocab[n] for n in ordinary if n > 255)


def test_folders_and_compressed_files_are_read(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("zebra " * 100)
    (tmp_path / "texts/b.txt.gz").write_bytes(gzip.compress(b"yonder " * 100))
    args = ("--vocab-size", "290", "-o", f"{tmp_path}/new")
    assert main(["tokenizer", "train", f"{tmp_path}/texts", *args]) == 0
    tokenizer = zoo.load_tokenizer(tmp_path / "new")
    assert len(tokenizer.encode(" zebra")) == len(tokenizer.encode(" yonder")) == 1


def test_any_option_can_be_set(text_file: Path, tmp_path: Path) -> None:
    args = ("--name", "char", "--set", "unknown=true", "-o", f"{tmp_path}/new")
    assert main(["tokenizer", "train", str(text_file), *args]) == 0
    tokenizer = zoo.load_tokenizer(tmp_path / "new")
    assert tokenizer.decode(tokenizer.encode("Ω")) == "\ufffd"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("train nowhere.txt -o new", "nowhere.txt: no such file or folder"),
        ("train void -o new", "void: no .txt, .text, .md files"),
        ("train empty.txt -o new", "empty.txt: no text to learn from"),
        ("train empty.txt --special-token x -o new", "empty.txt: no text to learn from"),
        ("train empty.txt --vocab-size 256 -o new", "vocab_size = 256 is too small"),
        ("train empty.txt --set vocab_sizes=3 -o new", "did you mean 'vocab_size'?"),
        ("train empty.txt --set vocab_size -o new", "expected PATH=VALUE"),
        ("train tiny.toml --pattern gtp2 -o new", "no pattern named 'gtp2'; did you mean 'gpt2'?"),
        ("inspect tiny.toml", "tiny.toml: no tokenizer that can be read (a folder with"),
        ("train tiny.toml --name byte --vocab-size 300 -o new", "no such option"),
        ("encode x --tokenizer runs/tiny-1 --threads 2", "--threads is for a file"),
        ("encode x --tokenizer runs/tiny-1 -o ids.txt", "must end in .npy or .bin"),
        ("encode x --tokenizer runs/tiny-1 -o void/void/ids.npy", "no folder void"),
        ("decode --file odd.bin --tokenizer runs/tiny-1", "odd.bin: 3 bytes are no whole number"),
        ("decode --file far.bin --tokenizer runs/tiny-1", "far.bin: no token has the id 999"),
        ("decode --file square.npy --tokenizer runs/tiny-1", "square.npy: no .npy file of ids"),
        ("show x --file tiny.toml --tokenizer runs/tiny-1", "not both"),
        ("inspect void", "void"),
        ("inspect nowhere", "nowhere: no such file or folder"),
        ("inspect runs/tiny-1 --all", "name the file with --on"),
        ("inspect runs/tiny-1 --on empty.txt", "empty.txt: no text in it"),
        ("inspect runs/tiny-1 --on x.gz", "x.gz: compressed; unpack it first"),
        ("inspect runs/tiny-1 --token 257", "no token has the id 257: ids go from 0 to 256"),
        ("inspect runs/tiny-1 --token xy", "xy is no token: it is encoded as x|y"),
        ("inspect runs/tiny-1 --token \\q", "\\q: no escape"),
        ("compare runs/tiny-1 runs/tiny-1", "--on"),
        ("compare runs/tiny-1 tiktoken:gpt5 --on tiny.toml", "tiktoken:gpt5: no such encoding"),
        ("inspect runs/tiny-1 --special-token a=1 --special-token b", "b: write its id, as for"),
        ("export runs/tiny-1 --format gpt9 -o new", "invalid choice: 'gpt9'"),
        ("export runs/tiny-1 --format gpt2 -o tiny.toml", "tiny.toml: exists already"),
        ("export runs/tiny-1 --format gpt2 -o new.json", "for gpt2 name a folder"),
    ],
)
def test_a_mistake_is_one_clear_line(
    args: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("void").mkdir(exist_ok=True)
    for name, content in (("empty.txt", b""), ("odd.bin", b"abc"), ("x.gz", b"\x1f\x8b")):
        Path(name).write_bytes(content)
    np.array([999], "<u2").tofile("far.bin")
    np.save("square.npy", np.zeros((2, 2), int))
    said = error_of(capsys, "tokenizer", *args.split())
    assert expected in said
    assert "Traceback" not in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert not Path("new").exists()
    assert not list(Path().glob(".tmp-*"))


def test_a_failed_training_leaves_nothing(
    text_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(BPE, "save", broken)
    with pytest.raises(KeyboardInterrupt):
        main(["tokenizer", "train", str(text_file), "-o", f"{tmp_path}/new"])
    assert list(tmp_path.iterdir()) == []


def test_nothing_lies_beside_the_place_while_it_trains(
    text_file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    seen = []
    train = BPE.train

    def watched(self: BPE, *args: Any, **more: Any) -> None:
        seen.extend(tmp_path.iterdir())
        train(self, *args, **more)

    monkeypatch.setattr(BPE, "train", watched)
    assert main(["tokenizer", "train", str(text_file), "-o", f"{tmp_path}/new"]) == 0
    assert seen == []
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]


@posix
@pytest.mark.parametrize(
    "args",
    [
        "train tiny.toml -o shut/new",
        "encode --file tiny.toml --tokenizer runs/tiny-1 -o shut/new.npy",
        "encode x --tokenizer runs/tiny-1 -o shut/new.bin",
        "export bpe --format gpt2 -o shut/new",
    ],
)
def test_a_place_that_cannot_be_written_is_named_before_the_work(
    args: str, bpe: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def refused(path: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError

    opened, made = Path.open, Path.mkdir
    Path("shut").mkdir(exist_ok=True)

    def open_outside(path: Path, *args: Any, **more: Any) -> Any:
        return (refused if path.parent.name == "shut" else opened)(path, *args, **more)

    def make_outside(path: Path, *args: Any, **more: Any) -> None:
        (refused if path.parent.name == "shut" else made)(path, *args, **more)

    monkeypatch.setattr(Path, "open", open_outside)
    monkeypatch.setattr(Path, "mkdir", make_outside)
    monkeypatch.setattr(BPE, "train", forbidden)
    said = error_of(capsys, "tokenizer", *args.replace("bpe", bpe).split())
    assert said.startswith("error: shut/new")
    assert said.endswith(": Permission denied\n")
    assert said.count("\n") == 1


# ── encode, decode ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("suffix", [".npy", ".bin"])
@pytest.mark.parametrize("name", ["bpe", "byte", "only_needed"])
def test_a_file_comes_back_exactly(
    name: str,
    suffix: str,
    plugin: tuple[str, ...],
    bpe: str,
    byte: str,
    tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    path = {"bpe": bpe, "byte": byte}.get(name, f"{tmp_path}/plain")
    if name == "only_needed":
        Path(path).mkdir()
        (Path(path) / "component.json").write_text('{"kind": "tokenizer", "name": "only_needed"}')
    raw = (TEXT.encode() + b"\xff\xfe\r\n\x00" + "🐈".encode()[:2]) * 30
    (tmp_path / "raw").write_bytes(raw)
    ids = f"{tmp_path}/ids{suffix}"
    flags = ("--tokenizer", path, *plugin)
    assert main(["tokenizer", "encode", "--file", f"{tmp_path}/raw", "-o", ids, *flags]) == 0
    said = capsysbinary.readouterr().out.decode()
    stored = np.load(ids) if suffix == ".npy" else np.fromfile(ids, "<u2")
    assert stored.dtype == np.uint16
    assert said.startswith(f"{ids}: {len(stored):,} ids, {len(raw) / len(stored):.2f} bytes per")
    assert said.rstrip().endswith("B/s")
    assert main(["tokenizer", "decode", "--file", ids, *flags]) == 0
    assert capsysbinary.readouterr().out == raw
    assert not list(tmp_path.glob(".*"))


def test_a_large_vocabulary_is_stored_in_32_bits(tmp_path: Path) -> None:
    from zoo.data.shards import read_ids, write_ids

    ids = np.array([0, 70_000, 65_535])
    for vocab_size, dtype in ((65_536, np.uint16), (65_537, np.uint32)):
        for suffix in (".npy", ".bin"):
            path = tmp_path / f"ids{suffix}"
            kept = ids[ids < vocab_size]
            assert write_ids(path, [kept[:1], kept[1:]], vocab_size) == len(kept)
            found = read_ids(path, vocab_size)
            assert found.dtype == dtype
            assert found.tolist() == kept.tolist()


def test_ids_are_printed_whatever_the_text_comes_from(
    bpe: str, text_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    flags = ("--tokenizer", bpe)
    expected = zoo.load_tokenizer(bpe).encode(TEXT).tolist()
    stdin = SimpleNamespace(buffer=io.BytesIO(TEXT.encode()))
    from_file = output_of(capsys, "tokenizer", "encode", "--file", str(text_file), *flags)
    from_argument = output_of(capsys, "tokenizer", "encode", TEXT, *flags)
    monkeypatch.setattr(sys, "stdin", stdin)
    from_stdin = output_of(capsys, "tokenizer", "encode", *flags)
    for out in (from_file, from_argument, from_stdin):
        assert [int(n) for n in out.split()] == expected


def test_a_failed_encoding_leaves_the_old_file(
    tmp_path: Path, text_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"{tmp_path}/char"
    assert main(["tokenizer", "train", str(text_file), "--name", "char", "-o", out]) == 0
    (tmp_path / "ids.npy").write_bytes(b"old")
    (tmp_path / "new.txt").write_text("the Ω", encoding="utf-8")
    said = error_of(
        *(capsys, "tokenizer", "encode", "--file", f"{tmp_path}/new.txt"),
        *("-o", f"{tmp_path}/ids.npy", "--tokenizer", out),
    )
    assert "new.txt: " in said
    assert "'Ω'" in said
    assert (tmp_path / "ids.npy").read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))


# ── all of them ───────────────────────────────────────────────────────────────────────────────────


def test_what_only_has_what_the_contract_asks_for_will_do(
    plugin: tuple[str, ...], text_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"{tmp_path}/new"
    output_of(
        *(capsys, "tokenizer", "train", str(text_file), "--name", "only_needed", "-o", out),
        *plugin,
    )
    report = json.loads(
        output_of(*(capsys, "tokenizer", "inspect", out, "--on", str(text_file), "--json"), *plugin)
    )
    assert report["on"]["tokens"] == report["on"]["bytes"] == len(TEXT.encode())
    assert report["vocabulary"]["special_tokens"] == {"<|endoftext|>": 256}
    shown = output_of(capsys, "tokenizer", "show", "ab", "--tokenizer", out, *plugin)
    assert shown == "a|b\n"
    same = output_of(*(capsys, "tokenizer", "compare", out, out, "--on", str(text_file)), *plugin)
    assert "yes, everywhere" in same
    assert "OnlyNeeded recognises no special" in error_of(
        *(capsys, "tokenizer", "encode", "a", "--special", "--tokenizer", out), *plugin
    )


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ((), {}),
        (("--pattern", "o200k"), {"pattern": "o200k"}),
        (("--special-token", "<a>", "--special-token", "b=c"), {"special_tokens": ["<a>", "b=c"]}),
        (("--special-token", "<=3>=256"), {"special_tokens": {"<=3>": 256}}),
    ],
)
def test_files_of_other_programs_are_read_with_what_they_do_not_say(
    flags: tuple[str, ...],
    options: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: Any,
) -> None:
    asked = []

    def load_tokenizer(path: str, **more: Any) -> Byte:
        asked.append((path, more))
        return Byte()

    monkeypatch.setattr("zoo.api.tokenizers.load_tokenizer", load_tokenizer)
    Path("ranks").touch()
    assert output_of(capsys, "tokenizer", "encode", "a", "--tokenizer", "ranks", *flags) == "97\n"
    assert asked == [("ranks", options)]
    compare = ("tokenizer", "compare", "ranks", "runs/tiny-1", "--on", "tiny.toml", *flags)
    output_of(capsys, *compare)
    assert asked[1:] == [("ranks", options), ("runs/tiny-1", {})]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_needs_no_heavy_package(command: str) -> None:
    heavy = {"torch", "numpy", "rich", "regex", "tiktoken", "zoo_builtin"}
    code = (
        "import sys, zoo.cli\n"
        f"try: zoo.cli.main({['tokenizer', *command.split(), '--help']!r})\n"
        f"finally: print(sorted({heavy!r} & {{*sys.modules}}))"
    )
    out, _ = started(code=code).communicate()
    assert out.decode().splitlines()[-1] == "[]"


@posix
def test_a_closed_pipe_is_met_quietly(bpe: str, text_file: Path) -> None:
    process = started("tokenizer", "show", "--file", str(text_file), "--tokenizer", bpe)
    assert process.stdout
    process.stdout.close()
    _, said = process.communicate()
    assert b"Traceback" not in said
