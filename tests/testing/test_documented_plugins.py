"""The plug-ins that CONTRIBUTING.md shows are right, and a block that follows the docs is too."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from small_runs import somewhere as somewhere
from torch import Tensor, nn

import zoo
from zoo import testing
from zoo.authoring import extend, key_value_cache
from zoo.catalog.entries import Entry, Registry
from zoo.catalog.plugins import load_file, load_installed
from zoo.model.sequence import Seq
from zoo.testing.attentions import past_the_end
from zoo.testing.blocks import decoding_agrees
from zoo.testing.suite import component_of

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
PLUGINS = [
    block
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    if "zoo_register" in block
]
NAMES = {"attention": "near", "block": "unet"}


@pytest.fixture(params=NAMES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def offered(kind: str, tmp_path: Path) -> Registry:
    """What is installed, and the plug-in of the page."""
    path = tmp_path / "mine.py"
    path.write_text(PLUGINS[list(NAMES).index(kind)], encoding="utf-8")
    offered = load_installed()
    load_file(offered, path)
    return offered


@pytest.fixture
def mine(kind: str, offered: Registry) -> Entry:
    return offered.find(kind, NAMES[kind])


def test_it_fits_its_kind(mine: Entry) -> None:
    testing.check(mine.kind, mine.factory)


def test_it_trains(mine: Entry, offered: Registry, tmp_path: Path) -> None:
    changes = [f"model.{mine.kind}={mine.name}", "train.steps=2", "scheduler.warmup=1"]
    run = zoo.train(zoo.load_recipe("tiny.toml", changes, offered), out=tmp_path / "run")
    assert [r["step"] for r in run.metrics if r["event"] == "train"] == [1, 2]


def test_it_is_short_and_imports_what_stays_alone() -> None:
    assert len(PLUGINS) == len(NAMES)
    for plugin in PLUGINS:
        assert len([line for line in plugin.splitlines() if line.strip()]) <= 40
        modules = re.findall(r"^(?:from|import) ([\w.]+)", plugin, re.MULTILINE)
        ours = {module for module in modules if module.startswith("zoo")}
        assert ours <= {"zoo", "zoo.contracts", "zoo.authoring"}


def test_a_block_of_two_attentions_keeps_both_caches_as_the_contract_says() -> None:
    shown = inspect.getdoc(zoo.Block) or ""
    code = shown.split("same ones::\n", 1)[1].split("CONTRIBUTING", 1)[0]
    methods: dict[str, Any] = {}
    exec(inspect.cleandoc(code), methods)

    class Both(nn.Module):
        def __init__(self, build: zoo.BlockBuild) -> None:
            super().__init__()
            self.near_norm = build.norm(build.dims.d_model, "near_norm")
            self.near = build.attention("near")
            self.far_norm = build.norm(build.dims.d_model, "far_norm")
            self.far = build.attention("far")

        new_cache, cache_of = methods["new_cache"], methods["cache_of"]

        def forward(
            self,
            x: Tensor,
            seq: Seq,
            cache: dict[str, Tensor] | None = None,
            carry: Mapping[str, Tensor] = MappingProxyType({}),
        ) -> zoo.Out:
            near = zoo.as_out(
                self.near(self.near_norm(x), seq, self.cache_of("near", cache), carry)
            )
            x = x + near.y
            far = zoo.as_out(self.far(self.far_norm(x), seq, self.cache_of("far", cache), carry))
            return zoo.Out(x + far.y, of_parts={"near": near, "far": far})

    assert list(decoding_agrees(component_of("block", Both, {}))) == []


def test_without_a_cache_keys_and_values_are_the_calls_own() -> None:
    k, v = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 5, 4)
    seq = Seq.of_length(5, torch.device("cpu"))
    assert all(a is b for a, b in zip(extend(None, k, v, seq), (k, v, seq.pos), strict=True))
    cache = key_value_cache(2, 3, 5, 4, torch.device("cpu"), torch.float32)
    for seen, own in zip(extend(cache, k, v, seq), (k, v, seq.pos.expand(2, 5)), strict=True):
        assert torch.equal(seen, own)


def test_who_forgets_the_window_is_told_so(tmp_path: Path) -> None:
    whole = PLUGINS[0].replace(", window=self.window)\n        bias", ")\n        bias")
    assert whole != PLUGINS[0]
    path = tmp_path / "forgetful.py"
    path.write_text(whole, encoding="utf-8")
    offered = Registry()
    load_file(offered, path)
    forgetful = component_of("attention", offered.find("attention", "near").factory, {})
    assert "give it to seq.visible as window=" in next(past_the_end(forgetful), "")
