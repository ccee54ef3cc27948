"""Making friends, hurting them, making up."""

from __future__ import annotations

from zoo_stories.lexicon import COLOURS, FOODS, PLACES, TOYS
from zoo_stories.story import Story
from zoo_stories.world import Thing, an


def the_first_day_of_school(s: Story) -> None:
    """A shy child, an empty seat, a shared pencil."""
    hero = s.child(("shy", "quiet", "careful", "gentle"))
    parent = s.parent(hero)
    friend = s.child()
    teacher = s.neighbour(hero)
    colour = s.pick(COLOURS)
    s.open(hero)
    s.say(
        f"Tomorrow was {hero.his} first day of school.",
        f"The summer was over, and {hero} had to start school.",
        f"{hero} had a new {colour} school bag, because school was about to begin.",
    )
    s.says(hero, "What if nobody likes me?", "What if I get lost?", "Can I stay at home with you?")
    s.says(
        parent,
        "Just be kind, and the rest will come.",
        "You will make a friend, you will see.",
        "Many of the children will feel just as you do.",
    )
    s.cheers(parent)
    s.paragraph()
    s.say(
        f"In the morning, {parent} walked {hero} to the gate and waved goodbye.",
        f"The next day, the school bell rang, and {hero} let go of {parent}'s hand.",
        f"The hall was long and full of loud voices, and {hero} held the bag tight.",
    )
    s.go("the school", hero, friend, teacher)
    s.say(
        f"The teacher, {teacher}, showed {hero} a seat by the window.",
        f"{teacher}, the teacher, smiled and gave {hero} a name tag shaped like a star.",
        f"{teacher} was the teacher and had chalk on both sleeves.",
    )
    s.cheers(teacher)
    s.maybe(
        "All the others were talking, but nobody talked to the new one.",
        f"{hero} sat very still and looked at the floor.",
        f"At recess, {hero} stood alone by the fence.",
    )
    s.feels(hero, "lonely")
    s.paragraph()
    s.say(
        f"Then {hero} heard a sniff. At the next table sat {an(friend.kind.noun)} named {friend}.",
        f"Then {hero} saw {an(friend.kind.noun)} who sat alone too. That was {friend}.",
        f"Next to {hero} was {an(friend.kind.noun)} named {friend}, who looked ready to cry.",
    )
    s.world.feel(friend, "sad")
    pencil = Thing("pencil", "new")
    s.world.get(hero, pencil)
    s.say(
        f"{friend.own} pencil had broken, and it was the only one {friend.own_he} had.",
        f"{friend} had forgotten to bring a pencil.",
        f"{friend} looked for a pencil, but the box was empty.",
    )
    s.maybe(
        f"{hero}'s heart beat fast, but {hero.he} reached into the bag.",
        f"{hero} remembered what {parent} had said.",
        f"{hero} wanted to say something, and at last {hero.he} did.",
    )
    s.says(
        hero,
        "I have two pencils. You can have one.",
        "Here, take mine. I have another.",
        "Would you like to use my pencil?",
    )
    s.gives(
        hero,
        pencil,
        friend,
        f"{friend} took the pencil and drew a little sun with a smile.",
        f"{friend} took it and smiled for the first time that day.",
    )
    s.feels(friend, "happy")
    s.says(
        friend,
        "Do you want to sit with me?",
        "Shall we play together at recess?",
        "Will you be my friend?",
        "I was afraid that nobody would talk to me!",
    )
    s.says(hero, "Yes, I would like that!", "Oh yes!", "I was afraid too!")
    s.paragraph()
    s.maybe(
        "They played tag, shared an apple, and laughed at the same things.",
        f"After that, {hero} and {friend} drew ships, counted beans, and sang the alphabet.",
        "They hopped over chalk squares until the bell rang.",
    )
    s.feels(hero, "happy")
    s.maybe(
        f'"How was it?" asked {parent} after school. "Can I go again tomorrow?" said {hero}.',
        f'After school, {hero} ran to {parent} and called, "I have a friend!"',
    )
    s.lesson(
        hero,
        "a kind word can start a friendship",
        "others may be shy too",
        "small gifts can make big friends",
    )
    s.end(hero)


