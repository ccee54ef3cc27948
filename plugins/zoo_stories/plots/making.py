"""Building, baking, painting, playing: work that goes wrong before it goes right."""

from __future__ import annotations

from zoo_stories.lexicon import COLOURS, PLAIN_DAY
from zoo_stories.story import Story
from zoo_stories.world import Thing


def the_first_house(s: Story) -> None:
    """What is built alone and in a hurry falls down; what is built together stands."""
    hero = s.hero(("proud", "busy", "clever", "lively"))
    friend = s.friend(hero)
    house, fall, better = s.pick(
        (
            (
                "tree house",
                "the floor broke, and all the boards came down",
                "They used thick boards and long nails, and tested every step.",
            ),
            (
                "sand castle",
                "a big wave washed it all away",
                "They built it far from the water, with a wall of stones around it.",
            ),
            (
                "fort of blankets",
                "the whole thing fell in with a puff of dust",
                "They tied the corners to the chairs and put a broom in the middle.",
            ),
            (
                "raft",
                "it came apart, and the logs floated off",
                "They tied the logs together with strong knots.",
            ),
            (
                "snow house",
                "the roof slid down and landed on the floor",
                "They cut blocks of snow and set them in a ring.",
            ),
            (
                "hut of branches",
                "a gust of wind blew it over",
                "They put the thickest branches deep into the ground.",
            ),
            (
                "tower of blocks",
                "it leaned to one side and crashed",
                "They made it wide at the bottom and narrow at the top.",
            ),
        )
    )
    s.open(hero)
    s.say(
        f"{hero} wanted to build the best {house} in the world, all alone.",
        f"{hero} had a big plan. {hero.He} wanted to build a {house}.",
    )
    s.say(
        f"{hero}'s friend {friend} came by and watched.",
        f"A friend named {friend} came to see it.",
    )
    s.says(friend, "Can I help you?", "May I build with you?", "Shall we do it together?")
    s.says(
        hero, "No, I can do it by myself!", "I don't need any help!", "You would only slow me down."
    )
    s.world.feel(friend, "sad")
    s.paragraph()
    s.say(
        f"{hero} worked very fast and did not measure anything.",
        f"{hero} was in a hurry and took the first things {hero.he} could find.",
    )
    s.say(f"By noon, the {house} was done.", f"Soon there stood a {house}, a little crooked.")
    s.says(hero, f"Look at my {house}!", "It's finished! It's the best!", "Who needs help?")
    s.say(
        f"But just then, {fall}!",
        f"But a moment later, {fall}!",
        f"Then there was a noise, and {fall}!",
    )
    s.feels(hero, s.pick(("sad", "angry")))
    s.maybe(
        "All that work for nothing!", "Nothing was left of it but a mess.", "Everything was broken."
    )
    s.paragraph()
    s.maybe(
        f"{friend} could have laughed, but {friend.own_he} did not.",
        f"{friend} came closer and sat down next to {hero}.",
    )
    s.says(
        friend,
        "We can build it again, you and I.",
        "The idea was good. Let's try once more.",
        "I know what went wrong. Do you want to hear it?",
    )
    s.sorry(hero, friend, "I should have let you help.", "I wanted to do it all alone.")
    s.maybe("This time, they first made a drawing.", "First they thought about it and made a plan.")
    s.say(better)
    s.maybe(
        f"{hero} was good at lifting, and {friend} was good at measuring.",
        f"{friend} held things steady while {hero} worked.",
        f"When {hero} got tired, {friend} went on, and the other way around.",
    )
    s.say(
        f"In the evening, the new {house} was finished, and it did not even wobble.",
        f"It took twice as long, but the new {house} was strong and beautiful.",
    )
    s.cheers(friend)
    s.feels(hero, s.pick(("proud", "happy")))
    s.lesson(
        hero,
        "things built together last longer",
        "it is no shame to need help",
        "a good plan is half the work",
    )
    s.end(hero, f'They hung up a sign that said, "{hero} and {friend}."')


