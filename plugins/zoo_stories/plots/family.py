"""At home: brothers and sisters, chores, teeth and eggs."""

from __future__ import annotations

from zoo_stories.lexicon import PLAIN_DAY, TOYS
from zoo_stories.story import Story
from zoo_stories.world import an


def the_new_baby(s: Story) -> None:
    """A baby takes all the attention, and then takes one finger."""
    hero = s.hero()
    parent = s.parent(hero)
    baby = s.pick(("sister", "brother"))
    toy = s.pick(TOYS)
    s.open(hero)
    s.owns(hero, toy)
    s.one_day(
        f"there was a new baby in the family, a little {baby}.",
        f"{parent} showed {hero} a bundle with a tiny face. It was a baby {baby}.",
        when=PLAIN_DAY,
    )
    s.says(parent, f"Now you are a big one, {hero}.", f"Look, {hero}, this is your {baby}.")
    s.cheers(parent)
    s.say(
        "The baby slept, cried, drank, and cried again.",
        "The baby was red and loud and could not even play.",
    )
    s.say(
        f"Everybody looked at the baby, and nobody looked at {hero}.",
        f'"Not now, {hero}," they all said. "Be quiet, {hero}."',
        f"Visitors came with presents, but none of them were for {hero}.",
    )
    s.feels(hero, s.pick(("lonely", "angry", "sad")))
    s.says(
        hero,
        "I wish that baby would go away.",
        "They don't need me anymore.",
        "Can we give it back?",
        how=("said", "muttered"),
    )
    s.paragraph()
    s.say(
        f"One afternoon, {parent} was outside, and the baby began to scream.",
        f"Then, one evening, the baby cried and cried, and {parent} was in the yard.",
    )
    s.maybe(
        f"{hero} covered both ears. But the crying did not stop.",
        f"{hero} waited, but nobody came.",
    )
    s.say(
        f"So {hero} went to the cradle and looked in.",
        f"{hero} stood on a stool and bent over the cradle.",
    )
    s.say(
        f"{hero} held up the {toy} and moved it from side to side.",
        f"{hero} made a silly face and waved the {toy}.",
        f"{hero} hummed the song that {parent} always sang and rocked the cradle.",
    )
    s.say("The baby hiccuped and grew quiet.", "The crying stopped, and two big eyes looked up.")
    s.say(
        f"Then a tiny {hero.kind.hand} took hold of {hero} and did not let go."
        if hero.kind.family
        else f"Then a tiny hand took hold of {hero}'s finger and did not let go.",
        f"And then the baby smiled. It was the very first smile, and it was for {hero}!",
    )
    s.feels(hero, s.pick(("happy", "proud")))
    s.paragraph()
    s.say(f"When {parent} ran in, it was peaceful.", f"{parent} came back and stopped in the door.")
    s.says(
        parent,
        "How did you do that?",
        "The baby likes you best of all!",
        "I could not have done it better!",
    )
    s.says(
        hero,
        "The baby just needed me.",
        "I'm the big one now.",
        f"Someday I will lend this {baby} of mine my {toy}.",
    )
    s.maybe(
        f'{parent} pulled {hero} close. "There is enough love for two. It grows when you use it."',
        f"{parent} sat down and held them both, one on each knee.",
    )
    s.lesson(
        hero,
        "love does not get smaller when you share it",
        "being big can be wonderful",
        "a little one looks up to the big one",
    )
    s.end(hero, f"From then on, when the baby cried, they called for {hero}.")


