"""Recipes: every mistake told at once, and writing them out with all that they leave open."""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli
import tomli_w
import torch
from hypothesis import given
from hypothesis import strategies as st
from minimal import MINIMAL, Write, problems, writer
from torch import nn

import zoo
from zoo import Make, Norm, Registrar, Registry, ref
from zoo.model.param_groups import named_params
from zoo.recipe.reader import parse_recipe

ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "recipes" / "smoke.toml"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)
    return writer(tmp_path)


# ── What is said of mistakes ─────────────────────────────────────────────────────────────────────


def test_a_minimal_recipe_is_right_and_everything_else_has_a_default(write: Write) -> None:
    recipe = zoo.load_recipe(write(MINIMAL))
    assert recipe.name == "a"
    assert recipe.source == MINIMAL
    assert (recipe.total_steps, recipe.train.seed) == (10, 1337)
    assert recipe.optimizer.name == "adamw"
    assert recipe.scheduler is not None
    assert [make.name for make in recipe.train.observers] == ["console", "plot"]  # type: ignore[attr-defined]


MISTAKES = [
    (
        'norm = "rmsnrom"',
        "a.toml:14: model.norm",
        "no norm named 'rmsnrom'; did you mean 'rmsnorm'? (known: layernorm, none, rmsnorm)",
    ),
    (
        "d_modle = 3",
        "a.toml:14: model.d_modle",
        "[model] has no such option; did you mean 'd_model'? (known: ",
    ),
    (
        'norm = { name = "rmsnorm", epss = 1 }',
        "a.toml:14: model.norm.epss",
        "norm 'rmsnorm' has no such option; did you mean 'eps'? (known: eps)",
    ),
    (
        'attention = ["full", { name = "sliding" }]',
        "a.toml:14: model.attention[1]",
        "window is missing: attention 'sliding' needs it (int)",
    ),
    (
        'attention = [\n  "full",\n  { name = "sliding", window = "8" },\n]',
        "a.toml:16: model.attention[1].window",
        'expected int, got "8"; write 8 without quotes',
    ),
    ("norm = { eps = nan }", "a.toml:14: model.norm.eps", "is nan: a finite number is needed"),
    ("norm = { name = 3 }", "a.toml:14: model.norm", 'expected a name, got 3: write name = "…"'),
    (
        'norm = { name = "rmsnorm", times = 2 }',
        "a.toml:14: model.norm.times",
        "belongs into a list over the layers",
    ),
    ("norm = 1979-05-27", "a.toml:14: model.norm", "expected norm, got date 1979-05-27"),
    ("tie_embeddings = 1", "a.toml:14: model.tie_embeddings", "expected true or false, got 1"),
    (
        'norm = ["none", "none", "none", "none", "none"]',
        "a.toml:14: model.norm",
        "is a list of 5 for 4 layers: its end would be unused",
    ),
    (
        'attention = { name = "full", n_kv_heads = 3 }',
        "a.toml:14: model.attention",
        "n_kv_heads must divide n_heads: 2 heads",
    ),
    (
        'position = { name = "rope", layout = "halfs" }',
        "a.toml:14: model.position.layout",
        "\"halfs\" is not allowed; did you mean 'halves'? (known: halves, interleaved)",
    ),
    ("[optimizer]\nbetas = [0.9]", "a.toml:15: optimizer.betas", "expected 2 values, got 1"),
    ("[optimizer]\nlr = -1.0", "a.toml:14: optimizer", ""),
    (
        '[optimizer]\nname = "sgd_decay"',
        "a.toml: scheduler",
        'sgd_decay sets its own learning rate: write scheduler = "none"',
    ),
    ("[scheduler]\nwarmup = 11", "a.toml:14: scheduler", ""),
    (
        "[generate]\nmax_new_tokens = 0",
        "a.toml:15: generate.max_new_tokens",
        "is 0: at least 1 is needed",
    ),
    (
        "[[params]]\nlr = 2",
        "a.toml:14: params[0]",
        "role or name is missing: write which parameters are meant",
    ),
    ('[[params]]\nname = "blocks.9.*"', "a.toml:14: params[0]", "matches no parameter"),
    (
        '[[params]]\nrole = "matrx"',
        "a.toml:15: params[0].role",
        "\"matrx\" is not allowed; did you mean 'matrix'?",
    ),
    (
        '[[params]]\nrole = "matrix"\n[[params]]\nrole = "vector"\nlr = -1.0',
        "a.toml:18: params[1].lr",
        "is -1.0: a multiplier can't be negative",
    ),
    ("[modle]", "a.toml:14: modle", "a recipe has no such section; did you mean 'model'?"),
    (
        "[generate.samplers]",
        "a.toml:14: generate.samplers",
        "expected list of sampler, got a table",
    ),
]


