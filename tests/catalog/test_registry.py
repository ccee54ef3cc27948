"""The registry, and components as it hands them out."""

from __future__ import annotations

from typing import Any

import pytest

from zoo import Make, Norm, PerLayer, Registrar, Registry, ZooError, ref
from zoo.catalog.component import Component, ComponentError, find_component
from zoo.contracts.kinds import KINDS
from zoo.errors import PluginError


class Scale:
    """Multiplies by a number.

    More about it.
    """

    def __init__(self, dim: int, build: Any = None, *, by: float = 2.0) -> None:
        if by == 0:
            raise ValueError(f"by = {by}: everything would be zero")
        self.dim, self.build, self.by = dim, build, by


class Mixer:
    accepts: frozenset[str] = frozenset()
    new_cache = dict

    def __init__(
        self,
        build: Any,
        *,
        window: int,
        norm: Make[Norm] = ref("scale", by=3),
        norms: PerLayer[Make[Norm]] = ref("scale"),
        sizes: list[int] = (),  # type: ignore[assignment]
    ) -> None:
        self.made = norm(8) if norm is not None else None
        self.build, self.window, self.norms, self.sizes = build, window, norms, sizes


def offering(owner: str = "mine", version: str = "1.0", alias: str = "m") -> Registrar:
    registrar = Registrar(owner, version, (alias,))
    registrar.norm("scale", Scale)
    return registrar


@pytest.fixture
def registry() -> Registry:
    registrar = offering()
    registrar.attention("mixer", Mixer)
    registry = Registry()
    registry.add(registrar.entries)
    return registry


def test_the_registrar_has_a_method_for_every_kind() -> None:
    registrar = Registrar("mine", "1.0")
    for kind in KINDS:
        getattr(registrar, kind)("thing", lambda: None)
    assert [entry.kind for entry in registrar.entries] == list(KINDS)


def test_an_entry_tells_who_offers_what_from_where(registry: Registry) -> None:
    entry = registry.find("norm", "scale")
    assert (entry.owner, entry.version, entry.given) == ("mine", "1.0", ("dim", "build"))
    assert entry.summary == "Multiplies by a number."
    assert entry.file == __file__
    lines = open(__file__, encoding="utf-8").read().splitlines()  # noqa: SIM115
    assert entry.line is not None
    assert lines[entry.line - 1] == "class Scale:"


def test_names_are_the_same_if_they_mean_the_same(registry: Registry) -> None:
    assert registry.same("scale", "mine:scale")
    assert registry.same("m:scale", "mine:scale")
    assert registry.same("unknown", "unknown")
    assert not registry.same("scale", "mixer")
    assert not registry.same("scale", "other:scale")
    assert not registry.same("mine:unknown", "unknown")
    builtin = Registrar("zoo", "1.0", builtin=True)
    builtin.norm("scale", Scale)
    registry.add(builtin.entries)  # whose name it is from now on
    assert registry.same("scale", "zoo:scale")
    assert not registry.same("scale", "mine:scale")
    assert not registry.same("zoo:scale", "mine:scale")


def test_names_are_the_same_in_all_kinds_or_in_none() -> None:
    mine, builtin = Registrar("mine", "1.0"), Registrar("zoo", "1.0", builtin=True)
    mine.norm("scale", Scale)
    mine.activation("scale", lambda: None)
    builtin.norm("scale", Scale)
    registry = Registry()
    registry.add([*mine.entries, *builtin.entries])
    assert not registry.same("scale", "mine:scale")


def test_a_mistyped_name_or_kind_is_answered_with_the_right_one(registry: Registry) -> None:
    with pytest.raises(ZooError, match=r"no norm named 'scael'; did you mean 'scale'\?"):
        registry.find("norm", "scael")
    with pytest.raises(ZooError, match=r"no kind 'nrom'; did you mean 'norm'\?"):
        registry.find("nrom", "scale")
    with pytest.raises(ZooError, match=r"no kind 'nrom'; did you mean 'norm'\?"):
        registry.entries("nrom")


