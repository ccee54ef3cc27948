"""``tokenizer.json``, the file of Hugging Face's ``tokenizers``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from zoo_builtin.tokenizers.base import END_OF_TEXT
from zoo_builtin.tokenizers.formats.expressions import check_portable, for_oniguruma, name_of
from zoo_builtin.tokenizers.formats.merging import merges_of_ranks
from zoo_builtin.tokenizers.formats.reading import (
    Vocabulary,
    check_gaps,
    check_names,
    check_vocab,
    place_specials,
    read_merges,
    spell,
    unspell,
)
from zoo_builtin.tokenizers.limited import field, read_json, shown
from zoo_builtin.tokenizers.streams import SURROGATE

LONGEST = 200
"""Characters of an added token that are compared with others."""

EVERYTHING = r"[\s\S]+"
"""The pattern of a tokenizer that cuts nothing."""

IGNORABLE = ("normalizer", "truncation", "padding", "model.dropout")
MODEL = {"type", "vocab", "merges", "ignore_merges", "dropout", "unk_token", "fuse_unk"} | {
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "byte_fallback",
}
ENDS = (END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>", "<|eos|>")
"""Special tokens by which well-known tokenizers end a document."""


def read(
    path: Path,
    *,
    pattern: str | None = None,
    end_of_text: str | None = None,
    ignore: Collection[str] = (),
) -> Vocabulary:
    """A byte-level BPE; ids as those of its ``encode(text, add_special_tokens=False)``.

    There, all added tokens are recognised in any text; here, as special tokens, where
    ``allowed_special=True``. Those that a post-processor would put around the text are left to
    whoever calls. Without any added token, ``<|endoftext|>`` becomes one, at the next free id if
    the vocabulary hasn't got it.

    Args:
        pattern: a name or a regular expression, instead of the file's.
        end_of_text: the special token that ends a document; the file doesn't tell. By default
            ``<|endoftext|>``, or another usual name, or the one with the lowest id.
        ignore: keys to act as if they were null, though ids may then differ: IGNORABLE.

    Raises:
        ValueError: the file is malformed, or has what would change ids and isn't supported.
    """
    ignore = check_ignore(ignore)
    data = read_json(path)
    if "model" not in data:
        raise ValueError("no key 'model', so no tokenizer.json of Hugging Face's tokenizers")
    model = field(data, "model", dict)
    check_settings(data, model, ignore)
    if pattern is None:
        pattern = pattern_of(data.get("pre_tokenizer"))
    else:
        pattern = name_of(pattern)
        steps_of(data.get("pre_tokenizer"))

    ids = field(model, "vocab", dict, "model.")
    check_vocab(ids, "model.vocab: ")
    pairs = [
        pair_of(merge, index) for index, merge in enumerate(field(model, "merges", list, "model."))
    ]
    specials = added_tokens(data.get("added_tokens"), ids)
    if not specials:
        specials = place_specials([END_OF_TEXT], ids, pairs)
    special_ids = {index: name for name, index in specials.items()}
    ordinary = {
        token: spelled(token, index) for token, index in ids.items() if index not in special_ids
    }
    vocab = {ids[token]: spelling for token, spelling in ordinary.items()}
    vocab |= {index: name.encode() for index, name in special_ids.items()}
    check_gaps(vocab.keys())
    places = [f"model.merges[{index}]" for index in range(len(pairs))]
    merges = read_merges(pairs, places, ordinary)
    ignore_merges = model.get("ignore_merges") is not None and field(
        model, "ignore_merges", bool, "model."
    )
    return Vocabulary(vocab, merges, end_first(specials, end_of_text), pattern, ignore_merges)


def spelled(token: str, index: int) -> bytes:
    try:
        return unspell(token)
    except ValueError as error:
        raise ValueError(f"model.vocab, id {index}: {error}, nor is it an added token") from None


def check_ignore(ignore: object) -> list[str]:
    keys = check_names(ignore, "ignore") if ignore else []
    for key in keys:
        if key not in IGNORABLE:
            raise ValueError(f"ignore: {shown(key)} can't be left out ({', '.join(IGNORABLE)} can)")
    return keys


def check_settings(
    data: Mapping[str, Any], model: Mapping[str, Any], ignore: Collection[str]
) -> None:
    """Raises ValueError for settings under which ids would be others.

    ``unk_token`` and ``fuse_unk`` are not among them: every byte has a token of its own.
    """
    kind = model.get("type", "BPE")
    if kind != "BPE":
        raise ValueError(f"model.type is {shown(kind)}; only BPE can be read")
    settings = {key: data.get(key) for key in IGNORABLE if "." not in key}
    settings |= {f"model.{key}": model.get(key) for key in ("dropout", "byte_fallback")}
    settings |= {
        f"model.{key}": model.get(key)
        for key in ("continuing_subword_prefix", "end_of_word_suffix")
    }
    for key, value in settings.items():
        nothing = not value or (key == "normalizer" and is_empty_sequence(value))
        if not nothing and key not in ignore:
            kind = shown(value.get("type", value)) if isinstance(value, dict) else shown(value)
            hint = f"; ignore=['{key}'] leaves it out" if key in IGNORABLE else ""
            raise ValueError(f"{key} is {kind}, which changes ids and isn't supported{hint}")
    for key in model:
        if key not in MODEL:
            raise ValueError(f"model.{key:.60}: an unknown key, which may change ids")


def is_empty_sequence(value: object) -> bool:
    return isinstance(value, dict) and value.get("normalizers") == []


def pair_of(merge: object, index: int) -> tuple[str, str]:
    """A merge is ``"a b"`` or ``["a", "b"]``."""
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(p, str) for p in parts):
        raise ValueError(f"model.merges[{index}] must be two tokens, not {shown(merge)}")
    return parts[0], parts[1]


def added_tokens(entries: object, vocab: Mapping[str, int]) -> dict[str, int]:
    """Text -> id. A token that is in the model's vocabulary too has the same id there."""
    if entries is None:
        return {}
    if not isinstance(entries, list):
        raise ValueError(f"added_tokens must be a list, not {shown(entries)}")
    taken = {index: token for token, index in vocab.items()}
    found: dict[str, int] = {}
    for number, entry in enumerate(entries):
        place = f"added_tokens[{number}]"
        if not isinstance(entry, dict):
            raise ValueError(f"{place} must be an object, not {shown(entry)}")
        name, index = field(entry, "content", str, f"{place}."), entry.get("id")
        if not name or SURROGATE.search(name):
            raise ValueError(f"{place}.content {shown(name)} is no text that could be recognised")
        if type(index) is not int or index < 0:
            raise ValueError(f"{place}.id must be 0 or more, not {shown(index)}")
        for flag in ("lstrip", "rstrip", "single_word"):
            if entry.get(flag):
                raise ValueError(f"{place}.{flag} is set for {shown(name)}, which isn't supported")
        if name in found:
            raise ValueError(f"{place}: {shown(name)} is added already")
        if taken.setdefault(index, name) != name:
            raise ValueError(
                f"{place}: {shown(name)} and {shown(taken[index])} share the id {index}"
            )
        if vocab.get(name, index) != index:
            raise ValueError(
                f"{place}: {shown(name)} has the id {index}, but {vocab[name]} in model.vocab"
            )
        found[name] = index
    check_overlaps(entries)
    return found


