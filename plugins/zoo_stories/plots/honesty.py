"""Lies, tricks, boasting and greed, and how they end."""

from __future__ import annotations

from zoo_stories.lexicon import BAKED, COLOURS, FOODS, HANDFULS, PLACES, PLAIN_DAY, RAINY_DAY
from zoo_stories.story import Story
from zoo_stories.world import Thing, an


def the_broken_vase(s: Story) -> None:
    """A lie about a broken thing grows heavy until it is told."""
    hero = s.hero()
    parent = s.parent(hero)
    what = Thing(s.pick(("vase", "lamp", "bowl", "mirror", "teapot", "plate")), s.pick(COLOURS))
    game = s.pick(("ball", "tag", "pirates", "horse", "acrobat"))
    lie = s.pick(
        (
            "A bird flew in and did it.",
            "It was the wind.",
            "I don't know who did it.",
            "It just fell down.",
            "It was like that when I came in.",
        )
    )
    s.open(hero)
    s.world.get(parent, what)
    s.say(
        f"On the shelf at home stood {what.a} that {parent} loved.",
        f"{parent} had {what.a} that was very old.",
        f"In the living room, there was {what.a}, a wedding gift.",
    )
    s.maybe(
        f'"Please don\'t play in here," {parent} always said.',
        f"{hero} was not allowed to run in that room.",
    )
    s.one_day(
        f"{hero} did not want to get wet and played {game} inside.",
        f"{parent} was out, and {hero} played {game} in the living room.",
        when=RAINY_DAY,
    )
    s.say(
        f"Crash! The {what} lay on the floor in many pieces.",
        f"{hero} bumped into the shelf, and the {what} fell down and broke.",
        f"{hero} slipped on the rug, and down came the {what}.",
    )
    s.world.damage(parent, what)
    s.feels(hero, s.pick(("scared", "worried")))
    s.maybe(
        f"Quickly, {hero} pushed the pieces under the rug.",
        f"{hero} ran to the bedroom and picked up a book.",
    )
    s.paragraph()
    s.say(f"Soon {parent} came home.", f"In the evening, {parent} saw it.")
    s.says(parent, f"What happened to the {what}?", f"Who broke my {what}?", how=("asked",))
    s.says(hero, lie, lie)
    s.maybe(
        f"{parent} looked sad but said nothing more.",
        f"{parent} only nodded and swept up the pieces.",
    )
    s.world.feel(parent, "sad")
    s.say(
        f"But the lie sat in {hero}'s tummy like a stone.",
        f"At dinner, {hero} could not eat a bite.",
        f"That night, {hero} lay awake and watched the ceiling.",
    )
    s.maybe(
        f"Even the clock seemed to look at {hero} in a strange way.",
        "The longer it went on, the heavier it got.",
    )
    s.feels(hero, "sorry")
    s.paragraph()
    s.say(
        f"At last, {hero} got up and went to {parent}.",
        f"In the morning, before breakfast, {hero} stood in front of {parent}.",
    )
    s.sorry(
        hero,
        parent,
        f"I broke the {what}, and then I lied.",
        f"It was me. I played {game} next to the {what}.",
    )
    s.say(
        f"{parent} was quiet for a moment and then pulled {hero} close.",
        f"{parent} put down the cup and hugged {hero}.",
    )
    s.says(
        parent,
        "I'm sad about it, but I'm glad that you told me.",
        f"A {what} is only a thing. The truth is worth much more.",
        "I could see that something was hurting you.",
    )
    s.say(
        f"Then they got the glue and put the {what} together, piece by piece.",
        f"All morning, they sat at the table and glued the {what}.",
    )
    s.world.repair(parent, what)
    s.maybe(
        "There were cracks in it now, but it stood on the shelf again.",
        f"It looked a bit crooked, and {parent} liked it even more.",
    )
    s.cheers(parent, hero)
    s.lesson(
        hero,
        "a lie is heavier than the truth",
        "telling the truth makes you feel light again",
        "you can fix a thing, but a lie you must take back",
    )
    s.end(hero, f"And from then on, {hero} played {game} outside.")


