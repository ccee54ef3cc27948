"""What a check of a recipe finds out of components by trying them."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import RECIPE, error_of
from minimal import MINIMAL
from torch import Tensor, nn

import zoo
from zoo.catalog.entries import Registrar, Registry
from zoo.cli import main
from zoo.contracts import BlockBuild, Out
from zoo.recipe import first_pass
from zoo.recipe.first_pass import try_forward, unheard
from zoo_builtin.attention.softmax import FullAttention
from zoo_builtin.blocks import PreNorm
from zoo_builtin.feedforward import MLP
from zoo_builtin.losses import CrossEntropy
from zoo_builtin.norms import RMSNorm
from zoo_builtin.positions import ALiBi, RoPE, Sinusoidal
from zoo_builtin.tokenizers import Byte

RECIPES = Path(__file__).parents[2] / "recipes"


class Forwardless(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()


class Averaging(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).mean(-1)


class Scalar(RMSNorm):
    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.scale = nn.Parameter(torch.tensor(1.0))


class Misspelt(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.wieght  # type: ignore[operator]


class Ungated(nn.Module):
    fan_in = 2

    def forward(self, x: Tensor) -> Tensor:
        return x


class LastToken(FullAttention):
    def forward(self, *given: Any, **more: Any) -> Tensor:
        return super().forward(*given, **more)[:, -1:]  # type: ignore[index]


class Paired(MLP):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x), x


class Halved(RoPE):
    def rotate(self, x_BHTD: Tensor, seq: Any, key: bool) -> Tensor:
        return super().rotate(x_BHTD, seq, key)[..., ::2]


class Short(Sinusoidal):
    def add(self, x: Tensor, pos: Tensor) -> Tensor:
        return super().add(x, pos)[:, 1:]


class OneHead(ALiBi):
    def bias(self, q_pos: Tensor, k_pos: Tensor) -> Tensor:
        return super().bias(q_pos, k_pos)[:, :1]


class Rotating:
    acts_on = frozenset({"qk"})
    limit = None

    def __init__(self) -> None: ...


class Undecided(Byte):
    decode = None  # type: ignore[assignment]


class Deaf:
    def __init__(self, run: Any) -> None: ...

    def on_step_end(self) -> None: ...


class Silent:
    """Neither a loss, a sampler, a scheduler nor an optimizer."""

    def __init__(self, params: Any = None) -> None: ...


class LossOfEachToken(MLP):
    def forward(self, x: Tensor) -> Any:
        y = super().forward(x)
        return Out(y, losses={"aux": y.square().sum(-1)})


class LossAsFloat(FullAttention):
    def forward(self, *given: Any, **more: Any) -> Any:
        return Out(super().forward(*given, **more), losses={"aux": 0.0})  # type: ignore[arg-type, dict-item]


class Uncollected(MLP):
    def forward(self, x: Tensor) -> Any:
        return Out(super().forward(x), stats={"tokens": torch.ones(())})


class Cacheless(FullAttention):
    new_cache = None  # type: ignore[assignment]


class Forgetful(FullAttention):
    def new_cache(self, *given: Any) -> Any:
        super().new_cache(*given)


class RowsLast(FullAttention):
    def new_cache(self, *given: Any) -> Any:
        return {name: held.mT for name, held in super().new_cache(*given).items()}


class OfEachToken(CrossEntropy):
    def forward(self, hidden: Tensor, *given: Any) -> Any:
        total, parts = super().forward(hidden, *given)
        return total.expand(hidden.shape[:-1]), parts


class Alone(CrossEntropy):
    def forward(self, *given: Any) -> Any:
        return super().forward(*given)[0]


class CachelessBlock(PreNorm):
    new_cache = None  # type: ignore[assignment]


class Pairing(PreNorm):
    def forward(self, *given: Any) -> Any:
        return tuple(super().forward(*given))


class CarryingOneTensor(PreNorm):
    def forward(self, *given: Any) -> Any:
        out = super().forward(*given)
        return Out(out.y, carry=out.y)  # type: ignore[arg-type]


class NamingTensors(PreNorm):
    def forward(self, *given: Any) -> Any:
        out = super().forward(*given)
        return Out(out.y, of_parts={"attention": out.of_parts["attention"].y})  # type: ignore[dict-item]


class Misnaming(PreNorm):
    def forward(self, *given: Any) -> Any:
        out = super().forward(*given)
        return Out(out.y, of_parts={"mixer": out.of_parts["attention"]})


class Dropping(PreNorm):
    """Its feed-forward part is one with a loss and a carried value, which it doesn't hand on."""

    def __init__(self, build: BlockBuild) -> None:
        super().__init__(build)
        forward = self.feedforward.forward
        self.feedforward.forward = lambda x: Out(  # type: ignore[method-assign]
            forward(x), losses={"aux": x.sum()}, carry={"input": x}
        )

    def forward(self, *given: Any) -> Any:
        return super().forward(*given).y


