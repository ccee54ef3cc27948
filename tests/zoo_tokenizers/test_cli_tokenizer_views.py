"""`zoo tokenizer show`, `inspect`, `compare` and `export`: what they say is so."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import error_of, inside, output_of, trained  # noqa: F401  (fixtures)
from tokenizer_commands import TEXT, a_bpe, a_byte, a_text_file  # noqa: F401  (fixtures)

import zoo
from zoo_builtin.tokenizers import BPE

# ── show ──────────────────────────────────────────────────────────────────────────────────────────


def test_tokens_are_separated_where_there_are_no_colours(
    byte: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    text = "a b\té\u200b\nc<|endoftext|>"
    shown = "a|·|b|→|<c3>|<a9>|<e2>|<80>|<8b>|⏎\nc|⟦<|endoftext|>⟧\n"
    flags = ("--tokenizer", byte, "--special")
    assert output_of(capsys, "tokenizer", "show", text, *flags) == shown
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert output_of(capsys, "tokenizer", "show", text, *flags) == shown
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert output_of(capsys, "tokenizer", "show", text, *flags) == shown
    monkeypatch.delenv("FORCE_COLOR")
    with_ids = output_of(capsys, "tokenizer", "show", "a b", "--ids", *flags)
    assert with_ids == "a(97)|·(32)|b(98)\n"
    ordinary = output_of(capsys, "tokenizer", "show", "<|endoftext|>", *flags[:2])
    assert "⟦" not in ordinary


@pytest.mark.parametrize("terminal", ["xterm", "xterm-256color"])
def test_neighbouring_tokens_differ_in_colour(
    terminal: str, byte: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", terminal)
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    args = ("abcdefghi<|endoftext|>", "--special", "--tokenizer", byte)
    out = output_of(capsys, "tokenizer", "show", *args)
    spans = [part.split("m", 1) for part in out.split("\x1b[") if not part.startswith("0m")]
    spans = [span for span in spans if len(span) == 2]
    assert [text for _, text in spans] == [*"abcdefghi", "<|endoftext|>"]
    styles = [style for style, _ in spans]
    assert all(left != right for left, right in pairwise(styles))
    assert styles[-1] not in styles[:-1]


# ── inspect ───────────────────────────────────────────────────────────────────────────────────────


def test_inspect_counts(bpe: str, text_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ("tokenizer", "inspect", bpe, "--on", str(text_file))
    report = json.loads(output_of(capsys, *args, "--json"))
    tokenizer: Any = zoo.load_tokenizer(bpe)
    ids = np.concatenate([tokenizer.encode(TEXT)])
    vocabulary, on = report["vocabulary"], report["on"]
    assert vocabulary["vocab_size"] == 280
    assert vocabulary["merges"] == 280 - 257
    assert vocabulary["special_tokens"] == {"<|endoftext|>": 256}
    assert vocabulary["whole_characters"] + vocabulary["parts_of_characters"] == 279
    assert sum(vocabulary["contents"].values()) == vocabulary["whole_characters"]
    longest = max(len(token) for n, token in tokenizer.vocab.items() if n != 256)
    assert len(bytes.fromhex(vocabulary["longest"][0]["hex"])) == longest
    assert on["whole_file"]
    assert on["bytes"] == len(TEXT.encode())
    assert on["characters"] == len(TEXT)
    assert on["tokens"] == len(ids)
    assert on["bytes_per_token"] == pytest.approx(len(TEXT.encode()) / len(ids))
    assert on["used"] == len(set(ids.tolist()))
    assert on["used"] + on["never_used"] == 279
    assert not {token["id"] for token in on["examples_never_used"]} & {*ids.tolist(), 256}
    values, counts = np.unique(ids, return_counts=True)
    most = on["most_frequent"][0]
    assert most["count"] == counts.max() == counts[values == most["id"]][0]

    text = output_of(capsys, *args)
    assert f"{len(ids):,}" in text
    assert f"{on['bytes_per_token']:.3f} bytes per token" in text


def test_the_merges_of_a_token_are_a_tree(bpe: str, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer: Any = zoo.load_tokenizer(bpe)
    ids = {token: n for n, token in tokenizer.vocab.items()}
    for rank, (left, right) in enumerate(tokenizer.merges):
        asked = ("tokenizer", "inspect", bpe, "--token", str(ids[left + right]))
        token = json.loads(output_of(capsys, *asked, "--json"))["token"]
        assert token["reached"]
        assert token["merges"][-1] == {"rank": rank, "left": left.hex(), "right": right.hex()}
        for step in token["merges"]:
            pair = tokenizer.merges[step["rank"]]
            assert pair == (bytes.fromhex(step["left"]), bytes.fromhex(step["right"]))
        drawn = output_of(capsys, *asked).splitlines()
        assert sum(line.lstrip("│ ").startswith("├─ ") for line in drawn) == len(token["merges"])


def test_a_token_is_found_by_its_text(
    bpe: str, byte: str, capsys: pytest.CaptureFixture[str]
) -> None:
    inspect = ("tokenizer", "inspect")
    by_text = output_of(capsys, *inspect, bpe, "--token", " the")
    number = zoo.load_tokenizer(bpe).encode(" the").tolist()[0]
    assert by_text == output_of(capsys, *inspect, bpe, "--token", str(number))
    assert "token 10: ⏎" in output_of(capsys, *inspect, bpe, "--token", "\\n")
    assert "token 240: <f0>" in output_of(capsys, *inspect, bpe, "--token", "\\xf0")
    assert "made by no merges" in output_of(capsys, *inspect, bpe, "--token", "<|endoftext|>")
    assert "has no merges" in output_of(capsys, *inspect, byte, "--token", "a")


# ── compare ───────────────────────────────────────────────────────────────────────────────────────


def test_compare_counts(
    bpe: str, byte: str, text_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("tokenizer", "compare", bpe, byte, "--on", str(text_file))
    report = json.loads(output_of(capsys, *args, "--json"))
    ids = zoo.load_tokenizer(bpe).encode(TEXT)
    lengths = zoo.load_tokenizer(bpe).token_bytes()[ids]
    assert report["a"]["tokens"] == len(ids)
    assert report["b"]["tokens"] == len(TEXT.encode()) == report["compared_bytes"]
    assert report["a"]["megabytes_per_second"] > 0
    assert (report["shared"], report["only_a"], report["only_b"]) == (256, 23, 0)
    assert not report["same_ids"]
    # One is of bytes, so that every token of the other one of two bytes or more is a difference.
    assert report["different_spans"] == (lengths > 1).sum()
    assert report["different_bytes"] == lengths[lengths > 1].sum()
    assert not report["approximate"]
    for difference in report["most_frequent"]:
        (token,) = difference["a"]
        assert difference["count"] == (ids == token["id"]).sum()
        assert "".join(part["hex"] for part in difference["b"]) == token["hex"]

    text = output_of(capsys, *args)
    assert f"{len(ids):,}" in text
    same = output_of(capsys, "tokenizer", "compare", bpe, bpe, "--on", str(text_file))
    assert "yes, everywhere" in same
    assert "0 spans" in same


def test_compare_with_tiktoken(
    text_file: Path, bpe: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    tiktoken = pytest.importorskip("tiktoken")
    tokenizer: Any = zoo.load_tokenizer(bpe)
    special = tokenizer.special_tokens
    ordinary = {token: n for n, token in tokenizer.vocab.items() if n not in special.values()}
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    encoding = tiktoken.Encoding(
        "gpt2", pat_str=pattern, mergeable_ranks=ordinary, special_tokens=special
    )
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: encoding)
    args = ("--on", str(text_file), "--json")
    report = json.loads(output_of(capsys, "tokenizer", "compare", bpe, "tiktoken:gpt2", *args))
    assert report["same_ids"]
    assert report["different_spans"] == 0
    assert report["a"]["exact"]
    assert report["b"]["exact"]
    assert report["shared"] == 279

    show = ("tokenizer", "show", "the cat<|endoftext|>", "--special", "--tokenizer")
    assert output_of(capsys, *show, "tiktoken:gpt2") == output_of(capsys, *show, bpe)
    tree = ("--token", " the")
    (left, right) = (
        [
            line.split()[1]
            for line in output_of(capsys, "tokenizer", "inspect", path, *tree).splitlines()[2:]
        ]
        for path in ("tiktoken:gpt2", bpe)
    )
    assert left == right


def test_tiktoken_missing_or_without_data_is_said(
    text_file: Path, bpe: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    args = ("tokenizer", "compare", bpe, "tiktoken:gpt2", "--on", str(text_file))
    tiktoken = pytest.importorskip("tiktoken")

    def unreachable(name: str) -> None:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(tiktoken, "get_encoding", unreachable)
    said = error_of(capsys, *args)
    assert "its data can't be had (no route)" in said
    assert said.count("\n") == 1
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    assert "pip install tiktoken" in error_of(capsys, *args)


# ── export ────────────────────────────────────────────────────────────────────────────────────────


def test_export_is_the_tokenizers_own(
    bpe: str, byte: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def export(self: BPE, path: Path, format: str) -> None:
        if format == "gpt2":
            (path / "vocab.json").write_text("{}")
        elif format == "tiktoken":
            raise ValueError("no rank file can hold this")
        else:
            path.write_text(format)

    monkeypatch.setattr(BPE, "export", export, raising=False)
    args = ("tokenizer", "export", bpe, "--format")
    out = output_of(capsys, *args, "huggingface", "-o", f"{tmp_path}/tokenizer.json")
    assert "280 ids" in out
    assert (tmp_path / "tokenizer.json").read_text() == "huggingface"
    output_of(capsys, *args, "gpt2", "-o", f"{tmp_path}/folder")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["vocab.json"]
    said = error_of(capsys, *args, "tiktoken", "-o", f"{tmp_path}/ranks")
    assert said == f"error: {bpe}: no rank file can hold this\n"
    said = error_of(
        *(capsys, "tokenizer", "export", byte, "--format", "gpt2", "-o", f"{tmp_path}/none")
    )
    assert "Byte can't be exported" in said
    assert not (tmp_path / "none").exists()
