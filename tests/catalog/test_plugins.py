"""Plug-ins: installed ones, broken ones and local files, each isolated from the others."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import fresh_registry, output_of  # noqa: F401
from packages import THIRD_PARTY, install

import zoo
from zoo.catalog.plugins import load_file, load_installed

ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "recipes" / "smoke.toml"

BROKEN = {
    "zoo-raises": "ImportError: this machine lacks a flux capacitor",
    "zoo-exits": "SystemExit: only works on Sundays",
    "zoo-misnamed": "unknown hook 'zoo_registr'",
    "zoo-unmarked": "it implements no hook: write `@zoo.hookimpl`",
    "zoo-wrong-given": "norm 'sized' takes 'size', but a host of this kind gives dim, build",
    "zoo-positional": "norm 'epsilon' takes 'eps', .* make it keyword-only",
    "zoo-twice": "norm 'twin' is offered twice",
    "zoo-missing-dependency": "ModuleNotFoundError: No module named 'no_such_module_for_zoo'",
}


@pytest.fixture
def _installed(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packages named by the test's parameter are on Python's path during the test."""
    names = getattr(request, "param", tuple(BROKEN))
    monkeypatch.syspath_prepend(install(tmp_path / "site", *names))
    for name in names:
        monkeypatch.delitem(sys.modules, name.replace("-", "_"), raising=False)


@pytest.mark.usefixtures("_installed")
def test_broken_plug_ins_are_remembered_and_harm_nobody() -> None:
    registry = load_installed()
    assert {failure.owner for failure in registry.failures} == set(BROKEN)
    assert [entry.name for entry in registry.entries()] == [
        entry.name for entry in zoo.registry().entries()
    ]
    assert zoo.load_recipe(SMOKE, registry=registry).total_steps > 0


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("name", BROKEN)
def test_a_recipe_that_needs_a_broken_plug_in_is_told_which_and_why(name: str) -> None:
    problems = zoo.check(SMOKE, ["model.norm=twin"], registry=load_installed())
    told = [p.message for p in problems if p.path == "model.norm"]
    assert len(told) == 1
    assert "no norm named 'twin'" in told[0]
    start = told[0].index(f"plug-in {name} 0.1.0 could not be loaded: ")
    assert re.search(BROKEN[name], told[0][start:])


@pytest.mark.parametrize("_installed", [("zoo-wrong-given",)], indirect=True)
@pytest.mark.usefixtures("_installed")
def test_a_plug_in_that_fails_offers_nothing() -> None:
    with pytest.raises(zoo.ZooError, match="no norm named 'fine'"):
        load_installed().find("norm", "fine")


@pytest.mark.parametrize("_installed", [("zoo-rival",)], indirect=True)
@pytest.mark.usefixtures("_installed")
@pytest.mark.filterwarnings("error")
def test_a_shipped_recipe_means_zoos_own_beside_a_plug_in_that_takes_its_name() -> None:
    registry = load_installed()
    assert registry.failures == []
    recipe = zoo.load_recipe(SMOKE, registry=registry)
    assert recipe.resolved() == zoo.load_recipe(SMOKE).resolved()
    recipe = zoo.load_recipe(SMOKE, ["model.norm=zoo-lm:rmsnorm"], registry=registry)
    assert recipe.resolved()["model"]["norm"] == {"name": "zoo:rmsnorm", "eps": 1e-5}
    recipe = zoo.load_recipe(SMOKE, ["model.norm=rival:rmsnorm"], registry=registry)
    assert recipe.resolved()["model"]["norm"] == {"name": "zoo-rival:rmsnorm"}
    assert recipe.plugins["zoo-rival"] == "0.1.0"


@pytest.mark.parametrize("_installed", [("zoo-rival",)], indirect=True)
@pytest.mark.usefixtures("_installed", "fresh_registry")
def test_whose_a_name_is_that_two_offer_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    zoo.registry.cache_clear()
    lines = [line.split()[:2] for line in output_of(capsys, "list", "norm").splitlines()]
    assert ["rmsnorm", "zoo"] in lines
    assert ["zoo-rival:rmsnorm", "zoo-rival"] in lines
    out = output_of(capsys, "plugins")
    assert "norm  zoo-rival:rmsnorm" in out
    assert "\nrmsnorm: alone, such a name means zoo's own\n" in out


@pytest.mark.parametrize("_installed", [("zoo-rival", "zoo-raises")], indirect=True)
@pytest.mark.usefixtures("_installed")
def test_an_environment_variable_restricts_what_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_PLUGINS", "zoo-rival")
    registry = load_installed()
    assert registry.failures == []
    assert {entry.owner for entry in registry.entries()} == {"zoo", "zoo-rival"}

    monkeypatch.setenv("ZOO_PLUGINS", "")
    registry = load_installed()
    assert {entry.owner for entry in registry.entries()} == {"zoo"}
    assert registry.failures == []

    monkeypatch.setenv("ZOO_PLUGINS", "rivla")
    assert "not installed (installed: builtin, measure, stories, raises, rival)" in str(
        load_installed().failures[0]
    )


