"""What plug-ins for zoo 0.1.0 import is found where it is now."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import zoo
from zoo.catalog.moved import FUNCTIONS, PACKAGES, split_up
from zoo.catalog.moved_names import MOVED, SPLIT

PLUGIN = """
import zoo
from zoo.cache import extend, key_value_cache
from zoo.params import groups
from zoo.seq import Seq
from zoo_builtin.norms import RMSNorm
from zoo_builtin.scaled_dot_product import scaled_dot_product_attention


class Old(RMSNorm):
    \"\"\"Written for zoo 0.1.0.\"\"\"


@zoo.hookimpl
def zoo_register(registry):
    registry.norm("old", Old)
"""


@pytest.mark.parametrize("name", MOVED)
def test_an_old_module_is_the_one_that_took_its_place(name: str) -> None:
    with pytest.deprecated_call():
        sys.modules.pop(name, None)
        found = import_module(name)
    assert found is import_module(MOVED[name])
    assert found.__name__ == MOVED[name]
    assert found.__spec__ is not None
    assert found.__spec__.name == MOVED[name]


@pytest.mark.parametrize("module", SPLIT)
def test_a_name_of_a_module_that_was_split_up_is_found(module: str) -> None:
    fresh = split_up(module)
    for place, names in SPLIT[module].items():
        for name in names.split():
            with pytest.deprecated_call(match=f"{module}.{name} is now {place}.{name}; import"):
                found = getattr(fresh, name)
            assert found is getattr(import_module(place), name)
            assert vars(fresh)[name] is found  # so that it warns once
    with pytest.raises(AttributeError, match=r"what zoo 0\.1\.0 had there is in"):
        fresh.no_such_name  # noqa: B018


def test_no_old_name_stands_for_a_module_of_today() -> None:
    for package in PACKAGES:
        names = " ".join(SPLIT[package].values()).split()
        present = {path.stem for path in Path(import_module(package).__path__[0]).iterdir()}
        assert present.isdisjoint(names)


OLD = """
import sys, zoo
assert "torch" not in sys.modules
assert callable(zoo.registry) and callable(zoo.runs)
import zoo.registry, zoo.runs
from zoo.seq import Seq
from zoo.registry import Registrar
from zoo.runs import RunState
from zoo.data import batch
from zoo.data import prepare
from zoo.run import Run, RunInfo
assert callable(zoo.registry) and callable(zoo.runs)
for module in ("run", "data", "seq", "gone"):
    try:
        exec(f"from zoo.{module} import gone")
    except ImportError as error:
        print(type(error).__name__, error)
"""


def test_old_names_are_there_without_a_plug_in_and_warn_at_their_line(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(OLD)
    command = [sys.executable, "-W", "always::DeprecationWarning", "old.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = [line.partition("; ")[0] for line in done.stderr.splitlines() if "is now" in line]
    at = f"{tmp_path / 'old.py'}:"
    assert [line.removeprefix(at) for line in told] == [
        "6: DeprecationWarning: zoo.seq is now zoo.model.sequence",
        "7: DeprecationWarning: zoo.registry.Registrar is now zoo.catalog.entries.Registrar",
        "8: DeprecationWarning: zoo.runs.RunState is now zoo.run_files.listing.RunState",
        "9: DeprecationWarning: zoo.data.batch is now zoo.data.batches.batch",
        "11: DeprecationWarning: zoo.run.Run is now zoo.api.run.Run",
        "11: DeprecationWarning: zoo.run.RunInfo is now zoo.contracts.training.RunInfo",
    ]
    assert [line.split("(")[0].strip() for line in done.stdout.splitlines()] == [
        "ImportError cannot import name 'gone' from 'zoo.run'",
        "ImportError cannot import name 'gone' from 'zoo.data'",
        "ImportError cannot import name 'gone' from 'zoo.model.sequence'",
        "ModuleNotFoundError No module named 'zoo.gone'",
    ]


def test_a_plug_in_for_an_older_zoo_loads_and_its_author_is_told_where(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(PLUGIN)
    command = [sys.executable, "-W", "always::DeprecationWarning", "-m", "zoo"]
    command += ["describe", "norm", "old", "--plugin", "old.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Written for zoo 0.1.0" in done.stdout
    assert f"warning: {tmp_path / 'old.py'}:3: zoo.cache is now zoo.model.kv_cache" in done.stderr
    assert done.stderr.count("zoo.cache is now") == 1


def test_no_old_name_hides_a_public_one() -> None:
    old = {*MOVED, *SPLIT} - {*FUNCTIONS}
    assert [name for name in old if name.removeprefix("zoo.") in zoo.__all__] == []
