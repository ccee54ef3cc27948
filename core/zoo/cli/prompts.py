"""Read prompts from arguments, standard input and files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from zoo.errors import ZooError
from zoo.storage.text_formats import HEAD, MARK, not_text, refuse_other_formats


def read_prompt() -> str:
    """Standard input without its last line end; nothing where that is a terminal.

    Raises:
        ZooError: what comes is no text.
    """
    if sys.stdin.isatty():
        return ""
    try:
        text = sys.stdin.read()
        told = not_text(text[:HEAD].encode("utf-8", "surrogateescape"))
    except UnicodeDecodeError as error:
        told = not_text(error.object) or f"not {error.encoding.upper()} (byte {error.start})"
    if told:
        raise ZooError(f"standard input: {told}")
    return text.removeprefix(MARK.decode()).removesuffix("\n").removesuffix("\r")


def read_prompts(path: Path) -> dict[int, str]:
    """The prompts of a file by line number: its lines, or in .jsonl the "prompt" of each line.

    Lines of white space alone are skipped.

    Raises:
        ZooError: no prompt, or a line that holds none.
    """
    with path.open("rb") as file:
        refuse_other_formats(path, file.read(HEAD))
    try:
        text = path.read_text(encoding="utf-8-sig")  # without a byte-order mark
    except UnicodeDecodeError as error:
        raise ZooError(f"{path}: not UTF-8 (byte {error.start})") from None
    prompts = {}
    for number, line in enumerate(text.split("\n"), start=1):  # other separators are text
        if not line.strip():
            continue
        line = line.removesuffix("\r")
        is_json = path.suffix.lower() == ".jsonl"
        prompts[number] = prompt_in(line, f"{path}:{number}") if is_json else line
    if not prompts:
        raise ZooError(f"{path}: no prompt in it; write one a line")
    return prompts


def prompt_in(line: str, where: str) -> str:
    try:
        read = json.loads(line)
    except ValueError as error:
        raise ZooError(f"{where}: no JSON: {error}") from None
    if not isinstance(read, dict) or not isinstance(read.get("prompt"), str):
        raise ZooError(f'{where}: write {{"prompt": "…"}}')
    return str(read["prompt"])