def the_salty_cake(s: Story) -> None:
    """Two white jars, one mistake, and a second try."""
    hero = s.hero()
    helper = s.friend(hero)
    elder = s.grandparent(hero)
    cake = Thing("cake", s.pick(("chocolate", "lemon", "apple", "honey", "carrot", "cherry")))
    wrong, taste = s.pick(
        (
            ("salt instead of sugar", "It tasted like the sea"),
            ("pepper instead of cinnamon", "It burned like fire"),
            ("soap instead of butter", "Bubbles came out of every mouth"),
            ("sand instead of cocoa", "It crunched between their teeth"),
            ("mustard instead of vanilla", "It made everyone's eyes water"),
        )
    )
    s.open(hero)
    s.say(f"It was almost {elder}'s birthday.", f"{elder} had a birthday coming up.")
    s.one_day(
        f"{hero} and {hero.his} friend {helper} wanted to bake {cake.a}.",
        f"{hero} asked a friend named {helper} to help bake {cake.a}.",
        when=PLAIN_DAY,
    )
    s.maybe(
        "They put on aprons and got out the big bowl.",
        "They washed up, opened the old cookbook, and set out the eggs.",
    )
    s.say(
        f"{hero} stirred, and {helper} poured in the milk and the flour.",
        f"{helper} cracked the eggs, and {hero} mixed the batter.",
    )
    s.say(
        f"But two jars looked just the same, and {hero} took {wrong}!",
        f"They were talking and laughing so much that {hero} put in {wrong}.",
    )
    s.world.get(hero, cake)
    s.say(
        "Nobody noticed, and the cake went into the oven.",
        "The kitchen was warm, and the cake rose higher and higher.",
    )
    s.paragraph()
    s.say(
        f"When it was done, they each tried a crumb. {taste}!",
        f'At last they could taste it. "Ugh!" they both cried. {taste}!',
    )
    s.feels(hero, s.pick(("sad", "worried")))
    s.says(
        hero,
        "I have spoiled everything!",
        f"What will {elder} say?",
        "Now there is no time to start again!",
    )
    s.world.use_up(hero, cake)
    s.say(f"{helper} began to giggle.", f"{helper} pulled a face that looked like an old sock.")
    s.says(
        helper,
        "We learned something. Let's read the labels!",
        "There is still one hour left!",
        "That was the worst cake in the world! Let's make the best one now.",
    )
    s.cheers(helper)
    s.paragraph()
    s.say(
        "So they washed the bowl and began again from the start.",
        "They cleaned up and counted the eggs. There were just enough.",
    )
    s.maybe(
        f"This time, {hero} smelled and tasted everything first.",
        f"{helper} read out loud, and {hero} checked every jar twice.",
    )
    second = Thing("cake", f"{s.pick(COLOURS)} birthday")
    s.say(
        f"In the end, they had {second.a} with candles.",
        "It turned out a bit flat, but it smelled wonderful.",
    )
    s.say(f"Just then, {elder} came in.", f"They put it on the table, and {elder} opened the door.")
    s.says(
        elder, "Did you make this by yourselves?", "What smells so good in here?", "Is that for me?"
    )
    s.say(
        f"{elder} took a bite and closed both eyes.",
        f"{elder} ate three pieces and asked for the recipe.",
    )
    s.maybe(
        f"Then they told {elder} about the first cake, and {elder} laughed until the table shook.",
        f"{elder} loved the story of the first cake even more than the cake itself.",
    )
    s.cheers(elder)
    s.feels(hero, s.pick(("happy", "proud")))
    s.lesson(
        hero,
        "a mistake is not the end",
        "you can always try again",
        "you should look twice before you pour",
    )
    s.end(
        hero,
        "And on every birthday after that, somebody asked for the salt and grinned."
        if "salt" in wrong
        else "And they told that story on every birthday after that.",
    )


def the_spilled_paint(s: Story) -> None:
    """A blot on a picture becomes the best thing in it."""
    hero = s.hero(("careful", "quiet", "dreamy", "clever"))
    friend = s.friend(hero)
    picture, blot = s.pick(
        (
            ("a green meadow", "big blue lake with ducks on it"),
            ("a winter forest", "dark cave with a sleeping bear"),
            ("the harbor", "whale that looked out of the waves"),
            ("a castle", "friendly dragon on the roof"),
            ("the night sky", "comet with a long tail"),
            ("a garden", "fat bumblebee on a rose"),
            ("a mountain", "cloud in the shape of a sheep"),
        )
    )
    colour = s.pick(("red", "blue", "black", "purple", "green"))
    s.open(hero)
    s.say(
        f"{hero} loved to paint and was good at it.",
        f"{hero} had a box of paints with twelve colors.",
    )
    s.say(
        f"There was a contest, and {hero} had worked on a picture of {picture} for a week.",
        f"For the village contest, {hero} was painting {picture}, and it was almost done.",
    )
    s.one_day(
        f"{friend.a} came by to see it.",
        f"{hero}'s friend {friend} ran in without looking.",
    )
    s.say(
        f"{friend} bumped into the table, and {colour} paint splashed over the paper.",
        f"{friend}'s elbow hit the jar, and a big {colour} spot ran down the picture.",
    )
    s.feels(hero, s.pick(("sad", "angry")))
    s.says(hero, "My picture! It's ruined!", "Look what you have done!", "A whole week of work!")
    s.sorry(friend, hero, "I did not mean to do it.", "It was an accident.")
    s.world.feel(friend, "sorry")
    s.paragraph()
    s.maybe(
        f"{hero} wanted to tear up the paper.",
        f"{hero} did not answer and turned to the wall.",
    )
    s.say(
        f"{friend} put {friend.own} head to one side and looked at the spot.",
        f"{friend} turned the picture a little and looked again.",
    )
    s.says(
        friend,
        "Wait! Do you see what I see?",
        "Look from here. It is not just a spot!",
        "It looks like something!",
    )
    s.say(
        f"{hero} looked and looked. And then {hero.he} saw it too.",
        f"At first {hero} saw only a mess. Then {hero.he} began to smile.",
    )
    s.say(
        f"It could be a {blot}!",
        f"With a few lines, it would be a {blot}.",
    )
    s.maybe(
        f"{hero} took the smallest brush, and {friend} mixed the colors.",
        f"Together, {hero} and {friend} added a line here and a dot there.",
    )
    s.paragraph()
    s.maybe(
        "When they had finished, the picture was better than before.",
        "Nobody would have guessed that it had been an accident.",
    )
    s.say(
        f"At the contest, everyone stopped in front of it. They liked the {blot} best of all.",
        "And at the contest, it won the first prize!",
    )
    s.says(
        hero,
        f"{friend} made the best part!",
        "We did this together!",
        "Without the spot, it would be boring!",
    )
    s.cheers(friend)
    s.feels(hero, s.pick(("proud", "happy")))
    s.lesson(
        hero,
        "a mistake can be the start of something new",
        "an accident can turn out well",
        "two see more than one",
    )
    s.end(hero, f"The picture hung on the wall with two names under it, {hero} and {friend}.")


