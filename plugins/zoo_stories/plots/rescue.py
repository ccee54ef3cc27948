"""Danger, and getting out of it."""

from __future__ import annotations

from zoo_stories.lexicon import COLOURS, HANDFULS, SMALL_ANIMALS
from zoo_stories.story import Story
from zoo_stories.world import an


def small_helps_big(s: Story) -> None:
    """The big one laughs at the small one, until only small will do."""
    hero = s.animal(("tiny", "brave", "clever", "cheerful"), SMALL_ANIMALS)
    big, male = s.pick(
        (
            ("the bull", True),
            ("the elephant", False),
            ("the moose", True),
            ("the mare", False),
            ("the giant", True),
            ("the bison", True),
        )
    )
    giant = s.add(big, hero.kind, male)
    trouble, fix = s.pick(
        (
            ("got caught in a thick net", "bit through the ropes, one by one"),
            ("stepped on a long thorn", "crawled in and pulled out the thorn"),
            ("was stuck in a fence", "dug away the earth under the post"),
            ("had a bean in one ear", "climbed in and rolled the bean out"),
            ("was tied to a tree by a rope", "chewed on the knot until it came apart"),
            ("dropped a key down a narrow hole", "slipped into the hole and brought up the key"),
        )
    )
    s.open(hero)
    s.say(
        f"{hero} was the smallest of all and lived next to {giant}.",
        f"{hero} was so small that nobody heard {hero.him} coming.",
    )
    s.one_day(
        f"{giant} was walking by, and the ground shook.",
        f"{hero} sat on the path when {giant} came along.",
    )
    s.says(
        hero,
        "Good morning! Can I be your friend?",
        "Hello up there! If you need help, call me!",
        "Hello! Please watch where you step!",
    )
    s.says(
        giant,
        "You? You are no bigger than a crumb!",
        "What could somebody so small do for me?",
        "Ha, ha! Go away, you little dot!",
    )
    s.feels(hero, "sad")
    s.say(f"{giant} stamped off and laughed.", f"Still laughing, {giant} went away.")
    s.paragraph()
    s.say(
        f"But that very night, {giant} {trouble}.",
        f"The next day, {giant} {trouble}.",
        f"Not long after, {giant} {trouble}.",
    )
    s.maybe(
        f"{giant} pulled and roared, but it did not help.",
        f"Being strong was no use at all, and {giant} could do nothing.",
    )
    s.world.feel(giant, "worried")
    s.says(giant, "Help! Is anyone there?", "Please, somebody help me!", how=("cried", "called"))
    s.maybe(
        "The others came, but they were all too big.",
        "A horse tried, and a goat tried, but it was no good.",
    )
    s.say(
        f"Then {hero} heard the noise and came running.",
        f"From far away, {hero} heard it and came as fast as {hero.he} could.",
    )
    s.says(hero, "Let me try!", "Hold still. I can do it!", "I'm just the right size for this.")
    s.paragraph()
    s.say(f"{hero} {fix}.", f"And really, {hero} {fix}.")
    s.maybe(
        "It took half the night.",
        "It was hard work for somebody so small.",
        "Everyone held their breath.",
    )
    s.say(
        f"Then {giant} was free!" if "key" not in fix else f"Then {giant} had the key again!",
        "It had worked!",
    )
    s.feels(giant, "grateful")
    s.sorry(giant, hero, "I laughed at you.", "I was proud and silly.", "Small is not weak.")
    s.says(
        hero,
        "Would you like to be my friend now?",
        "I told you to call me!",
        "That is all right, my big friend.",
    )
    s.cheers(hero)
    s.say(
        f"From that day on, {hero} rode on {giant}'s back and saw the world from above.",
        f"Now {hero} could sleep in the warm shade of {giant}, and felt safe.",
    )
    s.lesson(
        giant,
        "nobody is too small to help",
        "it is wrong to laugh at the small",
        "a friend can be any size",
    )
    s.end(hero)


