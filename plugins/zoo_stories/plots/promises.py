"""Promises, secrets and words that are believed or not."""

from __future__ import annotations

from zoo_stories.lexicon import FOODS
from zoo_stories.story import Story


def the_forgotten_promise(s: Story) -> None:
    """A plant or a pet is left in the hero's care and forgotten for a game."""
    hero = s.hero(("busy", "playful", "lively", "merry"))
    owner = s.grandparent(hero)
    charge, task, harm, cure, back = s.pick(
        (
            (
                "rose bush",
                "water the rose bush",
                "the leaves hung down, brown and dry",
                "carried water, a little every hour",
                "a tiny green leaf came out",
            ),
            (
                "goldfish",
                "feed the goldfish",
                "the goldfish lay still near the top of the bowl",
                "gave it food and fresh water",
                "the goldfish swam around as before",
            ),
            (
                "hen",
                "close the hen house",
                "the hen was gone, and feathers lay on the ground",
                "searched behind every bush until it clucked",
                "the hen sat safe in the straw",
            ),
            (
                "tomato plants",
                "water the tomato plants",
                "the stems were as limp as old string",
                "dragged the can back and forth all evening",
                "the plants stood up straight",
            ),
            (
                "canary",
                "feed the canary",
                "the canary sat in a corner and did not sing",
                "filled the cup with seeds and sang to it",
                "the canary began to chirp",
            ),
            (
                "rabbit hutch",
                "lock the rabbit hutch",
                "the hutch stood open, and it was empty",
                "laid a trail of carrots through the grass",
                "the white rabbit came hopping home",
            ),
        )
    )
    if charge == "rabbit hutch" and hero.kind.noun == "rabbit":
        charge, task = "goose pen", "lock the goose pen"
        harm, cure = (
            "the pen stood open, and it was empty",
            "laid a trail of corn through the grass",
        )
        back = "the goose came waddling home"
    s.open(hero)
    s.say(
        f"{owner} had to go away for three days.",
        f"{owner} was going on a trip to see an old aunt.",
        f"{owner} packed a suitcase for a short trip.",
    )
    s.says(owner, f"Will you {task} while I'm gone?", f"Can you {task} for me, {hero}?")
    s.says(hero, "I promise!", "Of course! You can count on me!", "Yes, I promise I will!")
    s.go("the station", owner)
    s.cheers(owner)
    s.paragraph()
    s.say(
        "The first day, everything went well.",
        f"On the first day, {hero} did it right after breakfast.",
    )
    s.say(
        f"But on the second day, there was a fair in town, and {hero} forgot.",
        f"But on the second day, {hero} built a dam in the creek and thought of nothing else.",
        f"But then the sun was so warm that {hero} went swimming and forgot all about it.",
        f"But the next day, {hero} was busy with a new game.",
    )
    s.say(
        f"When {hero} remembered it at last, {harm}.",
        f"In the evening, {hero} ran to look. Oh no! {harm.capitalize()}.",
        f"Suddenly {hero} stopped playing. The promise! {hero.He} ran, but {harm}.",
    )
    s.feels(hero, s.pick(("sorry", "worried")))
    s.says(
        hero,
        "I broke my promise!",
        "What have I done?",
        f"What will {owner} say?",
        how=("cried", "whispered", "said"),
    )
    s.paragraph()
    s.say(
        f"{hero} did not go to bed. {hero.He} {cure}.",
        f"There was no time to cry. {hero} {cure}.",
        f"At once, {hero} went to work. {hero.He} {cure}.",
    )
    s.say(
        f"And in the morning, {back}.",
        f"It took a long time, but then {back}.",
        f"Just before {owner} came home, {back}.",
    )
    s.paragraph()
    s.go_home(owner)
    s.says(owner, "Was everything all right?", f"Did you {task}?")
    s.say(
        f"It would have been easy to say yes. But {hero} told the truth.",
        f"{hero} looked down and told everything.",
    )
    s.sorry(hero, owner, "I forgot my promise for a day.", "I played and forgot about it.")
    s.says(
        owner,
        "You made it right again, and you told me. That is good.",
        "Everybody forgets something once. What counts is what you do then.",
        "Thank you for being honest.",
    )
    s.cheers(hero)
    s.lesson(
        hero,
        "a promise is not a small thing",
        "a promise must be kept on sunny days too",
        "someone small may need you every day",
    )
    s.end(
        hero,
        f"The next time, {hero} tied a string around {hero.own} finger and did not forget."
        if not hero.kind.family
        else f"The next time, {hero} tied a knot in {hero.own} scarf and did not forget.",
    )


