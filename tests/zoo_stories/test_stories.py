"""The corpus `stories`: what holds for every story, checked over thousands of them."""

from __future__ import annotations

import gzip
import hashlib
import re
from itertools import islice
from math import prod

import pytest

from zoo_stories import StoriesCorpus, lexicon
from zoo_stories.corpus import VERSION
from zoo_stories.plots import PLOTS
from zoo_stories.story import Story
from zoo_stories.tales import VALID_ONE_IN, split_of, story
from zoo_stories.world import GLAD, Character, Event, Kind, Thing, World, an

A_PLOT = 50  # stories of each plot in the grammar tests


def told(plot, seed: int, cls: type[Story] = Story) -> Story:
    telling = cls(seed)
    plot(telling)
    return telling


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    return [told(plot, seed) for plot in PLOTS for seed in range(A_PLOT)]


@pytest.fixture(scope="module")
def texts(stories: list[Story]) -> list[str]:
    return [telling.text() for telling in stories]


def narration(text: str) -> str:
    """The text with what is said aloud blanked out."""
    return re.sub(r'"[^"]*"', lambda said: '"' + " " * (len(said[0]) - 2) + '"', text)


# ── Grammar ───────────────────────────────────────────────────────────────────────────────────────


FAULTS = {  # a pattern that no story may contain, and an example of what it finds
    "two spaces": (r"  ", "He  ran."),
    "a space before a mark": (r" [.,!?]", "He ran ."),
    "two marks": (r'[.,!?]{2}|[.!?]",|,"?[.!?]', "He ran.."),
    "an unfilled slot": (r"[{}<>\[\]_%]|None", "He saw {friend}."),
    "a word twice": (r"\b(?!had had)([A-Za-z]+) \1\b", "He saw the the cat."),
    "a for an": (r"\b[Aa] (?!use|uni|one)[aeiou]", "She had a apple."),
    "an for a": (r"\b[Aa]n (?!hour|honest)[^aeiou]", "It was an ball."),
    "a small letter after a full stop": (r"(?<!Mr)(?<!Mrs)[.] [a-z]", "He ran. he fell."),
    "a plural that was": (r"\b(mittens|boots|berries|nuts|grapes|cherries) was\b", "The nuts was."),
    "a possessive beside an article": (r"\b(his|my|your|their) (the|a|an|some)\b", "his a hat"),
    "a statement that is asked": (
        r'[,!]" asked|," [A-Z]\w+ asked|asked, "[^"]*[.!]"',
        '"No," Tom asked.',
    ),
    "two articles": (r"\b(a|an|the|some) (a|an|the|some)\b", "the a hat"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_story_contains(fault: str, texts: list[str]) -> None:
    pattern, example = FAULTS[fault]
    assert re.search(pattern, example)
    found = [text[max(0, m.start() - 40) : m.end() + 40]
             for text in texts for m in re.finditer(pattern, text)]  # fmt: skip
    assert not found[:5]


def test_every_sentence_begins_with_a_capital_and_ends_with_a_mark(stories: list[Story]) -> None:
    for telling in stories:
        for paragraph in telling.text().split("\n\n"):
            assert re.fullmatch(r'["A-Z].*[.!?]"?', paragraph), paragraph
        for sentence in (sentence for lines in telling.paragraphs for sentence in lines):
            assert re.fullmatch(r'(["][A-Z]|[A-Z]).*([.!?]|[.!?]")', sentence), sentence


def test_quotes_are_balanced_in_every_paragraph(texts: list[str]) -> None:
    for text in texts:
        for paragraph in text.split("\n\n"):
            assert paragraph.count('"') % 2 == 0, paragraph
            for said in re.findall(r'"([^"]*)"', paragraph):
                assert re.fullmatch(r"[A-Z].*[.,!?]", said), paragraph


def test_a_story_is_plain_text_of_readable_length(texts: list[str]) -> None:
    for text in texts:
        assert text.isascii()
        assert text.replace("\n", "").isprintable()
        assert 450 < len(text) < 1400
        assert 2 <= len(text.split("\n\n")) <= 8


# ── Characters ────────────────────────────────────────────────────────────────────────────────────


def test_only_the_cast_is_named_and_all_of_it_is(stories: list[Story]) -> None:
    names = set(lexicon.NAMES)
    for telling in stories:
        text = telling.text()
        cast = {word for who in telling.cast for word in who.split()}
        assert names & set(re.findall(r"[A-Z][a-z]+", text)) <= cast, text
        assert all(who in text or who.capitalize() in text for who in telling.cast), text
        assert telling.cast[0] in text.split("\n\n")[0], text


def test_no_name_begins_another_that_may_stand_beside_it() -> None:
    """Else a sentence about Momo would seem to be about Mom."""
    for names in (
        (*lexicon.GIRLS, *lexicon.BOYS, "Mom", "Dad", "Grandma", "Grandpa"),
        (*lexicon.PET_NAMES, "Mama", "Papa", "Grandma", "Grandpa"),
    ):
        assert not [(a, b) for a in names for b in names if a != b and b.startswith(a)]


def test_no_pronoun_without_somebody_of_that_gender(stories: list[Story]) -> None:
    for telling in stories:
        words = set(re.findall(r"[a-z]+", narration(telling.text()).lower()))
        genders = {who.male for who in telling.cast}
        if True not in genders:
            assert not words & {"he", "him", "himself"}, telling.text()
        if False not in genders:
            assert not words & {"she", "hers", "herself"}, telling.text()


class Marked(Story):
    """Writes behind every pronoun whom it stands for: "she<Mia>"."""

    def add(self, name: str, kind: Kind, male: bool, trait: str = "") -> Character:
        who = super().add(name, kind, male, trait)
        for form in ("he", "him", "his", "own", "own_he", "self"):
            if not getattr(who, form).startswith(name):
                setattr(who, form, f"{getattr(who, form)}<{name}>")
        return who


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_a_pronoun_means_the_nearest_name_it_fits(plot) -> None:
    n_pronouns = 0
    for seed in range(A_PLOT):
        telling = told(plot, seed, Marked)
        cast = {who.lower(): who for who in telling.cast}
        names = "|".join(re.escape(who) for who in cast)
        nearest: dict[bool, Character] = {}
        tokens = rf"\w+<([^>]*)>|\b({names})\b"
        for m in re.finditer(tokens, narration(telling.text()), re.IGNORECASE):
            if m[2]:
                who = cast[m[2].lower()]
                nearest[who.male] = who
            else:
                n_pronouns += 1
                who = cast[m[1].lower()]
                assert nearest.get(who.male) == who, telling.text()
    assert n_pronouns > 0


# ── The world ─────────────────────────────────────────────────────────────────────────────────────


def impossible(log: list[Event]) -> str:
    """Replays a log, knowing only what its words mean; what was impossible, if anything."""
    lies_with: dict[str, str] = {}  # a thing -> who has it or where it lies
    places: dict[str, str] = {}
    broken: set[str] = set()
    eaten: set[str] = set()
    for what, who, thing, other in log:
        if what != "enter" and who not in places:
            return f"{who} isn't there"
        if thing in eaten:
            return f"the {thing} is gone"
        needs_it = what in ("give", "drop", "use up", "damage", "repair")
        if needs_it and lies_with.get(thing) != who:
            return f"{who} hasn't the {thing}"
        if what in ("enter", "move"):
            places[who] = other
        elif what == "get":
            if thing in lies_with:
                return f"{thing} is {lies_with[thing]}'s"
            lies_with[thing] = who
        elif what == "give":
            if places[who] != places.get(other):
                return f"{other} is far away"
            lies_with[thing] = other
        elif what == "drop":
            lies_with[thing] = other
        elif what == "take":
            if lies_with.get(thing) != places[who]:
                return f"the {thing} isn't here"
            lies_with[thing] = who
        elif what == "use up":
            eaten.add(thing)
        elif what == "damage":
            broken.add(thing)
        elif what == "repair":
            if thing not in broken:
                return f"the {thing} is whole"
            broken.remove(thing)
        elif what != "feel":
            return f"what is {what}?"
    return ""


def test_what_happens_is_possible_and_told(stories: list[Story]) -> None:
    n_events = 0
    for telling in stories:
        text = telling.text().lower()
        assert not impossible(telling.world.log)
        for _what, who, thing, _ in telling.world.log:
            assert who.lower() in text
            assert thing in text, f"{thing} is never mentioned: {text}"
            n_events += bool(thing)
    assert n_events > len(stories)


def test_the_replay_notices_what_is_impossible(stories: list[Story]) -> None:
    """Without the events by which things come to somebody, no story with things is possible."""
    for telling in stories:
        log = telling.world.log
        never_got = [event for event in log if event.what != "get"]
        if any(event.what in ("give", "drop", "use up") for event in log):
            assert impossible(never_got)


def test_everybody_is_glad_in_the_end_who_was_not_before(stories: list[Story]) -> None:
    n_unhappy = 0
    for telling in stories:
        last: dict[str, str] = {}
        for what, who, _, feeling in telling.world.log:
            if what == "feel":
                n_unhappy += feeling not in GLAD
                last[who] = feeling
        assert set(last.values()) <= GLAD, telling.text()
    assert n_unhappy > len(stories) / 2


@pytest.fixture
def world() -> World:
    world = World()
    world.enter("Mia")
    world.enter("Tom")
    world.get("Mia", "ball")
    return world


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (lambda w: w.give("Tom", "ball", "Mia"), "Tom doesn't have the ball"),
        (lambda w: w.give("Mia", "ball", "Ben"), "no Ben"),
        (lambda w: (w.move("Tom", "lake"), w.give("Mia", "ball", "Tom")), "elsewhere"),
        (lambda w: w.get("Tom", "ball"), "held already"),
        (lambda w: (w.use_up("Mia", "ball"), w.get("Tom", "ball")), "gone"),
        (lambda w: (w.use_up("Mia", "ball"), w.give("Mia", "ball", "Tom")), "doesn't have"),
        (lambda w: (w.drop("Mia", "ball", "lake"), w.take("Tom", "ball")), "doesn't lie where"),
        (lambda w: w.repair("Mia", "ball"), "isn't broken"),
        (lambda w: (w.damage("Mia", "ball"), w.damage("Mia", "ball")), "broken already"),
        (lambda w: w.enter("Tom"), "already"),
    ],
)
def test_the_world_refuses_what_cannot_happen(world: World, event, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        event(world)


def test_a_story_cannot_end_while_somebody_is_unhappy() -> None:
    telling = Story(1)
    hero = telling.hero()
    telling.world.feel(hero, "sad")
    with pytest.raises(ValueError, match="unhappy"):
        telling.end(hero)


def test_articles_and_plurals() -> None:
    assert [an(w) for w in ("owl", "honey cake", "useful box", "hour")] == [
        "an owl",
        "a honey cake",
        "a useful box",
        "an hour",
    ]
    boots, hat = Thing("boots", "red", plural=True), Thing("hat", "orange")
    assert (boots.a, boots.it, boots.was) == ("some red boots", "them", "were")
    assert (hat.a, hat.it, hat.was) == ("an orange hat", "it", "was")


# ── The corpus ────────────────────────────────────────────────────────────────────────────────────


def test_a_seed_gives_the_same_text_everywhere() -> None:
    """Changed the text? Then raise VERSION too, so that cached tokens are made anew."""
    text = "\n".join(story(seed) for seed in range(300))
    golden = {1: "25a556c74fa7991f"}
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == golden[VERSION]
    assert story(7) == story(7)


def test_output(snapshot) -> None:
    assert next(StoriesCorpus().documents("train")).decode() == snapshot(name="first story")
    assert next(StoriesCorpus().documents("valid")).decode() == snapshot(name="first held out")


def opening(text: str) -> str:
    return text.split("\n\n")[0]


def test_every_seed_is_in_the_split_that_its_opening_tells() -> None:
    """So nothing is lost where a story of the other split is broken off."""
    texts = [story(seed) for seed in range(1 << 32, (1 << 32) + 3000)]
    for split in ("train", "valid"):
        expected = [text.encode() for text in texts if split_of(opening(text)) == split]
        documents = StoriesCorpus(max_bytes=0, valid_bytes=0).documents(split)
        assert list(islice(documents, len(expected))) == expected
        share = 1 / VALID_ONE_IN if split == "valid" else 1 - 1 / VALID_ONE_IN
        assert len(expected) / len(texts) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_every_plot_opens_with_the_paragraph_that_decides_its_split(plot) -> None:
    """Were nothing said before the first break, the same empty text would decide for them all."""

    class Decided(Story):
        first: str | None = None

        def paragraph(self) -> None:
            if self.first is None:
                self.first = " ".join(self.paragraphs[0])
            super().paragraph()

    told_ones = [told(plot, seed, Decided) for seed in range(A_PLOT)]
    assert all(telling.first == opening(telling.text()) for telling in told_ones)
    assert {split_of(opening(telling.text())) for telling in told_ones} == {"train", "valid"}


def test_splits_share_no_story_and_are_as_long_as_asked() -> None:
    corpus = StoriesCorpus(max_bytes=2_000_000, valid_bytes=150_000)
    train, valid = (list(corpus.documents(split)) for split in ("train", "valid"))
    assert not set(train) & set(valid)
    assert {split_of(opening(document.decode())) for document in train} == {"train"}
    assert {split_of(opening(document.decode())) for document in valid} == {"valid"}
    for documents, size in ((train, 2_000_000), (valid, 150_000)):
        total = sum(map(len, documents))
        assert size <= total < size + 1400
        assert len(set(documents)) == len(documents)
        assert len({document[:100] for document in documents}) > 0.8 * len(documents)


def test_another_seed_tells_other_stories() -> None:
    first, second = (
        set(islice(StoriesCorpus(seed=seed, max_bytes=0).documents("train"), 500))
        for seed in (0, 1)
    )
    assert not first & second


def test_a_corpus_can_be_endless() -> None:
    endless = StoriesCorpus(max_bytes=0).documents("train")
    short = list(StoriesCorpus(max_bytes=100_000).documents("train"))
    assert list(islice(endless, len(short))) == short
    assert next(endless)


def test_the_fingerprint_follows_the_options() -> None:
    options = [{}, {"seed": 1}, {"max_bytes": 1}, {"valid_bytes": 1}]
    assert len({StoriesCorpus(**chosen).fingerprint() for chosen in options}) == len(options)
    assert StoriesCorpus().fingerprint() == StoriesCorpus().fingerprint()


def test_bad_options_and_splits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'test'.*'train' and 'valid'"):
        StoriesCorpus().documents("test")
    for options in ({"seed": -1}, {"max_bytes": -1}, {"valid_bytes": -5}):
        with pytest.raises(ValueError, match=next(iter(options))):
            StoriesCorpus(**options)


# ── Variety ───────────────────────────────────────────────────────────────────────────────────────


def test_there_are_at_least_forty_plots() -> None:
    assert len(set(PLOTS)) == len(PLOTS) >= 40
    assert all(plot.__doc__ for plot in PLOTS)


def test_words_and_compression() -> None:
    texts = [story(seed) for seed in range(5000)]
    assert len(set(texts)) == len(texts)
    words = set(re.findall(r"[a-z]+", " ".join(texts).lower()))
    assert len(words - {name.lower() for name in lexicon.NAMES}) >= 1500
    megabyte = "\n".join(texts).encode()[:1_000_000]
    assert len(megabyte) == 1_000_000
    assert len(megabyte) / len(gzip.compress(megabyte, 9)) <= 4.5


class Counting(Story):
    """Notes how many alternatives each sentence had that can be told apart from its start."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.counts: list[int] = []

    def say(self, *ways: str) -> None:
        apart = [
            way
            for i, way in enumerate(ways)
            if not any(other.startswith(way) or way.startswith(other) for other in ways[:i])
        ]
        self.counts.append(len(apart))
        super().say(*ways)


def test_there_are_more_than_10_to_the_12_stories() -> None:
    """A lower bound: the ways to tell what happens, times the hero's names, summed over the plots.

    With the world's choices held still, a story is a sequence of sentences, each one of several of
    which none begins another. So the text tells which were chosen: different choices, different
    texts. Another hero's name makes another text too. Everything else (things, places, friends,
    branches) would come on top.
    """
    n_names = min(len(lexicon.GIRLS), len(lexicon.BOYS), len(lexicon.PET_NAMES)) // 2  # heroes'
    bound = sum(
        max(prod(told(plot, seed, Counting).counts) for seed in range(20)) * n_names
        for plot in PLOTS
    )
    assert bound >= 10**12