@pytest.mark.parametrize("_installed", [("zoo-rival",)], indirect=True)
@pytest.mark.usefixtures("_installed")
def test_a_distribution_found_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path / "again", "zoo-rival"))
    assert registry_owners("rmsnorm") == ["zoo", "zoo-rival"]


def registry_owners(norm: str) -> list[str]:
    return [entry.owner for entry in load_installed().entries("norm") if entry.name == norm]


LOCAL = '''
import zoo

class Tripled:
    """Three times x."""

    def __init__(self, dim, *, by: float = 3.0): ...

@zoo.hookimpl
def zoo_register(registry):
    registry.norm("tripled", Tripled)
'''


def test_a_file_is_a_plug_in_too(tmp_path: Path) -> None:
    file = tmp_path / "my_norms.py"
    file.write_text(LOCAL, encoding="utf-8")
    registry = zoo.Registry()
    load_file(registry, file)
    load_file(registry, file)
    entry = registry.find("norm", "my_norms:tripled")
    assert (entry.summary, entry.file) == ("Three times x.", str(file))
    assert registry.find("norm", "tripled") is entry
    assert entry.version.startswith("sha256:")


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    registry = zoo.Registry()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "norms.py").write_text(f"{LOCAL}# {folder}", encoding="utf-8")
        load_file(registry, tmp_path / folder / "norms.py")
    spellings = [registry.spelling(entry) for entry in registry.entries("norm")]
    assert [Path(registry.find("norm", s).file or "").parent.name for s in spellings] == ["a", "b"]


def test_files_of_one_content_are_one_plug_in(tmp_path: Path) -> None:
    registry = zoo.Registry()
    for name in ("norms.py", "norms_of_mine.py"):
        (tmp_path / name).write_text(LOCAL, encoding="utf-8")
        load_file(registry, tmp_path / name)
    (entry,) = registry.entries("norm")
    assert registry.find("norm", "norms_of_mine:tripled") is entry


@pytest.mark.parametrize("name", ["zoo.py", "builtin.py"])
def test_a_file_called_as_zoo_itself_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(LOCAL, encoding="utf-8")
    with pytest.raises(zoo.ZooError, match="stands for zoo itself: rename the file"):
        load_file(load_installed(), tmp_path / name)


@pytest.mark.parametrize("_installed", [("zoo-rival",)], indirect=True)
@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("name", ["zoo_rival.py", "halving.py", "site/zoo_rival.py"])
def test_a_file_takes_the_place_of_the_plug_in_that_was_made_of_it(
    name: str, tmp_path: Path
) -> None:
    """By name if it was worked on since, else by content: they are not rivals of each other."""
    registry, file = load_installed(), tmp_path / name
    installed = (tmp_path / "site" / "zoo_rival.py").read_text(encoding="utf-8")
    if name == "zoo_rival.py":
        installed += "\n# better now"
    file.write_text(installed, encoding="utf-8")
    told = f"{name} takes the place of zoo-rival 0.1.0, which is installed"
    with pytest.warns(UserWarning, match=told):
        load_file(registry, file)
    assert [entry.owner for entry in registry.entries("norm")].count("zoo-rival") == 0
    entry = registry.find("norm", f"{file.stem}:rmsnorm")
    for owner in ("zoo-rival", "rival"):
        assert registry.find("norm", f"{owner}:rmsnorm") is entry


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "no such file"),
        ("x = (", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("x = 1", "it implements no hook"),
        (LOCAL.replace("registry.norm", "registry.nrom"), "no kind 'nrom'; did you mean 'norm'"),
    ],
)
def test_a_file_that_was_asked_for_must_load(
    tmp_path: Path, text: str | None, complaint: str
) -> None:
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    registry = zoo.Registry()
    with pytest.raises(zoo.ZooError, match=complaint):
        load_file(registry, file)
    assert registry.entries() == []


def test_interrupts_go_through(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("raise KeyboardInterrupt", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        load_file(zoo.Registry(), file)


USE_DYT = """
import sys, torch, zoo
recipe = zoo.load_recipe(sys.argv[1], ["model.norm.name=dyt", "model.norm.alpha=0.25"])
model = zoo.build(recipe)
norm = model.blocks[0].attention_norm
x = torch.randn(2, 5, recipe.model.options["d_model"])
torch.testing.assert_close(norm(x), torch.tanh(0.25 * x))
ids = torch.randint(0, 512, (2, 9))
model(ids[:, :-1], ids[:, 1:]).total.backward()
assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
print(recipe.plugins["zoo-dyt"])
"""


def test_a_package_installed_with_pip_serves_a_recipe(tmp_path: Path) -> None:
    pytest.importorskip("pip")
    pytest.importorskip("hatchling")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    package = tmp_path / "zoo-dyt"  # a copy, so that building leaves nothing in the sources
    shutil.copytree(THIRD_PARTY / "zoo-dyt", package)
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", tmp_path / "site", package], check=True
    )
    script = tmp_path / "site" / "use_dyt.py"  # Python looks for modules beside the script
    script.write_text(USE_DYT, encoding="utf-8")
    done = subprocess.run([sys.executable, script, SMOKE], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("0.1.0", 0), done.stderr
