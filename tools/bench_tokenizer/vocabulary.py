"""A byte-pair vocabulary as the peers want it: vocab.json + merges.txt, tokenizer.json, ranks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""GPT-2's pre-tokens (Radford et al. 2019), for who takes a regular expression."""

PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
REST = [byte for byte in range(256) if byte not in PRINTABLE]
LETTERS = {byte: chr(byte) for byte in PRINTABLE} | {
    byte: chr(256 + index) for index, byte in enumerate(REST)
}
"""GPT-2's files spell a byte as a printable character: itself, or one from U+0100 on."""

BYTES = {letter: byte for byte, letter in LETTERS.items()}


def spelled(token: bytes) -> str:
    return "".join(map(LETTERS.__getitem__, token))


def unspelled(token: str) -> bytes:
    """The bytes of a token in GPT-2's spelling; of any other text, its UTF-8."""
    if all(letter in BYTES for letter in token):
        return bytes(map(BYTES.__getitem__, token))
    return token.encode()


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id, merges in their order; what neither is a byte nor was merged is special."""

    tokens: dict[int, bytes]
    merges: list[tuple[bytes, bytes]]
    folder: Path
    """Where the files of all formats are."""

    @cached_property
    def special_tokens(self) -> dict[str, int]:
        merged = {left + right for left, right in self.merges}
        return {
            token.decode(): index
            for index, token in self.tokens.items()
            if len(token) > 1 and token not in merged
        }

    @cached_property
    def ranks(self) -> dict[bytes, int]:
        """tiktoken's: the id of each token that isn't special."""
        special = set(self.special_tokens.values())
        return {token: index for index, token in self.tokens.items() if index not in special}

    @property
    def tokenizer_json(self) -> Path:
        return self.folder / "tokenizer.json"


def read(folder: Path, into: Path) -> Vocabulary:
    """Reads vocab.json and merges.txt, or files whose names end so; writes all formats ``into``."""
    tokens = {
        index: unspelled(token)
        for token, index in json.loads(only(folder, "vocab.json").read_bytes()).items()
    }
    lines = only(folder, "merges.txt").read_text(encoding="utf-8").split("\n")
    pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    return write(tokens, [(unspelled(left), unspelled(right)) for left, right in pairs], into)


def only(folder: Path, ending: str) -> Path:
    found = sorted(folder.glob(f"*{ending}"))
    if len(found) != 1:
        raise SystemExit(f"--vocab {folder}: {len(found)} files end in {ending}, not one")
    return found[0]


def write(
    tokens: dict[int, bytes], merges: Iterable[tuple[bytes, bytes]], into: Path
) -> Vocabulary:
    """Writes vocab.json, merges.txt and Hugging Face's tokenizer.json."""
    vocabulary = Vocabulary(tokens, list(merges), into)
    special = set(vocabulary.special_tokens.values())
    vocab = {
        token.decode() if index in special else spelled(token): index
        for index, token in sorted(tokens.items())
    }
    pairs = [f"{spelled(left)} {spelled(right)}" for left, right in vocabulary.merges]
    into.mkdir(parents=True, exist_ok=True)
    write_json(into / "vocab.json", vocab)
    text = "\n".join(["#version: 0.2", *pairs, ""])
    (into / "merges.txt").write_text(text, encoding="utf-8", newline="\n")
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    model = {"type": "BPE", "vocab": vocab, "merges": pairs}
    pretokens = {**level, "use_regex": True}
    file = {"version": "1.0", "added_tokens": [], "pre_tokenizer": pretokens, "decoder": level}
    write_json(vocabulary.tokenizer_json, {**file, "model": model})
    return vocabulary


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def tiktoken_file(vocabulary: Vocabulary) -> bytes:
    """tiktoken's rank file: a token in base64 and its rank a line."""
    ranks = sorted(vocabulary.ranks.items(), key=lambda pair: pair[1])
    return b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in ranks)
