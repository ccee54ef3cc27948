"""Losing things and finding them."""

from __future__ import annotations

from zoo_stories.lexicon import CLOTHES, FOODS, PLACES, TOYS, TREASURES, TREES
from zoo_stories.story import Story
from zoo_stories.world import an


def lost_and_found(s: Story) -> None:
    """A toy is put down and forgotten; a friend helps to look for it."""
    hero = s.hero()
    friend = s.friend(hero)
    toy, place = s.pick(TOYS), s.pick(PLACES)
    s.open(hero)
    s.owns(hero, toy)
    s.maybe(
        f"{hero} could spend a whole day {toy.fun}.",
        f"Nothing made {hero} happier than {toy.fun}.",
    )
    s.one_day(
        f"{hero} took the {toy} {place.to}.",
        f"{hero} went {place.to} with the {toy}.",
        f"{hero} carried the {toy} all the way {place.to}.",
    )
    s.go(place, hero)
    s.say(
        f"A butterfly flew by, and {hero} put the {toy} down to run after it.",
        f"{hero} climbed up and down, rolled in the grass, and forgot all about the {toy}.",
        f"There was so much to see that {hero} put the {toy} down and walked on without it.",
        f"{hero} put the {toy} down for a moment to watch some ants.",
    )
    s.world.drop(hero, toy, place)
    s.say(
        f"When {hero.he} came back, the {toy} was gone!",
        f"When {hero.he} turned around, {hero.he} could not see the {toy} anywhere.",
        f"Later, {hero.he} could not remember where the {toy} was.",
    )
    s.feels(hero, s.pick(("sad", "worried")))
    s.paragraph()
    s.go(place, friend)
    s.say(
        f"Just then, {friend.a} came along.",
        f"A friend named {friend} heard {hero} and came over.",
        f"{friend}, a friend from next door, was walking by.",
        f"Along came {hero}'s friend {friend}.",
    )
    s.says(friend, "What is wrong?", "Why do you look so sad?", f"What happened, {hero}?")
    s.says(
        hero,
        f"I lost my {toy}.",
        f"My {toy} is gone!",
        f"I cannot find my {toy} anywhere!",
        how=("said", "answered", "sniffed"),
    )
    s.says(
        friend,
        "I will help you look.",
        "Two of us can look better than one.",
        "Let us look for it together!",
    )
    spot = s.pick(place.spots)
    if s.chance(0.5):
        s.say(
            f"They looked high and low, and at last {friend} looked {spot}.",
            f"They looked here and there. Then {friend} went to look {spot}.",
            f"{hero} looked on one side and {friend} on the other, all the way to the end.",
        )
        s.world.take(friend, toy)
        s.says(
            friend,
            f"I found it! It was {spot}!",
            f"Look, {hero}! Here it is, {spot}!",
            f"Is this your {toy}? It was {spot}.",
        )
        s.gives(friend, toy, hero)
    else:
        s.say(
            f"They walked back the way {hero} had come, step by step.",
            f"They searched everywhere. At last {hero} looked {spot}.",
            f'"Where did you play first?" asked {friend}. {hero} thought hard and ran back.',
        )
        s.world.take(hero, toy)
        s.say(
            f"And there was the {toy}, {spot}!",
            f"There it was! The {toy} lay {spot}.",
            f"Something {s.pick(('bright', 'small'))} lay {spot}. It was the {toy}!",
        )
    s.cheers(friend)
    s.feels(hero, "happy")
    s.thanks(hero, friend)
    s.paragraph()
    s.say(
        f"Then {hero} and {friend} took turns {toy.fun}.",
        f"They spent the rest of the day {toy.fun}.",
        f"After that, {hero} let {friend} try {toy.fun}.",
    )
    s.maybe(
        f"From then on, {hero} always looked after the {toy}.",
        f"{hero} never left the {toy} alone again.",
        f"On the way home, {hero} held the {toy} tight.",
    )
    s.end(hero)


