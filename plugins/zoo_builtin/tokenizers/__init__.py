"""Tokenizers: byte-pair encoding, plain bytes, plain characters."""

from __future__ import annotations

from zoo_builtin.tokenizers.bpe import BPE
from zoo_builtin.tokenizers.byte import Byte
from zoo_builtin.tokenizers.char import Char
from zoo_builtin.tokenizers.reference import BPEReference

__all__ = ["BPE", "BPEReference", "Byte", "Char"]
