"""On the way: errands, bridges, bottles and wells."""

from __future__ import annotations

from zoo_stories.lexicon import PLAIN_DAY
from zoo_stories.story import Story
from zoo_stories.world import Thing


def the_narrow_bridge(s: Story) -> None:
    """Two meet in the middle of a bridge, and neither will go back."""
    hero = s.hero(("stubborn", "proud", "busy", "strong"))
    other = s.friend(hero, ("stubborn", "proud", "loud", "strong"))
    load, load2 = s.pick(
        (
            ("a sack of flour", "a basket of fish"),
            ("a tall hat box", "a ladder"),
            ("a wheel of cheese", "a bucket of milk"),
            ("a pile of books", "a crate of onions"),
        )
    )
    end_wet = s.chance(0.5)
    s.open(hero)
    s.one_day(
        f"{hero} had to cross the narrow bridge with {load}.",
        f"{hero} came to the narrow bridge, carrying {load}.",
        when=PLAIN_DAY,
    )
    s.say(
        f"From the other side came {other.a}, with {load2}.",
        f"At the same time, {other.a} came from the other side with {load2}.",
    )
    s.go("the bridge", hero, other)
    s.say("They met right in the middle.", "In the middle of the bridge, they stood nose to nose.")
    s.says(
        hero, "Go back! I was here first.", "Let me pass, I'm in a hurry!", "Step aside, please!"
    )
    s.says(other, "No, you go back!", "I never step aside!", "I was first! You must turn around!")
    s.feels(hero, "angry")
    s.world.feel(other, "angry")
    s.say(
        "So they stood there for an hour, and neither of them moved.",
        f"{hero} sat down on the planks, and so did {other}.",
        "A line formed on both sides, and people began to complain.",
    )
    s.paragraph()
    if end_wet:
        s.say(
            f"Then {hero} pushed, and {other} pushed back.",
            "At last they both pushed at the same time.",
        )
        s.say(
            f"The bridge shook. Splash! Down went {load}, down went {load2}, and they went too.",
            "They lost their balance, and splash, they were both in the water.",
        )
        s.maybe(
            "Wet and cold, they crawled out on the bank and looked at each other.",
            "There they sat in the mud with weeds on their heads.",
        )
        s.say(
            f"First {other} snorted, and then {hero} burst out laughing.",
            "And then, at the same moment, they both began to laugh.",
        )
        s.says(hero, "If I had let you pass, I would be dry now.", "How silly we were!")
        s.says(
            other,
            "And if I had let you pass, I would be home by now.",
            "We were as stubborn as two goats!",
        )
        s.say(
            "They wrung out their clothes and fished their things out of the stream together."
            if not hero.kind.family
            else "They shook themselves and fished their things out of the stream together."
        )
    else:
        s.say(
            'An old snail came creeping along the rail and said, "One of you could lie down."',
            'A girl on the bank called out, "Why don\'t you hold each other and turn around?"',
        )
        s.maybe(
            f"{hero} looked at {other}, and {other} looked at {hero}.",
            "They had been so angry that they had not thought at all.",
        )
        s.says(
            hero,
            "Shall we try it?",
            "That is a clever idea.",
            "We could have done that an hour ago!",
        )
        s.says(other, "Yes, give me your arm!", "All right, but slowly!", "Hold on to me!")
        s.say(
            "They held each other tight and turned, step by tiny step, like dancers.",
            f"{hero} bent low, and {other} stepped over, and nobody got wet.",
        )
        s.maybe(
            "Then each of them stood on the right side, and everybody clapped.",
            "And there they were, each on the way home.",
        )
    s.paragraph()
    s.cheers(other)
    s.feels(hero, "happy")
    s.says(
        other,
        "Will you come and visit me?",
        "Next time, I will wait for you.",
        "You are fun when you are not angry!",
    )
    s.lesson(
        hero,
        "the one who gives way is the clever one",
        "being stubborn helps nobody",
        "two can pass where each gives a little",
    )
    s.end(
        hero,
        f'The next day they met again. "After you," said {hero}. "No, after you," said {other}.',
    )


