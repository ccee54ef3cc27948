"""Sharing and giving away."""

from __future__ import annotations

from zoo_stories.lexicon import (
    CLOTHES,
    COLOURS,
    FOODS,
    PLACES,
    PLAIN_DAY,
    RAINY_DAY,
    TOYS,
    WINTER_DAY,
)
from zoo_stories.story import Story
from zoo_stories.world import Thing


def the_snack_for_one(s: Story) -> None:
    """Keeping it all feels bad; sharing it feels good."""
    hero = s.hero()
    friend = s.friend(hero)
    food, place = s.pick(FOODS), s.pick(PLACES)
    s.open(hero)
    s.also(hero, friend)
    parent = s.parent(hero)
    s.one_day(
        f"{parent} packed {food.a} for {hero}.",
        f"{parent} put {food.a} into {hero}'s bag.",
        f"{hero} was given {food.a} by {parent}.",
    )
    s.world.get(hero, food)
    s.cheers(parent)
    s.say(
        f"{hero} went {place.to} to eat {food.it} in the shade.",
        f"{hero} took {food.it} {place.to} and sat down on a stone.",
    )
    s.go(place, hero, friend)
    s.say(
        f"Soon {friend} came and sat down too.",
        f"{friend} was there too, looking at the clouds.",
        f"{friend} was already there, and {friend.own} tummy made a loud noise.",
    )
    s.says(
        friend,
        f"I forgot my lunch. May I have a bite of your {food}?",
        f"I am so hungry. Could I have a little of your {food}?",
        f"Your {food} smell good. I have nothing to eat."
        if food.was == "were"
        else f"Your {food} smells good. I have nothing to eat.",
    )
    s.paragraph()
    s.maybe(
        f"{hero} held the {food} close.",
        f"{hero} hid the {food} behind {hero.own} back.",
        f"{hero} looked at the {food} and then at {friend}.",
    )
    s.says(
        hero,
        "No, I want it all for myself." if food.was == "was" else "No, these are all mine.",
        f"No, the {food} {food.was} given to me.",
        "There is only enough for me.",
    )
    s.feels(friend, "sad")
    s.say(
        f"{hero} took a small bite, but it did not taste good at all.",
        f"{hero} wanted to eat, but {hero.own} throat felt tight.",
        f"{hero} was about to take a bite, but then {hero.he} saw {friend}'s face.",
    )
    s.feels(hero, "sorry")
    s.maybe(
        f"{hero} remembered how {friend} always shared everything.",
        f"{hero} thought about being hungry with nothing to eat.",
        f"What if {hero} were the hungry one?",
    )
    s.paragraph()
    s.sorry(hero, friend, "Let us share.", "You can have half.", "Please eat with me.")
    s.say(
        f"{hero} gave {friend} half of the {food}.",
        f"{hero} made two parts and gave {friend} the bigger one.",
        f"So {hero} shared the {food} with {friend}.",
    )
    s.world.use_up(hero, food)
    s.feels(friend, "happy")
    s.say(
        "They ate side by side until nothing was left.",
        "They ate every bit and licked their lips.",
        f"It was the best {food} they had ever tasted."
        if food.was == "was"
        else f"They were the best {food} anyone had ever tasted.",
    )
    s.cheers(hero)
    s.lesson(
        hero,
        "food tastes better when it is shared",
        "sharing makes two hearts happy",
        "a full tummy is no fun next to an empty one",
        "good things grow when you share them",
    )
    s.end(
        hero,
        f"The next day, it was {friend} who brought a snack, and there was enough for two.",
        f"After that, {hero} and {friend} always ate together.",
    )


