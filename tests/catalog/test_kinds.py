"""A kind of component is one entry of a table, and everything else follows from it."""

from __future__ import annotations

import pytest

import zoo
import zoo.contracts
from zoo import testing
from zoo.catalog.entries import Registrar, Registry
from zoo.cli import main
from zoo.cli.recipe_keys import places
from zoo.contracts.kinds import KIND_OF_CONTRACT, KINDS, Kind
from zoo.errors import PluginError


class Shape:
    """Rolls."""

    def __init__(self, dims: zoo.Dims, *, corners: int = 4) -> None: ...


@pytest.fixture
def shape(monkeypatch: pytest.MonkeyPatch) -> Kind:
    """A kind that borrows the suite of another."""
    kind = Kind(
        "shape", Shape, "rolls", "schedulers", "train.shapes", ("dims",), explains=(zoo.Dims,)
    )
    monkeypatch.setitem(KINDS, "shape", kind)
    return kind


def test_the_registrar_has_a_method_for_it(shape: Kind) -> None:
    mine = Registrar("mine", "1")
    mine.shape("cube", Shape)
    with pytest.raises(PluginError, match="takes 'build', but a host of this kind gives dims"):
        mine.shape("sphere", lambda build: build)
    offered = Registry()
    offered.add(mine.entries)
    assert offered.find("shape", "cube").factory is Shape
    assert "shape" in dir(mine)


@pytest.mark.usefixtures("shape")
def test_it_is_listed_and_described(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Registrar("mine", "1")
    mine.shape("cube", Shape)
    offered = Registry()
    offered.add(mine.entries)
    for command in ("list_", "describe"):
        monkeypatch.setattr(f"zoo.cli.{command}.load_plugins", lambda args: offered)
    assert main(["list", "shape"]) == 0
    assert capsys.readouterr().out == "shape: rolls\n  cube  mine  Rolls.\n"
    assert main(["describe", "shape"]) == 0
    told = capsys.readouterr().out
    assert "shape: rolls\n\ngiven by its host: dims\n\nclass Shape:" in told
    assert "class Dims:" in told
    assert main(["describe", "cube"]) == 0
    assert '[train]\n  shapes = [{ name = "cube", corners = 4 }]' in capsys.readouterr().out


def test_its_suite_is_found(shape: Kind) -> None:
    assert testing.properties("shape") == testing.properties("scheduler")


def test_contracts_are_public_and_stand_for_one_kind_each() -> None:
    for kind in KINDS.values():
        for contract in (kind.contract, *kind.explains):
            name = contract.__name__
            assert getattr(zoo, name) is getattr(zoo.contracts, name) is contract
            assert {name} <= {*zoo.__all__} & {*zoo.contracts.__all__}
    assert len(KIND_OF_CONTRACT) == len(KINDS)


def test_options_are_looked_for_where_a_recipe_has_their_kind() -> None:
    assert places("n_kv_heads") == ["model.attention.n_kv_heads"]
    assert places("stochastic_depth") == ["model.block.stochastic_depth"]
    assert places("max_bytes") == ["data.corpus.max_bytes"]
    assert places("p") == []  # samplers are a list
