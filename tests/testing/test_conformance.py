"""The conformance suites: every registered component passes, and broken ones are told why."""

from __future__ import annotations

import contextlib
import importlib
import sys
from pathlib import Path
from typing import Any

import broken
import pytest
import torch
import unusual_components
from broken.corpora import Drawn
from packages import THIRD_PARTY

import zoo
from zoo import testing
from zoo.catalog.entries import Entry
from zoo.contracts.kinds import KINDS
from zoo.testing.bench import Bench
from zoo.testing.compare import luck
from zoo.testing.suite import shown
from zoo_builtin.attention.softmax import SlidingAttention
from zoo_builtin.blocks import PreNorm
from zoo_builtin.norms import RMSNorm

HERE = Path(__file__)
OPTIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("attention", "sliding"): {"window": 5},
    ("tokenizer", "bpe"): {"vocab_size": 270},
    ("tokenizer", "unigram"): {"vocab_size": 270},
}
VARIANTS: list[tuple[str, str, dict[str, Any]]] = [
    ("attention", "full", {"n_kv_heads": 2, "qk_norm": "rmsnorm", "kernel": "reference"}),
    ("attention", "sliding", {"window": 40, "n_kv_heads": 1}),
    ("block", "pre_norm", {"branch_scale": 0.5, "dropout": 0.1, "stochastic_depth": 0.5}),
    ("block", "sandwich", {"layer_scale": 1e-3}),
    ("block", "parallel", {"shared_norm": False, "layer_scale": 1e-3}),
    ("position", "rope", {"layout": "interleaved"}),
    ("loss", "cross_entropy", {"z_loss": 1e-2, "chunk": 7}),
    ("optimizer", "sgd", {"nesterov": True, "weight_decay": 0.1}),
    ("optimizer", "muon", {"nesterov": False, "ns_steps": 3, "rest": "sgd_decay"}),
    ("scheduler", "wsd", {"warmup": 100, "shape": "cosine"}),
    ("tokenizer", "char", {"unknown": True}),
    ("tokenizer", "unigram", {"vocab_size": 260, "pattern": r"\s*\S+", "max_token_bytes": 3}),
]


def name_of(case: Entry | broken.Case) -> str:
    return f"{case.kind}-{case.name if isinstance(case, Entry) else case.factory.__name__}"


@pytest.mark.parametrize("entry", zoo.registry().entries(), ids=name_of)
def test_every_component_on_offer_conforms(entry: Entry, tmp_path: Path) -> None:
    if (entry.kind, entry.name) == ("observer", "tensorboard"):
        pytest.importorskip("tensorboard", reason="an optional extra that is not installed")
    if entry.kind == "corpus" and "offline" in entry.options:
        pytest.skip("its files are on the internet; a stand-in would be tested in its place")
    options = OPTIONS.get((entry.kind, entry.name), {})
    if (entry.kind, entry.name) == ("corpus", "text"):
        for nth in range(60):
            (tmp_path / f"{nth}.txt").write_text(f"Document {nth}.\n", encoding="utf-8")
        options = {"files": [tmp_path], "valid_share": 0.3}
    testing.check(entry.kind, entry.factory, **options)


@pytest.mark.parametrize(("kind", "name", "options"), VARIANTS)
def test_options_conform_too(kind: str, name: str, options: dict[str, Any]) -> None:
    testing.check(kind, zoo.registry().find(kind, name).factory, **options)


@pytest.mark.parametrize(("kind", "factory"), unusual_components.COMPONENTS)
def test_unusual_components_conform_too(kind: str, factory: Any) -> None:
    testing.check(kind, factory)


@pytest.mark.parametrize("case", broken.CASES, ids=name_of)
def test_a_broken_component_is_told_what_it_breaks_and_nothing_else(case: broken.Case) -> None:
    with pytest.raises(testing.ConformanceError) as refused:
        testing.check(case.kind, case.factory, **case.options)
    told = refused.value.broken
    assert case.seen in told[case.breaks]
    assert set(told) == {case.breaks, *case.also}
    asked = testing.properties(case.kind)[case.breaks]
    line = f"  {case.breaks}: {told[case.breaks]} (asked: {asked})"
    assert line in str(refused.value).splitlines()


