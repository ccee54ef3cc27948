"""Tokenizers: byte-pair encoding, unigram, bytes, characters."""

from __future__ import annotations

from zoo_builtin.tokenizers.bpe import BPE
from zoo_builtin.tokenizers.byte import Byte
from zoo_builtin.tokenizers.char import Char
from zoo_builtin.tokenizers.reference import BPEReference
from zoo_builtin.tokenizers.unigram import Unigram

COMPONENTS = {
    "bpe": BPE,
    "bpe_reference": BPEReference,
    "unigram": Unigram,
    "byte": Byte,
    "char": Char,
}

__all__ = ["BPE", "COMPONENTS", "BPEReference", "Byte", "Char", "Unigram"]