def check_overlaps(entries: list[dict[str, Any]]) -> None:
    """Raises ValueError where ``tokenizers`` would not take the longest of what starts first.

    It looks for all tokens that are not ``normalized`` before it looks for any other.
    """
    first = {entry["content"] for entry in entries if not entry.get("normalized")}
    second = [entry["content"] for entry in entries if entry.get("normalized")]
    if not first or not second:
        return
    longest = max(map(len, first))
    beginnings = {name[:end] for name in first for end in range(1, min(len(name), LONGEST) + 1)}
    for name in second:
        for start in range(min(len(name), LONGEST)):
            rest = name[start : start + min(longest, LONGEST)]
            overlaps = start > 0 and name[start:] in beginnings
            if overlaps or any(rest[:end] in first for end in range(1, len(rest) + 1)):
                raise ValueError(
                    f"added_tokens: {shown(name)} (normalized) overlaps with another that isn't, "
                    "so that the longer one isn't always taken, which isn't supported"
                )


def end_first(specials: dict[str, int], end_of_text: str | None) -> dict[str, int]:
    """Special tokens by id, but the one that ends a document before all others."""
    if end_of_text is not None and end_of_text not in specials:
        known = ", ".join(map(repr, specials))
        raise ValueError(f"end_of_text: no added token {shown(end_of_text)} (known: {known:.300})")
    ends = [name for name in (end_of_text, *ENDS) if name in specials]
    ordered = dict(sorted(specials.items(), key=lambda item: item[1]))
    return {name: specials[name] for name in (*ends[:1], *ordered)}