def the_letter_in_a_bottle(s: Story) -> None:
    """A letter goes out on the water, and an answer comes back."""
    hero = s.child(("lonely", "dreamy", "curious", "quiet"))
    far = s.child()
    island = s.pick(
        (
            "a lighthouse",
            "a tiny island",
            "a fishing village",
            "a ship in the harbor",
            "a farm by the delta",
        )
    )
    bottle = Thing("bottle", s.pick(("green", "blue", "brown", "clear", "round")))
    s.open(hero)
    s.say(
        f"{hero} lived by the sea, far from everyone else.",
        f"{hero}'s house stood on a cliff, and there were no other children near it.",
    )
    s.feels(hero, "lonely")
    s.one_day(
        f"{hero} found {bottle.a} on the beach.",
        f"the tide brought {bottle.a} to {hero}'s feet.",
    )
    s.world.get(hero, bottle)
    s.say(
        f'{hero} wrote on a piece of paper, "I\'m {hero}. Who are you?"',
        f'{hero} wrote a letter. "Dear somebody, do you want to be my friend? {hero}."',
    )
    s.maybe(
        f"{hero} rolled it up, put it into the bottle, and closed it with a cork.",
        f"Then {hero} drew a map and a fish on it and pushed it into the bottle.",
    )
    s.go("the sea", hero)
    s.world.drop(hero, bottle, "the sea")
    s.say(
        f"With a big swing, {hero} threw it into the waves.",
        f"{hero} set it on the water, and it sailed away.",
    )
    s.paragraph()
    s.maybe(
        "It drifted past whales and under gulls.",
        "Storms came and went, and the bottle rose and fell.",
        "A seal played with it for a day, and then it floated on.",
    )
    s.say(
        f"Every day, {hero} went to the shore and looked.",
        f"{hero} waited all autumn and all winter.",
    )
    s.say("But there was nothing but shells and foam.", "No answer came.")
    s.says(hero, "I guess nobody found it.", "Maybe it sank.", how=("sighed", "said"))
    s.paragraph()
    s.go("the sea", far)
    s.say(
        f"But far away, near {island}, {far.a} was collecting driftwood.",
        f"But on the other side of the water, near {island}, lived {far.a}.",
    )
    s.world.take(far, bottle)
    s.say(
        f"{far} saw something shining and picked it up.",
        f"{far} found the bottle between two rocks.",
    )
    s.maybe(
        f"{far} read the letter three times and ran to get a pen.",
        f"{far} had always wished for a friend too and wrote back at once.",
    )
    s.cheers(far)
    s.say(
        "In spring, a boat came into the bay, and somebody stood at the front and waved.",
        "And in May, the mail boat stopped where it had never stopped before.",
    )
    s.go("the sea", hero)
    s.gives(
        far,
        bottle,
        hero,
        f'"I\'m {far}, and here is your letter!" called {far}, and gave {hero} the bottle.',
        f'{far} jumped off the boat, gave {hero} the bottle, and said, "Here is my answer!"',
    )
    s.feels(hero, "happy")
    s.says(
        hero,
        "You came all this way!",
        "I thought nobody would ever find it!",
        "I have waited for you for so long!",
    )
    s.maybe(
        f"They climbed on the rocks, and {hero} showed {far} the seals and the caves.",
        "They talked until the lamps were lit, and there was still more to say.",
    )
    s.lesson(
        hero,
        "it is worth sending out a wish",
        "a friend may be waiting far away",
        "hope needs patience",
    )
    s.end(
        hero,
        f"After that, the mail boat came once a month, with a letter for {hero} and one for {far}.",
    )


def the_errand(s: Story) -> None:
    """Sent to the shop with a list in the head, and so much to see."""
    hero = s.hero(("dreamy", "curious", "lively", "playful"))
    parent = s.parent(hero)
    keeper = s.neighbour(hero)
    items = s.pick(
        (
            ("milk", "silk", "It was for the soup, and silk does not boil well"),
            ("flour", "a flower", "You cannot bake bread from a flower"),
            ("a pear", "a bear", "A toy bear is not so good in a pie"),
            ("rice", "ice", "The ice had melted on the way"),
            ("beans", "jeans", "The pot was full of trousers"),
            ("a broom", "a mushroom", "It is hard to sweep with a mushroom"),
            ("soap", "rope", "A rope does not make you clean"),
            ("honey", "a pony", "The pony ate the curtains"),
        )
    )
    right, wrong, why = items
    s.open(hero)
    s.one_day(
        f"{parent} needed something from the shop.",
        f"{parent} was cooking and had run out of something.",
        when=PLAIN_DAY,
    )
    s.says(
        parent,
        f"Please go and get {right}. Can you remember that?",
        f"Run to the shop for me, {hero}. I need {right}.",
    )
    s.cheers(parent)
    s.says(
        hero, f"Of course! {right.capitalize()}!", "I don't need a list!", "I never forget a thing!"
    )
    s.maybe(
        f"So off {hero} went, saying it over and over.", f"{hero} said the word with every step."
    )
    s.paragraph()
    s.say(
        "But on the way, there was a man with a dancing monkey."
        if hero.kind.noun != "monkey"
        else "But on the way, there was a puppet show.",
        "But by the pond, two swans were having a quarrel.",
        f"But then a carriage with four white horses rolled by, and {hero} had to look.",
    )
    s.say(
        "The word got mixed up, and turned around, and came out wrong.",
        f"Suddenly {hero} was not so sure what the word had been.",
    )
    s.say(
        f"Behind the counter stood {keeper}.",
        f"{keeper}, who kept the shop, leaned over the counter.",
    )
    s.says(keeper, "What can I do for you?", f"Good morning, {hero}. What would you like?")
    s.cheers(keeper)
    s.says(hero, f"I need {wrong}, please.", f"{wrong.capitalize()}, please!", how=("said",))
    s.says(keeper, "Are you sure?", "That is an odd thing to need.", "Well, if you say so.")
    s.say(f"{hero} paid and carried it home.", f"Very pleased, {hero} went home with it.")
    s.paragraph()
    s.say(
        f"{parent} looked at it and did not know what to say. {why}!",
        f'"What is this?" cried {parent}. {why}!',
    )
    s.feels(hero, s.pick(("sorry", "sad")))
    s.says(
        hero,
        "I forgot the right word.",
        "I was looking at everything else.",
        how=("said", "sniffed"),
    )
    s.say(
        f"Then {parent} began to laugh and could not stop.",
        f"{parent} tried to be angry, but {parent} had to laugh.",
    )
    s.says(parent, f"I said {right}, my dear!", f"It was {right} that I needed!")
    s.say(
        f"This time, {hero} drew a picture on a piece of paper and held it all the way.",
        f"{hero} tied a knot in a ribbon, made up a rhyme, and ran back.",
        f"{hero} wrote it down and did not look left or right.",
    )
    s.maybe(
        f"{keeper} nodded and packed up {right}.", f"And {keeper} gave {hero} {right} and a wink."
    )
    s.maybe(
        "Dinner was late that night, but it was very good.",
        "They ate by candlelight and giggled with every bite.",
    )
    s.feels(hero, "happy")
    s.lesson(
        hero,
        "a list is a good friend",
        "you should keep your mind on what you do",
        "everyone makes mistakes, and some are funny",
    )
    s.end(hero, f"And whenever {parent} needed {right}, they both began to grin.")


