"""Helping somebody who can't do it alone."""

from __future__ import annotations

from zoo_stories.lexicon import FLOWERS, FOODS, PLACES, PLAIN_DAY, TREES
from zoo_stories.story import Story


def the_old_neighbour(s: Story) -> None:
    """Work for an old neighbour, paid in stories."""
    hero = s.hero()
    friend = s.friend(hero)
    old = s.neighbour(hero)
    food = s.pick(FOODS)
    job, hard, done = s.pick(
        (
            ("rake the leaves", "{own} back was sore", "raked all the leaves into one big pile"),
            ("carry the shopping", "the bags were too heavy", "carried six bags up the steps"),
            ("chop the wood", "{own} arms were tired", "stacked the wood beside the door"),
            ("pick the beans", "{own} knees were stiff", "filled three bowls with beans"),
            ("wash the windows", "the ladder was too high", "made every window shine"),
            ("feed the hens", "{own} leg was in a cast", "fed the hens and found nine eggs"),
            ("clear the path", "the weeds were too thick", "pulled every weed from the path"),
        )
    )
    hard = hard.format(own=old.own)
    s.open(hero)
    s.one_day(
        f"{hero} and {hero.his} friend {friend} wanted to play catch.",
        f"{hero} was on the way to play with {friend.a}.",
        when=PLAIN_DAY,
    )
    s.say(
        f"At the corner, they saw {old}, who lived all alone.",
        f"Behind the fence stood old {old} with a worried face.",
        f"They came past the house of {old}, who was very old.",
    )
    s.say(
        f"{old} wanted to {job}, but {hard}.",
        f"{old} had to {job}, but {hard}.",
    )
    s.world.feel(old, "worried")
    s.says(friend, "Come on, let's play!", "We will be late for the game!", "That is not our job.")
    s.says(
        hero,
        f"Wait. {old} needs help.",
        "We can play later. Let's help first.",
        "It won't take long if we both do it.",
    )
    s.paragraph()
    s.says(
        hero,
        f"May we help you to {job}?",
        f"Let us {job} for you!",
        "We have strong arms. Can we help?",
    )
    s.says(old, "That would be wonderful!", "Oh, would you really?", "How kind of you!")
    s.say(
        f"So {hero} and {friend} got to work and {done}.",
        f"It took all morning, but {hero} and {friend} {done}.",
        f"{hero} began, and {friend} joined in. Together they {done}.",
    )
    s.maybe(
        f"{friend} even started to whistle.",
        "It was more fun than they had thought.",
        "They made a game out of it and counted every step.",
    )
    s.feels(old, "happy")
    s.paragraph()
    s.world.get(old, food)
    s.gives(
        old,
        food,
        hero,
        f"Then {old} asked them in and gave them {food.a}.",
        f"As a thank you, {old} brought out {food.a} for them.",
    )
    s.say(
        f"While they ate, {old} told them about the days when there were no lamps.",
        f"And {old} told them a story about a ship in a storm, and it was all true.",
        f"{old} showed them old pictures and told them how life used to be.",
    )
    s.world.use_up(hero, food)
    s.says(
        friend,
        "That was better than any game!",
        "Tell us another one, please!",
        "Can we come again?",
    )
    s.cheers(friend)
    s.feels(hero, "happy")
    s.lesson(
        hero,
        "helping can be as much fun as playing",
        "old neighbors have the best stories",
        "many hands make light work",
    )
    s.end(hero, f"From then on, {hero} and {friend} visited {old} every week.")