def the_big_clean_up(s: Story) -> None:
    """A messy room, a lost thing, and a game that tidies."""
    hero = s.hero(("messy", "dreamy", "lively", "playful"))
    parent = s.parent(hero)
    friend = s.friend(hero)
    toy = s.pick(TOYS)
    game = s.pick(
        (
            ("a train", "carried load after load to the station on the shelf"),
            ("pirates", "brought the treasure back to the ship, which was the closet"),
            ("a zoo", "put every animal into its cage in the toy box"),
            ("a race", "tried to clean one corner before the sand ran through the glass"),
            ("a shop", "sorted all the things into boxes and wrote labels on them"),
            ("a spaceship", "flew each thing to its own planet"),
        )
    )
    s.open(hero)
    s.owns(hero, toy)
    s.say(
        f"{hero} never put anything away.",
        f"{hero}'s room was so full that you could not see the floor.",
    )
    s.says(parent, "Please clean up your room.", f"{hero}, this is not a room, it's a jungle!")
    s.says(hero, "Later!", "Tomorrow, I promise.", "But I like it this way!")
    s.cheers(parent)
    s.world.drop(hero, toy, "the bedroom")
    s.one_day(
        f"{friend.a} came over and wanted to play with the {toy}.",
        f"{hero} wanted to show the {toy} to {friend.a}.",
        when=PLAIN_DAY,
    )
    s.go("the bedroom", hero, friend)
    s.say(
        f"But where was the {toy}? {hero} dug through socks, crumbs, and paper.",
        f"{hero} looked for the {toy} under the bed and found only dust and an old sandwich.",
    )
    s.maybe(f"Ouch! {hero} stepped on something sharp.", "A tower of junk fell down with a crash.")
    s.says(
        hero,
        "I can't find it!",
        "It must be here somewhere!",
        "It's no use, it's lost in the mess.",
    )
    s.feels(hero, s.pick(("sad", "angry")))
    s.paragraph()
    s.says(
        friend,
        "Let's clean up. It can be a game!",
        "I know a game that makes rooms clean.",
        "If we do it together, it goes fast.",
    )
    s.say(
        f"They played {game[0]} and {game[1]}.",
        f"So the two of them played {game[0]} and {game[1]}.",
    )
    s.maybe(
        "Books went here, and blocks went there.",
        "Out went four apple cores and a broken spring.",
        "They found three spoons, a lost shoe, and a letter from last winter.",
    )
    s.maybe("Bit by bit, the floor came back.", "Soon they could see the color of the rug again.")
    s.world.take(hero, toy)
    s.say(
        f"And at the very bottom of the last pile was the {toy}!",
        f"Then {hero} lifted up a blanket, and there was the {toy}!",
    )
    s.cheers(friend)
    s.feels(hero, "happy")
    s.paragraph()
    s.say(
        f"{parent} opened the door and thought it was the wrong room.",
        f"{parent} came in and rubbed both eyes.",
    )
    s.says(parent, "What happened here?", "Is this really your room?", "Am I dreaming?")
    s.says(hero, "Now there is room to play!", "We found everything!", "It was fun!")
    s.maybe(
        f"The whole afternoon, {hero} and {friend} had fun {toy.fun}.",
        f"Now {hero} and {friend} could play, and nothing was in the way.",
    )
    s.lesson(
        hero,
        "it is easier to find things in a tidy room",
        "work can be a game",
        "everything is happy in its own place",
    )
    s.end(hero, f"And every evening, {hero} cleaned up for five minutes and made a game of it.")


def the_loose_tooth(s: Story) -> None:
    """A tooth wobbles; everyone has advice; it comes out by itself."""
    hero = s.hero()
    friend = s.friend(hero)
    parent = s.parent(hero)
    advice = s.pick(
        (
            "tie it to a door with a thread",
            "bite into a hard apple",
            "push it with your tongue",
            "eat a sticky candy",
            "jump up and down a hundred times",
        )
    )
    moment = s.pick(
        (
            "laughed at a joke",
            "sneezed",
            "took a bite of soft bread",
            "yawned",
            "called a goodbye across the street",
            "blew out a candle",
        )
    )
    s.open(hero)
    s.one_day(
        f"{hero} felt something strange. A tooth was loose!",
        f"one of {hero}'s teeth began to wobble.",
    )
    s.feels(hero, s.pick(("worried", "scared")))
    s.says(hero, "Will it hurt?", "Will I look funny?", "What if I swallow it?", how=("asked",))
    s.says(
        parent,
        "It only means that you are growing.",
        "A new one is already waiting underneath.",
        "It will come out when it is ready.",
    )
    s.cheers(parent)
    s.maybe(
        f"But {hero} was so afraid of it that {hero.he} ate nothing but soup.",
        f"{hero} chewed on one side only and spoke very little.",
    )
    s.paragraph()
    s.say(
        f"{friend}, {an(friend.trait)} {friend.kind.noun}, had lost two teeth already.",
        f"{hero}'s friend {friend} had a gap and could whistle through it.",
    )
    s.says(friend, f"You must {advice}!", f"It's easy. Just {advice}.")
    s.say(
        f"{hero} tried it with closed eyes. Nothing happened.",
        f"{hero} thought about it and shook {hero.own} head.",
        f"{hero} began, but at the last moment {hero.he} stopped.",
    )
    s.maybe("The tooth hung on, day after day.", "It wobbled more and more, but it stayed.")
    s.says(
        friend,
        "Then we wait together. Let me tell you something funny.",
        "Never mind. Let's do something else!",
        "Don't think about it. Come and play!",
    )
    s.say(
        "They went out, caught grasshoppers, and rolled down the slope.",
        "They made a puppet theater out of a box and laughed a lot.",
        "They fed the ducks and gave each of them a name.",
    )
    s.say(
        f"Then {hero} {moment}, and plop, there it lay.",
        f"And just as {hero} {moment}, the tooth fell out all by itself!",
    )
    s.cheers(friend)
    s.says(hero, "It did not hurt at all!", "Look! I have a gap!", "My tooth! My first tooth!")
    s.feels(hero, s.pick(("proud", "happy")))
    s.paragraph()
    s.say(
        f"{hero} ran home to {parent} with the tooth in a handkerchief.",
        f"{hero} showed it to {parent} with a wide grin.",
    )
    s.maybe(
        f"That night, {hero} put it under the pillow. In the morning, there was a shiny coin.",
        f"{parent} put the tooth into a tiny box with a blue ribbon.",
    )
    s.lesson(
        hero,
        "some things happen when you stop waiting for them",
        "growing up does not have to hurt",
        "fear is often bigger than the thing itself",
    )
    s.end(hero, f"The next day, {hero} and {friend} whistled through their gaps together.")


