"""Tools for tokenizers: reports, comparisons, other programs as tokenizers."""