@pytest.mark.parametrize("name", ["", "RMSNorm", "a b", "a:b", "-a", "ä", None, 3])
def test_a_name_must_be_one_that_recipes_can_write(name: Any) -> None:
    with pytest.raises(PluginError, match="a name is lower-case"):
        Registrar("mine", "1").norm(name, Scale)


def test_what_is_offered_twice_is_refused() -> None:
    with pytest.raises(PluginError, match="'scale' is offered twice"):
        offering().norm("scale", Scale)


def test_positional_parameters_must_be_what_the_host_gives() -> None:
    def sized(size: int) -> None: ...

    with pytest.raises(PluginError, match=r"takes 'size', but .* gives dim, build; .*keyword-only"):
        Registrar("mine", "1").norm("sized", sized)


@pytest.mark.parametrize("word", ["name", "times"])
def test_words_of_recipes_can_not_be_options(word: str) -> None:
    factory = {"name": lambda *, name: None, "times": lambda *, times: None}[word]
    factory.__annotations__ = {word: int}
    with pytest.raises(PluginError, match="reserve"):
        Registrar("mine", "1").norm("thing", factory)


def test_of_two_with_one_name_a_recipe_must_say_whose(registry: Registry) -> None:
    registry.add(offering("theirs", "2.0", "t").entries)
    with pytest.raises(ZooError, match='write "mine:scale" or "theirs:scale"'):
        registry.find("norm", "scale")
    assert registry.find("norm", "theirs:scale").version == "2.0"
    assert registry.find("norm", "t:scale").version == "2.0"
    assert registry.find("norm", "mine:scale").version == "1.0"
    with pytest.raises(ZooError, match=r"no norm named 'other:scale'.*mine:scale, theirs:scale"):
        registry.find("norm", "other:scale")


def test_two_of_one_distribution_are_told_apart_by_their_entry_points(registry: Registry) -> None:
    registry.add(offering("mine", "1.0", "second").entries)
    spellings = [registry.spelling(entry) for entry in registry.entries("norm")]
    assert spellings == ["m:scale", "second:scale"]
    found = [registry.find("norm", name) for name in spellings]
    assert [entry.plugin.aliases for entry in found] == [("m",), ("second",)]
    # A run that records them must mean the same two.
    recorded = [find_component(registry, "norm", name, {}).resolved() for name in spellings]
    assert [table["name"] for table in recorded] == spellings


def test_a_component_takes_what_it_needs_of_what_its_host_gives(registry: Registry) -> None:
    scale = find_component(registry, "norm", "scale", {"by": 5})
    made = scale(8, "host")
    assert (made.dim, made.build, made.by) == (8, "host", 5.0)
    assert scale(8).build is None
    assert scale.within(build="host")(8).build == "host"
    assert scale(dim=3).dim == 3
    with pytest.raises(TypeError, match="is given dim, build"):
        scale(1, 2, 3)


def test_parts_know_the_host_of_the_whole(registry: Registry) -> None:
    mixer = find_component(registry, "attention", "mixer", {"window": 4})("host")
    assert (mixer.made.dim, mixer.made.build, mixer.made.by) == (8, "host", 3.0)
    assert mixer.norms(2).build == "host"


def test_alone_a_component_takes_classes_for_its_parts(registry: Registry) -> None:
    assert Mixer("host", window=1, norm=Scale).made.by == 2.0
    made = find_component(registry, "attention", "mixer", {"window": 1, "norm": Scale})("host")
    assert made.made.by == 2.0


def test_components_are_equal_if_they_make_the_same(registry: Registry) -> None:
    def mixer(**options: Any) -> Component:
        return find_component(registry, "attention", "mixer", {"window": 4, **options})

    assert mixer() == mixer(norm={"name": "scale", "by": 3.0})
    assert mixer() == mixer().within(build="host")
    assert mixer() != mixer(norm="scale")