def the_promise_kept(s: Story) -> None:
    """Something more fun comes up, but a promise was made."""
    hero = s.hero(("honest", "kind", "loyal", "thoughtful"))
    friend = s.friend(hero)
    fun = s.pick(
        (
            "the circus was in town, just for that day",
            "there was a boat ride with free ice cream",
            "everyone was going to the puppet show",
            "a hot air balloon was landing on the field",
            "there was a big race with a silver cup",
            "the others were going to the fair",
        )
    )
    need, work = s.pick(
        (
            ("paint the fence", "the fence was as white as snow"),
            ("pick up the apples", "six baskets were full"),
            ("clean out the pond", "the water was as clear as glass"),
            ("move a heap of firewood", "the wood was stacked up to the roof"),
            ("dig the potatoes", "the last potato was out of the earth"),
            ("wash the wool", "the wool was drying in the sun"),
        )
    )
    s.open(hero)
    s.also(hero, friend)
    s.say(
        f"{friend} had a lot of work to do and had to {need}.",
        f"{friend} had to {need}, and it was too much for one.",
    )
    s.says(
        hero,
        "I will help you on Saturday. I promise.",
        f"On Saturday we will do it together, {friend}.",
    )
    s.cheers(friend)
    s.paragraph()
    s.say(
        f"But on Saturday, {fun}!",
        f"Then Saturday came, and {fun}!",
        f"When {hero} woke up on Saturday, {fun}!",
    )
    s.say(
        "The others stood at the door and called.",
        "Everyone ran by and waved.",
    )
    s.say(
        f'"Come with us, {hero}!" they shouted.',
        f'"Hurry up, {hero}, or you will miss it all!" they called.',
    )
    s.maybe(
        f"{hero} wanted to go so badly that it hurt.",
        f"{hero} already had one foot out of the door.",
        f"{hero} looked after them for a long time.",
    )
    s.say(
        f"But then {hero.he} thought of {friend}, who was waiting.",
        f"But {hero} had promised, and a promise is a promise.",
    )
    s.says(
        hero,
        "I can't come. I have promised to help a friend.",
        "You go without me. I gave my word.",
        "Not today. Somebody is waiting for me.",
    )
    s.paragraph()
    s.say(
        f"When {hero} came up the path, {friend} could hardly believe it.",
        f"{friend} sat on an empty bucket, all alone, and jumped up when {hero} came.",
    )
    s.says(
        friend,
        "You came! I thought you would go with the others.",
        "I was sure you would be there, where the fun is!",
    )
    s.says(hero, "I gave you my word.", "I promised, so here I am.")
    s.say(
        f"They sang while they worked, and by evening {work}.",
        f"They worked side by side, and before the sun went down, {work}.",
        f"It was hard, but with two it went fast, and soon {work}.",
    )
    s.feels(friend, "happy")
    food = s.pick(FOODS)
    s.world.get(friend, food)
    s.paragraph()
    s.say(
        f"Then {friend} ran inside and came back with {food.a}.",
        f"Afterward, {friend} brought out {food.a}.",
    )
    s.gives(
        friend,
        food,
        hero,
        f"{friend} gave {hero} the biggest part.",
        f'"This is for the best friend I have," {friend} said and gave it to {hero}.'
        if food.it == "it"
        else f'"These are for the best friend I have," {friend} said and gave them to {hero}.',
    )
    s.feels(hero, "happy")
    s.maybe(
        "And in the distance, they could hear the music and see the lights.",
        "And it turned out that it had rained on the others all day.",
    )
    s.lesson(
        hero,
        "a kept promise is worth more than a day of fun",
        "a friend must be able to count on you",
        "it feels good to keep your word",
    )
    s.end(hero, f"On Sunday, {friend} and {hero} did nothing at all, and they did it together.")


