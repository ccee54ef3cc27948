"""What holds of the project as a whole: its layout, its documents, its imports."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import zoo
from zoo.contracts.kinds import KINDS

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "core").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=lambda path: path.stem)
def test_nothing_that_runs_what_it_reads(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not {"pickle", "dill", "joblib"} & {name.split(".")[0] for name in imported(path)}
    assert not re.search(r"torch\.(load|save)\(|(?<![\w.])(eval|exec)\(", source)


def test_importing_zoo_is_light() -> None:
    heavy = "import sys, zoo, zoo.cli; print({'torch', 'numpy', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_public_name_is_there() -> None:
    assert all(getattr(zoo, name) is not None for name in zoo.__all__)


def test_the_table_of_kinds_is_on_the_page_for_contributors() -> None:
    def code(names: tuple[str, ...]) -> str:
        return f"`{', '.join(names)}`" if names else "–"

    rows = [
        f"| {kind.name} | {code(kind.given)} | {kind.summary} | {code(kind.declares)} |"
        for kind in KINDS.values()
    ]
    table = "\n".join(["| kind | given | does | declares |", "|---|---|---|---|", *rows])
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"\n\n{table}\n\n" in page, f"CONTRIBUTING.md lacks this table:\n{table}"


def test_what_the_contract_says_of_seq_is_all_that_it_offers() -> None:
    listed = re.findall(
        r"^ {8}(\w+)(\(.*?\))?  ", KINDS["attention"].contract.__doc__, re.MULTILINE
    )
    seq = zoo.Seq.of_length(3, torch.device("cpu"))
    offered = {name for name in dir(seq) if not name.startswith("_")}
    assert {name for name, _ in listed} == offered - {"of_length", "position", "seen_by"}
    for name, given in listed:
        if given:
            told = set(re.findall(r"(\w+)=?", given.replace("=False", "=")))
            assert told <= {*inspect.signature(getattr(seq, name)).parameters, "x"}


def test_what_an_observer_is_given_can_be_imported() -> None:
    assert zoo.RunInfo.__module__.startswith("zoo.contracts")
    assert "zoo.RunInfo" in KINDS["observer"].contract.__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_built_in_components_with_docstrings(kind: str) -> None:
    entries = zoo.registry().entries(kind)
    assert entries
    assert [entry.name for entry in entries if not entry.summary.endswith((".", ":"))] == []


def test_readme_names_every_command() -> None:
    from zoo.cli.commands import load_commands

    page = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = load_commands()
    assert commands.failures == []
    assert [name for name in commands.modules if f"`zoo {name}" not in page] == []


def test_readme_llama_table_names_weights_that_exist() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([\w.]+\.weight)`", page, re.MULTILINE))
    model = zoo.build(zoo.load_recipe(ROOT / "recipes" / "smoke.toml"))
    there = {re.sub(r"\.\d+\.", ".N.", name) for name in model.state_dict()}
    twins = {name for name in there if re.search(r"\.(k|v|up)\.weight$", name)}
    assert told == there - twins


def test_every_safeguard_that_can_be_taken_out_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    from safeguards import SAFEGUARDS

    assert len(SAFEGUARDS) > 60
    for (file, old, new), tests in SAFEGUARDS:
        assert (ROOT / file).read_text(encoding="utf-8").count(old) == 1, (file, old)
        assert old != new
        assert all((ROOT / "tests" / test).is_file() for test in tests)