def two_want_one(s: Story) -> None:
    """Two pull at one toy until it breaks; then they mend it and take turns."""
    hero = s.hero()
    friend = s.friend(hero)
    toy = s.pick(TOYS)
    elder = s.grandparent(hero)
    s.open(hero)
    s.also(hero, friend)
    s.one_day(
        f"{elder} gave {hero} and {friend} {toy.a} to play with.",
        f"{elder} came to visit and brought {toy.a}.",
        f"{elder} put {toy.a} on the table.",
    )
    s.cheers(elder)
    s.world.get(hero, toy)
    s.say(
        f"{hero} grabbed it first.",
        f"{hero} was faster and took it.",
        f"{hero} ran and snatched it up.",
    )
    s.says(
        hero, "It is mine! I saw it first!", "I want to play with it first!", "Mine, mine, mine!"
    )
    s.says(friend, "No, it is my turn!", "That is not fair! I want it too!", "Let go, it is mine!")
    s.paragraph()
    s.say(
        f"{hero} pulled on one side, and {friend} pulled on the other.",
        "They pulled and pulled, and neither of them would let go.",
        f"{friend} took hold of the {toy} too, and they both pulled as hard as they could.",
    )
    s.say(
        f"Suddenly there was a snap, and {toy.breaks}!",
        f"Then {toy.breaks}, and they both fell on their backs.",
        f"Oh no! With a loud crack, {toy.breaks}.",
    )
    s.world.damage(hero, toy)
    s.feels(hero, "sad")
    s.feels(friend, s.pick(("sad", "sorry")))
    s.maybe(
        "Now nobody could play with it.",
        "It was very quiet in the room.",
        "They looked at each other and did not know what to say.",
    )
    s.paragraph()
    s.say(
        f"{elder} came in and saw what had happened.",
        f"{elder} had heard the noise and came to look.",
        f"{elder} sat down between the two of them.",
    )
    s.says(
        elder,
        "Two who pull can break a thing, but two who work together can fix it.",
        "When you fight over something, nobody gets it. Shall we try to fix it?",
        f"A {toy} can be fixed, and so can a friendship.",
    )
    s.say(
        f"{hero} and {friend} sat down to work, and together they {toy.mend}.",
        f"So {hero} and {friend} fetched what they needed and {toy.mend}.",
        f"{elder} showed them how, and they {toy.mend}.",
    )
    s.world.repair(hero, toy)
    s.sorry(hero, friend, "You can go first.", "I should have shared.", "Let us take turns.")
    s.gives(hero, toy, friend)
    s.cheers(hero)
    s.feels(friend, "happy")
    s.say(
        f"{friend} played until the count of one hundred, and then it was {hero}'s turn.",
        f"First {friend} had fun {toy.fun}, and then {hero} did.",
        f"They took turns {toy.fun} until the sun went down.",
    )
    s.lesson(
        hero,
        "taking turns is more fun than fighting",
        "sharing a thing is better than breaking it",
        "a friend is worth more than any toy",
    )
    s.end(hero)


def the_warm_scarf(s: Story) -> None:
    """Something warm is given to someone who is cold, and kindness comes back."""
    hero = s.hero()
    friend = s.friend(hero)
    wear = s.pick(CLOTHES)
    elder = s.grandparent(hero)
    colour = s.pick(COLOURS)
    s.open(hero)
    s.owns(
        hero,
        wear,
        f"{elder} had made {wear.a} for {hero}, and {hero} wore it every day.",
        f"{hero} had {wear.a} that {elder} had made.",
        f"All winter long, {hero} wore {wear.a}, a gift from {elder}.",
    )
    s.cheers(elder)
    s.one_day(
        f"it began to snow, and {hero} looked for {hero.own} boots.",
        "there was frost on every window.",
        "the snow was so deep that the fences were gone.",
        when=WINTER_DAY,
    )
    s.say(
        f"{hero} went outside and met {friend.a}.",
        f"On the path, {hero} saw {friend.a}.",
        f"Under a bare tree stood {friend.a}, all alone.",
    )
    s.say(
        f"{friend} was shaking from head to toe.",
        f"{friend}'s nose was red, and {friend.own} teeth were chattering.",
        f"{friend} was so cold that {friend.own_he} could hardly speak.",
    )
    s.world.feel(friend, "sad")
    s.says(hero, f"Where is your {wear}?", "Why are you dressed so thinly?", "Are you cold?")
    s.says(
        friend,
        f"I do not have a {wear}.",
        "I have nothing warm to wear.",
        "We have no wool.",
        how=("whispered", "said"),
    )
    s.paragraph()
    s.maybe(
        f"{hero} loved the {wear}. But {hero.he} looked at {friend} and knew what to do.",
        f"{hero} thought for a moment. At home there was a fire, and {friend} had none.",
        f"{hero} did not think twice.",
    )
    s.gives(
        hero,
        wear,
        friend,
        f"{hero} took off the {wear} and put it on {friend}.",
        f"{hero} took off the {wear} and gave it to {friend}.",
    )
    s.says(
        hero,
        "Take mine. It will keep you warm.",
        "Here, you need it more than I do.",
        "Now it is yours. Please keep it.",
    )
    s.feels(friend, "happy")
    s.thanks(friend, hero)
    s.maybe(
        f"Then {hero} ran home as fast as {hero.he} could, because now {hero.he} was cold too.",
        f"{hero} shivered all the way home, but inside {hero.he} felt warm.",
    )
    s.paragraph()
    s.says(
        elder,
        f"{hero}, where is your {wear}?",
        f"Did you lose the {wear} that I made for you?",
        how=("asked",),
    )
    s.says(hero, "I gave it to a friend who was cold.", f"I gave it to {friend}, who had nothing.")
    s.say(
        f"{elder} was not angry at all. {elder} gave {hero} a big hug.",
        f"{elder} smiled and said nothing, but took out a big ball of {colour} wool.",
        f'{elder}\'s eyes were wet. "You have a warm heart," {elder} said.',
    )
    gift = Thing("wool hat", colour)
    s.world.get(hero, gift)
    s.say(
        f"A week later, there was {gift.a} on {hero}'s bed.",
        f"And a few days later, {hero} found {gift.a} under {hero.own} pillow.",
        f"That same night, {elder} began to knit, and soon {hero} had {gift.a}.",
    )
    s.feels(hero, "happy")
    s.lesson(
        hero,
        "kindness keeps you warm",
        "a kind heart is warmer than wool",
        "when you give, you get something back",
    )
    s.end(
        hero,
        f"Whenever it snowed, {hero} and {friend} went out together, both of them warm.",
        f"All winter, {hero} and {friend} built snow castles and were never cold.",
    )