def the_eggs(s: Story) -> None:
    """Somebody has to sit still until something hatches."""
    hero = s.hero(("restless", "lively", "impatient", "wild"))
    parent = s.parent(hero)
    mother, young, count = s.pick(
        (
            ("hen", "chicks", "six"),
            ("duck", "ducklings", "five"),
            ("goose", "goslings", "four"),
            ("swan", "cygnets", "three"),
            ("turkey", "turkey chicks", "seven"),
        )
    )
    reason = s.pick(("had hurt its leg", "had flown off in a storm", "was chased away by a dog"))
    warm = s.pick(
        (
            "a wool hat and a warm stone",
            "a lamp and a box full of straw",
            "an old quilt and a bottle of hot water",
            "a basket next to the stove",
        )
    )
    s.open(hero)
    s.say(
        f"{hero} could not sit still, not even for one minute.",
        f"{hero} ran, hopped, and rolled from morning to night.",
    )
    s.one_day(
        f"{hero} found a nest with {count} eggs behind the shed.",
        f"{hero} nearly fell over a nest with {count} eggs.",
    )
    s.say(
        f"The {mother} {reason}, and the eggs were getting cold.",
        f"There was no {mother} to keep them warm, because the {mother} {reason}.",
    )
    s.says(
        hero, "We must save them!", "The eggs are cold! What can we do?", "Who will keep them warm?"
    )
    s.says(
        parent,
        "Somebody has to watch them, day and night.",
        "They must be kept warm and turned every few hours.",
        "It takes a lot of patience. Can you do that?",
    )
    s.cheers(parent)
    s.says(hero, "I will do it!", "I'll try!", "I can do it, you will see!")
    s.paragraph()
    s.say(f"With {warm}, {hero} made a new nest.", f"{hero} took {warm} and built a nest for them.")
    s.maybe(
        f"The first hour was terrible. {hero}'s legs wanted to run.",
        f"At first {hero} wiggled so much that the straw flew around.",
    )
    s.say(
        "Outside, the others were playing and calling.",
        "Through the window came the sound of a ball game.",
    )
    s.feels(hero, "sad")
    s.say(
        f"But the eggs were so smooth and so still, and {hero} stayed.",
        f"{hero} got up, looked at the eggs, and sat down again.",
    )
    s.maybe(
        f"To pass the time, {hero} told them stories about the world outside.",
        f"{hero} counted the boards in the wall and learned to listen.",
        f"{hero} sang to them and turned them gently, one by one.",
    )
    s.say("Days went by, and then weeks.", "Three weeks passed, the longest of the whole year.")
    s.paragraph()
    s.say(
        f"One night, {hero} heard a tiny tap. Then a crack!",
        "And then, early in the morning, one of the eggs began to move.",
    )
    s.says(
        hero,
        f"{parent}! Wake up! They are coming!",
        "It's hatching!",
        "There's a beak! I can see a beak!",
    )
    s.say(
        f"One after another, {count} wet little {young} tumbled out.",
        f"By sunrise, there were {count} little {young}, all peeping.",
    )
    s.maybe(
        f'They looked at {hero} and seemed to think, "You are our mother."',
        f"They stumbled straight to {hero} and snuggled up.",
    )
    s.feels(hero, s.pick(("happy", "proud")))
    s.says(
        parent,
        "You, of all of us, sat still the longest!",
        "That was a great thing you did.",
        "Nobody could have been more patient.",
    )
    s.lesson(
        hero,
        "patience can be learned",
        "some things are worth sitting still for",
        "love makes you patient",
    )
    s.end(hero, f"From then on, wherever {hero} ran, {count} {young} ran behind in a line.")
