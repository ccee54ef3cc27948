"""Runs whose plug-in has changed since, was renamed, was installed, or is gone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from commands import NORM_FILE, error_of, fresh_registry, inside, output_of, trained  # noqa: F401

import zoo
from zoo.cli import main
from zoo.errors import PluginError
from zoo.recipe.recipe import Recipe
from zoo.run_files import checkpoint

pytestmark = pytest.mark.usefixtures("fresh_registry")
CHANGED = NORM_FILE.replace("My own norm.", "My own norm, in other words.")
GENERATE = ("--prompt", "a", "--seed", "1", "--max-new-tokens", "4")


@pytest.fixture(scope="module")
def run(trained: Path) -> Path:  # noqa: F811
    """A run of a norm that a file offers; the file is gone."""
    file = trained / "my_norms.py"
    file.write_text(NORM_FILE, encoding="utf-8")
    folder = trained / "with-mine"
    changes = ("--set", "model.norm=mine", "--set", "train.steps=2", "--out", str(folder))
    assert main(["train", str(trained / "tiny.toml"), "--plugin", str(file), *changes]) == 0
    zoo.registry.cache_clear()
    file.unlink()
    return folder


def said(capsys: pytest.CaptureFixture[str], *args: str) -> list[str]:
    """The warnings of a command that succeeds in a process of its own, as it were."""
    zoo.registry.cache_clear()
    capsys.readouterr()
    assert main(args) == 0
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def install(site: Path, text: str, name: str = "zoo-better", module: str = "zoo_better") -> None:
    """A package of one module, as pip would leave it."""
    info = site / f"{module}-2.0.dist-info"
    info.mkdir(parents=True)
    write(site / f"{module}.py", text)
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n")
    write(info / "entry_points.txt", f"[zoo]\nbetter = {module}\n")


def test_a_plug_in_that_changed_since_is_told_in_a_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "my_norms.py", CHANGED)
    for command in (("generate", str(run), *GENERATE), ("train", "--resume", str(run))):
        (line,) = said(capsys, *command, "--plugin", file)
        assert f"{run} was made with my_norms sha256:" in line
        assert "which has changed since and is now my_norms sha256:" in line
    zoo.registry.cache_clear()
    zoo.load_plugin(file)
    with pytest.warns(UserWarning, match="changed since"):
        assert zoo.open_run(run).generate("a").startswith("a")


def test_a_plug_in_that_changed_beyond_its_recipe_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "my_norms.py", NORM_FILE.replace('"mine"', '"yours"'))
    zoo.registry.cache_clear()
    told = error_of(capsys, "generate", str(run), *GENERATE, "--plugin", file)
    assert "which has changed since and is now my_norms sha256:" in told
    assert "no norm named 'my_norms:mine'" in told


@pytest.mark.parametrize("name", ["my_norms.py", "renamed.py"])
def test_a_file_of_the_same_content_is_the_same_plug_in(
    name: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / name, NORM_FILE)
    assert said(capsys, "generate", str(run), *GENERATE, "--plugin", file) == []
    assert said(capsys, "train", "--resume", str(run), "--plugin", file) == []


@pytest.mark.parametrize("text", [NORM_FILE, CHANGED], ids=["the same", "changed"])
def test_a_run_of_a_file_opens_with_the_package_that_the_file_became(
    text: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install(tmp_path, text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "zoo_better", raising=False)
    for command in (("generate", str(run), *GENERATE), ("train", "--resume", str(run))):
        told = said(capsys, *command)
        if text == NORM_FILE:
            assert told == []
        else:
            (line,) = told
            assert "which is not here; zoo-better 2.0 offers mine too and is used" in line


def test_a_changed_module_of_an_installed_plug_in_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, NORM_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    modules = sys.modules
    monkeypatch.delitem(modules, "zoo_better", raising=False)
    changes = ("--set", "model.norm=mine", "--set", "train.steps=2", "--out", "installed")
    assert said(capsys, "train", "tiny.toml", *changes) == []
    assert said(capsys, "generate", "installed", *GENERATE) == []
    write(tmp_path / "zoo_better.py", CHANGED)
    del modules["zoo_better"]
    (line,) = said(capsys, "generate", "installed", *GENERATE)
    assert "zoo-better 2.0, which has changed since and is now zoo-better 2.0" in line


def test_a_run_without_digests_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As version 0.1.0 wrote them."""
    monkeypatch.setattr(Recipe, "code", {})
    install(tmp_path, NORM_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "zoo_better", raising=False)
    changes = ("--set", "model.norm=mine", "--set", "train.steps=2", "--out", "old")
    assert said(capsys, "train", "tiny.toml", *changes) == []
    assert zoo.open_run("old").checkpoint.state.code == {}
    assert said(capsys, "generate", "old", *GENERATE) == []


def test_a_name_of_zoos_that_a_file_takes_means_zoos_and_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "my_norms.py", NORM_FILE.replace('"mine"', '"rmsnorm"'))
    plugin = ("--plugin", file, "--set")
    (line,) = said(capsys, "check", "tiny.toml", *plugin, "model.norm=rmsnorm")
    told = "model.norm: norm 'rmsnorm' is zoo's own; write \"my_norms:rmsnorm\" for the other one"
    assert told in line
    for name in ("zoo:rmsnorm", "my_norms:rmsnorm"):
        assert said(capsys, "check", "tiny.toml", *plugin, f"model.norm={name}") == []


def test_a_plug_in_that_is_gone_is_no_damage(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "LARGE", 0)  # so that the recipe is asked before tensors
    zoo.registry.cache_clear()
    with pytest.raises(PluginError, match="was made with my_norms sha256") as raised:
        zoo.open_run(run)
    assert "is whole" not in str(raised.value)