def outgrown(s: Story) -> None:
    """A toy has become too small for its owner and makes a little one happy."""
    hero = s.hero()
    small = s.friend(hero)
    parent = s.parent(hero)
    toy, wear = s.pick(TOYS), s.pick(CLOTHES)
    s.open(hero)
    s.owns(hero, toy)
    s.say(
        f"But {hero} was getting bigger, and the {toy} stayed in the box most of the time.",
        f"As the years went by, {hero} played with it less and less.",
        f"Now {hero} was big, and dust lay on the {toy}.",
    )
    s.one_day(
        f"{parent} and {hero} cleaned up the room.",
        f"{hero} helped {parent} clean out the old boxes.",
        f"{hero} and {parent} sorted old things.",
        when=(*RAINY_DAY, *PLAIN_DAY),
    )
    s.say(
        f"They found an old {wear}, a broken cup, and the {toy}.",
        f"At the very bottom of a box was the {toy}.",
        f"Between old books and an old {wear} sat the {toy}.",
    )
    s.says(parent, f"Do you still play with this {toy}?", f"Shall we give the {toy} away?")
    s.says(hero, "No! It is mine!", "But I have always had it!", "I do not want to give it away!")
    s.world.feel(hero, "sad")
    s.says(
        parent,
        "A toy is sad when nobody plays with it. You decide.",
        "You may keep it. But think about it.",
        "It is up to you. Maybe some little one would love it as you did.",
    )
    s.cheers(parent)
    s.paragraph()
    s.say(
        f"Later, {hero} saw {small.a} sitting on the steps.",
        f"Then {hero} looked out and saw {small}, the smallest {small.kind.noun} on the street.",
        f"Then {small.a} came by, still very small and all alone.",
    )
    s.say(
        f"{small} was playing with a stick and a stone, because there were no toys at home.",
        f"Little {small} had only an empty can to play with.",
        f"{small} had nothing to play with and looked bored.",
    )
    s.world.feel(small, "sad")
    s.say(
        f"{hero} went back to {hero.own} room and looked at the {toy} for a long time.",
        f"{hero} held the {toy} once more and remembered many happy days.",
        f"{hero} thought of the fun {hero.he} had once had {toy.fun}.",
    )
    s.maybe(
        f"Then {hero} wiped off the dust and went outside.",
        f"Then {hero.he} made up {hero.own} mind.",
        f"Then {hero} gave the {toy} one last hug.",
    )
    s.says(
        hero,
        f"This {toy} needs someone to play with. Would you like it?",
        "I am too big for this now. Do you want to have it?",
        f"Look, {small}. This was mine, and now it can be yours.",
    )
    s.gives(hero, toy, small)
    s.paragraph()
    s.feels(small, "happy")
    s.maybe(
        f"All day, {small} did nothing but play, {toy.fun} and laughing.",
        f"Soon {small} was laughing and {toy.fun}.",
        f"{small} did not let go of the {toy} for the rest of the day.",
    )
    s.feels(hero, s.pick(("happy", "proud")))
    s.lesson(
        hero,
        "giving can feel better than having",
        "toys are happy when they are played with",
        "being big means making little ones happy",
    )
    s.end(hero, f"And sometimes {hero} came over, and they played together.")
