"""What plug-ins for zoo 0.1.0 import is found where it is now."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import zoo
from zoo.catalog.moved import MOVED, find_moved_modules

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
    find_moved_modules()
    with pytest.deprecated_call():
        sys.modules.pop(name, None)
        found = import_module(name)
    assert found is import_module(MOVED[name])
    assert found.__name__ == MOVED[name]
    assert found.__spec__ is not None
    assert found.__spec__.name == MOVED[name]


def test_a_plug_in_for_an_older_zoo_loads(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(PLUGIN)
    command = [sys.executable, "-m", "zoo", "describe", "norm", "old", "--plugin", "old.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Written for zoo 0.1.0" in done.stdout


def test_no_old_name_hides_a_public_one() -> None:
    assert [name for name in MOVED if name.removeprefix("zoo.") in zoo.__all__] == []
