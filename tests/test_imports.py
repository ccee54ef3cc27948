"""Which package may import what: the table of the house, type-only imports included."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE, PLUGINS = ROOT / "core", ROOT / "plugins"
TOP = {"__init__", "__main__", "errors"}

ALLOWED: dict[str, set[str]] = {
    "overrides": set(),
    "console": set(),
    "errors": {"console"},
    "contracts": set(),
    "storage": {"console", "errors"},
    "catalog": {"console", "contracts", "errors", "storage"},
    "parallel": {"errors", "overrides"},
    "compute": {"console", "errors", "overrides", "parallel", "storage"},
    "model": {"contracts"},
    "recipe": {
        "catalog",
        "compute",
        "console",
        "contracts",
        "errors",
        "model",
        "overrides",
        "storage",
    },
    "data": {"catalog", "compute", "console", "contracts", "errors", "recipe", "storage"},
    "run_files": {"catalog", "console", "contracts", "errors", "model", "recipe", "storage"},
    "training": {
        "catalog",
        "compute",
        "console",
        "contracts",
        "data",
        "errors",
        "model",
        "overrides",
        "parallel",
        "recipe",
        "run_files",
        "storage",
    },
    "generation": {"catalog", "contracts", "errors", "model", "overrides", "storage"},
    "authoring": {"compute", "console", "data", "errors", "model", "run_files", "storage"},
    "api": {
        "catalog",
        "compute",
        "console",
        "contracts",
        "errors",
        "generation",
        "model",
        "parallel",
        "recipe",
        "run_files",
        "storage",
        "training",
    },
    "testing": {"api", "catalog", "contracts", "errors", "model", "recipe", "run_files"},
    "cli": {
        "api",
        "catalog",
        "compute",
        "console",
        "contracts",
        "errors",
        "generation",
        "parallel",
        "recipe",
        "run_files",
        "storage",
        "training",
    },
}
"""What each package of core may import of the others. It only ever loses arrows by itself."""

COMPONENTS = ("zoo_builtin", "zoo_stories")
BORDER = ("zoo", "zoo.authoring", "zoo.contracts", "zoo.contracts.run_folder")
"""All that components import of core, zoo's own too."""


def module_of(path: Path, root: Path) -> str:
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {
    module_of(path, root): path for root in (CORE, PLUGINS) for path in sorted(root.rglob("*.py"))
}
ROOMS = sorted(
    path.name for path in (CORE / "zoo").iterdir() if path.is_dir() and path.name != "__pycache__"
)


def imports(module: str) -> set[str]:
    """The modules of this project that one imports, at the top, in a function or for types."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            name = node.module or ""
            inside = {f"{name}.{alias.name}" for alias in node.names}
            found |= (inside & MODULES.keys()) or {name}
            if inside - MODULES.keys():
                found.add(name)
    return found & MODULES.keys() - {module}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def of_core(module: str) -> bool:
    return module.split(".")[0] == "zoo"


def test_the_top_of_core_holds_packages_alone() -> None:
    assert {path.stem for path in (CORE / "zoo").glob("*.py")} == TOP
    assert set(ALLOWED) == {*ROOMS, "errors"}


def test_the_page_for_contributors_lists_the_packages() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page.partition("| package of core | what it is |\n|---|---|\n")[2].partition("\n\n")[0]
    listed = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == sorted(ALLOWED)


@pytest.mark.parametrize("name", ALLOWED)
def test_a_package_imports_what_it_may(name: str) -> None:
    for module in filter(of_core, MODULES):
        if room(module) == name:
            others = {room(other) for other in imports(module)} - {name}
            assert others <= ALLOWED[name], f"{module} imports {sorted(others - ALLOWED[name])}"


def test_no_arrow_of_the_table_is_left_without_an_import() -> None:
    used: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for module in filter(of_core, MODULES):
        if room(module) in used:
            used[room(module)] |= {room(other) for other in imports(module)} - {room(module)}
    spare = {name: sorted(ALLOWED[name] - used[name]) for name in ALLOWED}
    assert {name: arrows for name, arrows in spare.items() if arrows} == {}


def test_nothing_goes_in_a_circle() -> None:
    order = TopologicalSorter({module: imports(module) for module in MODULES})
    assert len(list(order.static_order())) >= len(MODULES)
    assert list(TopologicalSorter(ALLOWED).static_order())


@pytest.mark.parametrize("name", ROOMS)
def test_a_package_says_what_may_live_in_it(name: str) -> None:
    doc = ast.get_docstring(ast.parse((CORE / "zoo" / name / "__init__.py").read_text("utf-8")))
    assert doc
    told = re.search(r"^May import: (.+?)\.$", doc, re.MULTILINE | re.DOTALL)
    assert told, doc
    said = set() if told[1] == "nothing of zoo" else set(re.split(r",\s+", told[1]))
    assert said == ALLOWED[name]


def test_core_imports_no_plug_in() -> None:
    plugins = {path.name for path in PLUGINS.iterdir() if path.is_dir()}
    assert len(plugins) > 3
    for module in filter(of_core, MODULES):
        assert not {other.split(".")[0] for other in imports(module)} & plugins, module


def test_components_import_the_border_alone() -> None:
    for module in MODULES:
        owner = module.split(".")[0]
        if owner in COMPONENTS:
            outside = {other for other in imports(module) if other.split(".")[0] != owner}
            assert outside <= set(BORDER), f"{module} imports {sorted(outside - set(BORDER))}"


def test_no_module_is_called_as_one_of_pythons() -> None:
    import sys

    taken = {module for module in MODULES if module.split(".")[-1] in sys.stdlib_module_names}
    assert taken - {"zoo.__main__", "zoo_builtin.tokenizers.unicode"} == set()


def test_every_name_for_authors_is_explained_in_a_line() -> None:
    import zoo.authoring

    told = re.findall(r"^ {4}(\w+) +\S.+$", zoo.authoring.__doc__ or "", re.MULTILINE)
    assert [name for name in zoo.authoring.__all__ if told.count(name) != 1] == []
    assert all(getattr(zoo.authoring, name) is not None for name in zoo.authoring.__all__)


def test_dir_shows_what_is_offered_alone() -> None:
    import zoo.authoring

    assert set(dir(zoo)) == {*zoo.__all__, "__version__", "testing"}
    assert set(dir(zoo.authoring)) == set(zoo.authoring.__all__)


def test_no_name_of_zoo_is_a_module_and_something_else() -> None:
    import zoo

    for module in MODULES:
        parent, _, name = module.rpartition(".")
        if parent == "zoo":
            assert name not in zoo.__all__, name
