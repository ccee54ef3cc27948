"""Tokenizers of every pattern, to be written for other programs."""

from __future__ import annotations

from tokenizer_cases import EOT, FRAGMENTS, TEXT

from zoo_builtin.tokenizers import BPE
from zoo_builtin.tokenizers.patterns import PATTERNS

# None begins another: tiktoken promises no order then.
DISTINCT = ["<|a|>", EOT, "é!", " the"]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CUSTOM = r"\p{L}+|[^\S\n]+|[.,!?]{1,2}|(?<=\n)\n"
CASES = [*PATTERNS, CUSTOM]


def learnt(pattern: str) -> BPE:
    tokenizer = BPE(vocab_size=420, pattern=pattern, special_tokens=DISTINCT)
    tokenizer.train([TEXT, "".join(FRAGMENTS)])
    return tokenizer


LEARNT = {pattern: learnt(pattern) for pattern in CASES}