def the_new_neighbour(s: Story) -> None:
    """Somebody odd moves in; curiosity wins over whispers."""
    hero = s.hero()
    other = s.friend(hero)
    food = s.pick(FOODS)
    odd, why = s.pick(
        (
            ("never came out to play", "I have a bad leg, so I cannot run"),
            ("wore a big hat even indoors", "my ears are large, and I thought you would laugh"),
            (
                "did not say a word to anyone",
                "I come from far away and I'm still learning to talk like you",
            ),
            ("only came out at night", "I look at the stars, and I have a telescope"),
            ("kept all the curtains closed", "bright light hurts my eyes"),
            ("made strange noises all day", "I build little machines, and they go clank"),
        )
    )
    s.open(hero)
    s.one_day(
        f"a new family moved in across the street, with {an(other.kind.noun)} named {other}."
        if not hero.kind.family
        else f"{an(other.kind.noun)} named {other} moved in on the other side of the stream.",
        f"{an(other.kind.noun)} named {other} came to live nearby.",
    )
    s.say(
        f"{other} {odd}.",
        f"Everyone noticed that {other} {odd}.",
        f"It was strange, but {other} {odd}.",
    )
    s.say(
        '"Stay away from that one," the others whispered.',
        '"How odd!" said the others, and they made up stories.',
        "Soon there was a lot of talk, and none of it was kind.",
    )
    s.world.feel(other, "lonely")
    s.say(
        f"But {hero} did not like to guess. {hero.He} wanted to know.",
        f"But one evening {hero} saw a sad face behind the window.",
        f"{hero} wondered what was true.",
    )
    s.paragraph()
    s.world.get(hero, food)
    s.say(
        f"So {hero} took {food.a}, went over, and knocked.",
        f"The next day, {hero} put {food.a} on a plate and rang the bell.",
        f"With {food.a} in a basket, {hero} walked up to the door.",
    )
    s.maybe(
        "For a long time nothing moved. Then the door opened a crack.",
        "Slow steps came closer, and the door opened.",
        "The door opened, but only a little.",
    )
    s.says(
        other,
        "What do you want?",
        "Did you come to laugh at me?",
        "Who is there?",
        how=("asked", "whispered"),
    )
    s.says(
        hero,
        f"I'm {hero}. I brought you something.",
        "I just wanted to say hello!",
        "I thought we could eat together.",
    )
    s.gives(hero, food, other)
    s.feels(other, s.pick(("happy", "excited")))
    s.paragraph()
    s.say(
        f"They sat down in the kitchen, and {other} began to talk.",
        f"{other} asked {hero} in, and soon they were talking.",
        f"They ate together, and little by little {other} grew less shy.",
    )
    s.world.use_up(other, food)
    s.says(other, f"{why[0].upper()}{why[1:]}.", f"You see, {why}.", f"The thing is, {why}.")
    s.maybe(
        f"{hero} nodded. It was not strange at all, now that {hero.he} knew.",
        f"So that was it! {hero} felt silly about all the whispers.",
        f"{hero} listened and understood.",
    )
    s.says(
        hero,
        "May I come again tomorrow?",
        "I'm glad that I asked!",
        "You are nice, and I like you!",
    )
    s.maybe(
        f"The next day, {hero} brought the others along, and they said they were sorry.",
        f"{hero} told the others, and one after another they came to say hello.",
    )
    s.cheers(hero)
    s.lesson(
        hero,
        "it is better to ask than to guess",
        "different is not bad",
        "everyone has a story that you do not know yet",
    )
    s.end(hero, f"Before long, nobody could remember a time without {other}.")


def the_sleepover(s: Story) -> None:
    """Homesick at a friend's house; something from home helps."""
    hero = s.hero()
    friend = s.friend(hero)
    toy = s.pick(TOYS)
    s.open(hero)
    s.also(hero, friend)
    s.owns(hero, toy)
    s.one_day(
        f"{friend} asked {hero} to stay for the night.",
        f"{hero} was allowed to sleep at {friend}'s place for the first time.",
    )
    s.say(
        f"{hero} packed a toothbrush, a pillow, and the {toy}.",
        f"{hero} put the {toy} and a warm blanket into a bag.",
    )
    s.maybe(
        "They ate noodles, had a pillow fight, and laughed until their tummies hurt.",
        "They made a tent out of sheets and told each other funny tales.",
        "They played cards and danced in their pajamas.",
    )
    s.go("the bedroom", hero, friend)
    s.paragraph()
    s.say(
        "But then the light was turned off, and everything was strange.",
        "But when it was time to sleep, the house was too quiet.",
        f"But the bed smelled different, and the clock ticked too loud for {hero}.",
    )
    s.feels(hero, s.pick(("lonely", "sad")))
    s.maybe(
        f"{hero} thought of {hero.own} own bed and of the good night song.",
        f"{hero} turned left and right and could not sleep.",
        "Home felt a hundred miles away.",
    )
    s.says(
        friend,
        f"{hero}, are you awake?",
        "Are you crying?",
        "Can't you sleep?",
        how=("whispered", "asked"),
    )
    s.says(
        hero,
        "I miss home.",
        "I want to go home.",
        "It's so dark here.",
        how=("sniffed", "whispered"),
    )
    s.paragraph()
    s.maybe(
        f"{friend} did not laugh.",
        f"{friend} sat up and thought for a moment.",
        f"{friend} moved closer.",
    )
    s.says(
        friend,
        f"I felt like that at my aunt's house. Where is your {toy}?",
        f"Take your {toy} in your arms. That is a piece of home.",
        f"Let's put your {toy} between us. It can guard you.",
    )
    s.say(
        f"{hero} pulled the {toy} out of the bag and held it close.",
        f"{hero} took the {toy}, and it smelled just like home.",
    )
    s.maybe(
        f"Then {friend} hummed a soft song, and {hero} hummed along.",
        "Then they told each other, one after the other, what they liked best at home.",
        "Through the window, they could see the same moon that shone over both their homes.",
    )
    s.feels(hero, "calm")
    s.say(
        f"Before {friend} had counted to twenty, {hero} was asleep.",
        "Soon they both were snoring softly.",
        f"{hero} yawned, and the next thing {hero.he} saw was the morning sun.",
    )
    s.paragraph()
    s.go_home(hero)
    s.maybe(
        f"At breakfast there were pancakes, and {hero} ate five.",
        f"In the morning, {hero} almost did not want to leave.",
    )
    s.cheers(hero, friend)
    s.lesson(
        hero,
        "home is never far when a friend is near",
        "a small thing can hold a lot of home",
        "it helps to say what makes you sad",
    )
    s.end(hero, f"The next week, it was {friend}'s turn to sleep at {hero}'s home.")


