"""`zoo check`, `list`, `describe` and `plugins`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import tomli
from commands import (
    NORM_FILE,
    error_of,
    fresh_registry,  # noqa: F401  (this and the next ones are fixtures)
    inside,  # noqa: F401
    output_of,
    started,
    trained,  # noqa: F401
)

import zoo
from zoo.catalog.component import find_component
from zoo.cli import main
from zoo.cli.describe import snippet
from zoo.contracts.kinds import KINDS


def test_check_tells_size_and_goes_on_after_a_bad_recipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "tiny.toml", "nowhere.toml", "tiny.toml"]) == 2
    said = capsys.readouterr()
    n_parameters = sum(p.numel() for p in zoo.build(zoo.load_recipe("tiny.toml")).parameters())
    size = f"{n_parameters / 1000:.3g} k parameters, 7.68 k tokens in 30 steps"
    assert said.out.splitlines() == [f"tiny.toml: ok, {size}"] * 2
    assert said.err.splitlines()[-1] == "nowhere.toml: 1 problem"


def test_list_shows_every_component(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "list")
    entries = zoo.registry().entries()
    assert len(out.split("\n\n")) == len(KINDS)
    for entry in entries:
        (group,) = (text for text in out.split("\n\n") if text.startswith(f"{entry.kind}: "))
        lines = [line.split(maxsplit=2) for line in group.splitlines()[1:]]
        assert [entry.name, entry.owner, entry.summary] in lines


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(output_of(capsys, "list", "--json"))
    assert {(e["kind"], e["name"]) for e in listed} == {
        (e.kind, e.name) for e in zoo.registry().entries()
    }
    norms = json.loads(output_of(capsys, "list", "norm", "--json"))
    assert norms == [entry for entry in listed if entry["kind"] == "norm"]
    assert set(norms[0]) == {"kind", "name", "summary", "owner", "version"}


ENTRIES = [(entry.kind, entry.name) for entry in zoo.registry().entries()]


@pytest.mark.parametrize(("kind", "name"), ENTRIES, ids=map(" ".join, ENTRIES))
def test_describe_shows_options_source_and_lines_that_a_recipe_takes(
    kind: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = output_of(capsys, "describe", kind, name)
    entry = zoo.registry().find(kind, name)
    assert entry.doc in out
    assert f"{entry.file}:{entry.line}" in out
    options = out.partition("\noptions\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in options.splitlines()] == list(entry.options)
    lines = snippet(entry, name)
    assert all(f"  {line}" in out.splitlines() for line in lines.splitlines())
    ((section, table),) = tomli.loads(lines).items()
    value = table if section == kind else next(iter(table.values()))
    value = value[0] if isinstance(value, list) else value
    table = {"name": value} if isinstance(value, str) else dict(value)
    assert find_component(zoo.registry(), kind, table.pop("name"), table).entry is entry


def test_describe_finds_the_kind_of_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert output_of(capsys, "describe", "rmsnorm") == output_of(
        capsys, "describe", "norm", "rmsnorm"
    )


@pytest.mark.parametrize("section", ["data", "model", "params", "train", "generate"])
def test_describe_explains_every_key_of_a_section(
    section: str, capsys: pytest.CaptureFixture[str]
) -> None:
    described = output_of(capsys, "describe", section).partition("\noptions\n")
    rule = '[{ role = "vector", weight_decay = 0 }]'
    resolved = zoo.load_recipe("tiny.toml", [f"params={rule}"]).resolved()[section]
    resolved = resolved[0] if section == "params" else resolved
    assert {line.split()[0] for line in described[2].splitlines()} == set(resolved)
    if section != "model":
        assert all(f"    {key}: " in described[0] for key in resolved)


@pytest.mark.parametrize("kind", KINDS)
def test_describe_prints_the_contract_of_a_kind(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = output_of(capsys, "describe", kind)
    assert f"class {KINDS[kind].contract.__name__}(Protocol):" in out
    assert all(entry.name in out for entry in zoo.registry().entries(kind))


def test_describe_tells_what_a_host_gives(capsys: pytest.CaptureFixture[str]) -> None:
    attention = output_of(capsys, "describe", "attention")
    for word in ("build.linear(dims.d_model, ", "residual=True", "max_seq_len", "activation()"):
        assert word in attention
    optimizer = output_of(capsys, "describe", "optimizer")
    for word in ("list of ``zoo.Param``", "lr * param.lr", "role: str", "parts: tuple[int, ...]"):
        assert word in optimizer
    assert "head_dim: int" in output_of(capsys, "describe", "position")
    assert "``model`` is the Decoder" in output_of(capsys, "describe", "observer")


@pytest.mark.parametrize("kind", ["attention", "feedforward", "block"])
def test_describe_tells_what_a_part_may_return(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = output_of(capsys, "describe", kind)
    told = out.partition("class Out(")[2]
    for word in ("``losses``", "``carry``", "of_parts", "after_step(self, stats)", "zoo.as_out("):
        assert word in told
    names = re.findall(r"zoo\.(\w+)", out.partition("\nin code: ")[2].splitlines()[0])
    assert "Out" in names
    assert set(names) <= set(zoo.__all__)


@pytest.mark.parametrize(
    ("asked", "pages"),
    [
        ("model block", ["model", "block"]),
        ("model rmsnorm", ["model"]),
        ("init", ["model"]),
        ("train.steps", ["train"]),
        ("lr", ["optimizer"]),
        ("Out", ["attention", "feedforward", "block"]),
        ("BlockBuild", ["block"]),
    ],
)
def test_describe_names_the_page_of_what_has_none(
    asked: str, pages: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    told = re.findall("`zoo describe (.+?)`", error_of(capsys, "describe", *asked.split()))
    assert told == pages
    assert all(output_of(capsys, "describe", page) for page in told)


def test_lines_to_paste_have_every_option() -> None:
    for entry in zoo.registry().entries():
        lines = snippet(entry, entry.name)
        assert [name for name in entry.options if f"{name} = " not in lines] == []


@pytest.mark.usefixtures("fresh_registry")
def test_a_component_of_a_local_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(NORM_FILE, encoding="utf-8")
    assert "no norm named 'mine'" in error_of(
        capsys, "check", "tiny.toml", "--set", "model.norm=mine"
    )
    assert "ok" in output_of(
        capsys, "check", "tiny.toml", "--set", "model.norm=mine", "--plugin", "mine.py"
    )
    assert "My own norm." in output_of(capsys, "list", "norm", "--plugin", "mine.py")
    assert "norm  mine" in output_of(capsys, "plugins", "--plugin", "mine.py")


def test_a_broken_plugin_breaks_nothing_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "zoo_broken.py").write_text("import a_package_that_is_missing\n")
    info = tmp_path / "zoo_broken-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-broken\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[zoo]\nbroken = zoo_broken\n")
    code = (
        "from zoo.cli import main\n"
        "for args in ['list norm', 'plugins', 'check tiny.toml',\n"
        "             'check tiny.toml --set model.norm=dyt']:\n"
        "    print('exit', main(args.split()))"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = started(code=code, env={**os.environ, "PYTHONPATH": path})
    out, err = (said.decode() for said in process.communicate())
    assert [line for line in out.splitlines() if line.startswith("exit")] == [
        *["exit 0"] * 3,
        "exit 2",
    ]
    reason = "could not be loaded: ModuleNotFoundError: No module named 'a_package_that_is_missing'"
    assert f"zoo-broken 0.3 (broken)\n  {reason}" in out.replace(os.linesep, "\n")
    assert f"plug-in zoo-broken 0.3 {reason}" in err
