"""Suggest what a mistyped recipe, override or name was meant to be."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path

import tomli

from zoo.console.shell import quoted
from zoo.contracts.run_folder import RESOLVED, RUNS, SUMMARY, is_run, run_of
from zoo.errors import Problem, did_you_mean

RECIPES = Path("recipes")

NOTHING = ("none", "null", "nil", "undefined")
YES, NO = ("true", "yes", "on"), ("false", "no", "off")
SWITCHES = {**dict.fromkeys(YES, "true"), **dict.fromkeys(NO, "false")}

STRING = r"\"(?:\\.|[^\"\\])*\"|'[^']*'"
BARE = re.compile(rf"({STRING})|(?<![\w.+-])([A-Za-z_][\w.:/-]*)(\s*=)?")


# ── Values ───────────────────────────────────────────────────────────────────────────────────────


def syntax_problem(message: str, text: str, file: str) -> Problem:
    """A parser's complaint, its position taken out of the words, and what to write instead."""
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if found is None:  # Python's own: it reads no integer of thousands of digits
        number = max(re.finditer(r"\d+", text), key=lambda digits: len(digits[0]))
        line = text.count("\n", 0, number.start()) + 1
        return Problem(f"a number of {len(number[0]):,} digits", file=file, line=line)
    line = int(found[1] or text.count("\n") + 1)
    column = f" (column {found[2]})" if found[2] else " (end of file)"
    told = message[: found.start()]
    if found[2] and told == "Invalid value":
        rest = text.split("\n")[line - 1][int(found[2]) - 1 :]
        told = no_value(re.match(r"[^\s,\]}#=]*", rest)[0]) or told  # type: ignore[index]
    return Problem(told + column, file=file, line=line)


def no_value(word: str) -> str | None:
    """What is said of a word that stands bare where TOML wants a value; None of what is no word.

    >>> no_value("None"), no_value("rmsnorm")
    ('None is no value: write "none"', 'rmsnorm is no value: text needs quotes, "rmsnorm"')
    """
    if word.lower() in NOTHING:
        return f'{word} is no value: write "none"'
    if word.lower() in SWITCHES:
        return f"{word} is no value: write {SWITCHES[word.lower()]}"
    if re.fullmatch(r"\.\d+", word):
        return f"{word} is no value: write 0{word}"
    if not re.match(r"[^\W\d]|[~/]", word) or re.search(r"[\"']", word):
        return None
    mark = "'" if "\\" in word else '"'
    return f"{word} is no value: text needs quotes, {mark}{word}{mark}"


def without_quotes(path: str, text: str) -> str | None:
    """What is said of a value for ``--set`` that a shell has taken apart; None where none has.

    >>> print(without_quotes("model.attention", "[full,sliding]"))
    the shell took its quotes: write --set 'model.attention=["full","sliding"]'
    """
    if cut_off(text):
        example = f"{path}={text[:1]}…{']' if text[:1] == '[' else '}'}"
        return (
            "ends before its last bracket: the shell divides at spaces and takes quotes, so write "
            f"all of it in single quotes, --set '{example}'"
        )
    meant = BARE.sub(lambda found: with_quotes(*found.groups()), text)
    try:
        tomli.loads(f"value = {meant}")
    except ValueError:
        return None
    return f"the shell took its quotes: write --set {quoted(f'{path}={meant}')}"


def with_quotes(string: str | None, word: str | None, equals: str | None) -> str:
    """A string as it is, a key too, and a bare word as the value that it stands for."""
    if string is not None or word is None:
        return string or ""
    if equals is not None or word in ("true", "false", "inf", "nan"):
        return word + (equals or "")
    if word.lower() in NOTHING:
        return '"none"'
    return SWITCHES.get(word.lower(), f'"{word}"')


def cut_off(text: str) -> bool:
    """Whether a list or a table ends before its last bracket.

    >>> cut_off("[full,"), cut_off("[']']"), cut_off("full[")
    (True, False, False)
    """
    if not text.startswith(("[", "{")):
        return False
    bare = re.sub(STRING, "", text)
    return sum(map(bare.count, "[{")) > sum(map(bare.count, "]}"))


# ── Files ────────────────────────────────────────────────────────────────────────────────────────


def near_files(path: Path) -> str:
    """Recipe files whose names resemble a name that no file has."""
    if "=" in path.name:
        return f"; to change a recipe, write --set {quoted(path)}"
    named = path.with_name(f"{path.name}.toml")
    for file in (named, RECIPES / path, RECIPES / named):
        if file.is_file():
            return f"; did you mean {file}?"
    if told := told_of_run(path):
        return f"; {told}"
    folders = dict.fromkeys((path.parent, RECIPES))
    files = {file.stem: file for folder in folders for file in sorted(folder.glob("*.toml"))}
    near = difflib.get_close_matches(path.stem, files, n=1)
    if near or path.parent.is_dir():
        name = str(files[near[0]]) if near else str(path)
        return did_you_mean(name, map(str, files.values())) if files else ""
    return ""


def folder_problem(path: Path) -> str:
    """What is said of a folder where a recipe belongs."""
    if told := told_of_run(path):
        return told
    files = sorted(map(str, path.glob("*.toml")))
    return "a folder, not a recipe" + (f"; name a file of it: {', '.join(files)}" if files else "")


def told_of_run(path: Path) -> str:
    """What to do with a run given in place of a recipe; "" if it is no run."""
    for run in map(run_of, (path, RUNS / path)):
        if is_run(run):
            recipe = quoted(run / RESOLVED)
            if is_finished(run):
                return f"{run} is a finished run; to train it again, name its recipe, {recipe}"
            return (
                f"{run} is a run: go on with it by `zoo train --resume {quoted(run)}`, "
                f"or name its recipe, {recipe}"
            )
    return ""


def is_finished(run: Path) -> bool:
    """Whether a run's summary says that it finished."""
    try:
        return bool(json.loads((run / SUMMARY).read_bytes())["state"] == "finished")
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False