def the_unkind_joke(s: Story) -> None:
    """A joke hurts; the joker is laughed at and understands."""
    hero = s.hero(("funny", "loud", "cheeky", "lively"))
    friend = s.friend(hero, ("gentle", "quiet", "kind", "shy"))
    about, sore = s.pick(
        (
            ("new haircut", "You look like a wet broom!"),
            ("squeaky voice", "You sound like a rusty door!"),
            ("big glasses", "You look like a frog!"),
            ("slow running", "A snail is faster than you!"),
            ("many freckles", "You look like a cookie with crumbs!"),
            ("patched coat", "You look like an old quilt!"),
        )
    )
    place = s.pick(PLACES)
    s.open(hero)
    s.say(
        f"{hero} liked to make jokes, and the others liked to laugh at them.",
        f"There was nothing {hero} liked more than making the others laugh.",
    )
    s.one_day(
        f"{hero} was playing {place.at} when {friend.a} came by.",
        f"{friend.a} came {place.to}, where {hero} was playing with the others.",
    )
    s.go(place, hero, friend)
    s.say(
        f"{hero} saw {friend}'s {about} and pointed.",
        f"{hero} wanted to be funny about {friend}'s {about}.",
    )
    s.says(hero, sore, sore)
    s.say(
        "Everyone laughed, all but one.",
        f"The others laughed loudly, but {friend} did not.",
        f"They all held their bellies, and {hero} took a bow.",
    )
    s.feels(friend, "sad")
    s.say(f"Then {friend} turned around and ran away.", f"{friend} walked off without a word.")
    s.paragraph()
    s.say(
        f"{hero} did not think about it for long. {hero.He} wanted to show a trick on the fence.",
        f"Then {hero} jumped up on a wall to show how well {hero.he} could balance.",
    )
    s.say(
        f"But {hero} slipped and fell right into the mud.",
        f"But a board broke, and {hero} sat down in a puddle.",
        f"Splat! {hero} landed in something brown and sticky.",
    )
    s.say(
        f"Now everyone laughed at {hero}. It did not feel funny at all.",
        f"The others pointed at {hero} and laughed and laughed.",
    )
    s.feels(hero, "sad")
    s.say(
        f"So that was how {friend} had felt!",
        f"Then {hero} remembered {friend}'s face.",
        f"All at once, {hero} understood what {hero.he} had done.",
    )
    s.paragraph()
    s.say(
        f"{hero} went to find {friend}, who was sitting behind a tree.",
        f"{hero} ran after {friend}, all muddy, and sat down too.",
    )
    s.sorry(
        hero,
        friend,
        "My joke was mean.",
        "I wanted to be funny, but I hurt you.",
        "I will not laugh at you again.",
    )
    s.maybe(
        f"{friend} looked at the mud on {hero}'s nose and had to smile.",
        f"{friend} wiped the mud from {hero}'s face.",
        f'"You are dirty from top to toe," said {friend}, and then they both giggled.',
    )
    s.forgives(friend, hero)
    s.cheers(friend, hero)
    s.lesson(
        hero,
        "a joke is only good when everyone can laugh",
        "words can hurt like stones",
        "you should never laugh at somebody who is sad",
    )
    s.end(hero, f"After that, {hero} told jokes about {hero.self}, and those were the best ones.")