class Expecting(PreNorm):
    def forward(self, x: Tensor, seq: Any, cache: Any, carry: Any) -> Any:
        out = super().forward(x + carry.get("input", 0), seq, cache, carry)
        return Out(out.y + carry["skip0"], of_parts=out.of_parts)


CASES = [
    ("feedforward", LossOfEachToken, "in layer 0 returns the loss 'aux' of shape (1, 16): sum it"),
    ("attention", LossAsFloat, "in layer 0 returns the loss 'aux' of type float: a tensor is"),
    ("attention", Cacheless, "is Cacheless, which has no new_cache"),
    ("attention", Forgetful, "in layer 0 makes a cache of type NoneType: a plain dict of"),
    ("attention", RowsLast, "in layer 0 makes a cache for 2 rows in which 'pos' is (16, 2)"),
    ("loss", OfEachToken, "returns a total of shape (1, 16): sum it up to a single number"),
    ("loss", Alone, "returns a Tensor: (sum to minimise, "),
    ("block", CachelessBlock, "is CachelessBlock, which has no new_cache"),
    ("block", Pairing, "in layer 0 returns a tuple instead of a tensor or an Out"),
    ("block", CarryingOneTensor, "in layer 0 returns carry of type Tensor, no mapping: write car"),
    (
        "block",
        NamingTensors,
        "in layer 0 returns of_parts in which 'attention' is a Tensor: an Out",
    ),
    ("block", Misnaming, "in layer 0 returns of_parts with 'mixer', which is none of its parts: "),
    (
        "block",
        Dropping,
        "in layer 0 drops the loss 'aux' and the carried value 'input' that its part 'feedforward' "
        'returned: write Out(y, of_parts={"feedforward": as_out(self.feedforward(…))})',
    ),
    ("block", Expecting, "in layer 0 fails: KeyError: 'skip0' (carried to layer 0: nothing)"),
    ("norm", Forwardless, "has no forward"),
    ("norm", Averaging, "in layer 0 makes (1, 16) of (1, 16, 32) instead of (1, 16, 32)"),
    ("norm", Scalar, "has a parameter scale of no dimension: give it the shape (1,)"),
    (
        "norm",
        Misspelt,
        "in layer 0 fails: AttributeError: 'Misspelt' object has no attribute 'wieght'",
    ),
    ("activation", Ungated, "in layer 0 makes (1, 16, 192) of (1, 16, 192) instead of (1, 16, 96)"),
    ("attention", LastToken, "in layer 0 makes (1, 1, 32) of (1, 16, 32) instead of (1, 16, 32)"),
    ("feedforward", Paired, "in layer 0 returns a tuple instead of a tensor or an Out"),
    ("position", Halved, "rotate makes (1, 4, 16, 4) of (1, 4, 16, 8) instead of (1, 4, 16, 8)"),
    ("position", Short, "add makes (1, 15, 32) of (1, 16, 32) instead of (1, 16, 32)"),
    ("position", OneHead, "bias makes (1, 1, 16, 16) of (1, 16) instead of (1, 4, 16, 16)"),
    ("position", Rotating, "is Rotating, which has no rotate"),
    ("loss", Silent, "can't be called"),
    ("scheduler", Silent, "can't be called"),
    ("sampler", Silent, "can't be called"),
    ("optimizer", Silent, "is Silent, which has no step"),
    ("optimizer", Silent, "is no torch.optim.Optimizer, nor a list of them"),
    ("tokenizer", Undecided, "is Undecided, which has no decode"),
    ("observer", Deaf, "hears nothing: it has none of run_started, step_ended"),
]
PLACES = {
    "sampler": ("generate.samplers[0]", "generate.samplers=['mine']"),
    "observer": ("train.observers[0]", "train.observers=['mine']"),
    **{kind: (kind, f"{kind}=mine") for kind in ("tokenizer", "optimizer", "scheduler")},
}