def test_a_table_without_a_name_changes_the_default_part(registry: Registry) -> None:
    def norm(value: Any) -> Any:
        component = find_component(registry, "attention", "mixer", {"window": 4, "norm": value})
        return component.options["norm"].options

    assert norm({}) == {"by": 3.0}
    assert norm({"by": 4}) == {"by": 4.0}
    assert norm({"name": "scale"}) == norm("scale") == {"by": 2.0}


def test_resolved_options_are_complete_and_resolve_to_the_same(registry: Registry) -> None:
    options = {"window": 4, "norms": [{"name": "scale", "times": 2}, "scale"], "sizes": [1]}
    mixer = find_component(registry, "attention", "mixer", options)
    table = mixer.resolved()
    assert table == {
        "name": "mine:mixer",
        "window": 4,
        "norm": {"name": "mine:scale", "by": 3.0},
        "norms": [{"name": "mine:scale", "by": 2.0}] * 3,
        "sizes": [1],
    }
    del table["name"]
    assert find_component(registry, "attention", "mixer", table) == mixer


def test_all_problems_are_told_at_once(registry: Registry) -> None:
    options = {"windw": 4, "norm": {"name": "scale", "bye": 3}, "norms": ["scale", "scael"]}
    with pytest.raises(ZooError) as raised:
        find_component(registry, "attention", "mixer", options)
    assert str(raised.value).splitlines() == [
        "windw: attention 'mixer' has no such option; did you mean 'window'? "
        "(known: norm, norms, sizes, window)",
        "window is missing: attention 'mixer' needs it (int)",
        "norm.bye: norm 'scale' has no such option; did you mean 'by'? (known: by)",
        "norms[1]: no norm named 'scael'; did you mean 'scale'? (known: scale)",
    ]


def test_what_a_constructor_refuses_is_told_with_its_place(registry: Registry) -> None:
    options = {"window": 4, "norm": {"name": "scale", "by": 0.0}}
    mixer = find_component(registry, "attention", "mixer", options)
    with pytest.raises(ComponentError, match=r"^norm: by = 0.0: everything"):
        mixer("host")


def test_a_component_does_not_share_its_lists_with_the_recipe(registry: Registry) -> None:
    mixer = find_component(registry, "attention", "mixer", {"window": 4, "sizes": [1]})
    mixer("host").sizes.append(2)
    assert mixer("host").sizes == [1]


def test_a_component_that_is_its_own_part_is_refused(registry: Registry) -> None:
    def endless(build: Any, *, rest: Make[Norm] = ref("endless")) -> None: ...

    registrar = Registrar("mine", "1")
    registrar.norm("endless", endless)
    registry.add(registrar.entries)
    with pytest.raises(ZooError, match="is one its own part"):
        find_component(registry, "norm", "endless", {})


def test_a_name_that_zoo_offers_means_zoos_beside_any_plug_in() -> None:
    registry = Registry()
    builtin = Registrar("zoo", "1.0", builtin=True)
    builtin.norm("scale", Scale)
    builtin.attention("mixer", Mixer)
    rival = Registrar("rival", "1.0")
    rival.norm("scale", Scale)
    registry.add([*rival.entries, *builtin.entries])
    mixer = find_component(registry, "attention", "mixer", {"window": 4})  # its default, unsaid
    assert mixer.resolved()["norm"] == {"name": "zoo:scale", "by": 3.0}
    told = "norm 'scale' is zoo's own; write \"rival:scale\" for the other one"
    with pytest.warns(UserWarning, match=told):
        assert find_component(registry, "norm", "scale", {}).entry is builtin.entries[0]
    theirs = find_component(registry, "norm", "rival:scale", {})
    assert theirs.entry is rival.entries[0]
    assert theirs.resolved()["name"] == "rival:scale"


def test_what_lacks_a_declaration_is_refused_where_it_stands() -> None:
    class Undeclared:
        pass

    registry = Registry()
    mine = Registrar("mine", "1.0")
    mine.position("lost", Undeclared)
    registry.add(mine.entries)
    with pytest.raises(ComponentError, match="position 'lost' has no 'acts_on'"):
        find_component(registry, "position", "lost", {})()