def the_boaster(s: Story) -> None:
    """The fastest one is so sure of winning that a slow one wins."""
    hero = s.hero(("fast", "proud", "loud", "strong"))
    slow = s.friend(hero, ("slow", "patient", "quiet", "steady"))
    place = s.pick(PLACES)
    stop = s.pick(
        (
            ("lay down in the grass for a little nap", "woke up"),
            ("stopped to eat some plums from a tree", "had eaten the last plum"),
            ("sat down to watch a juggler", "looked up again"),
            ("went to admire {own} face in the water", "turned around"),
            ("stopped to tell a crowd how fast {own} legs were", "had finished talking"),
        )
    )
    s.open(hero)
    s.say(
        f"Nobody could run as fast as {hero}, and {hero.he} told everyone so.",
        f"{hero} was the best runner, and {hero.he} never stopped talking about it.",
    )
    s.says(hero, "I'm the fastest in the world!", "No one can beat me!", "You are all snails!")
    s.one_day(
        f"{slow}, {an(slow.trait)} {slow.kind.noun}, had heard enough.",
        f"{an(slow.trait)} {slow.kind.noun} named {slow} stood up.",
    )
    s.says(
        slow,
        f"Let's race, {hero}, tomorrow morning.",
        "I will race against you.",
        "Would you like to race with me?",
    )
    s.maybe(
        f"{hero} laughed until {hero.own} sides hurt.",
        f'"You?" said {hero}. "That will be funny!"',
    )
    s.paragraph()
    s.go(place, hero, slow)
    s.say(
        f"The race began {place.at}, and everybody came to watch.",
        f'They met {place.at}. Someone counted, "One, two, three, go!"',
    )
    s.say(
        f"{hero} shot off like an arrow. {slow} went one step at a time.",
        f"In a moment, {hero} was far ahead, and {slow} was only a dot behind.",
    )
    s.maybe(
        f"After a while, {hero} looked back and saw nobody.",
        f"Soon {hero} could not even see {slow}.",
    )
    s.says(
        hero,
        "I have all the time in the world.",
        "I can win this with one leg!",
        "Why should I hurry?",
    )
    s.say(
        f"So {hero} {stop[0].format(own=hero.own)}.", f"And {hero} {stop[0].format(own=hero.own)}."
    )
    s.say(
        f"But {slow} did not stop. Step, step, step, on and on.",
        f"Meanwhile, {slow} walked on, past the mill and over the bridge.",
        f"{slow} was hot and tired, but kept going.",
    )
    s.paragraph()
    s.say(
        f"When {hero} {stop[1]}, the sun was low.",
        f"At last {hero} {stop[1]} and heard cheering in the distance.",
    )
    s.say(
        f"{hero} ran as never before, but it was too late.",
        f"{hero} raced to the finish, with dust flying, but someone was there first.",
    )
    s.say(f"{slow} had just crossed the line!", f"There stood {slow} with a crown of flowers!")
    s.cheers(slow)
    s.feels(hero, "sad")
    s.maybe(
        f"Everyone thought that {slow} would laugh now. But {slow} held out a {slow.kind.hand}.",
        f"{slow} walked over to {hero} and did not boast at all.",
    )
    s.says(
        slow,
        "You are faster than I am. But I did not stop.",
        "It was a good race. Thank you.",
        "Will you teach me to run like you?",
    )
    s.says(
        hero,
        "You won fair and square.",
        "I was silly, and you were strong.",
        "I'm sorry that I laughed at you.",
    )
    s.cheers(hero)
    s.lesson(
        hero,
        "slow and steady can win the race",
        "talking big does not make you big",
        "you have to finish what you begin",
    )
    s.end(hero, f"They trained together after that, and {hero} never boasted again.")


def too_many_sweets(s: Story) -> None:
    """Greed, a tummy ache, and a wiser second helping."""
    hero = s.hero(("hungry", "greedy", "merry", "lively"))
    parent = s.parent(hero)
    friend = s.friend(hero)
    food = s.pick(HANDFULS)
    guests = s.pick(("birthday", "party", "visit"))
    s.open(hero)
    s.say(
        f"There was one thing {hero} could never get enough of, and that was {food}.",
        f"{hero} could eat {food} in the morning, at noon, and at night.",
    )
    s.one_day(
        f"{parent} put out a bowl of {food} for the {guests} of {friend.a}.",
        f"{parent} filled a bowl with {food} for {friend}, a friend who would come soon.",
    )
    s.world.get(parent, food)
    s.says(
        parent,
        "Please wait until later.",
        f"These are for all of us. Wait until {friend} is here.",
        "You may have one now, and no more.",
    )
    s.world.give(parent, food, hero)
    s.maybe(
        f"But the {food} looked so good, and {parent} went out to the yard.",
        f"As soon as {parent} had gone, {hero} came closer to the bowl.",
    )
    s.say(
        f"{hero} took one. Then {hero.he} took another. And another.",
        '"Just one," thought ' + f"{hero}. Then it was two, then ten.",
        f"{hero} ate one, and it was so sweet that {hero.he} could not stop.",
    )
    s.world.use_up(hero, food)
    s.say("Before long, the bowl was empty.", "Suddenly there was nothing left but crumbs.")
    s.paragraph()
    s.say(
        f"Then {hero}'s tummy began to hurt.",
        f"Oh, how {hero}'s tummy hurt! It was as round as a drum.",
        f"{hero} turned green and had to lie down.",
    )
    s.world.feel(hero, "sad")
    s.say(
        f"The bell rang, and {friend} came in with a happy face.",
        f"Then {friend} came, looking forward to the {food}.",
    )
    s.says(friend, f"Where are the {food}?", f"I can't wait to eat some {food}!")
    s.feels(hero, "sorry")
    s.says(
        hero,
        "I ate them all. There is nothing left for you.",
        "They are all in my tummy, and it hurts.",
        how=("said", "groaned", "whispered"),
    )
    s.world.feel(friend, "sad")
    s.paragraph()
    s.maybe(
        f"{parent} made {hero} some mint tea and was a little angry.",
        f"{parent} brought a hot water bottle and shook {parent.own} head.",
    )
    s.says(
        parent,
        "Your tummy has told you already, so I don't have to.",
        "Too much of a good thing is not good.",
        "Now you know why I asked you to wait.",
    )
    s.cheers(parent)
    s.maybe(
        f"When {hero} felt better, {hero.he} stood up by {hero.self}.",
        f"{hero} rested for an hour. Then {hero.he} had an idea.",
    )
    fresh = s.pick(BAKED)
    s.world.get(hero, fresh)
    s.says(hero, f"I will make you something new, {friend}!", "Let me make it up to you!")
    s.say(
        f"With {parent}'s help, {hero} made {fresh.a}.",
        f"{hero} put on an apron and baked {fresh.a}.",
    )
    s.gives(
        hero,
        fresh,
        friend,
        f"{friend} got the whole {fresh}, and {hero} did not take a bite.",
        f"{hero} put the {fresh} in front of {friend} and took nothing.",
    )
    s.feels(friend, "happy")
    s.say(
        f"But {friend} cut the {fresh} in two and gave {hero} half of it.",
        f'"I can\'t eat all this alone," said {friend}. "You know what happens then!"',
    )
    s.cheers(hero)
    s.lesson(
        hero,
        "enough is better than too much",
        "sweet things are sweeter when you wait",
        "greed gives you a tummy ache",
    )
    s.end(hero)


