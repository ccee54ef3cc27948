"""The tree of merges that make a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from zoo_tokenizers.report import special_tokens, token_table

Rank = Callable[[bytes, bytes], "int | None"]


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Some bytes: one of them, or what the merge of this rank made of two others."""

    token: bytes
    rank: int | None = None
    parts: tuple[MergeTree, MergeTree] | None = None


def merge_ranks(tokenizer: Any) -> Rank | None:
    """The rank of a pair's merge, the first one lowest; None where a tokenizer doesn't merge.

    A tokenizer whose ``merges`` is None merges where the joined bytes are a token, lowest id first
    (tiktoken's rule).
    """
    if not hasattr(tokenizer, "merges"):
        return None
    if tokenizer.merges is not None:
        ranks: dict[Any, int] = {}
        for rank, (left, right) in enumerate(tokenizer.merges):
            ranks.setdefault((left, right), rank)
        return lambda left, right: ranks.get((left, right))
    ids = ordinary_ids(tokenizer)
    return lambda left, right: ids.get(left + right)


def ordinary_ids(tokenizer: Any) -> Mapping[bytes, int]:
    """Bytes -> id, special tokens left out; the first id where several have the same bytes."""
    special = set(special_tokens(tokenizer).values())
    ids: dict[bytes, int] = {}
    for number, token in enumerate(token_table(tokenizer)):
        if number not in special and token:
            ids.setdefault(token, number)
    return ids


def merge_tree(text: bytes, rank: Rank) -> list[MergeTree]:
    """What the merges make of bytes, the lowest rank first: one tree if the bytes are reached.

    Equal bytes that were made in the same way are the same tree, however often they occur.
    """
    trees = [LEAVES[value] for value in text]
    made: dict[tuple[int, int], MergeTree] = {}
    while True:
        pairs = {(left.token, right.token) for left, right in pairwise(trees)}
        ranked = [(found, pair) for pair in pairs if (found := rank(*pair)) is not None]
        if not ranked:
            return trees
        lowest, pair = min(ranked)
        merged: list[MergeTree] = []
        for tree in trees:
            if merged and (merged[-1].token, tree.token) == pair:
                parts = (merged.pop(), tree)
                key = (id(parts[0]), id(parts[1]))
                if key not in made:
                    made[key] = MergeTree(pair[0] + pair[1], lowest, parts)
                merged.append(made[key])
            else:
                merged.append(tree)
        trees = merged


LEAVES = [MergeTree(bytes([value])) for value in range(256)]


def steps(tree: MergeTree) -> Iterator[MergeTree]:
    """The merges in a tree, each once, parts before what is made of them."""
    seen: set[int] = set()
    waiting = [(tree, False)]
    while waiting:
        node, parts_done = waiting.pop()
        if parts_done:
            yield node
        elif node.parts and id(node) not in seen:
            seen.add(id(node))
            waiting += [(node, True), (node.parts[1], False), (node.parts[0], False)]


def tree_lines(tree: MergeTree, label: Callable[[MergeTree], str]) -> Iterator[str]:
    """A tree drawn with lines; what was drawn already is not drawn again.

    >>> rank = {(b"a", b"b"): 0, (b"ab", b"c"): 1}.get
    >>> (tree,) = merge_tree(b"abc", lambda *pair: rank(pair))
    >>> print(*tree_lines(tree, lambda node: node.token.decode()), sep="\\n")
    abc
    ├─ ab
    │  ├─ a
    │  └─ b
    └─ c
    """
    seen: set[int] = set()
    waiting: list[tuple[MergeTree, str, str]] = [(tree, "", "")]
    while waiting:
        node, own, below = waiting.pop()
        again = node.parts is not None and id(node) in seen
        yield own + label(node) + ("  (as above)" if again else "")
        if node.parts and not again:
            seen.add(id(node))
            left, right = node.parts
            waiting.append((right, f"{below}└─ ", f"{below}   "))
            waiting.append((left, f"{below}├─ ", f"{below}│  "))