def into_the_stream(s: Story) -> None:
    """Somebody falls into the water; there is just enough time to think."""
    hero = s.hero()
    friend = s.friend(hero)
    tool, how = s.pick(
        (
            ("a long branch", "lay down flat and held it out over the water"),
            ("a rope", "tied it to a tree and threw the other end"),
            ("an old door", "pushed it into the water like a raft"),
            ("a fishing net", "swung it out as far as possible"),
            ("a long scarf", "held on to a root and threw one end of it"),
        )
    )
    want = s.pick(
        ("a water lily", "a shiny stone", "a dragonfly", "a floating feather", "a green frog")
    )
    s.open(hero)
    s.also(hero, friend)
    s.one_day(
        f"{hero} and {friend} were playing by the stream.",
        f"{hero} and {friend} sailed little ships of bark on the stream.",
    )
    s.go("the stream", hero, friend)
    s.maybe(
        "It had rained a lot, and the water was fast.",
        "The snow had melted, and the stream was wild.",
    )
    s.says(
        hero,
        "Don't go too close to the edge.",
        "Be careful, the stones are wet.",
        "Let's stay away from the deep part.",
    )
    s.say(
        f"But {friend} saw {want} and leaned over.",
        f"But {friend} wanted to catch {want} and jumped on a wet stone.",
    )
    s.say(f"Splash! {friend} was in the water!", f"The stone was slippery, and {friend} fell in!")
    s.world.feel(friend, "scared")
    s.says(
        friend,
        "Help! Help me!",
        f"{hero}! I can't swim!",
        "It's pulling me away!",
        how=("cried", "screamed", "shouted"),
    )
    s.paragraph()
    s.feels(hero, "scared")
    s.maybe(
        f"{hero} wanted to jump in, but then there would be two to save.",
        f"There was no time to get help. {hero} had to think fast.",
    )
    s.say(
        f"{hero} looked around and saw {tool}.",
        f"On the bank lay {tool}.",
        f"Then {hero} spotted {tool}.",
    )
    s.say(f"Quickly, {hero} {how}.", f"There was no time to lose. {hero} {how}.")
    s.says(hero, "Hold on tight!", "Grab it and don't let go!", "I've got you!")
    s.say(
        f"{friend} caught it, and {hero} pulled with all {hero.own} might.",
        f"At the last moment, {friend} took hold of it, and {hero} pulled and pulled.",
    )
    s.say(
        f"Inch by inch, {friend} came closer, and then {friend.own_he} was out.",
        f"At last {friend} lay in the grass, wet and cold, but safe.",
    )
    s.paragraph()
    s.say(
        f"{hero} wrapped {friend} up in a dry coat, and they ran home.",
        f"They ran home, and soon {friend} sat by the fire with a cup of cocoa.",
    )
    s.go_home(hero, friend)
    s.says(
        friend,
        "You saved my life!",
        "You warned me, and I did not listen.",
        "I was so scared, and you were so brave!",
    )
    s.says(
        hero, "I was scared too.", "I'm just glad that you are safe.", "Now you must learn to swim!"
    )
    s.feels(friend, "grateful")
    s.feels(hero, s.pick(("proud", "happy")))
    s.lesson(
        hero,
        "a cool head helps more than a quick jump",
        "it is wise to think before you leap",
        "water can be dangerous",
    )
    s.end(
        hero,
        f"That summer, {hero} and {friend} took swimming lessons together.",
        f'And {friend} gave {hero} {an(s.pick(COLOURS))} ribbon that said, "My hero."',
    )


def lost_in_the_woods(s: Story) -> None:
    """Off the path after something pretty, and a clever way back."""
    hero = s.hero(("curious", "dreamy", "playful", "lively"))
    parent = s.parent(hero)
    lure = s.pick(
        (
            "a blue butterfly",
            "a white deer",
            "the smell of wild berries",
            "a hopping toad",
            "a trail of mushrooms",
            "a red squirrel" if hero.kind.family != "Squirrel" else "a jay",
        )
    )
    way, found = s.pick(
        (
            ("a stream always runs down to the village", "followed the stream"),
            ("moss grows on the north side of a tree", "looked for moss on every tree"),
            ("the evening star stands over our roof", "walked toward the evening star"),
            ("smoke means a warm home", "climbed a rock and looked for smoke"),
            (
                "lost ones should stay in one place and sing",
                "sat down and sang as loud as possible",
            ),
            ("owls fly home to the old barn", "went the way the owl had flown"),
        )
    )
    s.open(hero)
    s.one_day(
        f"{hero} and {parent} went into the woods to gather wood.",
        f"{parent} took {hero} along to look for mushrooms.",
    )
    s.go("the woods", hero, parent)
    s.cheers(parent)
    s.says(parent, "Stay on the path.", "Stay where I can see you.", "Please don't go too far.")
    s.says(hero, "I will.", "Yes, don't worry!", "I'll be right here.")
    s.say(
        f"But then there was {lure}, and {hero} had to see where it went."
        if "smell" not in lure and "trail" not in lure
        else f"But then there was {lure}, and {hero} had to find out where it led.",
        f"But {hero} noticed {lure} and forgot everything else.",
    )
    s.maybe(
        f"{hero} went deeper and deeper between the trees.",
        f"Over roots and under branches {hero} went.",
    )
    s.say(
        f"When {hero.he} looked up, the path was gone.",
        f"After a while, {hero.he} stopped. Every tree looked the same.",
    )
    s.go("the deep woods", hero)
    s.paragraph()
    s.says(
        hero,
        f"{parent}? Where are you?",
        f"{parent}! {parent}!",
        "Hello? Is anybody there?",
        how=("called", "shouted"),
    )
    s.say("Only the wind answered.", "Nobody answered.", "An owl hooted, and that was all.")
    s.maybe(
        "It was getting dark and cool.",
        "The shadows grew long.",
        "The sun went down behind the trees.",
    )
    s.feels(hero, s.pick(("scared", "worried", "lonely")))
    s.maybe(
        f"{hero} began to run, tripped over a root, and fell.",
        f"{hero} walked in a circle and came back to the same old stump.",
    )
    s.paragraph()
    s.say(
        f"Then {hero} sat down and thought of {parent}.",
        f'"Crying won\'t help," thought {hero}.',
    )
    s.say(
        f'What had {parent} once said? "Remember, {way}."',
        f'And {hero} remembered something. "You know, {way}," {parent} had once said.',
    )
    s.say(f"So {hero} {found}.", f"And that was what {hero} did. {hero.He} {found}.")
    s.maybe(
        "It took a long time, and twigs scratched on all sides.",
        f"{hero} was hungry and cold, but went on hoping.",
    )
    s.say(
        "And then there was a light between the trees!",
        "At last, a lantern came swinging through the dark!",
    )
    s.go("the deep woods", parent)
    s.world.feel(parent, "worried")
    s.say(
        f"It was {parent}, who had been looking everywhere.",
        f"{parent} was standing there, calling and calling.",
    )
    s.maybe(f"{hero} ran into {parent}'s arms.", "They hugged for a very long time.")
    s.sorry(hero, parent, "I did not listen to you.", "I left the path.")
    s.says(
        parent, "I was so worried! But you were clever.", "The main thing is that I have you back."
    )
    s.go_home(hero, parent)
    s.cheers(parent, hero)
    s.lesson(
        hero,
        "it is wise to stay on the path",
        "a calm head finds the way",
        "one good thought is better than a hundred tears",
    )
    s.end(hero, f"At home there was hot soup, and {hero} ate three bowls of it.")


