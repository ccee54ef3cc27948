"""Which precision "auto" takes: by what was measured here, once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from zoo.compute import device
from zoo.compute import matmul_bench as products
from zoo.compute.matmul_bench import ROUTES, Product, cpu_products

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    return tmp_path


def of_a_processor(
    monkeypatch: pytest.MonkeyPatch, *, plain: float, fast: float, error: float, narrow: float
) -> None:
    """A processor with these speeds, and this error of its fast float32."""
    found = {
        "float32": Product(plain, 2e-7),
        "float32, fast": Product(fast, error),
        "bfloat16": Product(narrow, 3e-3),
    }
    monkeypatch.setattr(device, "cpu_products", lambda: found)


def test_errors_are_those_of_the_types() -> None:
    measured = cpu_products()
    assert set(measured) == set(ROUTES)
    assert 1e-8 < measured["float32"].error < 1e-6
    assert 1e-4 < measured["bfloat16"].error < 1e-2
    assert all(product.flops > 0 for product in measured.values())


def test_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = cpu_products()
    monkeypatch.setattr(products, "measure", None)  # whoever calls it fails
    assert cpu_products() == first


MEASURES = """
import json, sys, time
from pathlib import Path
from zoo.compute import matmul_bench
measure = matmul_bench.measure

def noted():
    Path(sys.argv[1], str(time.time_ns())).touch()
    return measure()

matmul_bench.measure = noted
print(json.dumps(matmul_bench.cpu_products()))
"""


@pytest.mark.slow
def test_processes_that_start_at_once_use_what_one_measured(own_cache: Path) -> None:
    notes = own_cache / "notes"
    notes.mkdir()
    command = [sys.executable, "-c", MEASURES, str(notes)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    found = {process.communicate(timeout=60)[0] for process in started}
    assert len(found) == 1
    assert next(iter(found))
    assert len(list(notes.iterdir())) == 1


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"float32": null}', '{"float32": [1]}'])
def test_damage_is_measured_anew(own_cache: Path, damage: str) -> None:
    cpu_products()
    (kept,) = (own_cache / "products").iterdir()
    kept.write_text(damage)
    assert cpu_products()["bfloat16"].flops > 0
    assert kept.read_text() != damage


@pytest.mark.parametrize(
    ("plain", "fast", "error", "narrow", "route", "precision"),
    [
        (200, 400, 4e-7, 700, "float32, fast", "bfloat16"),
        (200, 400, 4e-7, 450, "float32, fast", "float32"),
        (200, 700, 3e-3, 700, "float32", "bfloat16"),  # bfloat16 in disguise
        (200, 205, 2e-7, 90, "float32", "float32"),
    ],
)
def test_the_fastest_of_those_that_are_exact(
    monkeypatch: pytest.MonkeyPatch,
    plain: float,
    fast: float,
    error: float,
    narrow: float,
    route: str,
    precision: str,
) -> None:
    of_a_processor(monkeypatch, plain=plain, fast=fast, error=error, narrow=narrow)
    assert device.float32_route() == route
    assert device.choose_precision("auto", CPU) == precision
    assert device.choose_precision("float32", CPU) == "float32"


def test_measuring_leaves_torchs_setting_as_it_was() -> None:
    before = torch.get_float32_matmul_precision()
    products.measure()
    assert torch.get_float32_matmul_precision() == before