@pytest.mark.parametrize(("lines", "where", "message"), MISTAKES)
def test_a_mistake_is_told_with_file_line_path_and_remedy(
    write: Write, lines: str, where: str, message: str
) -> None:
    top, bottom = MINIMAL.split("\n[train]")
    text = f"{top}{lines}\n[train]{bottom}"
    told = problems(write(text))
    assert len(told) == 1
    assert told[0].startswith(f"{where}: {message}")


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (
            "train.batch_tokens=40",
            "train.batch_tokens",
            "is 40, no multiple of model.max_seq_len = 16: write 32 or 48",
        ),
        (
            "train.micro_batch=3",
            "train.micro_batch",
            "is 3, which does not divide the 4 rows of a batch (64 tokens, 16",
        ),
        ("train.tokens=100", "train.tokens", "steps is written as well: one of the two"),
        ("train.steps=none", "train", "steps or tokens is missing: write how long to train"),
        ("train.steps=0", "train.steps", "is 0: at least 1 is needed"),
        ("train.clip=0", "train.clip", 'is 0.0: a positive norm is needed, or "none"'),
        ("train.seed=-1", "train.seed", "is -1: at least 0 is needed"),
        (
            "train.precision=float16",
            "train.precision",
            "\"float16\" is not allowed; did you mean 'bfloat16'?",
        ),
        ("model.n_heads=3", "model.n_heads", "is 3, no divisor of d_model = 32: change one"),
        ("model.d_model=1_000_000_000_000_000_000", "model", "RuntimeError: "),
        ("data.corpus={name='text',files=['none.txt']}", "data.corpus", ""),
        (
            "data.corpus={name='tinystories',offline={name='text',files=[]}}",
            "data.corpus.offline",
            "",
        ),
        ("train.device=gpu", "train.device", "'gpu' can't be used here (there are "),
        ("data=3", "data", "expected a table, got 3"),
        ("params=3", "params", "expected a list of tables, got 3"),
    ],
)
def test_values_are_checked_against_each_other(
    write: Write, change: str, path: str, message: str
) -> None:
    told = zoo.check(write(MINIMAL), [change])
    assert [problem.path for problem in told] == [path]
    assert told[0].message.startswith(message)
    assert told[0].file == f"--set {change}"


def test_all_problems_are_told_at_once_in_the_order_of_the_file(write: Write) -> None:
    text = MINIMAL.replace("n_heads", "n_head").replace('"stories"', '"storys"')
    told = problems(write(text.replace("steps = 10", "steps = 1e1")))
    assert [line.split(": ")[:2] for line in told] == [
        ["a.toml:4", "data.corpus"],
        ["a.toml:9", "model"],
        ["a.toml:12", "model.n_head"],
        ["a.toml:16", "train.steps"],
    ]


@pytest.mark.parametrize("section", ["data", "model", "train"])
def test_a_missing_section_is_told(write: Write, section: str) -> None:
    text = re.sub(rf"\[{section}\]\n(.+\n)+", "", MINIMAL)
    assert any(line.startswith(f"a.toml: {section}: ") for line in problems(write(text)))


def test_an_unversioned_recipe_is_told_what_to_begin_with(write: Write) -> None:
    told = problems(write(MINIMAL.replace("zoo = 1\n", "")))
    assert told == ["a.toml: the format is missing: begin with zoo = 1"]


def test_checking_leaves_randomness_and_memory_alone(write: Write) -> None:
    def states() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())

    before = states()
    path = write(MINIMAL)
    assert zoo.check(path) == []
    # A model that no machine could hold: 64 layers of 2^17 by 2^19.
    assert zoo.check(path, ["model.d_model=131072", "model.n_layers=64"]) == []
    assert states() == before


# ── The resolved recipe ──────────────────────────────────────────────────────────────────────────


class Gain(nn.Module):
    """Multiplies, then normalises by another norm."""

    def __init__(
        self,
        dim: int,
        *,
        by: float = 2.0,
        then: Make[Norm] | None = ref("rmsnorm", eps=0.5),
        table: dict[str, list[int]] | None = None,
        where: Path | None = None,
    ) -> None:
        super().__init__()
        self.by = by
        self.then = then(dim) if then is not None else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.by * x
        return x if self.then is None else self.then(x)


@pytest.fixture(scope="module")
def registry() -> Registry:
    registrar = Registrar("zoo-gain", "3.1")
    registrar.norm("gain", Gain)
    registry = Registry()
    registry.add(zoo.registry().entries())
    registry.add(registrar.entries)
    return registry


NORMS = st.recursive(
    st.sampled_from(["rmsnorm", "layernorm", "none", {"name": "rmsnorm", "eps": 1e-3}]),
    lambda inner: st.fixed_dictionaries(
        {"name": st.just("gain")},
        optional={
            "by": st.integers(1, 3) | st.floats(0.5, 2),
            "then": inner,
            "table": st.dictionaries(st.text(), st.lists(st.integers(0, 9)), max_size=2),
            "where": st.just("here.txt"),
        },
    ),
    max_leaves=3,
)
ATTENTIONS = st.lists(
    st.sampled_from(["full", {"name": "full", "times": 2}, {"name": "sliding", "window": 3}]),
    min_size=1,
    max_size=2,
)


