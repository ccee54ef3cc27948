"""Weather, growing things and the turning year."""

from __future__ import annotations

from zoo_stories.lexicon import COLOURS, PLACES, PLAIN_DAY, WINTER_DAY
from zoo_stories.story import Story
from zoo_stories.world import Thing, an


def the_seed(s: Story) -> None:
    """A seed needs water, sun and, hardest of all, time."""
    hero = s.hero(("impatient", "busy", "curious", "lively"))
    elder = s.grandparent(hero)
    plant, fruit = s.pick(
        (
            ("sunflower", "a yellow face as big as a plate"),
            ("pumpkin", "an orange pumpkin as big as a wheel"),
            ("bean", "green pods with ten beans in each"),
            ("tomato", "tomatoes as red as fire engines"),
            ("melon", "a striped melon, heavy and sweet"),
            ("pea", "fat pods full of sweet peas"),
            ("strawberry", "berries that tasted like summer"),
        )
    )
    seed = Thing("seed", s.pick(("tiny", "small", "flat", "round", "brown")))
    s.open(hero)
    s.one_day(
        f"{elder} gave {hero} {seed.a}.",
        f"{elder} opened an old tin and took out {seed.a}.",
        when=PLAIN_DAY,
    )
    s.world.get(hero, seed)
    s.says(
        elder,
        f"A {plant} is sleeping in here.",
        "Put it in the ground and take care of it.",
        "It looks like nothing, but wait and see.",
    )
    s.cheers(elder)
    s.go("the garden", hero)
    s.say(
        f"{hero} dug a hole, dropped the seed in, and covered it with soil.",
        f"In a sunny corner, {hero} pushed the seed into the earth and watered it.",
    )
    s.world.drop(hero, seed, "the garden")
    s.maybe(f"Then {hero} sat down and waited.", f"{hero} stared at the ground until supper.")
    s.says(hero, "Why is nothing happening?", "Grow! Grow!", "Is it broken?")
    s.paragraph()
    s.say(
        "The next day there was nothing to see, and the day after that there was nothing either.",
        "A week went by, and there was only brown earth.",
    )
    s.feels(hero, s.pick(("sad", "angry")))
    s.maybe(
        f"{hero} wanted to dig it up and look.",
        f"{hero} pulled at the soil with one finger to see if it was still there.",
    )
    s.says(
        elder,
        "Don't dig it up! It is working where you cannot see it.",
        "If you wake it too early, it cannot grow.",
        "Good things need time.",
    )
    s.say(
        f"So {hero} only watered it each morning and sang to it a little.",
        f"{hero} made a calendar and crossed off the days.",
        f"So {hero} chased off the snails, pulled the weeds, and waited.",
    )
    s.paragraph()
    s.say(
        "Then, after a warm rain, a green tip peeked out!",
        "And one morning, two tiny leaves stood there, as green as could be.",
    )
    s.says(hero, f"{elder}! Come and see!", "It's alive!", "There it is! There it is!")
    s.feels(hero, "excited")
    s.maybe(
        f"By June it was up to {hero.his} knees, and by July it was taller than {hero.he} was."
        if plant in ("sunflower", "bean", "tomato", "pea")
        else "It crept along the ground and put out one leaf after another.",
        "Bees came and went, and the plant grew and grew.",
    )
    s.say(
        f"At the end of summer, there was {fruit}."
        if fruit.startswith(("a ", "an "))
        else f"At the end of summer, there were {fruit}."
    )
    s.maybe(
        f"{hero} and {elder} sat next to it on the bench.",
        f"{elder} came with a basket and looked at it for a long time.",
    )
    s.says(
        elder,
        "You did well. You waited.",
        "It was the waiting that made it grow.",
        "That is the best one I have ever seen!",
    )
    s.feels(hero, s.pick(("proud", "happy")))
    s.lesson(
        hero, "good things need time", "what you care for will grow", "waiting is a kind of work"
    )
    s.end(
        hero, f"{hero} kept some seeds in the old tin, for the next spring and for somebody small."
    )


