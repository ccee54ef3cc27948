"""What is said to someone who wrote a recipe, a change or a name in another way than zoo does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import tomli
from commands import RECIPE, error_of, inside, output_of, posix, trained  # noqa: F401  (fixtures)

import zoo
from zoo.cli.recipe_keys import places

SLIDING = {"name": "sliding", "window": 8}


@posix
@pytest.mark.parametrize(
    ("change", "meant"),
    [
        ("model.attention=[full,full]", ["full", "full"]),
        ("model.attention=[ full , {name=sliding,window=8}]", ["full", SLIDING]),
        ("model.norm={name=rmsnorm,eps=1e-3}", {"name": "rmsnorm", "eps": 1e-3}),
        ("model.attention=[full,None]", ["full", "none"]),
    ],
)
def test_a_value_whose_quotes_the_shell_took_is_told_as_to_be_typed(
    change: str, meant: object, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("check", "train", "bench", "plan"):
        said = error_of(capsys, command, "tiny.toml", "--set", change)
        (typed,) = re.findall(r"the shell took its quotes: write (--set .*)", said)
    (_, argument) = shlex.split(typed)
    read = tomli.loads(f"value = {argument.partition('=')[2]}")["value"]
    assert read == meant
    if "None" not in change:
        assert "ok" in output_of(capsys, "check", "tiny.toml", "--set", argument)


@pytest.mark.parametrize(
    "typed",
    [
        '--set model.attention=["full", "sliding"]',
        '--set model.attention=["full", {name="sliding", window=8}]',
        '--set model.norm={name = "rmsnorm"}',
        '--compare model.attention=["full", "sliding"]',
    ],
)
def test_what_the_shell_divided_is_told_to_be_put_in_single_quotes(
    typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "bench" if "--compare" in typed else "check"
    said = error_of(capsys, command, "tiny.toml", *shlex.split(typed))
    assert "the shell divides at spaces and takes quotes" in said
    assert re.search(r"in single quotes, --set 'model\.\w+=[\[{]…[\]}]'; see `zoo", said)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("norm = null", 'null is no value: write "none" (column 8)'),
        ("norm = None", 'None is no value: write "none" (column 8)'),
        ("tie_embeddings = True", "True is no value: write true (column 18)"),
        ("tie_embeddings = no", "no is no value: write false (column 18)"),
        ("attention = ['full', None]", 'None is no value: write "none" (column 22)'),
        ("norm = { name = rmsnorm }", 'rmsnorm is no value: text needs quotes, "rmsnorm"'),
        ("norm = rmsnorm # the usual", 'rmsnorm is no value: text needs quotes, "rmsnorm"'),
        ("residual_scale = .5", ".5 is no value: write 0.5"),
        ("norm = @", "Invalid value (column 8)"),
        ("norm = 'null'", "no norm named 'null'; did you mean 'none'?"),
        ("norm = 'None'", "no norm named 'None'; did you mean 'none'?"),
        ("tie_embeddings = 'True'", 'expected true or false, got "True"; write true'),
        ("logit_cap = 'None'", 'expected float, or "none", got "None"; write "none"'),
        ("logit_cap = 'null'", '"null"; write "none"'),
        ("attention = 'None'", "no attention named 'None' (known: "),
    ],
)
def test_a_word_of_another_language_is_told_in_toml(line: str, told: str) -> None:
    Path("other.toml").write_text(RECIPE.replace("[model]\n", f"[model]\n{line}\n"))
    (problem,) = zoo.check("other.toml")
    assert problem.line == 8
    assert told in problem.message


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("model.norm=None", "did you mean 'none'?"),
        ("train.compile=True", 'got "True"; write true'),
        ("train.clip=None", 'got "None"; write "none"'),
    ],
)
def test_a_word_of_another_language_in_a_change(change: str, told: str) -> None:
    (problem,) = zoo.check("tiny.toml", [change])
    assert told in problem.message


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("--lr 0.1", "no option --lr; write --set optimizer.lr=0.1; see `zoo train --help`"),
        ("--lr=0.1", "write --set optimizer.lr=0.1;"),
        ("--steps 10", "write --set train.steps=10;"),
        ("--batch-tokens 64", "write --set train.batch_tokens=64;"),
        ("--n_layers 3", "write --set model.n_layers=3;"),
        ("--norm layernorm", "write --set model.norm=layernorm;"),
        ("--optimizer adamw", "write --set optimizer=adamw;"),
        ("--warmup 3", "write --set scheduler.warmup=3;"),
        ("--train.steps=3", "write --set train.steps=3;"),
        ("--window 8", "write --set model.attention.window=8;"),
        ("--max-bytes 9", "write --set data.corpus.max_bytes=9;"),
        ("--compile", "write --set train.compile=VALUE;"),
        ("--seed --out x", "write --set train.seed=VALUE;"),
        ("--nprocs 2", "did you mean --nproc?"),
        ("train.steps=3", "to change the recipe, write --set train.steps=3;"),
    ],
)
def test_an_option_that_is_a_recipe_s_key_is_told_as_a_change(
    typed: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in error_of(capsys, "train", "tiny.toml", *typed.split())
    if "--set" in told and "VALUE" not in told and "window" not in typed:
        change = told.partition("--set ")[2].partition(";")[0]
        assert [p for p in zoo.check("tiny.toml", [change]) if "no such" in p.message] == []


def test_every_key_of_a_recipe_is_known_by_its_last_name() -> None:
    resolved = zoo.load_recipe("tiny.toml").resolved()
    for section in ("data", "model", "train", "generate", "optimizer", "scheduler", "tokenizer"):
        for key in resolved[section]:
            if key != "name":
                assert f"{section}.{key}" in places(key)
    assert places("no-such-key") == []


def test_a_name_that_is_no_file_tells_which_recipe_is_meant(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "recipes").mkdir()
    for name in ("smoke", "tinystories"):
        (tmp_path / "recipes" / f"{name}.toml").write_text(RECIPE)
    (tmp_path / "mine.toml").write_text(RECIPE)
    (tmp_path / "runs" / "smoke-1" / "checkpoints").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    smoke = str(Path("recipes/smoke.toml"))
    for name in ("smoke", "smoke.toml", "recipes/smoke"):
        assert f"{name}: no such file; did you mean {smoke}?" in error_of(capsys, "train", name)
    assert "no such file; did you mean mine.toml?" in error_of(capsys, "check", "mine")
    near = str(Path("recipes/tinystories.toml"))
    assert f"tinystory: no such file; did you mean {near!r}?" in error_of(
        capsys, "plan", "tinystory"
    )
    assert "write --set model.norm=none" in error_of(capsys, "check", "model.norm=none")
    files = f"{smoke}, {near}"
    assert f"a folder, not a recipe; name a file of it: {files}" in error_of(
        capsys, "train", "recipes"
    )
    run = str(Path("runs/smoke-1"))
    for name in ("runs/smoke-1", "smoke-1"):
        said = error_of(capsys, "train", name)
        assert f"{run} is a run: go on with it by `zoo train --resume {run}`" in said
    for args in (("train", "--resume"), ("generate",), ("runs", "check")):
        said = error_of(capsys, *args, smoke)
        assert f"{smoke}: a file, no run; to train a recipe, write zoo train {smoke}" in said
