"""Events that change the world and are told in the same breath, shared by all plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zoo_stories import lexicon
from zoo_stories.telling import Telling
from zoo_stories.world import HOME, Character, Kind, Thing, World, an


class Story(Telling):
    """A story in the making: its world and its text.

    Casting methods bring somebody in, event methods change the world and tell it, and
    :meth:`end` closes, which it refuses as long as somebody is unhappy.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.world = World()
        self._has_lesson = False

    # ── Who takes part ────────────────────────────────────────────────────────────────────────

    def child(self, traits: Sequence[str] = lexicon.TRAITS) -> Character:
        male = self.chance(0.5)
        return self._named(
            lexicon.BOYS if male else lexicon.GIRLS,
            lexicon.BOY if male else lexicon.GIRL,
            male,
            self.pick(traits),
        )

    def animal(
        self, traits: Sequence[str] = lexicon.TRAITS, kinds: Sequence[Kind] = lexicon.ANIMALS
    ) -> Character:
        kind = self.pick(kinds)
        while any(kind is other.kind for other in self.cast):
            kind = self.pick(kinds)
        return self._named(lexicon.PET_NAMES, kind, self.chance(0.5), self.pick(traits))

    def hero(self, traits: Sequence[str] = lexicon.TRAITS) -> Character:
        """A child or an animal; everybody else is cast to fit."""
        return self.child(traits) if self.chance(0.6) else self.animal(traits)

    def friend(self, hero: Character, traits: Sequence[str] = lexicon.TRAITS) -> Character:
        """A child for a child, an animal for an animal."""
        return self.animal(traits) if hero.kind.family else self.child(traits)

    def parent(self, hero: Character) -> Character:
        """Mom or Dad, or Mama Bear or Papa Bear."""
        return self._elder(hero, ("Mom", "Dad"), ("Mama", "Papa"))

    def grandparent(self, hero: Character) -> Character:
        return self._elder(hero, ("Grandma", "Grandpa"), ("Grandma", "Grandpa"))

    def neighbour(self, hero: Character) -> Character:
        """Mrs. Miller for a child, Mrs. Hare for an animal."""
        male = self.chance(0.5)
        among_animals = bool(hero.kind.family)
        surname = self.pick(lexicon.OLD_ANIMALS if among_animals else lexicon.SURNAMES)
        kind = hero.kind if among_animals else lexicon.GROWN_UP
        return self.add(f"{'Mr.' if male else 'Mrs.'} {surname}", kind, male)

    def add(self, name: str, kind: Kind, male: bool, trait: str = "") -> Character:
        """Somebody called ``name``; gets the pronoun if it is still free in this story."""
        taken = any(other.male == male for other in self.cast)
        who = Character(name, kind, male, trait, by_name=taken)
        self.cast.append(who)
        self.world.enter(who)
        return who

    def _named(self, names: Sequence[str], kind: Kind, male: bool, trait: str) -> Character:
        # Heroes and the others have names of their own: nobody takes one for the other.
        names = names[1::2] if self.cast else names[::2]
        name = self.favour(names)
        while name in self.cast:
            name = self.favour(names)
        return self.add(name, kind, male, trait)

    def _elder(
        self, hero: Character, people: tuple[str, str], animals: tuple[str, str]
    ) -> Character:
        male = self.chance(0.4)
        family = hero.kind.family
        name = f"{animals[male]} {family}" if family else people[male]
        return self.add(name, hero.kind if family else lexicon.GROWN_UP, male)

    # ── How it begins and ends ────────────────────────────────────────────────────────────────

    def open(self, hero: Character) -> None:
        """Introduce the hero."""
        noun, trait = hero.kind.noun, hero.trait
        self.say(
            f"Once upon a time, there was {an(trait)} little {noun} named {hero}.",
            f"Once upon a time, there was a little {noun} named {hero}.",
            f"Once upon a time, {an(trait)} {noun} named {hero} lived in {an(hero.kind.home)}.",
            f"Once there was {an(noun)} named {hero} who was very {trait}.",
            f"There once was {an(trait)} little {noun} whose name was {hero}.",
            f"{hero} was {an(trait)} little {noun}.",
            f"Long ago, there lived {an(trait)} {noun} called {hero}.",
        )

    def also(self, hero: Character, friend: Character) -> None:
        """Introduce the hero's friend."""
        noun = friend.kind.noun
        self.say(
            f"{hero} had a friend, {an(friend.trait)} {noun} named {friend}.",
            f"{hero}'s best friend was {an(noun)} named {friend}.",
            f"{hero} often played with {friend}, {an(friend.trait)} little {noun}.",
            f"{hero} and {friend}, {an(friend.trait)} {noun}, were best friends.",
            f"Next door lived {an(noun)} named {friend}, and the two were good friends.",
        )

    def lesson(self, hero: Character, *truths: str) -> None:
        """What was learned, in most stories; each truth can stand after "that"."""
        self._has_lesson = self.chance(0.6)
        if not self._has_lesson:
            return
        truth = self.pick(truths)
        self.say(
            f"{hero} learned that {truth}.",
            f"{hero} had learned that {truth}.",
            f"From that day on, {hero} knew that {truth}.",
            f"Now {hero} knew that {truth}.",
            f"{hero} never forgot that {truth}.",
            f"That day, {hero} found out that {truth}.",
        )

    def end(self, hero: Character, *ways: str) -> None:
        """Close the story with one of the ways, if given, or as any story may close.

        A lesson may have closed it already.
        """
        for who in self.cast:
            if not self.world.is_glad(who):
                raise ValueError(f"the story can't end, {who} is unhappy")
        if self._has_lesson and self.chance(0.5):
            return
        if ways and self.chance(0.6):
            self.say(*ways)
            return
        self.say(
            f"That night, {hero} went to sleep with a smile.",
            f"{hero} went to bed happy that night.",
            f"It was the best day {hero} had had in a long time.",
            f"And {hero} smiled all the way home.",
            f"{hero} talked about it for many days.",
            "And they all lived happily ever after.",
            "It had been a very good day.",
            "What a day it had been!",
            f"{hero} would remember that day for a long, long time.",
        )

    # ── What happens ──────────────────────────────────────────────────────────────────────────

    def owns(self, hero: Character, thing: Thing, *ways: str) -> None:
        self.world.get(hero, thing)
        self.say(
            *(
                ways
                or (
                    f"{hero} had {thing.a} that {hero.he} loved very much.",
                    f"{hero}'s favorite thing in the world was {thing.a}.",
                    f"{hero} had {thing.a}, and {hero.he} took {thing.it} everywhere.",
                    f"Some time ago, {hero} had been given {thing.a}.",
                    f"More than anything else, {hero} loved {hero.his} {thing.full}.",
                )
            )
        )

    def go(self, place: str, *who: Character) -> None:
        """Move there without a word, where a sentence of the plot tells it."""
        for one in who:
            self.world.move(one, place)

    def go_home(self, *who: Character) -> None:
        self.go(HOME, *who)

    def feels(self, who: Character, feeling: str) -> None:
        """Often told, and always remembered."""
        self.world.feel(who, feeling)
        if self.chance(0.6):
            self.say(*FEELINGS[feeling](who))

    def cheers(self, *who: Character) -> None:
        """Everybody named becomes happy without a word."""
        for one in who:
            self.world.feel(one, "happy")

    def gives(self, giver: Character, thing: Thing, taker: Character, *ways: str) -> None:
        self.world.give(giver, thing, taker)
        self.say(
            *(
                ways
                or (
                    f"{giver} gave {taker} the {thing.full}.",
                    f"{giver} gave the {thing} to {taker}.",
                    f"{giver} put the {thing} into {taker}'s {taker.kind.hand}s.",
                    f"{giver} handed {taker} the {thing}.",
                    f"{giver} held out the {thing}, and {taker} took {thing.it}.",
                )
            )
        )

    def thanks(self, who: Character, other: Character) -> None:
        self.says(
            who,
            f"Thank you, {other}!",
            f"Thank you so much, {other}!",
            f"Oh, thank you, {other}!",
            f"You are so kind, {other}.",
            f"You are a good friend, {other}.",
            f"Thank you for helping me, {other}.",
        )

    def sorry(self, who: Character, other: Character, *reasons: str) -> None:
        """An apology, with the reasons as whole sentences."""
        reason = self.pick(reasons)
        self.says(
            who,
            f"I am sorry, {other}. {reason}",
            f"I am so sorry. {reason}",
            f"{other}, I am very sorry. {reason}",
            f"{reason} I am sorry, {other}.",
        )

    def forgives(self, who: Character, other: Character) -> None:
        self.says(
            who,
            f"It is all right, {other}.",
            "I am not angry anymore.",
            f"I forgive you, {other}.",
            "Thank you for telling me.",
            "Everyone makes mistakes.",
            "Let us be friends again.",
        )