def the_finder(s: Story) -> None:
    """Something precious lies on the path; it belongs to somebody."""
    hero = s.hero()
    owner = s.neighbour(hero)
    parent = s.parent(hero)
    treasure, place = s.pick(TREASURES), s.pick(PLACES)
    s.open(hero)
    s.say(
        f"{hero} liked to look for shells, stones, and feathers.",
        f"{hero} always looked at the ground, because {hero.he} had found many small things there.",
        f"{hero} kept a box full of things that {hero.he} had found.",
    )
    s.one_day(
        f"{hero} was walking {place.at} with {parent}.",
        f"{hero} and {parent} went {place.to}.",
        f"{hero} was playing {place.at} while {parent} sat in the sun.",
    )
    s.go(place, hero, parent)
    spot = s.pick(place.spots)
    s.say(
        f"There, {spot}, {hero} found {treasure.a}.",
        f"Something sparkled {spot}. It was {treasure.a}!",
        f"{hero} bent down and saw {treasure.a} {spot}.",
    )
    s.world.get(hero, treasure)
    s.says(
        hero,
        "Look what I found! Now it is mine!",
        f"What a pretty {treasure}! May I keep it?",
        f"I want to keep this {treasure} forever!",
    )
    s.paragraph()
    s.says(
        parent,
        f"Somebody must miss that {treasure} very much.",
        "How would you feel if you had lost it?",
        f"That {treasure} belongs to someone. Let us find out who.",
    )
    s.maybe(
        f"{hero} was quiet for a while. {hero.He} wanted to keep it so much.",
        f"{hero} did not like to hear that, but {hero.he} knew that {parent} was right.",
        f"{hero} thought about how sad it is to lose something.",
    )
    s.maybe(
        f"So {hero} went from door to door and asked.",
        "So they asked everyone they met.",
        f"{hero} drew a picture of the {treasure} and hung it on a tree.",
    )
    s.go(place, owner)
    s.say(
        f"At last they met {owner}, who was looking all over the ground.",
        f"Before long, {owner} came by. {owner}'s eyes were red from crying.",
        f"Then {owner} came up the path and looked very worried.",
    )
    s.world.feel(owner, "worried")
    s.says(
        owner,
        f"Have you seen {an(treasure.full)}? It was a gift from my mother.",
        f"I have lost my {treasure}. I have had it since I was small.",
        f"Oh dear, my {treasure} is gone, and it means so much to me.",
        how=("said", "sighed"),
    )
    s.paragraph()
    s.gives(
        hero,
        treasure,
        owner,
        f'"Is it this one?" asked {hero}, and gave the {treasure} to {owner}.',
        f"{hero} opened {hero.own} {hero.kind.hand} and gave {owner} the {treasure}.",
        f"{hero} held up the {treasure} and put it into {owner}'s {owner.kind.hand}s.",
    )
    s.feels(owner, "happy")
    s.says(
        owner,
        f"You are an honest {hero.kind.noun}, {hero}!",
        "Thank you! You have made an old heart glad.",
        f"Thank you, {hero}! I thought I would never see it again.",
    )
    s.world.feel(parent, "proud")
    food = s.pick(FOODS)
    s.maybe(
        f"{owner} asked them in and gave {hero} {food.a}.",
        f"The next day, {owner} came by with {food.a} for {hero}.",
    )
    s.feels(hero, s.pick(("happy", "proud")))
    s.lesson(
        hero,
        "giving back feels better than keeping",
        "being honest is worth more than gold",
        "finding a thing does not make it yours",
    )
    s.end(
        hero,
        f'On the way home, {parent} held {hero}\'s {hero.kind.hand} and said, "I am proud of you."',
        f"And whenever {owner} met {hero}, the two of them smiled at each other.",
    )


