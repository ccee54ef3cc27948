"""Arguments of every command: values that begin with a dash, and paths that begin with a tilde."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import error_of, inside, output_of, trained  # noqa: F401  (fixtures)

import zoo
from zoo.api.tokenizers import save_tokenizer
from zoo.cli import make_parser
from zoo.cli.arguments import Parser, existing_file, existing_path, new_path, path
from zoo.cli.commands import load_commands
from zoo_tokenizers.cli.loading import text_file, tokenizer_path

PATHS = (path, new_path, existing_file, existing_path, tokenizer_path, text_file)


def commands(parser: Parser) -> Iterator[Parser]:
    """The parsers of all commands, of their commands too."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for command in action.choices.values():
            yield from commands(command)


def arguments() -> list[Any]:
    found = []
    for parser in commands(make_parser(load_commands())):
        for action in parser._actions:
            action.required = False  # so that each can be tried alone
        found += [(parser, action) for action in parser._actions]
    return found


def read(parser: Parser, action: Any, *args: str) -> Any:
    value = getattr(parser.parse_args(args), action.dest)
    return value[-1] if isinstance(value, list) else value


@pytest.mark.parametrize("text", ["---", "-hello", "--", "-", "- a", "--é=b", "-h", "-1", "~"])
def test_what_follows_an_option_is_its_text(text: str) -> None:
    tried = set()
    for parser, action in arguments():
        if action.option_strings and action.nargs is None and action.type is None:
            if action.choices or action.dest == "set":
                continue
            for option in action.option_strings:
                tried.add(option)
                assert read(parser, action, f"{option}={text}") == text
                if text == "-h":
                    with pytest.raises(zoo.ZooError, match=f"write {option}=-h; see"):
                        parser.parse_args([option, text])
                else:
                    assert read(parser, action, option, text) == text
    assert {"--prompt", "--stop", "--pattern", "--special-token", "--token"} <= tried


def test_every_path_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    file = tmp_path / "there.txt"
    file.write_text("text")
    tried = set()
    for parser, action in arguments():
        assert action.type is not Path
        if action.type in PATHS:
            option = f"{action.option_strings[-1]}=" if action.option_strings else ""
            tried.add(option or action.metavar)
            alone = [other for other in parser._actions if not other.option_strings]
            words = 1 if option else alone.index(action) + 1
            assert str(read(parser, action, *words * [f"{option}~/there.txt"])) == str(file)
            with pytest.raises(zoo.ZooError, match=r"no such user's folder; .* write \./~nobody-"):
                parser.parse_args([f"{option}~nobody-here/x"])
    assert {"--out=", "--resume=", "--plots=", "--keep=", "--tokenizer=", "RECIPE", "DIR"} <= tried


def test_python_s_paths_may_begin_with_a_tilde_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "tiny.toml").write_text(Path("tiny.toml").read_text())
    run = zoo.train(zoo.load_recipe("~/tiny.toml", ["train.steps=2"]), out="~/one")
    assert run.dir == tmp_path / "one"
    assert zoo.open_run("~/one").dir == run.dir
    save_tokenizer(run.tokenizer, "byte", "~/ids")
    assert (tmp_path / "ids").is_dir()
    assert zoo.load_tokenizer("~/ids").vocab_size == 257
    (told,) = zoo.check("tiny.toml", ["data.corpus={name='text', files=['~nobody-here/a']}"])
    assert (told.path, told.message[:12]) == ("data.corpus.files[0]", "~nobody-here")
    assert not Path("~").exists()


def test_dashes_and_tildes_reach_what_is_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    output_of(capsys, "train", "tiny.toml", "--out=~/run", "--set", "train.steps=2")
    assert (tmp_path / "run" / "checkpoints").is_dir()
    args = ("--prompt", "-hello", "--stop", "---", "--seed", "1", "--json")
    assert json.loads(output_of(capsys, "generate", "runs/tiny-1", *args))["prompt"] == "-hello"
    for text in ("---", "- a b", "-hello there"):
        encoded = output_of(capsys, "tokenizer", "encode", "--tokenizer", "runs/tiny-1", text)
        assert encoded.split() == [str(byte) for byte in text.encode()]
    encoded = output_of(capsys, "tokenizer", "encode", "--tokenizer", "runs/tiny-1", "--", "-x")
    assert encoded.split() == ["45", "120"]
    said = error_of(capsys, "tokenizer", "encode", "--tokenizer", "runs/tiny-1", "-x")
    assert "no option -x (if it is none, write it at the end, after --)" in said


def test_words_may_stand_on_both_sides_of_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.py").write_text("import zoo\n@zoo.hookimpl\ndef zoo_register(registry): pass\n")
    told = output_of(capsys, "describe", "norm", "rmsnorm")
    assert output_of(capsys, "describe", "norm", "--plugin", "empty.py", "rmsnorm") == told