def offering(kind: str, factory: Any) -> Registry:
    offered = Registrar("mine", "1")
    if kind == "scheduler":
        offered.scheduler("mine", lambda: Silent())
    elif kind in ("loss", "sampler"):
        offered.add(kind, "mine", lambda: factory())
    else:
        offered.add(kind, "mine", factory)
    made = Registry()
    made.add([*zoo.registry().entries(), *offered.entries])
    return made


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "a.toml"
    path.write_text(MINIMAL, encoding="utf-8")
    return path


SIZES = ["model.d_model=32", "model.n_heads=4", "model.max_seq_len=16", "model.feedforward.d_ff=96"]


@pytest.mark.filterwarnings("ignore:observer")
@pytest.mark.parametrize(("kind", "factory", "told"), CASES)
def test_a_component_that_breaks_its_contract_is_named(
    kind: str, factory: Any, told: str, recipe: Path
) -> None:
    place, change = PLACES.get(kind, (f"model.{kind}", f"model.{kind}=mine"))
    sizes = SIZES[:-1] if kind == "feedforward" else SIZES
    problems = zoo.check(recipe, [change, *sizes], offering(kind, factory))
    about = [p for p in problems if p.message.startswith(f"{kind} 'mine' {told}")]
    assert len(about) == 1, problems
    assert about[0].path == place
    assert f'; zoo.testing.check("{kind}", ' in about[0].message
    assert {problem.path for problem in problems} == {place}


def test_statistics_that_nobody_takes_back_are_told_and_cost_no_run(recipe: Path) -> None:
    offered = offering("feedforward", Uncollected)
    with pytest.warns(UserWarning, match=r"returns statistics \('tokens'\) and has no after_step"):
        assert zoo.check(recipe, ["model.feedforward=mine", *SIZES[:-1]], offered) == []


class Halving(PreNorm):
    """Makes half of its part's loss its own, and leaves out what it has no use for."""

    def forward(self, *given: Any) -> Any:
        out = super().forward(*given)
        part = out.of_parts["feedforward"]
        halved = {name: loss / 2 for name, loss in part.losses.items()}
        return Out(out.y, losses=halved, of_parts={"attention": Out(out.y)})


class Auxiliary(MLP):
    def forward(self, x: Tensor) -> Any:
        y = super().forward(x)
        return Out(y, losses={"aux": y.square().sum()})  # type: ignore[union-attr]


def test_what_a_block_returns_may_replace_what_its_parts_did(recipe: Path) -> None:
    offered = offering("block", Halving)
    mine = Registrar("mine", "1")
    mine.feedforward("auxiliary", Auxiliary)
    offered.add(mine.entries)
    change = ["model.block=mine", "model.feedforward=auxiliary"]
    assert zoo.check(recipe, change, offered) == []


def test_the_layer_of_a_flaw_is_told(recipe: Path) -> None:
    change = ["model.n_layers=3", "model.block=['pre_norm', 'pre_norm', 'mine']"]
    (problem,) = zoo.check(recipe, change, offering("block", Expecting))
    assert problem.path == "model.block[2]"
    told = "in layer 2 fails: KeyError: 'skip0' (carried to layer 2: nothing);"
    assert problem.message.startswith(f"block 'mine' {told}")


