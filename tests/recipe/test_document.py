"""Recipe files: reading, merging, overriding, and knowing who wrote what where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from minimal import MINIMAL, Write, problems, writer

import zoo
from zoo.console.terminal import readable
from zoo.recipe.document import Node, Origin, merge, override
from zoo.recipe.toml_lines import key_lines


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)
    return writer(tmp_path)


# ── Files that can't be read ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zoo = 1\n[model\n", "a.toml:2: "),
        ("zoo = 1\nzoo = 1\n", "a.toml:2: "),
        ("zoo = 1\nx = [1,", "a.toml:2: "),
        (b"\xef\xbb\xbfzoo = 1", "a.toml:1: begins with a byte-order mark"),
        (b"zoo = 1\n# caf\xe9", "a.toml:2: byte 0xe9 is no UTF-8"),
        ("zoo = 1\n\0", "a.toml:2: contains a NUL character"),
        (
            "zoo = 2",
            "a.toml:1: zoo: format 2 is newer than this zoo, which reads format 1: upgrade",
        ),
        ("zoo = true", "a.toml:1: zoo: expected the format 1, got true"),
        ("zoo = '1'", "a.toml:1: zoo: expected the format"),
        ("x = " + "[" * 10_000, "a.toml:1: nested too deeply"),
        ("zoo = 1\nx = " + "1" * 5_000, "a.toml:2: a number of 5,000 digits"),
        ("zoo = 1\n\nextends = ''", "a.toml:3: extends: is no name: write a recipe's"),
        ('extends = "a\\nb"', "a.toml:1: extends: is no name: write a recipe's"),
        ("extends = 'b.toml'", "a.toml:1: extends: b.toml: no such file"),
        ("extends = 3", "a.toml:1: extends: expected the file name of a recipe, got 3"),
        ("extends = 'a.toml'", "a.toml:1: extends: goes in a circle: a.toml → a.toml"),
    ],
)
def test_a_file_that_can_not_be_read_is_told(
    write: Write, text: str | bytes, expected: str
) -> None:
    told = problems(write(text))
    assert len(told) == 1
    assert told[0].startswith(expected)


def test_missing_files_and_folders(write: Write) -> None:
    write(MINIMAL, "tinystories.toml")
    assert problems(Path("tinystory.toml")) == [
        "tinystory.toml: no such file; did you mean 'tinystories.toml'? (known: tinystories.toml)"
    ]
    assert problems(Path()) == [".: a folder, not a recipe; name a file of it: tinystories.toml"]
    assert problems(Path("no/such/file.toml")) == [f"{Path('no/such/file.toml')}: no such file"]


# ── extends ──────────────────────────────────────────────────────────────────────────────────────


def test_a_child_lays_its_values_over_its_parents(write: Write) -> None:
    write(MINIMAL, "deep/base.toml")
    write('extends = "deep/base.toml"\n[model]\nd_model = 64\n', "middle.toml")
    recipe = zoo.load_recipe(write('extends = "middle.toml"\nmodel.n_heads = 4'))
    options = recipe.model.options
    assert (options["d_model"], options["n_heads"], options["n_layers"]) == (64, 4, 4)
    assert recipe.name == "a"


def test_problems_are_told_where_the_value_was_written(write: Write) -> None:
    write(MINIMAL.replace('"stories"', '"storys"'), "base.toml")
    path = write('extends = "base.toml"\nmodel.norm = "nrom"')
    assert [line.split(": ")[:2] for line in problems(path, "train.steps=x")] == [
        ["--set train.steps=x", "train.steps"],
        ["a.toml:2", "model.norm"],
        ["base.toml:4", "data.corpus"],
    ]


def test_a_circle_is_shown(write: Write) -> None:
    write('extends = "../a.toml"', "x/b.toml")
    path = write('extends = "x/b.toml"')
    b = Path("x/b.toml")
    assert problems(path) == [f"{b}:1: extends: goes in a circle: a.toml → {b} → a.toml"]


ADAMW = '[optimizer]\nname = "adamw"\nlr = 0.1\nbetas = [0.5, 0.5]\n'


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("[optimizer]\nlr = 0.2", {"name": "zoo:adamw", "lr": 0.2, "betas": [0.5, 0.5]}),
        ('[optimizer]\nname = "sgd"', {"name": "zoo:sgd", "lr": 0.01}),
        ('optimizer = "sgd"', {"name": "zoo:sgd", "lr": 0.01}),
        ('optimizer = "adamw"', {"name": "zoo:adamw", "lr": 0.1, "betas": [0.5, 0.5]}),
        ("[optimizer]\nbetas = [0.1, 0.2]", {"name": "zoo:adamw", "lr": 0.1, "betas": [0.1, 0.2]}),
    ],
)
def test_a_changed_name_drops_the_parents_options(
    write: Write, child: str, expected: dict[str, Any]
) -> None:
    write(MINIMAL + ADAMW, "base.toml")
    optimizer = zoo.load_recipe(write(f'extends = "base.toml"\n{child}')).optimizer.resolved()
    assert {key: optimizer.get(key) for key in expected} == expected


def test_a_table_without_a_name_is_of_the_default_component(write: Write) -> None:
    write(MINIMAL + "[optimizer]\nlr = 0.1\n", "base.toml")
    for child in ("optimizer.eps = 0.5", 'optimizer = { name = "adamw", eps = 0.5 }'):
        recipe = zoo.load_recipe(write(f'extends = "base.toml"\n{child}'))
        assert (recipe.optimizer.options["lr"], recipe.optimizer.options["eps"]) == (0.1, 0.5)


def test_a_string_and_a_table_are_one_form(write: Write) -> None:
    write(MINIMAL.replace("[model]", '[model]\nnorm = "layernorm"'), "base.toml")
    recipe = zoo.load_recipe(write('extends = "base.toml"\nmodel.norm.eps = 0.5'))
    assert recipe.resolved()["model"]["norm"] == {"name": "zoo:layernorm", "eps": 0.5}


def test_lists_replace(write: Write) -> None:
    write(MINIMAL + '[[params]]\nrole = "matrix"\nlr = 2\n', "base.toml")
    assert zoo.load_recipe(write('extends = "base.toml"\nparams = []')).params == ()


def test_paths_belong_to_the_file_that_wrote_them(write: Write, tmp_path: Path) -> None:
    for folder in ("parent", "."):
        write("Once upon a time.", f"{folder}/text.txt")
    corpus = '{ name = "text", files = ["text.txt"] }'
    write(MINIMAL.replace('"stories"', corpus), "parent/base.toml")
    path = write('extends = "parent/base.toml"')

    def files(*overrides: str) -> list[str]:
        return zoo.load_recipe(path, overrides).resolved()["data"]["corpus"]["files"]

    assert files() == [str(tmp_path / "parent" / "text.txt")]
    assert files('data.corpus.files=["text.txt"]') == [str(tmp_path / "text.txt")]


# ── --set ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "where", "expected"),
    [
        ("model.norm=layernorm", ["model", "norm", "name"], "zoo:layernorm"),
        ('model.norm="layernorm"', ["model", "norm", "name"], "zoo:layernorm"),
        ("model.norm.eps=1e-3", ["model", "norm", "eps"], 1e-3),
        ("model.attention[1].window=4", ["model", "attention", 1, "window"], 4),
        ("model.attention.1.window=4", ["model", "attention", 1, "window"], 4),
        ("model.attention[0]=full", ["model", "attention", 0, "name"], "zoo:full"),
        ("train.seed = 7", ["train", "seed"], 7),
        ("train.tie=x=y", None, "train.tie"),
        ("optimizer.name=sgd", ["optimizer", "name"], "zoo:sgd"),
        ("scheduler=none", ["scheduler"], "none"),
        ("generate.samplers=[]", ["generate", "samplers"], []),
        ("params=[{role='matrix', lr=2}]", ["params", 0, "lr"], 2.0),
    ],
)
def test_one_value_is_set(
    write: Write, change: str, where: list[Any] | None, expected: Any
) -> None:
    attention = 'attention = ["full", { name = "sliding", window = 8 }]'
    path = write(MINIMAL.replace("[model]", f"[model]\n{attention}"))
    if where is None:
        assert [problem.path for problem in zoo.check(path, [change])] == [expected]
        return
    value: Any = zoo.load_recipe(path, [change]).resolved()
    for step in where:
        value = value[step]
    assert value == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.norm", "expected PATH=VALUE, such as model.norm=layernorm"),
        ("model..norm=none", "expected PATH=VALUE, such as model.norm=layernorm"),
        ("model.norm[a]=none", "expected PATH=VALUE, such as model.norm=layernorm"),
        ("=3", "expected PATH=VALUE, such as model.norm=layernorm"),
        ("train.steps=", 'nothing follows "=": write "" for an empty string'),
        ("train.observers=[1", "ends before its last bracket"),
        ("zoo=1", "zoo: can't be set from outside: write it in a recipe"),
        ("extends=b.toml", "extends: can't be set from outside: write it in a recipe"),
        ("model.attention[2].window=4", "model.attention: no entry '2' in a list of 1"),
        ("model.attention[-1].window=4", "model.attention: no entry '-1' in a list of 1"),
        (
            "model.attention[0].windw=4",
            "model.attention[0].windw: attention 'full' has no such option",
        ),
        (
            "model.norm[0].eps=1",
            "model.norm[0]: model.norm holds no list: leave out [0], or set a whole list",
        ),
        ("params[0].lr=2", "params[0]: params holds no list: leave out [0], or set a whole list"),
        ("train.steps=" + "1" * 5_000, "a number of 5,000 digits"),
        ("tarin.steps=4", "tarin: a recipe has no such section; did you mean 'train'?"),
        ("train.steps=1\nzoo = 2", 'train.steps: expected int, or "none", got "1\\nzoo = 2"'),
    ],
)
def test_a_wrong_override_is_told_as_such(write: Write, change: str, message: str) -> None:
    path = write(MINIMAL.replace("[model]", '[model]\nattention = ["full"]'))
    told = problems(path, change)
    assert len(told) == 1
    assert told[0].startswith(readable(f"--set {change}: {message}"))


@pytest.mark.parametrize("change", ["params[0].name=blocks.*", "params[0]={name='blocks.*'}"])
@pytest.mark.parametrize("named", [True, False])
def test_the_pattern_of_a_rule_is_no_component_s_name(
    write: Write, change: str, named: bool
) -> None:
    rule = {"role": "matrix", "lr": 2.0, "weight_decay": 0.5} | (
        {"name": "blocks.0.*"} if named else {}
    )
    path = write(tomli_w.dumps({"params": [rule, {"role": "head"}]}) + MINIMAL)
    recipe = zoo.load_recipe(path, change)
    assert vars(recipe.params[0]) == rule | {"name": "blocks.*"}
    assert recipe.params[1] == zoo.load_recipe(path).params[1]


def test_what_is_none_has_no_options(write: Write) -> None:
    path = write(MINIMAL)
    message = "the scheduler is none and has no options: give it a name (known: constant, cosine,"
    (told,) = problems(path, "scheduler=none", "scheduler.warmup=3")
    assert told.startswith(f"--set scheduler.warmup=3: scheduler.warmup: {message}")
    named = zoo.load_recipe(path, ["scheduler=none", "scheduler.name=cosine", "scheduler.warmup=3"])
    assert named.scheduler is not None
    assert named.scheduler.options["warmup"] == 3


# ── Merging, as a law ────────────────────────────────────────────────────────────────────────────

WORDS = st.sampled_from(["name", "a", "b"])
TREES = st.recursive(
    st.sampled_from(["x", "y", 1, 2]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def tree(value: Any) -> Node:
    origin = Origin("test", None, Path())
    if isinstance(value, dict):
        return Node({key: tree(item) for key, item in value.items()}, origin)
    if isinstance(value, list):
        return Node([tree(item) for item in value], origin)
    return Node(value, origin)


@given(TREES, TREES)
def test_laying_the_same_over_twice_changes_nothing(base: Any, over: Any) -> None:
    once = merge(tree(base), tree(over))
    assert merge(once, tree(over)).plain() == once.plain()


@given(st.dictionaries(WORDS, TREES, max_size=3), st.lists(WORDS, min_size=1, max_size=3))
def test_what_was_set_is_there(base: dict[str, Any], steps: list[str]) -> None:
    at = [step for step in steps if step != "name"] or ["a"]
    place: Any = base
    for step in at:  # a list on the way takes indices only
        place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, list):
            return
    found: Any = override(tree(base), f"{'.'.join(at)}=77").plain()
    for step in at:
        found = found[step]
    assert found == 77


# ── Where keys stand ─────────────────────────────────────────────────────────────────────────────

DOCUMENT = '''\
# a comment with [brackets] and "quotes
zoo = 1
dotted.key."with.dot" = 'x' # = 3
text = """
[not.a.table]
key = "no \\"""
"""
raw = \'\'\'
[neither]'\'\'\'
inline = { a = [1, { b = "}" }], c = 2 }
many = [
  # between
  "one", "two",
  { deep = [
      3 ] },
]
[table]
x = 2024-01-01 10:00:00 # when
[[array]]
y = 1
[array.sub]
z = 1
[[array]]
[[array.inner]]
[[array.inner]]
w = 1
'''


def test_every_key_is_found_on_its_line() -> None:
    tomli.loads(DOCUMENT)  # it is TOML
    lines = {".".join(map(str, at)): line for at, line in key_lines(DOCUMENT).items()}
    assert lines == {
        "zoo": 2,
        "dotted": 3,
        "dotted.key": 3,
        "dotted.key.with.dot": 3,
        "text": 4,
        "raw": 8,
        "inline": 10,
        "inline.a": 10,
        "inline.a.0": 10,
        "inline.a.1": 10,
        "inline.a.1.b": 10,
        "inline.c": 10,
        "many": 11,
        "many.0": 13,
        "many.1": 13,
        "many.2": 14,
        "many.2.deep": 14,
        "many.2.deep.0": 15,
        "table": 17,
        "table.x": 18,
        "array": 19,
        "array.0": 19,
        "array.0.y": 20,
        "array.0.sub": 21,
        "array.0.sub.z": 22,
        "array.1": 23,
        "array.1.inner": 24,
        "array.1.inner.0": 24,
        "array.1.inner.1": 25,
        "array.1.inner.1.w": 26,
    }


KEYS = st.text(min_size=1, max_size=4)
TOML = st.dictionaries(
    KEYS,
    st.recursive(
        st.text(max_size=5) | st.integers(-9, 9) | st.booleans() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def places(value: Any, at: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = enumerate(value)
    return {at} | {place for step, item in inner for place in places(item, (*at, step))}


@given(TOML, st.booleans())
def test_the_places_are_those_that_a_parser_finds(document: dict[str, Any], lines: bool) -> None:
    text = tomli_w.dumps(document, multiline_strings=lines)
    assert set(key_lines(text)) == places(tomli.loads(text)) - {()}