def the_secret(s: Story) -> None:
    """A secret slips out; trust has to be won back."""
    hero = s.hero(("chatty", "lively", "cheerful", "friendly"))
    friend = s.friend(hero)
    secret, after = s.pick(
        (
            ("a nest with three blue eggs", "the nest with the three blue eggs"),
            ("a cave behind the waterfall", "the cave behind the waterfall"),
            ("a hollow tree full of honey", "the hollow tree full of honey"),
            ("a family of baby foxes", "the baby foxes"),
            ("a hidden lake with lilies", "the hidden lake"),
            ("a patch of wild strawberries", "the wild strawberries"),
        )
    )
    if hero.kind.family == "Fox" or friend.kind.family == "Fox":
        secret, after = "a family of baby ducks", "the baby ducks"
    s.open(hero)
    s.also(hero, friend)
    s.one_day(
        f"{friend} took {hero} by the {hero.kind.hand} and led {hero.him} through the bushes.",
        f"{friend} showed {hero} something that nobody else knew.",
    )
    s.say(f"It was {secret}!", f"There, behind the leaves, was {secret}.")
    s.says(
        friend,
        "You must not tell anyone.",
        "This is our secret. Please don't tell!",
        "If the others know, they will all come here.",
    )
    s.says(hero, "I won't say a word!", "I promise not to tell.", "My lips are closed!")
    s.paragraph()
    s.say(
        f"For two days, {hero} said nothing, but it was very hard.",
        f"The secret tickled {hero} like a feather.",
        f"{hero} wanted to talk about it from morning to night.",
    )
    s.say(
        'On the third day, someone asked, "Where were you?" And out it came.',
        f"Then, at lunch, {hero} told just one other. And that one told another.",
        f"Then {hero} wanted to sound important, and it slipped out.",
    )
    s.say(
        f"By evening, everybody was talking about {after}.",
        f"The next day, a whole crowd was marching to see {after}.",
    )
    s.say(
        "They stepped on the ferns and shouted and left paper everywhere.",
        "They broke the branches and made so much noise that the birds flew up.",
    )
    s.paragraph()
    s.say(f"{friend} saw it from far away.", f"When {friend} came, it was too late.")
    s.feels(friend, "sad")
    s.says(friend, f"You promised, {hero}!", "I trusted you!", "Why did you tell?")
    s.feels(hero, "sorry")
    s.sorry(hero, friend, "I talked too much.", "I should have kept it for us.")
    s.maybe(
        f"But {friend} only shook {friend.own} head and went home.",
        f"{friend} needed some time and walked away.",
    )
    s.say(
        f'So {hero} made a sign that said, "Quiet please!" and picked up all the paper.',
        f"So {hero} sent the others home, tied up the branches, and cleaned the ground.",
        f"So {hero} worked all day to make everything as it had been.",
    )
    s.paragraph()
    s.say(
        f"After a week, {friend} came back and saw how much {hero} had done.",
        f"When {friend} came by, there was not one scrap of paper left.",
    )
    s.says(
        friend,
        "You really are sorry.",
        "You worked hard. I will trust you again.",
        "Let's try it once more.",
    )
    s.feels(friend, "happy")
    s.cheers(hero)
    s.lesson(
        hero,
        "a secret is a gift that you must guard",
        "trust is easy to break and slow to mend",
        "some things are better kept inside",
    )
    s.end(hero, "And the next secret stayed a secret. Not even this story tells it.")