def the_hungry_winter(s: Story) -> None:
    """The one who saved shares with the one who sang."""
    hero = s.animal(("busy", "careful", "wise", "hard-working"))
    singer = s.friend(hero, ("merry", "lazy", "playful", "dreamy"))
    store = s.pick(
        tuple(food for food in HANDFULS if food in ("nuts", "berries", "carrots", "raisins"))
    )
    fun = s.pick(
        (
            "played the fiddle",
            "danced in the meadow",
            "slept in the sun",
            "made up songs",
            "floated down the river",
        )
    )
    s.open(hero)
    s.say(
        f"All summer long, {hero} gathered {store} for the winter.",
        f"In summer, {hero} worked from morning to night and carried home {store}.",
    )
    s.world.get(hero, store)
    s.say(
        f"{singer}, {an(singer.trait)} {singer.kind.noun}, {fun} instead.",
        f"Nearby lived {an(singer.kind.noun)} called {singer}, who {fun} all day.",
    )
    s.says(
        singer,
        "Why do you work so hard? It's summer!",
        "Come and have some fun!",
        "Winter is far away!",
    )
    s.says(
        hero,
        "Winter will come, and then I'll be glad.",
        "First the work, and then the fun.",
        "You should save something too.",
    )
    s.cheers(singer)
    s.paragraph()
    s.say(
        "Then the leaves fell, and one night the first snow came down.",
        "But the days grew short, and soon the whole land was white.",
    )
    s.maybe(
        f"{hero} sat at home, warm and full.",
        f"{hero} had a cozy fire and plenty of {store}.",
    )
    s.say(
        "Late in the evening, there was a knock at the door.",
        "Somebody scratched at the door, very softly.",
    )
    s.say(
        f"Outside stood {singer}, thin and shaking.",
        f"It was {singer}, with snow up to the ears.",
    )
    s.world.feel(singer, "sad")
    s.says(
        singer,
        "Please, do you have something to eat?",
        "I'm so hungry and cold.",
        "I have not eaten for three days.",
        how=("whispered", "begged", "said"),
    )
    s.paragraph()
    s.maybe(
        f'{hero} could have said, "I told you so."',
        f"{hero} thought of all the hot days of work.",
        "There was not too much in the store, and the winter was long.",
    )
    s.say(
        f"But {hero} opened the door wide.",
        f"But nobody should be hungry, thought {hero}.",
    )
    s.says(hero, "Come in and sit by the fire.", "There is enough for two if we are careful.")
    s.gives(hero, store, singer, f"{hero} put a big bowl of {store} in front of {singer}.")
    s.feels(singer, "grateful")
    s.world.use_up(singer, store)
    s.say(
        f"After the meal, {singer} began to sing, and the little room was full of summer.",
        f"To say thank you, {singer} told funny stories, and {hero} laughed as never before.",
    )
    s.says(
        hero,
        "I had food, but no songs. Please stay!",
        "I did not know how quiet it was without you.",
    )
    s.cheers(hero)
    s.paragraph()
    s.maybe(
        "So they spent the winter together, and it did not seem long.",
        "They stayed together until the snow melted.",
    )
    s.say(
        f"And the next summer, {singer} worked in the morning, and {hero} danced in the evening.",
        f"When spring came, {singer} was the first to go out and gather food.",
    )
    s.lesson(
        singer,
        "it is good to think of tomorrow",
        "work and fun go well together",
        "saving a little each day helps",
    )
    s.end(hero)