def the_thief_with_wings(s: Story) -> None:
    """A friend is blamed for what a magpie did."""
    hero = s.hero()
    friend = s.friend(hero)
    treasure = s.pick(TREASURES)
    tree = s.pick(TREES)
    s.open(hero)
    s.owns(
        hero,
        treasure,
        f"{hero} had {treasure.a} and kept it on the window sill.",
        f"Every morning, {hero} polished {hero.own} {treasure.full} until it shone.",
        f"{hero} owned {treasure.a} that glittered in the sun.",
    )
    s.also(hero, friend)
    s.one_day(
        f"{friend} came to play, and {hero} showed {friend.him} the {treasure}.",
        f"{hero} and {friend} played in {hero}'s room with the window open.",
        f"{friend} came over, and they looked at the {treasure} together.",
    )
    s.say(
        f"When {friend} had gone home, the {treasure} was gone too.",
        f"In the evening, the window sill was empty. Where was the {treasure}?",
        f"After {friend} had left, {hero} looked for the {treasure}, but it was not there.",
    )
    s.world.drop(hero, treasure, "the nest")
    s.feels(hero, "angry")
    s.says(
        hero,
        f"{friend} must have taken it!",
        f"Only {friend} was here! It must be {friend.him}!",
        how=("cried", "thought", "said"),
    )
    s.paragraph()
    s.maybe(
        f"{hero} ran straight to {friend}.",
        f"The next day, {hero} did not even say hello to {friend}.",
        f"{hero} knocked on {friend}'s door very loudly.",
    )
    s.says(
        hero,
        f"You took my {treasure}!",
        f"Give me back my {treasure}!",
        how=("shouted", "yelled", "cried"),
    )
    s.says(
        friend,
        "I did not take it.",
        "That is not true! I would never do that.",
        "I never touched it after you put it back.",
    )
    s.feels(friend, "sad")
    s.maybe(
        f"But {hero} did not believe {friend} and walked away.",
        f"{hero} did not want to listen and went home alone.",
    )
    s.paragraph()
    s.say(
        "The next morning, a black and white bird hopped on the window sill.",
        f"Two days later, {hero} heard a flutter. A magpie was sitting in the window!",
    )
    s.maybe(
        "It looked left and right, picked up a button with its beak, and flew off.",
        "Quick as a flash, it took a shiny spoon and flew away.",
        "It grabbed a bit of silver paper and was gone.",
    )
    s.say(
        f"{hero} ran after it and saw it land in the old {tree}.",
        f"{hero} followed it to the top of the tall {tree}.",
        f"It had a nest in the {tree} behind the house, and {hero} climbed up.",
    )
    s.go("the nest", hero)
    s.world.take(hero, treasure)
    s.say(
        f"In the nest lay buttons, bits of glass, and the {treasure}!",
        f"And what was in the nest? There, between the twigs, lay the {treasure}.",
        f"The nest was full of shiny things, and one of them was the {treasure}.",
    )
    s.feels(hero, "sorry")
    s.paragraph()
    s.go_home(hero)
    s.say(
        f"{hero} climbed down and ran to {friend}.",
        f"With the {treasure} in {hero.own} {hero.kind.hand}, {hero} ran to {friend}'s house.",
    )
    s.sorry(
        hero,
        friend,
        "It was a bird, and I blamed you.",
        "You told the truth, and I did not listen.",
        "A magpie took it, not you.",
    )
    s.forgives(friend, hero)
    s.cheers(friend, hero)
    s.lesson(
        hero,
        "you must not blame a friend before you know the truth",
        "it is wrong to blame someone without proof",
        "a good friend deserves to be believed",
    )
    s.end(hero, f"Together, {hero} and {friend} left an old bottle cap outside for the magpie.")


