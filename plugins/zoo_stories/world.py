"""What there is in a story, and what can happen to it.

Characters and things are strings, their plain names, so that a sentence can be written around
them: ``f"{hero} lost {hero.his} {toy}."``. What they know beside the name is grammar.

A :class:`World` holds what changes, namely who has what, who is where and how everybody feels. It
refuses what can't happen, and keeps a log of what did.
"""

from __future__ import annotations

from typing import NamedTuple

GLAD = frozenset({"happy", "proud", "calm", "excited", "grateful"})


def an(words: str) -> str:
    """The words after their indefinite article.

    >>> an("orange kite"), an("red kite"), an("honest fox"), an("useful box")
    ('an orange kite', 'a red kite', 'an honest fox', 'a useful box')
    """
    vowel = words[0] in "aeiou" and not words.startswith(("use", "uni", "one"))
    return f"an {words}" if vowel or words.startswith(("hour", "honest", "honor")) else f"a {words}"


class Kind(NamedTuple):
    """A kind of being that stories can be about."""

    noun: str  # "girl", "bear cub"
    family: str  # what its parents are called: "Bear"; empty for people
    home: str
    hand: str


class Character(str):
    """Somebody, by name.

    ``he``, ``him`` and ``his`` are right anywhere in the story. A story gives each pronoun to the
    first character that needs it; whoever comes later and shares it is called by name instead, so
    that no pronoun is ever ambiguous. ``own``, ``self`` and ``own_he`` are always pronouns: for
    sentences whose subject is the character.
    """

    he: str
    him: str
    his: str
    own: str
    own_he: str
    self: str
    kind: Kind
    male: bool
    trait: str

    def __new__(
        cls, name: str, kind: Kind, male: bool, trait: str = "", by_name: bool = False
    ) -> Character:
        """``by_name``: the pronoun already belongs to somebody else."""
        self = super().__new__(cls, name)
        self.kind, self.male = kind, male
        self.trait = trait
        self.own_he, him, self.own, self.self = (
            ("he", "him", "his", "himself") if male else ("she", "her", "her", "herself")
        )
        if by_name:
            self.he = self.him = name
            self.his = name + "'s"
        else:
            self.he, self.him, self.his = self.own_he, him, self.own
        return self

    @property
    def He(self) -> str:
        """``he`` where a sentence begins inside a way of telling."""
        return self.he[0].upper() + self.he[1:]

    @property
    def a(self) -> str:
        """To introduce somebody: "a fox named Pip"."""
        return f"{an(self.kind.noun)} named {self}"


class Thing(str):
    """A thing, by its noun: "ball", "mittens"."""

    full: str  # "red ball"
    a: str  # "a red ball", "some warm mittens"
    it: str  # "it", "them"
    they: str  # "it", "they"
    was: str  # "was", "were"
    fun: str  # for toys, what one does: "bouncing the ball"
    breaks: str  # for toys, how: "one wheel fell off"
    mend: str  # for toys, how: "put the wheel back on"

    def __new__(
        cls,
        noun: str,
        look: str,
        *,
        plural: bool = False,
        fun: str = "",
        breaks: str = "",
        mend: str = "",
    ) -> Thing:
        self = super().__new__(cls, noun)
        self.full = f"{look} {noun}"
        self.a = f"some {self.full}" if plural else an(self.full)
        self.it, self.they, self.was = ("them", "they", "were") if plural else ("it", "it", "was")
        self.fun, self.breaks, self.mend = fun, breaks, mend
        return self


class Place(str):
    """A place, by its noun, and where things hide in it."""

    at: str  # "in the park"
    to: str  # "to the park"
    spots: tuple[str, ...]  # "under a bench", …

    def __new__(cls, noun: str, at: str, spots: tuple[str, ...] = (), to: str = "") -> Place:
        self = super().__new__(cls, noun)
        self.at = f"{at} the {noun}"
        self.to = to or f"to the {noun}"
        self.spots = spots
        return self


HOME = Place("house", "in", to="home")


class Event(NamedTuple):
    """Something that happened: ``("give", "Mia", "ball", "Tom")``."""

    what: str
    who: str
    thing: str = ""
    other: str = ""


class World:
    """Who has what, who is where, who feels how.

    Every change raises ``ValueError`` if it can't happen in the world as it is.
    """

    def __init__(self) -> None:
        self.log: list[Event] = []
        self._holder: dict[str, str] = {}  # a thing -> a character or a place
        self._place: dict[str, str] = {}
        self._feeling: dict[str, str] = {}
        self._broken: set[str] = set()
        self._gone: set[str] = set()

    def enter(self, who: str, place: str = HOME) -> None:
        if who in self._place:
            raise ValueError(f"there is a {who} already")
        self._place[who] = place
        self.log.append(Event("enter", who, other=place))

    def move(self, who: str, place: str) -> None:
        self._must_exist(who)
        self._place[who] = place
        self.log.append(Event("move", who, other=place))

    def get(self, who: str, thing: str) -> None:
        """A thing that nobody in the story holds comes to ``who``: owned, bought, made, picked."""
        self._must_exist(who)
        if thing in self._gone or thing in self._holder:
            raise ValueError(f"{who} can't get the {thing}, it is gone or held already")
        self._holder[thing] = who
        self.log.append(Event("get", who, thing))

    def give(self, who: str, thing: str, other: str) -> None:
        self._must_hold(who, thing)
        self._must_exist(other)
        if self._place[who] != self._place[other]:
            raise ValueError(f"{who} can't give the {thing} to {other}, who is elsewhere")
        self._holder[thing] = other
        self.log.append(Event("give", who, thing, other))

    def drop(self, who: str, thing: str, place: str) -> None:
        """``who`` loses the thing or puts it down at a place."""
        self._must_hold(who, thing)
        self._holder[thing] = place
        self.log.append(Event("drop", who, thing, place))

    def take(self, who: str, thing: str) -> None:
        """``who`` picks up a thing that lies at the place where they are."""
        self._must_exist(who)
        if self._holder.get(thing) != self._place[who]:
            raise ValueError(f"the {thing} doesn't lie where {who} is")
        self._holder[thing] = who
        self.log.append(Event("take", who, thing))

    def use_up(self, who: str, thing: str) -> None:
        """``who`` eats, spends or destroys the thing; it can never come back."""
        self._must_hold(who, thing)
        del self._holder[thing]
        self._gone.add(thing)
        self.log.append(Event("use up", who, thing))

    def damage(self, who: str, thing: str) -> None:
        self._must_hold(who, thing)
        if thing in self._broken:
            raise ValueError(f"the {thing} is broken already")
        self._broken.add(thing)
        self.log.append(Event("damage", who, thing))

    def repair(self, who: str, thing: str) -> None:
        self._must_hold(who, thing)
        if thing not in self._broken:
            raise ValueError(f"the {thing} isn't broken")
        self._broken.remove(thing)
        self.log.append(Event("repair", who, thing))

    def feel(self, who: str, feeling: str) -> None:
        self._must_exist(who)
        self._feeling[who] = feeling
        self.log.append(Event("feel", who, other=feeling))

    def is_glad(self, who: str) -> bool:
        return self._feeling.get(who, "calm") in GLAD

    def _must_exist(self, who: str) -> None:
        if who not in self._place:
            raise ValueError(f"there is no {who} in this story")

    def _must_hold(self, who: str, thing: str) -> None:
        if self._holder.get(thing) != who:
            raise ValueError(f"{who} doesn't have the {thing}")