def the_noisy_band(s: Story) -> None:
    """Everyone plays as loud as they can, until they listen."""
    hero = s.hero()
    first = s.friend(hero)
    second = s.friend(hero)
    mine, yours, theirs = s.pick(
        (
            ("drum", "flute", "bell"),
            ("fiddle", "trumpet", "washboard"),
            ("guitar", "whistle", "drum"),
            ("tin can", "comb", "rattle"),
            ("piano", "horn", "triangle"),
        )
    )
    s.open(hero)
    s.world.get(hero, mine)
    s.world.get(first, yours)
    s.world.get(second, theirs)
    s.say(
        f"{hero} played the {mine}, {first} played the {yours}, and {second} played the {theirs}.",
        f"{hero} had a {mine}. {first} had a {yours}, and {second} had a {theirs}.",
    )
    s.one_day(
        "they wanted to start a band.",
        f'{hero} had an idea. "Let\'s make a band!"',
    )
    s.say("Each of them wanted to be the leader.", "But nobody wanted to be quiet.")
    s.say(
        f"{hero} played louder, {first} played faster, and {second} played both.",
        f"The {mine} boomed, the {yours} shrieked, and the {theirs} would not stop.",
    )
    s.maybe(
        "The cat ran up a tree, and the neighbors shut their windows.",
        "A dog howled, the milk turned sour, and a baby began to cry.",
    )
    s.says(first, "You are too loud!", f"I can't hear my {yours}!", "Stop! Stop!")
    s.says(second, "No, you are too fast!", "It's your fault!", f"My {theirs} is the best!")
    s.world.feel(first, "angry")
    s.world.feel(second, "angry")
    s.feels(hero, s.pick(("sad", "angry")))
    s.paragraph()
    s.say(
        "They all sat down in different corners. It was very still.",
        "So they stopped, and nobody said a word.",
    )
    s.say(
        "In the silence, they heard rain on the roof. Plip, plop, plip.",
        "Through the window came the sound of crickets and frogs, each at its own time.",
        "Outside, a blackbird sang, and another waited and then answered.",
    )
    s.says(
        hero,
        "Listen! They don't all play at once.",
        "They take turns. Do you hear it?",
        "First one, and then the other. Let's try that!",
    )
    s.say(
        f"Softly, {hero} began on the {mine}. Then {hero.he} nodded to {first}.",
        f"{hero} played only four notes and waited.",
    )
    s.say(
        f"{first} answered with the {yours}, and {second} came in at just the right moment.",
        f"Then {first} joined in, and then {second}, each listening to the others.",
    )
    s.say("It was a real song!", "Suddenly, it was music.", "And it sounded beautiful.")
    s.paragraph()
    s.say(
        "The windows opened again. People leaned out and smiled.",
        "A cat came to listen, a baby fell asleep, and somebody began to dance.",
    )
    s.cheers(first, second)
    s.feels(hero, s.pick(("happy", "proud")))
    s.lesson(
        hero,
        "music begins with listening",
        "everyone gets a turn when all of them listen",
        "being loud is not the same as being good",
    )
    s.end(hero, f"They called themselves the {s.pick(COLOURS)} band and played at every party.")