def the_snowman(s: Story) -> None:
    """A friend who can't stay, and what can be kept of him."""
    hero = s.hero()
    friend = s.friend(hero)
    scarf = Thing("scarf", s.pick(COLOURS))
    nose = s.pick(("carrot", "pine cone", "red pepper", "crooked stick"))
    name = s.pick(("Frosty Fred", "Mr. Snow", "Sir Shiver", "Captain Cold", "Old Whitebeard"))
    s.open(hero)
    s.also(hero, friend)
    s.one_day(
        "the whole world was white.",
        f"{hero} looked out and saw nothing but snow.",
        when=WINTER_DAY,
    )
    s.say(
        f"{hero} and {friend} rolled three balls of snow and put one on top of the other.",
        f"{hero} rolled the belly, and {friend} rolled the head.",
    )
    s.world.get(hero, scarf)
    s.say(
        f"They gave the snowman {an(nose)} for a nose and pebbles for eyes.",
        f"The snowman got {an(nose)} for a nose, two buttons for eyes, and a bucket for a hat.",
    )
    s.world.drop(hero, scarf, "the snowman")
    s.say(
        f"{hero} tied {scarf.a} around the cold white neck, and they called the snowman {name}.",
        f"{hero} put {scarf.a} on the snowman, and from then on it was called {name}.",
    )
    s.maybe(
        "Every day, they told the snowman everything that had happened.",
        "Every morning they waved to it, and in the evening they said good night.",
        "They danced around it and had snowball fights behind its back.",
    )
    s.cheers(hero, friend)
    s.paragraph()
    s.say(
        "But then the wind turned, and the sun grew warm.",
        "But one night, it began to rain, and the icicles dripped.",
    )
    s.maybe(f"{name} got thinner every day.", f"First {name} lost the bucket, and then one arm.")
    s.says(hero, "Please don't melt!", "We must put it in the shade!", "Don't go away!")
    s.maybe(
        "They built a roof of branches and packed fresh snow on it, but it did not help.",
        "They carried snow from behind the barn, but it melted too.",
    )
    s.say(
        f"One morning, there was only a puddle, with the {scarf} in it.",
        f"Then there was nothing left but the {nose} and a wet {scarf}.",
    )
    s.feels(hero, "sad")
    s.feels(friend, "sad")
    s.paragraph()
    s.go("the snowman", hero)
    s.world.take(hero, scarf)
    s.say(
        f"{hero} picked up the {scarf} and noticed something.",
        f"When {hero} bent down for the {scarf}, {hero.he} saw something green.",
    )
    s.say(
        "Just where the puddle was, a snowdrop had come up!",
        "The water had run into the flower bed, and three crocuses were peeking out.",
    )
    s.says(
        friend,
        f"{name} is not gone. The snow turned into water for the flowers!",
        "Look! The flowers are drinking the snow!",
    )
    s.says(
        hero,
        "And next winter it will be snow again!",
        "So it was a gift!",
        "Goodbye, and come back soon!",
    )
    s.maybe(
        f"They took the {nose} and the {scarf} and put them in a box for the next year.",
        f"{hero} washed the {scarf} and hung it up where they could see it.",
    )
    s.cheers(hero, friend)
    s.lesson(
        hero,
        "nothing is ever quite lost",
        "things change, and new things come",
        "every goodbye makes room for something new",
    )
    s.end(hero, f"And when the first snow fell the next year, {hero} and {friend} were ready.")


def rain_at_the_picnic(s: Story) -> None:
    """The day is spoiled, until somebody sees what rain is good for."""
    hero = s.hero()
    friend = s.friend(hero)
    parent = s.parent(hero)
    place = s.pick(PLACES)
    shelter, fun = s.pick(
        (
            ("an old barn", "swung from a rope into the hay"),
            ("a boat that lay upside down", "pretended to be inside a whale"),
            ("a thick fir tree", "told stories about the rain people"),
            ("a dry cave", "painted animals on the wall with mud"),
            ("the kitchen table", "had the picnic on the floor, with all the lamps on"),
            ("a big umbrella", "sang in time with the drops"),
        )
    )
    s.open(hero)
    s.also(hero, friend)
    s.say(
        f"For days, they had looked forward to a picnic {place.at} with {parent}.",
        f"{parent} had promised them a picnic {place.at}.",
    )
    s.cheers(parent)
    s.one_day(
        "the time had come.",
        "they packed the basket and set off.",
        when=("On Saturday,", "On Sunday,", "The next morning,", "Early on Saturday,"),
    )
    s.maybe(
        "There were sandwiches, boiled eggs, and a bottle of lemonade.",
        "They took a blanket, a jar of pickles, and a whole loaf of bread.",
        "In the basket were cheese, tomatoes, and a cherry tart.",
    )
    s.say(
        f"They had just spread out the blanket when a fat drop fell on {hero}'s nose.",
        "They were about to eat when the sky turned dark.",
    )
    s.say(
        "Then it rained as if someone had tipped over a tub.",
        "In a moment, it was raining cats and dogs.",
        "The rain came down in buckets, and the bread got wet.",
    )
    s.feels(hero, s.pick(("sad", "angry")))
    s.says(
        hero, "Our picnic is ruined!", "It's the worst day ever!", "Why did it have to rain today?"
    )
    s.paragraph()
    s.say(f"They grabbed everything and ran to {shelter}.", f"{parent} led them to {shelter}.")
    s.maybe("There they sat, with dripping hair, and nobody spoke.", "They were wet to the skin.")
    s.say(
        f'Then {friend} started to giggle. "Your hair looks like a mop!"',
        f'Then {friend} held out a cup and caught the drops. "Free water!"',
    )
    s.cheers(friend)
    s.maybe(
        f"{hero} wanted to stay cross, but it did not work.",
        f"{hero} had to laugh too, even though {hero.he} did not want to.",
    )
    s.say(
        f"They ate the dry half of the food, and then they {fun}.",
        f"After that they {fun}, and forgot the time.",
    )
    s.says(
        parent,
        "Shall we go out and jump in the puddles?",
        "We cannot get any wetter. Let's dance!",
        "Look at all the frogs! They love this weather.",
    )
    s.maybe(
        "So they took off their shoes and ran out into the rain."
        if not hero.kind.family
        else "So they ran out into the rain.",
        "They splashed and stamped until they were brown with mud.",
    )
    s.feels(hero, "happy")
    s.paragraph()
    s.maybe(
        "At last, the sun came out, and a rainbow stood over the land.",
        "When it stopped, every leaf sparkled, and the snails came out.",
    )
    s.says(
        hero,
        "I hope it rains next time too!",
        "That was the best picnic of all!",
        "Without the rain, we would never have done that!",
    )
    s.lesson(
        hero,
        "a spoiled plan can become a better one",
        "you can dance in any weather",
        "the weather is only as bad as you make it",
    )
    s.end(hero)


