"""Being afraid, and what helps."""

from __future__ import annotations

from zoo_stories.lexicon import PLAIN_DAY, WINTER_DAY
from zoo_stories.story import Story


def the_noise_in_the_dark(s: Story) -> None:
    """Something makes a noise at night; a look at it ends the fear."""
    hero = s.hero()
    parent = s.parent(hero)
    noise, cause, end = s.pick(
        (
            (
                "tap, tap, tap",
                "a branch that knocked on the window in the wind",
                "cut off the tip of the branch",
            ),
            ("drip, drop, drip", "water that dripped into a bucket", "moved the bucket"),
            (
                "scratch, scratch",
                "a lost beetle in a paper bag",
                "let the beetle out into the night",
            ),
            ("squeak, squeak", "the old gate, swinging to and fro", "shut the gate with a hook"),
            ("hoo, hoo", "an owl on the roof", "waved to the owl, and it flew away"),
            ("flap, flap", "a shirt that hung on the line", "took the shirt down"),
        )
    )
    s.open(hero)
    s.say(
        f"There was only one thing {hero} did not like, and that was the dark.",
        f"In the daytime {hero} was brave, but {hero.he} was afraid of the night.",
        f"When the light went out, {hero} pulled the blanket up to {hero.own} nose.",
    )
    s.paragraph()
    s.say(
        f"One night, {hero} woke up and heard a sound.",
        f"One dark night, there was a strange sound, and {hero} sat up in bed.",
        f"Late one night, {hero} heard something outside.",
    )
    s.say(
        f'"{noise.capitalize()}," it went.',
        f'It went, "{noise.capitalize()}."',
    )
    s.feels(hero, "scared")
    s.maybe(
        f"Was it a monster with long teeth? {hero} did not dare to move.",
        f"{hero} thought of ghosts and giants and hid under the pillow.",
        "A big shadow moved along the wall.",
    )
    s.says(
        hero,
        f"{parent}! {parent}! Come quickly!",
        f"{parent}, there is a monster!",
        how=("cried", "called", "shouted"),
    )
    s.paragraph()
    s.say(
        f"{parent} came with a lamp and sat down on the bed.",
        f"{parent} came in at once and put an arm around {hero}.",
        f"The door opened, and there was {parent} with a candle.",
    )
    s.says(
        parent,
        "Let us go and see what it is.",
        "Most monsters are very small when you look at them.",
        "A thing that you can see is not so scary. Shall we look?",
        "Hold my hand, and we will look together.",
    )
    s.maybe(
        f"{hero} did not want to go, but {hero.he} took {parent}'s {hero.kind.hand} and went.",
        f"Step by step, {hero} walked behind {parent}.",
        f"{hero} swallowed hard and nodded.",
    )
    s.say(
        f"They held up the light, and what did they see? It was only {cause}!",
        f"There was no monster at all. It was {cause}.",
        f"{hero} peeked around the corner and saw {cause}.",
    )
    s.feels(hero, s.pick(("calm", "happy")))
    s.say(
        f"{hero} had to laugh, and together they {end}.",
        f"Together, {hero} and {parent} {end}.",
        f"So {parent} and {hero} {end}.",
    )
    s.paragraph()
    s.maybe(
        f"{parent} warmed some milk, and they drank it in the kitchen.",
        f"{parent} tucked {hero} in and sang a quiet song.",
    )
    s.lesson(
        hero,
        "things look bigger in the dark than they are",
        "a good look makes fear small",
        "being brave means looking even when you are scared",
    )
    s.end(
        hero,
        f'When there was a sound again, {hero} just said, "Good night," and closed '
        f"{hero.own} eyes.",
        f"Soon {hero} was fast asleep, and the dark was only the dark.",
        f"From then on, {hero} slept with a little lamp, and later without it.",
    )