def stuck_in_a_tree(s: Story) -> None:
    """The wind carries something up into a tree; one climbs on another to get it."""
    hero = s.hero()
    friend = s.friend(hero)
    wear = s.pick(tuple(thing for thing in CLOTHES if thing in ("hat", "scarf", "cap")))
    tree, place = s.pick(TREES), s.pick(PLACES)
    s.open(hero)
    s.owns(
        hero,
        wear,
        f"{hero} had {wear.a} and thought it was the best {wear} in the world.",
        f"Wherever {hero} went, {hero.he} wore {wear.a}.",
        f"{hero} had just been given {wear.a}.",
    )
    s.one_day(
        f"{hero} went {place.to} with a friend named {friend}.",
        f"{hero} was running around {place.at} with {friend.a}.",
        f"{hero} met {friend.a} {place.at}.",
    )
    s.go(place, hero, friend)
    s.maybe(
        "The wind was strong that day.",
        "Leaves were dancing in the air.",
        "Big clouds raced across the sky.",
        "It was very windy.",
    )
    s.say(
        f"Whoosh! A gust of wind blew the {wear} away.",
        f"Suddenly the wind pulled the {wear} off and carried it up, up, up.",
        f"The wind took the {wear} and threw it high into the air.",
    )
    s.world.drop(hero, wear, "the tree")
    s.say(
        f"It landed on the highest branch of {an(tree)} tree.",
        f"It got stuck in {an(tree)} tree, far out of reach.",
        f"At last it hung at the top of {an('old ' + tree)}.",
    )
    s.feels(hero, s.pick(("sad", "worried")))
    s.paragraph()
    s.say(
        f"{hero} jumped, but the branch was too high.",
        f"{hero} shook the tree, but only leaves fell down.",
        f"First {hero} threw a stick, but it missed.",
    )
    s.maybe(
        f"{friend} tried to climb, but the trunk was too smooth.",
        f"{friend} tried with a long stick, but it was not long enough.",
        f"{friend} tried too, but slid down again and again.",
    )
    s.says(
        hero,
        f"I will never get my {wear} back.",
        "It is no use.",
        "We are both too small.",
        how=("sighed", "said"),
    )
    idea = s.pick(("shoulders", "rope", "bird", "wind"))
    s.says(
        friend, "Wait, I have an idea!", "Do not give up! I know what we can do.", "Let me think."
    )
    s.go("the tree", hero, friend)
    if idea == "shoulders":
        s.say(
            f"{friend} bent down, and {hero} climbed up on {friend}'s back.",
            f"{hero} stood on {friend}'s shoulders and reached the lowest branch.",
        )
        s.say(
            f"From there, {hero} could pull {hero.self} up, and then {hero.he} had the {wear}.",
            f"{hero} stretched as far as {hero.he} could and got hold of the {wear}.",
        )
    elif idea == "rope":
        s.say(
            f"{friend} ran off and came back with a rope.",
            f"{friend} found an old rope behind a shed.",
        )
        s.say(
            f"They threw it over the branch and pulled until the {wear} fell right into {hero}'s "
            f"{hero.kind.hand}s.",
            f"They tied it to the branch, pulled hard, and down came the {wear}.",
        )
    elif idea == "bird":
        s.say(
            f"{friend} called to a crow that sat nearby and asked it for help.",
            f"{friend} whistled, and a friendly crow came flying.",
        )
        s.say(
            f"The crow flew up, took the {wear} in its beak, and dropped it in front of {hero}.",
            f"The crow pulled the {wear} off the branch, and it sailed down to {hero}.",
        )
    else:
        s.say(
            f'{friend} sat down in the grass. "What the wind took, the wind can bring," {friend} '
            "said.",
            f"{friend} told {hero} to sit down and wait for the next gust.",
        )
        s.say(
            f"They waited a long time. Then the wind blew again, and the {wear} came flying down.",
            f"And really, the next gust shook the tree, and the {wear} fell at {hero}'s feet.",
        )
    s.world.take(hero, wear)
    s.paragraph()
    s.cheers(friend)
    s.feels(hero, "happy")
    s.thanks(hero, friend)
    s.maybe(
        f"{hero} put the {wear} back on and held it tight all the way home.",
        f"{hero} tied the {wear} on with a string, so that it could not fly away again.",
    )
    s.lesson(
        hero,
        "two heads are better than one",
        "friends can do together what one cannot do alone",
        "you should never give up too soon",
    )
    s.end(hero)
