"""Reading what shall be continued."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from zoo.errors import ZooError


def read_prompt() -> str:
    """Standard input without its last line end; nothing where that is a terminal."""
    if sys.stdin.isatty():
        return ""
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")


def read_prompts(path: Path) -> dict[int, str]:
    """The prompts of a file by line number: its lines, or in .jsonl the "prompt" of each line.

    Lines of white space alone are skipped.

    Raises:
        ZooError: no prompt, or a line that holds none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ZooError(f"{path}: not UTF-8 (byte {error.start})") from None
    prompts = {}
    for number, line in enumerate(text.split("\n"), start=1):  # other separators are text
        if not line.strip():
            continue
        line = line.removesuffix("\r")
        prompts[number] = line if path.suffix != ".jsonl" else prompt_in(line, f"{path}:{number}")
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