def the_false_alarm(s: Story) -> None:
    """Twice for fun, and the third time nobody comes at first."""
    hero = s.hero(("cheeky", "bored", "playful", "funny"))
    friend = s.friend(hero)
    danger, real, help_ = s.pick(
        (
            ("Fire! Fire!", "smoke came out of the barn", "put out the fire with buckets of water"),
            (
                "A wolf! A wolf!",
                "a real wolf stood between the trees",
                "chased the wolf away with pots and pans",
            ),
            (
                "Help, the river is rising!",
                "the river really came over its banks",
                "built a wall of sandbags",
            ),
            (
                "The goats are gone!",
                "the goats really broke through the gate",
                "caught the goats one by one",
            ),
            (
                "Bees! Bees everywhere!",
                "a big swarm of bees came down from the tree",
                "led the bees away with smoke",
            ),
        )
    )
    if hero.kind.family == "Wolf" or friend.kind.family == "Wolf":
        danger, real, help_ = (
            "Fire! Fire!",
            "smoke came out of the barn",
            "put out the fire with buckets of water",
        )
    s.open(hero)
    s.also(hero, friend)
    s.say(
        f"{hero} had to keep watch on the hill, and it was boring.",
        f"It was {hero}'s job to keep watch, but nothing ever happened.",
    )
    s.one_day(
        f"{hero} had an idea for a joke.",
        f"{hero} wanted to have some fun.",
    )
    s.says(hero, danger, danger, how=("shouted", "yelled", "screamed"))
    s.say(
        "Everyone dropped their work and came running.",
        "From all sides, they came running as fast as they could.",
    )
    s.say(
        f"But there was nothing. {hero} laughed and laughed.",
        f"But {hero} just rolled on the ground and laughed.",
    )
    s.says(friend, "That is not funny.", "We were really scared!", "You should not do that.")
    s.say(
        f"The next day, {hero} did it again, and again they all came.",
        f"Two days later, {hero} played the same trick. They came, and they were very angry.",
    )
    s.world.feel(friend, "angry")
    s.paragraph()
    s.say(f"And then, on the third day, {real}.", f"But a week later, {real}.")
    s.feels(hero, "scared")
    s.says(hero, danger, danger, how=("shouted", "yelled", "screamed"))
    s.say(
        "But this time, nobody came. They all thought it was a joke.",
        "Down in the valley, they only shook their heads and went on working.",
    )
    s.say(
        f"{hero} ran down the hill and found {friend}.",
        f"{hero} ran to {friend} and could hardly speak.",
    )
    s.says(
        hero,
        "Please believe me! This time it is true!",
        "It was a joke before, but now it is real!",
    )
    s.maybe(
        f"{friend} looked at {hero} for a long time and saw the tears.",
        f"{friend} was not sure. But {hero} had never cried before.",
    )
    s.says(friend, "All right, I'll come.", "I believe you. Let's get the others!")
    s.paragraph()
    s.say(
        f"Just in time, they {help_}.",
        f"With everyone's help, they {help_}.",
        f"It was almost too late, but together they {help_}.",
    )
    s.maybe(
        f"Afterward, {hero} stood in front of everyone, with {hero.own} head down.",
        f"When it was over, {hero} could not look at anyone.",
    )
    s.says(
        hero,
        "I'm sorry. I will never cry for help for fun again.",
        "I told lies, and it could have ended badly. I'm sorry.",
    )
    s.forgives(friend, hero)
    s.cheers(friend, hero)
    s.lesson(
        hero,
        "nobody believes a liar, even when it is true",
        "you should call for help only when you need it",
        "a false alarm is no joke",
    )
    s.end(hero, f"After that, {hero} was the best guard they had ever had.")