def learning_something_hard(s: Story) -> None:
    """Falling, giving up, trying once more in small steps."""
    hero = s.hero()
    teacher = s.grandparent(hero)
    skill, where, falls, steps, done = s.pick(
        (
            (
                "swim",
                "at the lake",
                "swallowed a lot of water",
                "First kick with your legs. Then move your arms.",
                "swam all the way to the dock",
            ),
            (
                "skate",
                "on the frozen pond",
                "landed on the ice with a thump",
                "Bend your knees and push with one foot.",
                "glided across the pond like a leaf",
            ),
            (
                "whistle",
                "behind the barn",
                "blew until the world turned around, without a sound",
                "Make your lips round and blow softly.",
                "whistled a whole song",
            ),
            (
                "climb a rope",
                "in the yard",
                "slid down and got sore skin",
                "Hold the rope with your feet too.",
                "touched the very top of the rope",
            ),
            (
                "row a boat",
                "on the river",
                "went around in circles and got wet",
                "Pull both sides at the same time.",
                "rowed straight to the other side",
            ),
            (
                "walk on stilts",
                "in the alley",
                "tipped over into a bush",
                "Look ahead and take small steps.",
                "walked around the whole yard",
            ),
            (
                "juggle",
                "in the attic",
                "dropped every single ball",
                "Begin with one ball. Then take two.",
                "kept three balls in the air",
            ),
            (
                "jump rope",
                "on the sidewalk",
                "got tangled up and fell down",
                "Listen to the rope. Jump when it hits the ground.",
                "jumped fifty times in a row",
            ),
        )
    )
    s.open(hero)
    s.say(
        f"All the others could {skill}, but {hero} could not.",
        f"{hero} wished for one thing, and that was to {skill}.",
        f"More than anything, {hero} wanted to learn how to {skill}.",
    )
    s.one_day(
        f"{hero} went to try it {where}.",
        f"{hero} stood {where} and took a deep breath.",
        f"{hero} got up early to practice {where}.",
        when=WINTER_DAY if skill == "skate" else PLAIN_DAY,
    )
    s.say(
        f"But {hero} {falls}.",
        f"{hero} tried, and tried again, and {falls}.",
        f"It looked easy, but {hero} {falls}.",
    )
    s.maybe(
        "Somebody laughed.", "The crows in the trees seemed to laugh.", "A dog barked at the noise."
    )
    s.feels(hero, s.pick(("sad", "angry")))
    s.says(
        hero,
        "I will never learn it!",
        "It is too hard for me.",
        "I give up!",
        "I am no good at this.",
    )
    s.paragraph()
    s.say(
        f"{teacher} had seen it all and came closer.",
        f"{teacher} came by with a basket and stopped.",
        f"{teacher} sat down next to {hero}.",
    )
    s.says(
        teacher,
        "Do you know how often I fell when I was small? A hundred times!",
        f"When I was little, I could not {skill} either.",
        "You have not learned it yet. That is all.",
        "Nobody can do it on the first day.",
    )
    s.cheers(teacher)
    s.says(hero, "Really?", "What did you do then?", "But how did you learn it?")
    s.says(teacher, steps, steps)
    s.paragraph()
    s.say(
        f"So {hero} tried again, this time very slowly.",
        f"{hero} did what {teacher} said. It was a little better.",
        f"The first try went wrong, and so did the second. But {hero} went on.",
    )
    s.maybe(
        "Every day that week, they practiced for an hour.",
        f"The next day {hero} came back, and the day after that too.",
        "Day after day went by.",
        f"Each evening, {hero} was tired but had learned a bit more.",
    )
    s.say(
        f"And then, all at once, {hero} {done}!",
        f"On the seventh day, {hero} {done}!",
        f"At last it worked. {hero} {done}!",
    )
    s.says(hero, "I did it! I did it!", f"Look, {teacher}! Look at me!", "I can do it!")
    s.feels(hero, s.pick(("proud", "happy")))
    s.lesson(
        hero,
        "you can learn hard things in small steps",
        "falling down is a part of learning",
        f"you learn to {skill} by trying again",
        "it pays to go on when things are hard",
    )
    s.end(
        hero,
        f"The next summer, it was {hero} who showed a smaller one how to do it.",
        f"{teacher} clapped, and {hero} took a bow.",
    )


def the_thunderstorm(s: Story) -> None:
    """Two are afraid of thunder; the one who comforts forgets to be afraid."""
    hero = s.hero()
    friend = s.friend(hero)
    game = s.pick(
        (
            "counted the seconds between the flash and the boom",
            "drummed on pots and pans, as loud as the thunder",
            "sang the silliest songs they knew",
            "built a cave of chairs and blankets",
            "told each other jokes about sneezing elephants",
            "made shadow animals on the wall",
        )
    )
    s.open(hero)
    s.also(hero, friend)
    s.say(
        f"One evening, {friend} came to stay for the night.",
        f"One evening, {friend} was visiting {hero}.",
    )
    s.paragraph()
    s.maybe(
        "Outside, dark clouds were piling up.",
        "The sky turned gray, then black.",
        "The air was heavy and still, and no bird sang.",
    )
    s.say(
        "Boom! The thunder shook the windows.",
        "Flash! Crash! A storm broke over the roof.",
        "Then lightning lit up the whole room, and the thunder growled.",
    )
    s.feels(hero, "scared")
    s.say(
        f"{hero} wanted to crawl under the bed. But somebody was there already!",
        f"{hero} ran to the closet, but inside it somebody was crying.",
        f"{hero} looked around for {friend}, but saw only a lump under the blanket.",
    )
    s.say(
        f"It was {friend}, who was even more frightened.",
        f"It was {friend}, rolled up like a ball.",
        f"There sat {friend} with both {friend.kind.hand}s over {friend.own} ears.",
    )
    s.world.feel(friend, "scared")
    s.says(
        friend,
        "I want it to stop!",
        "Will the storm come in?",
        "I'm so afraid of thunder!",
        how=("cried", "whispered", "sobbed"),
    )
    s.paragraph()
    s.say(
        f"{hero} was afraid too, but {friend} needed help.",
        f"{hero} forgot to be afraid for a moment.",
        f"Somebody had to be brave now, so {hero} took a deep breath.",
    )
    s.says(
        hero,
        "Thunder is only noise. It cannot bite.",
        "Thunder is just the clouds bumping into each other.",
        "We are dry and safe in here. Let's play something!",
        "I know a game that helps!",
    )
    s.say(
        f"Then {hero} and {friend} {game}.",
        f"And so they {game}.",
        f"{hero} had an idea, and soon they {game}.",
    )
    s.maybe(
        "Boom! went the thunder, but this time they giggled.",
        "The storm roared on, but they hardly heard it.",
        "The next boom was not so loud, and the next was only a rumble.",
    )
    s.feels(friend, "calm")
    s.paragraph()
    s.maybe(
        "After a while, the rain grew soft and the thunder rolled away.",
        "At last, the moon came out between the clouds.",
        "Little by little, the storm moved on behind the hills.",
    )
    s.says(friend, "You were so brave!", f"Were you not scared, {hero}?", "You made me feel safe.")
    s.says(
        hero,
        "I was scared too, until I saw you.",
        "Only a little. Together it was not so bad.",
        "It is easier to be brave for two.",
    )
    s.feels(hero, s.pick(("proud", "happy")))
    s.lesson(
        hero,
        "helping someone makes you brave",
        "fear gets smaller when you share it",
        "even the longest storm comes to an end",
    )
    s.end(
        hero,
        "In the morning, there was a rainbow over the wet trees.",
        f"In the morning, {hero} and {friend} jumped from puddle to puddle.",
    )