FEELINGS: dict[str, Callable[[Character], tuple[str, ...]]] = {
    "sad": lambda who: (
        f"{who} felt very sad.",
        f"{who} began to cry.",
        f"A big tear rolled down {who}'s cheek.",
        f"{who} sat down and cried.",
        f"{who} hung {who.own} head.",
        f"{who}'s eyes filled with tears.",
    ),
    "happy": lambda who: (
        f"{who} was so happy!",
        f"{who} smiled a big smile.",
        f"{who} jumped up and down with joy.",
        f"{who} laughed out loud.",
        f"{who}'s face lit up.",
        f"{who} clapped {who.own} {who.kind.hand}s.",
        f"{who} grinned from ear to ear.",
    ),
    "scared": lambda who: (
        f"{who} was very scared.",
        f"{who}'s heart beat fast.",
        f"{who} began to shake.",
        f"{who} felt cold all over.",
        f"{who} closed {who.own} eyes tight.",
        f"{who}'s legs felt weak.",
    ),
    "proud": lambda who: (
        f"{who} felt very proud.",
        f"{who} had never been so proud.",
        f"{who} stood up tall.",
        f"{who} was proud of {who.self}.",
        f"{who} felt ten feet tall.",
    ),
    "sorry": lambda who: (
        f"{who} felt bad about it.",
        f"{who} felt very sorry.",
        f"{who}'s face turned red.",
        f"{who} looked down at the ground.",
        f"{who} had a heavy feeling in {who.own} tummy.",
    ),
    "angry": lambda who: (
        f"{who} was angry.",
        f"{who} stamped {who.own} foot.",
        f"{who} frowned.",
        f"{who} made two fists.",
        f"{who} felt hot and cross.",
    ),
    "worried": lambda who: (
        f"{who} was worried.",
        f"{who} did not know what to do.",
        f"{who} bit {who.own} lip.",
        f"{who} felt a knot in {who.own} tummy.",
    ),
    "lonely": lambda who: (
        f"{who} felt lonely.",
        f"{who} felt all alone.",
        f"{who} felt like the loneliest {who.kind.noun} in the world.",
        f"{who} swallowed hard and said nothing.",
    ),
    "excited": lambda who: (
        f"{who} was very excited.",
        f"{who} could hardly wait.",
        f"{who} hopped up and down.",
        f"{who}'s eyes shone.",
    ),
    "grateful": lambda who: (
        f"{who} was very grateful.",
        f"{who} did not know how to say thank you.",
        f"{who}'s eyes were wet with joy.",
        f"{who} had a smile and a tear at the same time.",
    ),
    "calm": lambda who: (
        f"{who} felt calm again.",
        f"{who} took a deep breath and felt better.",
        f"Slowly, {who} stopped worrying.",
        f"{who} was not scared anymore.",
    ),
}