def the_baby_bird(s: Story) -> None:
    """A bird has fallen from its nest and is brought back to the sky."""
    hero = s.hero(("gentle", "kind", "careful", "thoughtful"))
    parent = s.parent(hero)
    tree = s.pick(TREES)
    bird = s.pick(("sparrow", "robin", "swallow", "finch", "blackbird"))
    s.open(hero)
    s.one_day(
        f"{hero} heard a soft peep under the {tree} tree.",
        f"{hero} saw something small and gray in the grass.",
        f"{hero} almost stepped on something that was moving.",
    )
    s.say(
        f"It was a baby {bird} that had fallen out of the nest.",
        f"A baby {bird} sat there, with its beak wide open.",
        f"It was a tiny {bird} with hardly any feathers.",
    )
    hurt = s.chance(0.5)
    s.says(
        hero,
        "You poor little thing!",
        "Don't be afraid, I will help you.",
        "Where is your mother?",
        how=("whispered", "said"),
    )
    s.say(
        f"{hero} did not touch it but ran to get {parent}.",
        f"{hero} called {parent} as softly as possible.",
    )
    s.paragraph()
    if hurt:
        s.says(
            parent,
            "One wing is hurt. We must take care of it for a while.",
            "It cannot fly yet, and its wing is bent. Let's make it a bed.",
        )
        s.say(
            f"{hero} put some wool into a shoe box and made a soft bed.",
            "They made a warm bed of moss and hay in a little box.",
        )
        s.say(
            f"Every hour, {hero} fed the bird with worms and drops of water.",
            f"{hero} got up before the sun to feed it, and it grew bigger and bigger.",
            f"Day after day, {hero} dug for worms, and the bird ate them all.",
        )
        s.say(
            f"After three weeks, the wing was well. {hero} was happy and sad at the same time.",
            f"One morning, it flapped its wings, and {hero} knew what that meant.",
        )
        s.says(parent, "It is time to let it go.", "A bird belongs to the sky.")
        s.paragraph()
        s.say(
            f"{hero} carried the box outside and opened it.",
            f"They took the box to the {tree} tree, and {hero} lifted the lid.",
        )
        s.say(
            "The bird hopped, fluttered, and then it flew!",
            "The bird sat still for a moment. Then it spread its wings and was gone.",
        )
    else:
        s.says(
            parent,
            "It is not hurt. Its nest must be up there.",
            "Look, there is the nest, high up!",
        )
        s.say(
            f"{parent} got the ladder and held it tight.",
            f"{parent} leaned the long ladder against the trunk.",
        )
        s.say(
            f"{hero} put the bird into a soft cap and climbed up, step by step.",
            f"With the bird in a warm sock, {hero} climbed higher and higher.",
        )
        s.maybe(
            f"The wind blew, and {hero} held on and did not look down.",
            f"A branch cracked, and for a moment {hero} did not move.",
        )
        s.say(
            "In the nest were three more little ones, all with open beaks.",
            "In the nest, there was an empty place, just big enough.",
        )
        s.paragraph()
        s.say(
            f"Very gently, {hero} put the bird back where it belonged.",
            f"{hero} set the bird down between the others and climbed back.",
        )
        s.say(
            "Soon the mother bird came with a worm and counted her children.",
            "They hid behind a bush and saw the mother come home.",
        )
    s.cheers(parent)
    s.feels(hero, s.pick(("happy", "proud")))
    s.lesson(
        hero,
        "even the smallest animal needs somebody",
        "being gentle is a way of being strong",
        "what you love must be free",
    )
    s.end(
        hero,
        f"The next spring, a {bird} sang in front of {hero}'s window every morning.",
        f"Sometimes a {bird} sat on the fence and looked at {hero} as if it knew {hero.him}.",
    )


def the_lost_little_one(s: Story) -> None:
    """A small animal or child has lost its mother; it is brought home."""
    hero = s.child()
    little, sound, mother, home = s.pick(
        (
            ("lamb", "Baa, baa", "sheep", "on the green hill"),
            ("duckling", "Peep, peep", "duck", "on the pond"),
            ("calf", "Moo, moo", "cow", "behind the red barn"),
            ("piglet", "Oink, oink", "sow", "in the pig pen"),
            ("foal", "Neigh, neigh", "mare", "at the far end of the field"),
            ("chick", "Cheep, cheep", "hen", "in the henhouse"),
            ("goat kid", "Meh, meh", "goat", "on the rocky slope"),
        )
    )
    place = s.pick(PLACES)
    s.open(hero)
    s.one_day(
        f"{hero} was on the way {place.to} when something made a sad sound.",
        f"{hero} was walking {place.at} and heard somebody cry.",
    )
    s.go(place, hero)
    s.say(f'"{sound}!" it went.', f'It went, "{sound}!"')
    s.say(
        f"Behind a bush stood a little {little}, all alone.",
        f"{hero} looked behind a log and saw a {little} with wet eyes.",
    )
    s.says(hero, "Are you lost?", "Where is your mother?", "Oh, you are so small! Don't cry.")
    s.say(
        f"The {little} came closer and leaned on {hero}'s leg.",
        f"The {little} was shaking and did not want to be alone.",
    )
    s.says(
        hero, "I will take you home.", "We will find her together.", "Come along, I'll help you."
    )
    s.paragraph()
    s.say(
        "First they asked a crow, but the crow had seen nothing.",
        f"First they went to the mill, but nobody there was missing a {little}.",
        "First they followed some tracks, but those led to a muddy pool.",
    )
    s.maybe(
        f"The {little} got tired, so they rested on a soft patch of moss.",
        f"Then it got hungry, and {hero} picked some clover for it.",
        "It began to rain, and they sat under a bridge until it stopped.",
    )
    s.maybe(
        f"{hero}'s legs were tired too, but {hero.he} did not give up.",
        f"{hero} wanted to go home, but {hero.he} had made a promise.",
    )
    s.say(
        f"Then {hero} climbed up on a wall and listened.",
        f"At last {hero} stood still and listened to the wind.",
    )
    s.say(
        f'Far away, somebody was calling. "{sound}!" But it was much deeper.',
        f'There! A deep voice answered. "{sound}!"',
    )
    s.paragraph()
    s.say(
        f"They ran as fast as they could, and {home} stood a big {mother}.",
        f"They followed the voice and came to a {mother} {home}.",
    )
    s.say(
        f"The {little} jumped with joy and pressed close to its mother.",
        f"The {mother} licked or pecked every inch of her little one."
        if mother in ("duck", "hen")
        else f"The {mother} licked her little one from nose to tail.",
    )
    s.maybe(
        f"The {mother} looked at {hero} for a long time, as if to say thank you.",
        f"Then the {mother} bent down and touched {hero}'s {hero.kind.hand}.",
    )
    s.feels(hero, s.pick(("happy", "proud")))
    s.say(
        f"Now {hero} wanted to see {hero.his} own family and ran home.",
        f"{hero} waved and hurried home, because it was getting late.",
    )
    s.go_home(hero)
    parent = s.parent(hero)
    s.says(parent, "Where have you been so long?", "What have you done all day?", how=("asked",))
    s.says(hero, "I helped someone find home.", "I took a little one to its mother.")
    s.cheers(parent)
    s.maybe(f"{parent} held {hero} very tight.", f"And {parent} gave {hero} the biggest hug.")
    s.lesson(
        hero,
        "there is no place like home",
        "a kind heart does not give up",
        "everyone needs somebody to lead them home",
    )
    s.end(hero)