def steps_of(pre_tokenizer: object) -> list[tuple[str, dict[str, Any]]]:
    """The steps of ``pre_tokenizer`` with their places, the last of which turns text to bytes."""
    place = "pre_tokenizer"
    if isinstance(pre_tokenizer, dict) and pre_tokenizer.get("type") == "Sequence":
        place = "pre_tokenizer.pretokenizers"
        entries = field(pre_tokenizer, "pretokenizers", list, "pre_tokenizer.")
        steps = [(f"{place}[{index}]", entry) for index, entry in enumerate(entries)]
    else:
        steps = [(place, pre_tokenizer)]
    kinds = [step.get("type") if isinstance(step, dict) else None for _, step in steps]
    if kinds not in (["ByteLevel"], ["Split", "ByteLevel"]):
        named = " and ".join(map(shown, kinds)) or "nothing"
        raise ValueError(
            f"{place} is {named:.200}; only ByteLevel can be read, or Split and then ByteLevel"
        )
    place, byte_level = steps[-1]
    if byte_level.get("add_prefix_space") is not False:
        raise ValueError(f"{place}.add_prefix_space must be false: a space added isn't supported")
    return steps


def pattern_of(pre_tokenizer: object) -> str:
    """The pattern that cuts text, by name if it is a well-known one."""
    *splits, (place, byte_level) = steps_of(pre_tokenizer)
    use_regex = field({"use_regex": True, **byte_level}, "use_regex", bool, f"{place}.")
    if not splits:
        return "gpt2" if use_regex else EVERYTHING
    if use_regex:
        raise ValueError(f"{place}.use_regex must be false after a Split: two patterns in turn")
    place, split = splits[0]
    written = field(split, "pattern", dict, f"{place}.")
    expression = field(written, "Regex", str, f"{place}.pattern.")
    check_portable(expression, f"{place}.pattern: ")
    pattern = name_of(expression)
    behavior, invert = split.get("behavior"), split.get("invert")
    # A well-known pattern leaves nothing out, so that nothing else is removed.
    known = pattern != expression and (behavior, invert) == ("Removed", True)
    if behavior != "Isolated" and not known:
        raise ValueError(
            f"{place}: behavior {shown(behavior)} (invert {shown(invert)}) isn't supported; "
            "Isolated is"
        )
    return pattern


def write(tokenizer: Vocabulary) -> bytes:
    """A tokenizer as ``tokenizer.json``.

    Where it has no list of merges, one is found that does the same. ``tokenizers`` always
    recognises special tokens, as ours does with ``allowed_special=True``. Which of them ends a
    document isn't kept.

    Raises:
        ValueError: it has what the format can't hold: a special token spelled like another one, or
            a regular expression that would be read otherwise.
    """
    specials = dict(sorted(tokenizer.special_tokens.items(), key=lambda item: item[1]))
    special_ids = set(specials.values())
    ordinary = {
        spell(token): index for index, token in tokenizer.vocab.items() if index not in special_ids
    }
    for name in specials:
        if name in ordinary:
            raise ValueError(
                f"the special token {shown(name)} is spelled like the token {ordinary[name]}, "
                "which a tokenizer.json can't hold"
            )
    merges = tokenizer.merges
    if merges is None:
        merges, _ = merges_of_ranks({unspell(token): index for token, index in ordinary.items()})
    end = max(ordinary.values())
    within = {name: index for name, index in specials.items() if index < end}
    added = [
        {
            "id": index,
            "content": name,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for name, index in specials.items()
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    vocab = sorted({**ordinary, **within}.items(), key=lambda item: item[1])
    data = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer(tokenizer.pattern),
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": tokenizer.ignore_merges,
            "vocab": dict(vocab),
            "merges": [f"{spell(left)} {spell(right)}" for left, right in merges],
        },
    }
    return json.dumps(data, ensure_ascii=False, indent=1).encode() + b"\n"


def pre_tokenizer(pattern: str) -> dict[str, Any]:
    def byte_level(use_regex: bool) -> dict[str, Any]:
        return {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": use_regex,
        }

    if pattern in ("gpt2", EVERYTHING):
        return byte_level(pattern == "gpt2")
    split = {
        "type": "Split",
        "pattern": {"Regex": for_oniguruma(pattern)},
        "behavior": "Isolated",
        "invert": False,
    }
    return {"type": "Sequence", "pretokenizers": [split, byte_level(False)]}