def test_training_names_it_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(RECIPE, encoding="utf-8")
    Path("forwardless.py").write_text(
        "import zoo\nfrom torch import nn\n\n"
        "class Empty(nn.Module):\n    def __init__(self, dim):\n        super().__init__()\n\n"
        "@zoo.hookimpl\ndef zoo_register(registry):\n    registry.norm('empty', Empty)\n"
    )
    plugin = ("--plugin", "forwardless.py", "--set", "model.norm=empty")
    told = "model.norm: norm 'empty' has no forward; zoo.testing.check(\"norm\", Empty)"
    assert told in error_of(capsys, "train", "tiny.toml", *plugin)
    assert main(["check", "tiny.toml", *plugin]) == 2
    assert told in capsys.readouterr().err
    zoo.registry.cache_clear()


class Hungry(MLP):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1.0 if x.abs().max().item() >= 0 else 0.0)


class HungryAndBroken(Hungry):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).nonsense()  # type: ignore[operator]


def test_what_needs_values_gets_them(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = ["model.feedforward=mine"]
    before = torch.get_rng_state()
    assert zoo.check(recipe, change, offering("feedforward", Hungry)) == []
    assert torch.equal(torch.get_rng_state(), before)
    (problem,) = zoo.check(recipe, change, offering("feedforward", HungryAndBroken))
    assert "fails: AttributeError: 'Tensor' object has no attribute 'nonsense'" in problem.message
    monkeypatch.setattr(first_pass, "LARGEST", 0)  # nor is memory taken for a large model
    assert zoo.check(recipe, change, offering("feedforward", HungryAndBroken)) == []


def test_zoos_own_components_pass_without_values(tmp_path: Path) -> None:
    text = tmp_path / "shakespeare.txt"
    text.write_text("To be, or not to be.\n" * 10_000, encoding="utf-8")
    changes: list[list[str]] = [[]]
    for kind in ("norm", "activation", "position", "attention", "feedforward", "loss"):
        changes += [[f"model.{kind}={entry.name}"] for entry in zoo.registry().entries(kind)]
    for path in sorted(glob.glob(str(RECIPES / "*.toml"))):
        mine = [f"data.corpus.files=['{text.as_posix()}']"] if "shakespeare" in path else []
        for change in changes if "smoke" in path else [[]]:
            if change == ["model.attention=sliding"]:
                change = ["model.attention={name='sliding', window=8}"]
            with first_pass.noting_made() as made, torch.device("meta"):
                model: Any = zoo.load_recipe(path, [*mine, *change]).model(300, 0)
                assert list(first_pass.lacks(made)) == []
                try_forward(model, [each for each in made if each[0].entry.kind != "model"], [])


class Listener:
    def step_ended(self, record: Any) -> None: ...

    def on_step_end(self, record: Any) -> None: ...

    def on_train_begin(self) -> None: ...

    def eval_end(self, record: Any) -> None: ...

    def write(self, line: str) -> None: ...

    def close(self) -> None: ...

    started = 3


def test_an_observer_s_method_that_nobody_calls_is_told(recipe: Path) -> None:
    assert [told.partition(",")[0] for told in unheard(Listener())] == [
        "eval_end",
        "on_step_end",
        "on_train_begin",
    ]
    registry = offering("observer", lambda run: Listener())
    near = "has a method on_step_end, which nobody calls; did you mean step_ended?"
    with pytest.warns(UserWarning, match="nobody calls") as said:
        assert zoo.check(recipe, ["train.observers=['mine']"], registry) == []
    told = [str(warning.message) for warning in said]
    assert len(told) == 3
    assert any(f"observer 'mine' {near}" in line for line in told)
    assert any("the events are run_started, " in line for line in told)
    for entry in zoo.registry().entries("observer"):
        assert list(unheard(object.__new__(entry.factory))) == []  # type: ignore[call-overload]