@pytest.mark.parametrize("kind", KINDS)
def test_every_property_can_be_broken(kind: str) -> None:
    # What all parts of a model share is one function, so that one kind's broken part will do.
    shared = {"signature", *vars(Bench)}
    told = {
        name
        for case in broken.CASES
        for name in (case.breaks, *case.also)
        if case.kind == kind or name in shared
    }
    assert set(testing.properties(kind)) - told == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_broken_components_that_are_refused(kind: str) -> None:
    assert len({case.breaks for case in broken.CASES if case.kind == kind}) >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_property_says_in_a_line_what_it_asks(kind: str) -> None:
    asked = testing.properties(kind)
    assert next(iter(asked)) == "signature"
    assert [name for name, text in asked.items() if "\n" in text or not text.endswith(".")] == []


def test_the_cause_is_the_components_own_exception() -> None:
    class Refusing(RMSNorm):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ZeroDivisionError("no such\nluck")

    with pytest.raises(
        testing.ConformanceError, match="raised ZeroDivisionError: no such luck"
    ) as e:
        testing.check("norm", Refusing)
    assert isinstance(e.value.__cause__, ZeroDivisionError)


def test_where_nothing_can_be_made_one_line_says_so() -> None:
    class Never(RMSNorm):
        def __init__(self, dim: int) -> None:
            raise ValueError(f"not with dim = {dim}")

    (line,) = lines_with('"not with dim = {dim}"')
    with pytest.raises(testing.ConformanceError) as refused:
        testing.check("norm", Never)
    assert str(refused.value).splitlines() == [
        "norm Never breaks a property that zoo relies on:",
        f"  made: can't be made: not with dim = 32, at {shown(HERE)}:{line} "
        "(asked: Given dim and build, it makes a torch.nn.Module, which returns a tensor.)",
    ]


def test_mistakes_in_the_call_are_no_flaws_of_the_component() -> None:
    with pytest.raises(zoo.ZooError, match="no kind 'nrom'; did you mean 'norm'"):
        testing.check("nrom", RMSNorm)
    with pytest.raises(zoo.ZooError, match="no such option; did you mean 'eps'"):
        testing.check("norm", RMSNorm, epps=1e-6)
    with pytest.raises(zoo.ZooError, match="window is missing"):
        testing.check("attention", SlidingAttention)
    told = "block PreNorm refuses dropout=2: dropout must be a probability from 0 to below 1, not 2"
    with pytest.raises(zoo.ZooError, match=told):
        testing.check("block", PreNorm, dropout=2)
    with pytest.raises(zoo.ZooError, match="no block named 'pre_nrom'; did you mean 'pre_norm'"):
        testing.check("block", "pre_nrom")


def test_a_registered_name_stands_for_its_component() -> None:
    testing.check("norm", "rmsnorm", eps=1e-6)
    with pytest.raises(zoo.ZooError, match="no such option; did you mean 'eps'"):
        testing.check("norm", "rmsnorm", epps=1e-6)


class Waiting(RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * (1.0 if x.sum() < torch.inf else 0.0)  # waits


class Copying(RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * len(x.flatten()[:1].tolist())  # copies


@pytest.mark.parametrize(("factory", "written"), [(Waiting, "`if x:`"), (Copying, ".tolist()")])
def test_what_waits_for_a_gpu_is_told_as_it_is_written_and_where(
    factory: Any, written: str
) -> None:
    with pytest.raises(testing.ConformanceError) as refused:
        testing.check("norm", factory)
    (line,) = lines_with("# waits" if factory is Waiting else "# copies")
    told = refused.value.broken["on_accelerator"]
    assert written in told
    assert told.endswith(
        f"needs a value, for which a GPU would be waited for, at {shown(HERE)}:{line}"
    )


def lines_with(text: str) -> list[int]:
    """Numbers of the lines of this file that hold the text, but for where it is asked for."""
    lines = HERE.read_text(encoding="utf-8").splitlines()
    return [nth for nth, line in enumerate(lines, 1) if text in line and "lines_with" not in line]


@pytest.mark.parametrize(("kind", "factory"), [("norm", RMSNorm), ("corpus", Drawn)])
def test_random_numbers_go_on_as_if_nothing_happened(kind: str, factory: Any) -> None:
    before = luck()
    with contextlib.suppress(testing.ConformanceError):
        testing.check(kind, factory)
    assert luck() == before


def test_the_package_of_a_third_party_tests_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(THIRD_PARTY / "zoo-dyt")
    for module in ("zoo_dyt", "test_zoo_dyt"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    importlib.import_module("test_zoo_dyt").test_dyt_fits()
    readme = (THIRD_PARTY / "zoo-dyt" / "README.md").read_text(encoding="utf-8")
    assert (THIRD_PARTY / "zoo-dyt" / "test_zoo_dyt.py").read_text(encoding="utf-8") in readme
