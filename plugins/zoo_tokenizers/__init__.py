"""Tokenizer tools: train, encode, inspect, compare; other programs' tokenizers.

Uses the core as anyone's plug-in could, through the hook below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import zoo

if TYPE_CHECKING:
    from zoo.cli.commands import Commands


@zoo.hookimpl
def zoo_commands(commands: Commands) -> None:
    commands.add("tokenizer", "zoo_tokenizers.cli")
