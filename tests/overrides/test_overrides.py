"""What zoo overrides of others: in one file alone, and undone afterwards."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from zoo import overrides
from zoo.storage.offline import offline, without_network

ROOT = Path(__file__).parents[2]
FILES = [*(ROOT / "core").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
SETTINGS = (
    "sys.modules",
    "sys.path",
    "sys.stderr",
    "sys.stdout",
    "sys.unraisablehook",
    "warnings.showwarning",
)
"""What Python's documentation says to assign to."""

CHANGES = tuple(
    f".{name}" for name in ["setdefault", "pop", "update", "clear", "putenv", "unsetenv"]
)


# ── In one file alone ────────────────────────────────────────────────────────────────────────────


def overridden(source: str, own: frozenset[str] = frozenset()) -> Iterator[str]:
    """The statements that change the environment, or an attribute of somebody else's.

    That is an attribute of what was imported, and of an object one that is private or gets a
    function, unless it is among ``own``. What is documented to be set is no override: modules
    called "config", and ``SETTINGS``.
    """
    tree = ast.parse(source)
    imported = dict(names_imported(tree))
    own |= attributes_of_self(tree)
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func, imported)
            of_environment = name.startswith("os.") and name.endswith(CHANGES)
            by_name = name in ("setattr", "delattr") and dotted(node.args[0], imported) != "sys"
            if of_environment or by_name:
                yield ast.unparse(node)
        elif isinstance(node, ast.Assign):
            given = node.value
            function = isinstance(given, ast.Name) and given.id in functions
            if function or isinstance(given, ast.Lambda):
                yield from (
                    ast.unparse(node)
                    for target in node.targets
                    if isinstance(target, ast.Attribute)
                    and target.attr not in own
                    and root(target) not in imported
                )
        elif (
            isinstance(node, (ast.Attribute, ast.Subscript))
            and not isinstance(node.ctx, ast.Load)
            and of_others(node, imported, own)
        ):
            yield ast.unparse(node)


def of_others(
    node: ast.Attribute | ast.Subscript, imported: dict[str, str], own: frozenset[str]
) -> bool:
    """Whether what is assigned to, or deleted, isn't the project's own."""
    name = dotted(node, imported)
    if root(node) in imported:
        return ".config." not in name and not name.startswith(SETTINGS)
    if name.startswith("vars(") or ".__dict__[" in name:
        return True
    if not isinstance(node, ast.Attribute) or node.attr in own:
        return False
    return node.attr.startswith("_") and not node.attr.startswith("__")


def names_imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names that a file has imported, and what they stand for in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def attributes_of_self(tree: ast.AST) -> frozenset[str]:
    """What the classes of a file give themselves."""
    return frozenset(
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and root(node) in ("self", "cls")
    )


