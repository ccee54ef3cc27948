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


def read_prompts(path: Path) -> list[str]:
    """The prompts of a file, a line each; of a .jsonl file, the "prompt" of each line's object.

    Raises:
        ZooError: a line that can't be read, with its number, or none at all.
    """
    read = from_json if path.suffix == ".jsonl" else str
    prompts = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            prompts.append(read(line.decode("utf-8-sig" if number == 1 else "utf-8")))
        except ValueError as error:
            raise ZooError(f"{path}:{number}: {error}") from error
    if not prompts:
        raise ZooError(f"{path}: no prompt in it; write one a line")
    return prompts


def from_json(line: str) -> str:
    about = json.loads(line)
    prompt = about.get("prompt") if isinstance(about, dict) else None
    if not isinstance(prompt, str):
        raise ValueError(f'expected {{"prompt": "…"}}, got {line:.60}')
    return prompt