def the_crooked_game(s: Story) -> None:
    """Winning by a trick does not feel like winning."""
    hero = s.hero()
    friend = s.friend(hero)
    game, trick, fair = s.pick(
        (
            ("a game of cards", "hid a good card under one leg", "lost by one card"),
            ("marbles", "moved a marble when nobody was looking", "missed the last marble"),
            ("dice", "turned a die over with one finger", "threw a one"),
            ("hide and seek", "peeked while counting", "needed a very long time"),
            ("a board game", "moved two squares too far", "came in second"),
            ("dominoes", "slipped a domino into one pocket", "had two pieces left over"),
        )
    )
    prize = s.pick(FOODS)
    s.open(hero)
    s.also(hero, friend)
    s.say(f"{hero} hated to lose.", f"When {hero} lost a game, the whole day was spoiled.")
    s.one_day(
        f"they played {game}, and the winner was to get {prize.a}.",
        f"they sat inside and played {game}. The prize was {prize.a}.",
        when=(*RAINY_DAY, *PLAIN_DAY),
    )
    s.say(
        f"At first {friend} was ahead.",
        f"{friend} was lucky and laughed a lot.",
        f"It did not look good for {hero}.",
    )
    s.say(f"So {hero} {trick}.", f"Then {friend} looked away for a moment, and {hero} {trick}.")
    s.says(hero, "I won!", "I'm the winner!", "Hooray, I won!")
    s.world.get(hero, prize)
    s.says(
        friend,
        "You played well. The prize is yours!",
        f"Well done, {hero}!",
        "You are good at this!",
    )
    s.paragraph()
    s.maybe(
        f"{hero} took the {prize}, but something was wrong.",
        f"{hero} held the {prize} and waited to feel happy. It did not come.",
        f"The {prize} looked fine, but {hero} was not hungry anymore.",
    )
    s.maybe(
        f"{friend} smiled without any envy, and that made it worse.",
        f"{friend} even clapped, and {hero} wanted to hide.",
    )
    s.feels(hero, "sorry")
    s.say(
        f'"It is not a win if I cheat," thought {hero}.',
        f"A little voice inside {hero} kept on talking.",
    )
    s.paragraph()
    s.sorry(hero, friend, "I cheated.", "I did not play fair.", "I won only because I cheated.")
    s.world.feel(friend, "sad")
    s.maybe(
        f"{friend} was quiet, and then looked up.",
        f"{friend} looked at the game and then at {hero}.",
    )
    s.says(friend, "Why did you do that?", "Is winning so important?")
    s.says(hero, "I wanted to win so much.", "I was afraid to lose.")
    s.gives(
        hero,
        prize,
        friend,
        f"{hero} gave the {prize} to {friend}.",
        f"Then {hero} put the {prize} in front of {friend}.",
    )
    s.says(
        friend,
        "Let's play again, and this time we play fair.",
        "Thank you for telling me. Shall we play again?",
    )
    s.say(
        f"They started over. This time {hero} {fair}, and yet it was fun.",
        f"In the new game, {hero} {fair}. They both laughed about it.",
    )
    s.say(f"Then they ate the {prize} together.", f"In the end, {friend} shared the {prize}.")
    s.world.use_up(friend, prize)
    s.cheers(friend, hero)
    s.lesson(
        hero,
        "a fair loss is better than a stolen win",
        "cheating takes the fun out of a game",
        "it is more important to be fair than to win",
    )
    s.end(hero)