@given(norm=NORMS, attention=ATTENTIONS, scheduler=st.sampled_from(["none", "wsd", "linear"]))
def test_the_resolved_recipe_is_a_recipe_that_says_the_same(
    registry: Registry, norm: Any, attention: Any, scheduler: str
) -> None:
    table: dict[str, Any] = tomli.loads(MINIMAL)
    table["model"] |= {"norm": norm, "attention": attention}
    recipe = parse_recipe(tomli_w.dumps({**table, "scheduler": scheduler}), Path("a"), registry)
    again = parse_recipe(recipe.to_toml(), Path("elsewhere/b"), registry)
    assert again.resolved() == recipe.resolved()
    assert again.model == recipe.model
    assert again.optimizer == recipe.optimizer
    assert again.train == recipe.train


def test_the_resolved_recipe_makes_the_same_model(write: Write) -> None:
    path = write(MINIMAL)
    recipe = zoo.load_recipe(path, ["model.norm={name='layernorm', eps=0.1}"])
    again = zoo.load_recipe(write(recipe.to_toml(), "b.toml"))
    weights, weights_again = (zoo.build(r).state_dict() for r in (recipe, again))
    assert weights.keys() == weights_again.keys()
    assert all(torch.equal(weights[name], weights_again[name]) for name in weights)


def test_the_resolved_recipe_names_the_plug_ins(write: Write, registry: Registry) -> None:
    text = MINIMAL.replace("[model]", '[model]\nnorm = "gain"')
    recipe = zoo.load_recipe(write(text), registry=registry)
    assert recipe.plugins == {"zoo": zoo.__version__, "zoo-gain": "3.1"}
    assert "zoo-gain 3.1" in recipe.to_toml().splitlines()[0]
    assert "zoo-gain" not in zoo.load_recipe(write(MINIMAL), registry=registry).plugins


def test_tokens_make_whole_steps(write: Write) -> None:
    path = write(MINIMAL.replace("steps = 10", "tokens = 1000"))
    assert zoo.load_recipe(path).total_steps == 16  # 15 steps of 64 tokens are 960


def test_an_optimizer_must_take_every_parameter_once(write: Write) -> None:
    class Half(torch.optim.SGD):
        def __init__(self, params: list[zoo.Param]) -> None:
            super().__init__([p.tensor for p in params[::2]], lr=0.1)

    class Twice(torch.optim.SGD):
        def __new__(cls, params: list[zoo.Param]) -> Any:
            return [torch.optim.SGD([p.tensor for p in params], lr=0.1) for _ in range(2)]

    registrar = Registrar("mine", "1")
    registrar.optimizer("half", Half)
    registrar.optimizer("twice", lambda params: Twice(params))  # type: ignore[arg-type, return-value]
    registry = Registry()
    registry.add([*zoo.registry().entries(), *registrar.entries])
    path = write(MINIMAL)
    for name, times in (("half", 0), ("twice", 2)):
        told = zoo.check(path, [f"optimizer={name}"], registry)
        assert [problem.path for problem in told] == ["optimizer"]
        assert f" {times} times a step instead of once" in told[0].message


# ── Shipped recipes ──────────────────────────────────────────────────────────────────────────────


SHIPPED = sorted((ROOT / "recipes").glob("*.toml"))


def text_for(path: Path, folder: Path) -> list[str]:
    """What ``--set`` says so that a recipe for a text of one's own has one."""
    text = folder / "text.txt"
    text.write_text("To be, or not to be.\n" * 100, encoding="utf-8")
    return [f"data.corpus.files=['{text.as_posix()}']"] if "shakespeare" in path.stem else []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_recipes_are_right(path: Path, tmp_path: Path) -> None:
    assert zoo.check(path, text_for(path, tmp_path)) == []


SWAPS = {
    "norm": ["rmsnorm", "layernorm", "none"],
    "activation": ["swiglu", "silu", "relu2"],
    "position": ["rope", "alibi", "none"],
}


@pytest.mark.parametrize("choice", list(itertools.product(*SWAPS.values())), ids="-".join)
def test_any_part_is_swapped_by_one_value(choice: tuple[str, ...]) -> None:
    overrides = [f"model.{kind}={name}" for kind, name in zip(SWAPS, choice, strict=True)]
    recipe = zoo.load_recipe(SMOKE, overrides)
    assert tuple(recipe.model.options[kind].name for kind in SWAPS) == choice


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_no_shipped_recipe_decays_a_vector(path: Path, tmp_path: Path) -> None:
    """A norm's weight is around 1 to do its work: pulled to 0, it would work against the loss."""
    recipe = zoo.load_recipe(path, text_for(path, tmp_path))
    with torch.device("meta"):
        params = named_params(recipe.model(64, 0), recipe.params)
        made = recipe.optimizer(params)
    decayed = {
        tensor
        for optimizer in (made if isinstance(made, list) else [made])
        for group in optimizer.param_groups
        if group.get("weight_decay")
        for tensor in group["params"]
    }
    assert [p.name for p in params if p.role == "vector" and p.tensor in decayed] == []