def the_wishing_well(s: Story) -> None:
    """Three coins, three wishes, and what the last one is spent on."""
    hero = s.hero()
    friend = s.friend(hero)
    coins = Thing("coins", "three", plural=True)
    first, result = s.pick(
        (
            ("a mountain of candy", "there was so much candy that the door would not open"),
            ("a tail like a peacock", "the tail got caught in every bush"),
            ("never having to sleep", "the nights were long and dull"),
            ("a voice like thunder", "everyone ran away when they heard it"),
            ("being as tall as a tree", "no house was big enough"),
            ("a hundred balloons", "they pulled high up into the air"),
        )
    )
    need = s.pick(
        (
            "had broken a leg",
            "had a fever that would not go away",
            "could not stop crying",
            "had lost the way in the fog",
            "had not smiled for a week",
        )
    )
    good = {
        "had broken a leg": "the leg was as good as new",
        "had a fever that would not go away": "the fever was gone",
        "could not stop crying": "the tears stopped",
        "had lost the way in the fog": "the fog lifted, and the way was clear",
        "had not smiled for a week": "there was the first smile",
    }[need]
    s.open(hero)
    s.also(hero, friend)
    s.one_day(
        f"{hero} found three old coins under a stone.",
        f"a beggar gave {hero} three old coins for a piece of bread.",
    )
    s.world.get(hero, coins)
    s.say(
        'On each of them was written, "For the well."',
        '"Throw them into the old well, and make a wish," somebody whispered.',
    )
    s.go("the well", hero)
    s.say(
        f"So {hero} went to the old well and threw in the first coin.",
        f"{hero} leaned over the well and dropped the first coin. Plink!",
    )
    s.say(f"{hero} wished for {first}.", f"The first wish was for {first}.")
    s.say("And it came true at once!", "There was a puff of mist, and there it was!")
    s.feels(hero, "happy")
    s.paragraph()
    s.say(
        f"But it was not so nice after all, because {result}.",
        f"It was fun for an hour. But {result}.",
    )
    s.feels(hero, s.pick(("sad", "worried")))
    s.says(
        hero,
        "I don't want this anymore!",
        "I wish I had thought about it first!",
        "What a silly wish!",
    )
    s.say(
        "So the second coin had to go into the well to make it all as it was before.",
        f"There was no other way. {hero} threw in the second coin and wished it all away.",
    )
    s.say("Now only one was left.", f"{hero} held the last coin very tight.")
    s.maybe(
        f"{hero} wanted to think well this time. A castle? A pair of wings?",
        f"On the way home, {hero} made a list of a hundred wishes.",
    )
    s.paragraph()
    s.say(
        f"Then word came that {friend} {need}.", f"Then somebody told {hero} that {friend} {need}."
    )
    s.world.feel(friend, "sad")
    s.say(
        f"{hero} looked at the coin. {hero.He} thought of all those wishes, and then of {friend}.",
        f"{hero} did not have to think any longer.",
    )
    s.says(
        hero,
        f"I wish that {friend} is well and happy!",
        f"Please help {friend}!",
        how=("said", "whispered", "called"),
    )
    s.world.use_up(hero, coins)
    s.maybe(
        "Plink! The coin sank into the dark water.",
        "The last coin turned over in the air and was gone.",
    )
    s.say(f"When {hero} came to {friend}, {good}.", f"And really, when {hero} got there, {good}.")
    s.feels(friend, "happy")
    s.maybe(
        f"{friend} never knew what had happened at the well.",
        f'"I dreamed that somebody wished me well," said {friend}.',
    )
    s.cheers(hero)
    s.lesson(
        hero,
        "the best wish is the one you make for someone else",
        "you should think before you wish",
        "a friend is better than a castle",
    )
    s.end(hero, f"{hero} went past the well many times after that and never needed another coin.")
