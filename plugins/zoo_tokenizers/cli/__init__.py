"""Train a tokenizer; encode and decode; look at tokenizers, compare and export them."""

from __future__ import annotations

from importlib import import_module

from zoo.cli.arguments import Command, Parser, add_commands

COMMANDS = ("train", "encode", "decode", "show", "inspect", "compare", "export")
MODULES = {**{name: name for name in COMMANDS}, "inspect": "inspect_"}  # not the library's

USAGE = "train | encode | decode | show …"
EXAMPLES = """\
examples:
  zoo tokenizer train stories.txt --vocab-size 4096 --out my-tokenizer
  zoo tokenizer show --tokenizer my-tokenizer "Once upon a time"
  zoo tokenizer inspect my-tokenizer --on stories.txt
  zoo tokenizer compare my-tokenizer tiktoken:gpt2 --on stories.txt

`zoo tokenizer COMMAND --help` tells more about one of these commands.
"""


def add_arguments(parser: Parser) -> None:
    modules = {name: import_module(f"zoo_tokenizers.cli.{MODULES[name]}") for name in COMMANDS}
    add_commands(parser, {name: Command.of(module) for name, module in modules.items()})