def on_the_stage(s: Story) -> None:
    """Stage fright, and one friendly face in the crowd."""
    hero = s.hero(("shy", "quiet", "gentle", "timid"))
    friend = s.friend(hero)
    act, thing = s.pick(
        (
            ("sing a song", "song"),
            ("play the flute", "tune"),
            ("say a poem", "poem"),
            ("play the violin", "tune"),
            ("tell a story", "story"),
            ("dance alone", "dance"),
        )
    )
    show = s.pick(("spring show", "summer fair", "harvest party", "winter show", "village fair"))
    s.open(hero)
    s.say(
        f"When nobody was near, {hero} liked to {act}.",
        f"{hero} loved to {act}, but only behind a closed door.",
        f"Nobody knew how well {hero} could {act}.",
    )
    s.one_day(
        f"a friend named {friend} looked in through the window.",
        f"a friend named {friend} came in without knocking.",
    )
    s.says(
        friend,
        f"That was beautiful! You must do it at the {show}!",
        f"You are so good at it! Please come to the {show} with me!",
        f"Everybody should hear that at the {show}!"
        if act != "dance alone"
        else f"Everybody should see that at the {show}!",
    )
    s.says(
        hero,
        "In front of everyone? Never!",
        "Oh no, I'm much too shy.",
        "But they will all stare at me!",
    )
    s.say(
        f"But {friend} asked again and again, and at last {hero} said yes.",
        f"{hero} thought about it all night and in the morning said yes.",
    )
    s.paragraph()
    s.say(
        f"Then the day of the {show} came.",
        f"On the day of the {show}, {hero} could not eat a thing.",
        f"The {show} was full of noise and lights.",
    )
    s.say(
        f"{hero} stood behind the curtain and looked out. There were so many faces!",
        f"{hero} walked out on the stage, and the crowd grew silent.",
        "Every seat was taken, even the ones in the back.",
    )
    s.feels(hero, "scared")
    s.maybe(
        f"{hero}'s mouth was dry, and {hero.he} had forgotten how to begin.",
        f"{hero}'s knees shook, and for a moment {hero.he} could remember nothing.",
    )
    s.say(
        f"Then {hero} saw {friend} in the first row.",
        f"But in the middle of the crowd, {friend} was waving.",
        f"Then {hero.he} found one face that {hero.he} knew. It was {friend}.",
    )
    s.says(
        friend,
        "Just look at me!",
        "You can do it!",
        "Do it for me, as you do at home!",
        how=("whispered", "called"),
    )
    s.paragraph()
    s.say(
        f"{hero} looked only at {friend} and began.",
        f"So {hero} took a deep breath and began, only for {friend}.",
        f"{hero} closed {hero.own} eyes, thought of home, and started.",
    )
    s.maybe(
        f"The first part of the {thing} was shaky, but then it went better and better.",
        f"At first it was as soft as a breeze. Then the {thing} filled the whole place.",
        f"After a while, {hero} forgot the crowd, and the {thing} came all by itself.",
    )
    s.say(
        "When it was over, it was quiet for a second. Then everyone cheered!",
        "At the end, they all stood up and clapped.",
        "The clapping did not want to stop.",
    )
    s.cheers(friend)
    s.feels(hero, "proud")
    s.thanks(hero, friend)
    s.lesson(
        hero,
        "one friendly face is enough to make you brave",
        "being shy does not mean you cannot shine",
        "the first step is the hardest",
    )
    s.end(hero, f"The next year, {hero} was the first to put {hero.own} name on the list.")
