"""Recognise the pre-tokenizer patterns of other programs."""

from __future__ import annotations

import regex

from zoo_builtin.tokenizers.patterns import PATTERNS

CONTRACTIONS = "(?:'(?i:[sdmt]|ll|ve|re))"
BARE = "'(?i:[sdmt]|ll|ve|re)"

EQUAL = (
    # Contractions one by one, or their second letters as a class.
    ("(?i:'s|'t|'re|'ve|'m|'ll|'d)", CONTRACTIONS),
    ("(?i:'(?:[sdmt]|ll|ve|re))", CONTRACTIONS),
    ("'s|'t|'re|'ve|'m|'ll|'d|", "'(?:[sdmt]|ll|ve|re)|"),
    (r" ?[\p{L}]+", r" ?\p{L}+"),
    (r" ?[\p{N}]+", r" ?\p{N}+"),
    # Possessive repeats of what can't give anything back to what follows.
    (r"\p{L}++|", r"\p{L}+|"),
    (r"\p{N}++|", r"\p{N}+|"),
    (r"\p{N}{1,3}+|", r"\p{N}{1,3}|"),
    (r"[^\r\n\p{L}\p{N}]?+\p{L}", r"[^\r\n\p{L}\p{N}]?\p{L}"),
    (r" ?[^\s\p{L}\p{N}]++", r" ?[^\s\p{L}\p{N}]+"),
    (r"[\r\n]*+|", r"[\r\n]*|"),
    (r"[\r\n/]*+|", r"[\r\n/]*|"),
    (r"|\s++$|", r"|\s+$|"),
    # White space: greedy, so that the last newline of a run is found either way.
    (r"|\s*[\r\n]+|", r"|\s*[\r\n]|"),
    (r"|\s+$|\s+(?!\S)|", r"|\s+(?!\S)|"),
)
"""Pieces of the well-known patterns, and others that may stand in their places there."""

# What Oniguruma, of Hugging Face's tokenizers, and ``regex`` read alike. Not so: ``$`` (the end of
# any line there), ``{1,3}+`` (repeats there, possessive here), ``\w``, ``\h``, nested sets, flags.
SCRIPTS = "Han|Hiragana|Katakana|Hangul|Latin|Greek|Cyrillic|Arabic|Hebrew|Thai|Devanagari"
ESCAPE = rf"\\[pP]\{{(?:[LMNPSZC][a-z]?|{SCRIPTS})\}}|\\[sSdDrnt]|\\[^\w\s]"
PORTABLE = regex.compile(
    r"(?:"
    + "|".join(regex.escape(text) for text in (BARE, *(other for other, _ in EQUAL[:2])))
    + rf"|\\s\+\+\$(?=\||\Z)|{ESCAPE}"
    + r"|\((?!\?)|\(\?(?:[:=!]|<[=!])|\)|\||\."
    + rf"|\[\^?(?:{ESCAPE}|(?!&&)[^\\\[\]^])++\]"
    + r"|(?:[?*+][?+]?|\{\d{1,4}(?:,\d{0,4})?\})(?![?*+{])"
    + r"|[^\\^$.|?*+()\[\]{}]"
    + r")*+"
)
LONGEST = 10_000


def name_of(expression: str) -> str:
    r"""A pattern's name, if it is one of the well-known ones in whatever spelling; else itself.

    >>> name_of(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    'gpt2'
    >>> name_of(r"\w+")
    '\\w+'
    """
    return NAMES.get(standard(expression), expression)


def standard(expression: str) -> str:
    """The spelling by which two well-known patterns are compared; means nothing for others."""
    if expression.startswith(BARE + "|"):
        expression = CONTRACTIONS + expression[len(BARE) :]
    for other, ours in EQUAL:
        expression = expression.replace(other, ours)
    return expression + "+" if expression.endswith(r"|\s") else expression


NAMES = {standard(expression): name for name, expression in PATTERNS.items()}


def for_oniguruma(pattern: str) -> str:
    """A pattern, by name or not, as Hugging Face's tokenizers read it.

    Raises ValueError where they may understand it otherwise than we do.
    """
    expression = PATTERNS.get(pattern, pattern)
    if pattern in PATTERNS:
        expression = expression.replace(r"|\s+$|", r"|\s++$|")
    check_portable(expression)
    return expression


def check_portable(expression: str, place: str = "") -> None:
    if len(expression) > LONGEST:
        raise ValueError(f"{place}a regular expression of {len(expression):,} characters")
    match = PORTABLE.match(expression)
    end = match.end() if match else 0
    if end < len(expression):
        raise ValueError(
            f"{place}the regular expression {expression!r:.200} has "
            f"{expression[end : end + 12]!r}, which Hugging Face's tokenizers may read otherwise "
            "than zoo does"
        )
