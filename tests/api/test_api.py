"""What `import zoo` offers beside the command line."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from commands import inside, trained  # noqa: F401  (fixtures)

import zoo
from zoo.api.make import count_parameters
from zoo.catalog.component import Component
from zoo.data.prepare import find_prepared
from zoo.model.param_groups import named_params
from zoo.recipe.dry_run import no_run

DIMS = zoo.Dims(16, 2, 2, 8, 32, 257)


def test_make_takes_parts_by_name_by_table_and_as_a_class() -> None:
    made = zoo.make("position", "rope", DIMS, base=500)
    assert type(made) is type(zoo.make("position", "rope", DIMS))
    stories = {"name": "stories", "max_bytes": 1000}
    factory = zoo.registry().find("corpus", "stories").factory
    for offline in ("stories", stories, factory):
        assert zoo.make("corpus", "tinystories", offline=offline)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zoo.make("nrom", "rmsnorm", 8), "did you mean 'norm'"),
        (lambda: zoo.make("norm", "rmsnrom", 8), "did you mean 'rmsnorm'"),
        (lambda: zoo.make("norm", "rmsnorm", 8, esp=1.0), "did you mean 'eps'"),
        (lambda: zoo.make("norm", "rmsnorm", 8, eps="small"), "expected float"),
        (lambda: zoo.make("norm", "rmsnorm"), "dim"),
        (lambda: zoo.make("norm", 3), "name of a component must be a string, not 3"),
        (lambda: zoo.make(3, "rmsnorm"), "kind of a component must be a string, not 3"),
        (lambda: zoo.make("norm", "rmsnorm", "8"), "an integer as its dim, not '8'"),
        (lambda: zoo.make("attention", "full", DIMS), "a zoo.Build as its build, not Dims"),
        (
            lambda: zoo.make("attention", "full"),
            "{'model.attention': 'full'}.*zoo.Build of your own",
        ),
        (lambda: zoo.make("block", "pre_norm"), "given its build by the model.*zoo.BlockBuild of"),
        (lambda: zoo.make("position", "rope", 8), "a zoo.Dims as its dims, not 8"),
        (lambda: zoo.make("scheduler", "cosine", "9"), "an integer as its total_steps, not '9'"),
        (lambda: zoo.make("tokenizer", "bpe", 300), "Options go by name"),
        (lambda: zoo.make("sampler", "top_p", p=2.0), "p must be above 0"),
        (lambda: zoo.make("corpus", "tinystories", offline="stroies"), "did you mean 'stories'"),
    ],
)
def test_make_refuses_clearly(call: Any, message: str) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        call()


def test_an_override_alone_needs_no_list() -> None:
    recipe = zoo.load_recipe("tiny.toml", "train.steps=7")
    assert recipe.train.steps == 7
    assert [problem.path for problem in zoo.check("tiny.toml", "model.norm=x")] == ["model.norm"]


def test_overrides_are_values_by_their_paths_too() -> None:
    block = {"name": "pre_norm", "layer_scale": 1e-4, "dropout": 0.1}
    values = {
        "model.block": block,
        "model.attention": ["full", {"name": "sliding", "window": 8}],
        "train.steps": 7,
        "scheduler": None,
        "model.tie_embeddings": False,
    }
    texts = [
        "model.block={name='pre_norm', layer_scale=1e-4, dropout=0.1}",
        "model.attention=['full', {name='sliding', window=8}]",
        "train.steps=7",
        "scheduler=none",
        "model.tie_embeddings=false",
    ]
    assert zoo.load_recipe("tiny.toml", values) == zoo.load_recipe("tiny.toml", texts)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model.nrom": "rmsnorm"}, "{'model.nrom': 'rmsnorm'}: model.nrom: [model] has no such"),
        ({"model.norm": zoo.Dims}, "can't hold a type: write a string, a number"),
        ({"model.block": {"name": {1, 2}}}, "can't hold a set"),
        ({"model norm": "rmsnorm"}, 'expected the path of a key, such as {"model.norm": "layern'),
        ({3: "rmsnorm"}, "expected the path of a key"),
        ({"train.steps": 7, "zoo": 2}, "can't be set from outside"),
    ],
)
def test_a_wrong_value_by_path_is_told_as_it_was_written(changes: Any, told: str) -> None:
    with pytest.raises(zoo.RecipeError) as refused:
        zoo.load_recipe("tiny.toml", changes)
    assert told in str(refused.value)


def test_build_needs_a_vocabulary() -> None:
    recipe = zoo.load_recipe("tiny.toml", ["tokenizer=char"])
    with pytest.raises(zoo.ZooError, match="pass vocab_size"):
        zoo.build(recipe)
    model = zoo.build(recipe, 60)
    assert model.dims.vocab_size == 60
    assert model.embedding.weight.device.type == "cpu"


def test_parameters_are_counted_without_being_made() -> None:
    recipe = zoo.load_recipe("tiny.toml")
    assert count_parameters(recipe) == sum(p.numel() for p in zoo.build(recipe).parameters())


def test_every_object_that_people_hold_shows_itself_in_one_line() -> None:
    run = zoo.open_run("runs/tiny-1")
    recipe = run.recipe
    held = [
        run,
        run.checkpoint,
        run.checkpoint.state,
        run.checkpoint.header,
        run.tokenizer,
        recipe,
        zoo.load_recipe("tiny.toml"),
        no_run(recipe, "somewhere"),
        find_prepared(zoo.load_recipe("tiny.toml")),
        *zoo.runs(),
        run.loss("One day"),
        *named_params(run.model),
        zoo.registry(),
        *zoo.registry().entries(),
        zoo.Out(torch.zeros(2, 3, 4), {"balance": torch.zeros(100)}),
        zoo.Seq.of_length(1000, torch.device("cpu")),
        zoo.Registrar("mine", "0"),
    ]
    assert [shown for shown in map(repr, held) if "\n" in shown or len(shown) > 200] == []
    assert repr(run) == f"<Run {str(run.dir)!r}, step 30>"
    components = vars(recipe).values()
    told = [repr(part) for part in components if isinstance(part, Component)]
    assert len(told) == 4
    assert [shown for shown in told if "\n" in shown or len(shown) > 600] == []