def the_sick_friend(s: Story) -> None:
    """A friend is ill on an important day, so the day is brought to the bed."""
    hero = s.hero()
    friend = s.friend(hero)
    flowers = s.pick(FLOWERS)
    ill = s.pick(
        (
            "had a bad cold",
            "had a fever",
            "had red spots all over",
            "had a sore throat",
            "had hurt one foot",
        )
    )
    event, bring = s.pick(
        (
            ("the parade", "marched past the window with drums and flags"),
            ("the play", "acted out the whole play at the foot of the bed"),
            ("the beach trip", "filled a tub with sand and shells"),
            ("the concert", "played all the songs under the window"),
            ("the harvest party", "hung paper pumpkins over the bed"),
        )
    )
    s.open(hero)
    s.also(hero, friend)
    s.one_day(
        f"{hero} wanted to pick up {friend} for {event}.",
        f"{hero} ran to {friend}'s door, because it was the day of {event}.",
        when=PLAIN_DAY,
    )
    s.say(
        f"But {friend} {ill} and had to stay in bed.",
        f"But {friend} was in bed, because {friend.own_he} {ill}.",
    )
    s.feels(friend, "sad")
    s.says(
        friend,
        f"I will miss {event}.",
        "Go without me.",
        "It's not fair!",
        how=("said", "sniffed", "whispered"),
    )
    s.say(
        f"{hero} went away slowly and thought about it.",
        f"{hero} went to {event}, but it was no fun without {friend}.",
        f"{hero} did not want to have fun while {friend} was alone.",
    )
    s.paragraph()
    s.say(
        f"Then {hero} had an idea and told the others.",
        f"Suddenly {hero} stopped. There was a way!",
        f'"If {friend} cannot come, then we must bring it here," thought {hero}.',
    )
    s.world.get(hero, flowers)
    s.say(
        f"First {hero} picked {flowers.a}.",
        f"First {hero} ran to the meadow and picked {flowers.a}.",
    )
    s.maybe(
        f"{hero} also cooked a pot of hot soup.",
        f"Then {hero} put honey into a jar.",
        f"Then {hero} packed a book of funny stories.",
    )
    s.say(
        f"And then {hero} and all the others {bring}!",
        f"An hour later, they all came, and they {bring}.",
    )
    s.paragraph()
    s.maybe(
        f"{friend} sat up and could not believe it.",
        f"{friend} opened {friend.own} eyes wide.",
        f"At first {friend} thought it was a dream.",
    )
    s.gives(hero, flowers, friend)
    s.feels(friend, "happy")
    s.says(
        friend,
        "You did all this for me?",
        f"This is better than {event}!",
        "I feel better already!",
        "You are the best friend in the world!",
    )
    s.says(
        hero, "It was no fun without you.", "That is what friends are for.", "Now get well soon!"
    )
    s.cheers(hero)
    s.maybe(
        f"A few days later, {friend} was well again.",
        f"After two days, {friend} could get up.",
        f"Soon {friend} was as strong as before.",
    )
    s.lesson(
        hero,
        "joy can be carried to those who cannot come",
        "a friend is good medicine",
        "nothing is fun when a friend is left out",
    )
    s.end(
        hero, f"And when {hero} caught a cold in spring, guess who came with soup? It was {friend}."
    )