def root(node: ast.AST) -> str:
    """The name that an expression begins with, empty where that is no name."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.AST, imported: dict[str, str]) -> str:
    """The expression as written, with the full name of what was imported in front."""
    text, first = ast.unparse(node), root(node)
    return imported[first] + text[len(first) :] if first in imported else text


def test_nothing_is_overridden_elsewhere() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in FILES}
    own = frozenset().union(*(attributes_of_self(ast.parse(text)) for text in sources.values()))
    found = {
        path.relative_to(ROOT).as_posix(): told
        for path, text in sources.items()
        if (told := list(overridden(text, own)))
    }
    # The second one adds old names to zoo's own modules.
    assert set(found) == {"core/zoo/overrides/__init__.py", "core/zoo/catalog/moved.py"}, found


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['A'] = '1'",
        "import os\ndel os.environ['A']",
        "import os\nos.environ.setdefault('A', '1')",
        "import os\nos.putenv('A', '1')",
        "from os import environ\nenviron['A'] = '1'",
        "from os import environ\nenviron.update(A='1')",
        "from torch import nn\nnn.Module.forward = f",
        "import torch\ntorch.compile = f",
        "import torch._dynamo as dynamo\ndynamo.reset = f",
        "import torch\nsetattr(torch, 'compile', f)",
        "from zoo.training.trainer import Trainer\nTrainer.train_step = f",
        "def f(model, g):\n    vars(model)['forward'] = g",
        "def f(model, g):\n    model.__dict__['forward'] = g",
        "def f(module):\n    module._compiled_call_impl = None",
        "def f(model):\n    def forward(): ...\n    model.forward = forward",
        "def f(model):\n    model.forward = lambda: None",
        "def f(model, g):\n    setattr(model, 'forward', g)",
    ],
)
def test_an_override_is_seen(source: str) -> None:
    assert list(overridden(source))


@pytest.mark.parametrize(
    "source",
    [
        "import os\nx = os.environ.get('A')\ny = os.environ['A']",
        "import sys\nsys.stdout = f",
        "import torch._dynamo.config as dynamo\ndynamo.recompile_limit = 64",
        "class A:\n    def f(self, other):\n        self._x = 1\n        other._x = 2",
        "def f(trainer):\n    trainer.step = 5",
        "import os\nos.path.join('a').pop",
    ],
)
def test_what_is_no_override(source: str) -> None:
    assert not list(overridden(source))


# ── Undone afterwards ────────────────────────────────────────────────────────────────────────────


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_A", "a")
    monkeypatch.delenv("ZOO_B", raising=False)
    show = "import os; print(os.environ['ZOO_A'] + os.environ['ZOO_B'])"
    with suppress(KeyError), overrides.environment({"ZOO_A": "1", "ZOO_B": "2"}):
        told = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True)
        assert told.stdout.strip() == "12"
        raise KeyError
    assert os.environ["ZOO_A"] == "a"
    assert "ZOO_B" not in os.environ


def test_a_default_yields_to_the_users_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_A", "a")
    monkeypatch.setenv("ZOO_B", "so that it is put back")
    monkeypatch.delenv("ZOO_B")
    overrides.environment_default("ZOO_A", "1")
    overrides.environment_default("ZOO_B", "2")
    assert (os.environ["ZOO_A"], os.environ.pop("ZOO_B")) == ("a", "2")


def test_optimizers_are_made_without_the_compiler() -> None:
    code = """
import sys, torch
from zoo.overrides import optimizers_without_compiler
before = torch.optim.Optimizer.add_param_group
weight = torch.nn.Parameter(torch.ones(2))
try:
    with optimizers_without_compiler():
        made = torch.optim.SGD([{"params": [weight], "lr": 0.5}])
        raise KeyError
except KeyError:
    pass
assert "torch._dynamo" not in sys.modules
assert torch.optim.Optimizer.add_param_group is before
weight.sum().backward()
made.step()
assert weight.tolist() == [0.5, 0.5], weight
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_modules_run_as_written_and_are_compiled_again() -> None:
    compiled: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> object:
        def call(*args: Tensor) -> object:
            compiled.append(1)
            return graph.forward(*args)

        return call

    class Doubling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + x

    model = nn.Sequential(Doubling(), nn.Tanh())
    model[0].compile(backend=backend)
    x = torch.ones(1, 2)
    asked = model(x)
    assert compiled == [1]
    with suppress(KeyError), overrides.uncompiled(model.modules()):
        assert torch.equal(model(x), asked)
        assert compiled == [1]
        raise KeyError
    assert torch.equal(model(x), asked)
    assert compiled == [1, 1]


def test_tiktoken_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = pytest.importorskip("tiktoken.load", reason="an optional extra")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    (tmp_path / "file").write_text("kept")
    before = load.read_file
    with overrides.tiktoken_offline(), pytest.raises(OSError, match="http://nowhere: ZOO_OFFLINE"):
        load.read_file_cached("http://nowhere")
    assert load.read_file is before
    assert load.read_file(str(tmp_path / "file")) == b"kept"


def test_the_network_is_left_alone_where_it_is_not_worth_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    assert not offline()
    with suppress(KeyError), without_network():
        assert offline()
        assert "ZOO_OFFLINE" not in os.environ
        raise KeyError
    assert not offline()
    for said, meant in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("ZOO_OFFLINE", said)
        assert offline() == meant
