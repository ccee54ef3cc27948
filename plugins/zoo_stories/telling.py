"""How a story becomes text: one die, sentences with alternatives, dialogue, paragraphs."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from zoo_stories.lexicon import ANY_DAY
from zoo_stories.world import Character

T = TypeVar("T")

SAID = {".": ("said",), "!": ("said", "said", "cried", "called"), "?": ("asked",)}
ANSWERED = ("said", "said", "said", "answered", "replied")


class Telling:
    """Collects the sentences of one story, choosing each among its alternatives.

    Only ``Random.random`` is drawn from: it is the one method whose sequence Python promises to
    keep for a seed, so a seed gives the same text on every platform and version.
    """

    def __init__(self, seed: int) -> None:
        self.cast: list[Character] = []
        self._random = Random(seed).random
        self.paragraphs: list[list[str]] = [[]]
        self._topic: Character | None = None  # whom the last sentence began with
        self._speaker: Character | None = None  # who spoke, if the last sentence was speech

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self._random() * len(options))]

    def favour(self, options: Sequence[T]) -> T:
        """One of the options, the first ones more often, as names are in life."""
        return options[int(self._random() ** 2 * len(options))]

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def say(self, *ways: str) -> None:
        """Tell one of several ways to say the same thing; the first letter is made a capital.

        Where two sentences running begin with the same character, the second may begin with the
        pronoun instead.
        """
        way = ways[int(self._random() * len(ways))]
        who = self._about(way)
        if who and who == self._topic and self._random() < 0.6 and self._pronoun_is_clear(who):
            way = _with_pronoun(way, who)
        self._add(way if way[0].isupper() else way[0].upper() + way[1:], who)

    def maybe(self, *ways: str) -> None:
        """Tell one of the ways, or nothing."""
        if self._random() < 0.4:
            self.say(*ways)

    def says(self, who: Character, *lines: str, how: Sequence[str] = ()) -> None:
        """Tell one of several lines as speech; ``how`` replaces the usual verbs."""
        line = self.pick(lines)
        mark = line[-1]
        if not how:
            how = ANSWERED if mark == "." and self._speaker not in (None, who) else SAID[mark]
        verb = self.pick(how)
        before_verb = line[:-1] + "," if mark == "." else line
        self.say(
            f'"{before_verb}" {who} {verb}.',
            f'"{before_verb}" {verb} {who}.',
            f'{who} {verb}, "{line}"',
        )
        self._topic = self._speaker = who

    def paragraph(self) -> None:
        """Begin a new one, and name whom it is about."""
        self.paragraphs.append([])
        self._topic = None

    def one_day(self, *ways: str, when: Sequence[str] = ANY_DAY) -> None:
        """Begin what happens; the ways are whole sentences that can stand after "One day,"."""
        self.paragraph()
        way = self.pick(ways)
        self._add(f"{self.pick(when)} {way}", self._about(way))

    def text(self) -> str:
        return "\n\n".join([" ".join(sentences) for sentences in self.paragraphs if sentences])

    def _about(self, way: str) -> Character | None:
        """Whom the sentence begins with, if it is somebody."""
        for who in self.cast:
            if way.startswith(who):
                return who
        return None

    def _pronoun_is_clear(self, who: Character) -> bool:
        """Whether it can only mean ``who`` right after the last sentence."""
        last = self.paragraphs[-1][-1]
        return who.he != who and not any(
            other in last for other in self.cast if other.male == who.male and other != who
        )

    def _add(self, sentence: str, topic: Character | None) -> None:
        self.paragraphs[-1].append(sentence)
        self._topic = topic
        self._speaker = None


def _with_pronoun(way: str, who: Character) -> str:
    rest = way[len(who) :]
    return who.own + rest[2:] if rest.startswith("'s ") else who.he + rest