def the_jar_of_light(s: Story) -> None:
    """Fireflies in a jar are for a night; free ones are for a summer."""
    hero = s.hero()
    elder = s.grandparent(hero)
    wish = s.pick(
        (
            "to have a lamp of stars",
            "to keep the summer in a bottle",
            "to read at night without a candle",
            "to own something that nobody else had",
        )
    )
    jar = Thing("jar", s.pick(("big", "clean", "clear", "empty")))
    s.open(hero)
    s.say(f"{hero} wished {wish}.", f"{hero}'s secret wish was {wish}.")
    s.paragraph()
    s.say(
        f"On a warm night in July, {hero} and {elder} sat on the steps.",
        f"One summer evening, {elder} took {hero} out to the edge of the field.",
    )
    s.say(
        "All at once, little lights began to blink in the grass.",
        "Then the dark filled with tiny green sparks.",
    )
    s.says(elder, "Those are fireflies.", "The fireflies are dancing tonight.")
    s.cheers(elder)
    s.feels(hero, "excited")
    s.world.get(hero, jar)
    s.say(
        f"{hero} fetched {jar.a} and caught one, two, ten of them.",
        f"With {jar.a}, {hero} ran after them until it was full of light.",
    )
    s.says(hero, "Now I have my own stars!", "I will keep them forever!", "They are all mine!")
    s.maybe(
        f'{elder} only said, "They are beautiful tonight."',
        f"{elder} looked at the jar and said nothing.",
    )
    s.paragraph()
    s.say(
        f"{hero} put the jar next to the bed, and the room glowed.",
        f"In bed, {hero} held the jar and watched the lights go on and off.",
    )
    s.say(
        "But little by little, the lights grew weak.",
        "But after a while, fewer and fewer of them were shining.",
    )
    s.maybe(
        "The fireflies sat at the bottom and hardly moved.",
        "They bumped against the glass. It made a sound like the smallest bell.",
    )
    s.feels(hero, s.pick(("worried", "sorry")))
    s.says(
        hero,
        "Are they sick?",
        "What is wrong with them?",
        "Why don't they shine anymore?",
        how=("asked", "whispered"),
    )
    s.says(
        elder,
        "They shine for each other, and they need the sky.",
        "Would you want to sing in a box?",
        "You cannot keep a summer night in a jar.",
    )
    s.paragraph()
    s.say(
        f"{hero} thought about it. Then {hero.he} carried the jar outside.",
        f"It was hard, but {hero} took the jar to the open window.",
    )
    s.say(f"{hero} unscrewed the lid.", f"Slowly, {hero} took off the lid and held up the jar.")
    s.say(
        "First one flew out, and then another, and then all the rest.",
        "For a moment nothing happened. Then they rose like sparks from a fire.",
    )
    s.maybe(
        f"They circled over {hero}'s head, and all of them lit up again.",
        "High up, they mixed with the stars, and you could not tell which was which.",
    )
    s.feels(hero, "happy")
    s.says(
        hero,
        "Now they belong to everyone!",
        "They are much brighter out there!",
        "Good night, little stars!",
    )
    s.lesson(
        hero,
        "some things are only beautiful when they are free",
        "you can love a thing without keeping it",
        "the best lights cannot be owned",
    )
    s.end(hero, f"The next evening, {hero} sat on the steps again, without a jar, and watched.")
