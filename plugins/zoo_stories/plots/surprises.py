"""Things that turn out other than they seemed."""

from __future__ import annotations

from zoo_stories.lexicon import COLOURS, PLAIN_DAY, TOYS
from zoo_stories.story import Story
from zoo_stories.world import Thing, an


def the_forgotten_birthday(s: Story) -> None:
    """Everyone seems to have forgotten; they were only keeping a secret."""
    hero = s.hero()
    friend = s.friend(hero)
    parent = s.parent(hero)
    gift = s.pick(TOYS)
    spot = s.pick(("the barn", "the old mill", "the garden shed", "the big hall", "the clearing"))
    s.open(hero)
    s.say(
        f"{hero} woke up very early, because it was {hero.his} birthday.",
        f"At last it was {hero}'s birthday!",
    )
    s.feels(hero, "excited")
    s.say(
        f'But at breakfast, {parent} only said, "Eat your porridge."',
        f"But {parent} was busy and did not sing or say a word about it.",
    )
    s.cheers(parent)
    s.paragraph()
    s.say(
        f"{hero} went to see a good friend named {friend}.",
        f'"{friend} will remember," thought {hero}. {friend} was a very good friend.',
    )
    s.says(hero, "Do you know what day it is?", "Isn't this a special day?", how=("asked",))
    s.says(
        friend,
        "It's washing day, I think.",
        "I don't know. I'm in a hurry!",
        "Just a day like any other.",
    )
    s.say(
        f"Then {friend} hid something behind {friend.own} back and ran off.",
        f"Then {friend} closed the door, and {hero} heard whispers inside.",
    )
    s.maybe(
        f"Wherever {hero} went, they stopped talking and looked away.",
        f"One after another, the others said that they had no time for {hero}.",
    )
    s.feels(hero, s.pick(("sad", "lonely")))
    s.says(
        hero,
        "Everyone has forgotten me.",
        "Nobody likes me anymore.",
        "This is the worst birthday ever.",
        how=("said", "sighed", "whispered"),
    )
    s.maybe(
        f"{hero} walked around all alone until the sun went down.",
        f"{hero} sat on a wall and threw pebbles into the water.",
    )
    s.paragraph()
    s.say(
        f'In the evening, {parent} came. "Please fetch the ladder from {spot}."'
        if "shed" in spot or "barn" in spot
        else f'In the evening, {parent} came. "Let\'s take a short walk to {spot}."',
        f'Then {parent} said, "I have lost my hat. Will you look for it in {spot}?"',
    )
    s.go(spot, hero, friend)
    s.maybe(
        f"It was dark in {spot}. {hero} took one step, and then another.",
        f"{hero} dragged {hero.own} feet all the way to {spot}.",
    )
    s.say(
        '"Surprise!" A hundred lights went on.', 'Suddenly there was light. "Surprise! Surprise!"'
    )
    s.maybe(
        "Everybody was there, and paper chains hung from one end to the other.",
        f'There was a cake with candles and a sign that said, "Happy birthday, {hero}!"',
    )
    s.world.get(friend, gift)
    s.gives(
        friend,
        gift,
        hero,
        f"{friend} stepped forward and gave {hero} {gift.a}.",
        f"{friend} put {gift.a} into {hero}'s {hero.kind.hand}s.",
    )
    s.says(
        friend,
        "It was so hard not to tell you!",
        "How could we ever forget you?",
        "That is what I hid behind my back!",
    )
    s.feels(hero, "happy")
    s.says(
        hero,
        "And I thought you had forgotten me!",
        "You fooled me!",
        "I'm the luckiest one in the world!",
    )
    s.maybe(
        "They danced until midnight.",
        "They played games until nobody could stand anymore.",
        "They ate cake and laughed about all the secrets.",
    )
    s.lesson(
        hero,
        "things are not always what they seem",
        "friends do not forget",
        "a sad morning can turn into a happy night",
    )
    s.end(hero)


def hide_and_seek(s: Story) -> None:
    """The best hiding place of all is a bit too good."""
    hero = s.hero(("clever", "quiet", "tiny", "proud"))
    friend = s.friend(hero)
    hide, woke = s.pick(
        (
            ("crawled into an empty barrel", "The lid had fallen shut"),
            ("climbed into a laundry basket", "A heap of towels lay on top"),
            ("crept under the porch", "A wheelbarrow stood in front of the gap"),
            ("got into the big clock", "The little door was stuck"),
            ("slipped behind the haystack", "A bale of hay had rolled into the way"),
            ("sat down in a trunk in the attic", "The lock had clicked"),
        )
    )
    s.open(hero)
    s.also(hero, friend)
    s.say(
        f"{hero} was the best at hiding, and everyone knew it.",
        f"Nobody could hide as well as {hero} could.",
    )
    s.one_day(
        "they all played hide and seek.",
        f"it was {friend}'s turn to count.",
    )
    s.maybe(
        f'"One, two, three," counted {friend}.', f"{friend} covered both eyes and counted to fifty."
    )
    s.maybe(
        f"{hero} wanted a new place, the best of all.", f"{hero} looked left and right and giggled."
    )
    s.say(f"Then {hero} {hide}.", f"Very quietly, {hero} {hide}.")
    s.says(hero, "They will never find me here!", "This is perfect!", how=("whispered", "thought"))
    s.paragraph()
    s.maybe(
        f"{friend} found the first one behind a curtain and the second one under a cart.",
        f"One after another, {friend} found them all, but not {hero}.",
    )
    s.say(
        f"It was dark and warm in there, and {hero}'s eyes grew heavy.",
        f"{hero} waited and waited, yawned, and fell asleep.",
    )
    s.say(
        f"When {hero} woke up, everything was silent. {woke}!",
        f"Later, {hero} wanted to get out. But it was not possible. {woke}!",
    )
    s.says(
        hero,
        "Hello? I give up!",
        "I'm here! Can anyone hear me?",
        "Help! I'm stuck!",
        how=("called", "shouted", "cried"),
    )
    s.feels(hero, "scared")
    s.maybe(
        "Nobody came.",
        "Only a mouse rustled somewhere." if hero.kind.noun != "mouse" else "Nobody came.",
    )
    s.paragraph()
    s.say(
        f"Outside, it was almost night, and {friend} was looking for {hero}.",
        f'{friend} did not go home. "Not without {hero}," {friend} said.',
    )
    s.world.feel(friend, "worried")
    s.maybe(
        f"{friend} called again and again and stopped to listen.",
        f"{friend} went back to every place once more.",
    )
    s.say(
        f"Inside, {hero} had an idea and knocked. Three short knocks, three long ones.",
        f"Inside, {hero} began to sing the loudest song {hero.he} knew.",
    )
    s.say(
        f"{friend} heard it at last and followed the sound.",
        f"There it was, very faint, and {friend} ran.",
    )
    s.say(
        f"With a jerk, {friend} got it open, and {hero} tumbled out.",
        f"{friend} pulled and pushed, and out came {hero} with dusty hair.",
    )
    s.says(
        friend,
        "I found you! I found you!",
        "You won, but never do that again!",
        "I was so worried about you!",
    )
    s.says(
        hero,
        "I'm so glad that you did not give up!",
        "I will never hide so well again!",
        "I thought I would have to stay there forever!",
    )
    s.cheers(friend)
    s.feels(hero, s.pick(("happy", "calm")))
    s.lesson(
        hero,
        "it is good when someone looks for you",
        "being found is better than winning",
        "the best hiding place is not always the best idea",
    )
    s.end(hero, f"The next time, {hero} hid behind a thin tree and was found at once, laughing.")


def the_paper_boats(s: Story) -> None:
    """A race is nearly won, when the rival's boat gets stuck."""
    hero = s.hero()
    rival = s.friend(hero, ("strong", "fast", "clever", "proud"))
    mine = Thing("boat", s.pick(("red", "yellow", "white", "green", "blue")))
    kind, sail = s.pick(
        (
            ("paper", "a page from an old newspaper"),
            ("bark", "a leaf"),
            ("walnut shell", "a bit of cloth"),
            ("cork", "a feather"),
        )
    )
    trouble = s.pick(
        (
            "ran into a branch",
            "was caught in the reeds",
            "turned around and around in a whirl",
            "was stopped by a sleepy duck",
            "got stuck between two stones",
        )
    )
    s.open(hero)
    s.one_day(
        "there was a boat race on the creek.",
        "everyone came to the creek for the great boat race.",
    )
    s.world.get(hero, mine)
    s.say(
        f"{hero} had made {mine.a} out of {kind}, with {sail} for a sail.",
        f"{hero}'s {mine.full} was made of {kind} and had {sail} for a sail.",
    )
    s.say(
        f"{rival}, {an(rival.trait)} {rival.kind.noun}, had won three times already.",
        f"Only one boat was as fast, and it belonged to {rival.a}.",
    )
    s.says(rival, "I will win again!", "My boat is the fastest!", "Try to catch me!")
    s.cheers(rival)
    s.say(
        "Somebody blew a horn, and the race began.",
        "The boats were set on the water, and off they went!",
    )
    s.paragraph()
    s.maybe(
        "The boats bobbed and danced over the waves.",
        "They shot under the bridge, and the crowd ran along the bank.",
    )
    s.say(
        "Some sank, some got lost, and soon there were only two in front.",
        "One by one the others tipped over, until two were left.",
    )
    s.say(f"Then {rival}'s boat {trouble}.", f"But near the end, {rival}'s boat {trouble}.")
    s.feels(rival, "sad")
    s.maybe(
        f"Now {hero} had only to wait, and the prize was safe.",
        f"{hero}'s boat sailed on, straight toward the finish.",
    )
    s.say(
        f"But {hero} saw {rival}'s face and did not feel like winning.",
        f"But it did not seem right to {hero}.",
    )
    s.say(
        f"{hero} took a long stick and pushed {rival}'s boat free.",
        f"{hero} stepped into the cold water and set {rival}'s boat free.",
    )
    s.says(rival, "Why did you do that?", "Now you might lose!", how=("cried",))
    s.says(
        hero,
        "I want to win a real race.",
        "It's no fun without you.",
        "You would do the same for me.",
    )
    s.paragraph()
    if s.chance(0.5):
        s.say(
            f"In the end, {rival}'s boat was first by the length of a thumb.",
            f"And {rival} won, but only just.",
        )
        cup = Thing("cup", "silver")
        s.world.get(rival, cup)
        s.gives(
            rival,
            cup,
            hero,
            f"But {rival} took the silver cup and gave it to {hero}.",
            f"When {rival} got the cup, {rival.own_he} put it into {hero}'s {hero.kind.hand}s.",
        )
        s.says(
            rival,
            "You are the real winner.",
            "This belongs to you.",
            "Today I learned something from you.",
        )
    else:
        s.say(
            "Side by side, the two boats crossed the line at the same time.",
            "Both boats reached the end together, nose to nose.",
        )
        s.say(
            "So there were two winners, and they shared the cup.",
            "The judge could not decide and gave the cup to both of them.",
        )
        s.says(
            rival,
            "That was the best race I have ever had!",
            "Let's build one big boat together!",
            "You are fast, and you are fair.",
        )
    s.cheers(rival)
    s.feels(hero, s.pick(("happy", "proud")))
    s.lesson(
        hero,
        "a fair race is worth more than a cup",
        "helping is a way of winning",
        "a rival can become a friend",
    )
    s.end(hero, f"After the race, {hero} and {rival} dried their feet in the sun and were friends.")


def the_brave_stone(s: Story) -> None:
    """A stone gives courage, until it turns out that it is just a stone."""
    hero = s.hero(("shy", "timid", "quiet", "tiny"))
    elder = s.grandparent(hero)
    stone = Thing("stone", s.pick((*COLOURS, "smooth", "speckled")))
    first, second, third = s.pick(
        (
            (
                "said hello to the big ones",
                "jumped off the high rock into the water",
                "asked a grumpy goat to stop pushing",
            ),
            (
                "answered a question in front of everyone",
                "walked through the dark tunnel",
                "stood up for somebody who was being teased",
            ),
            (
                "climbed to the top of the slide",
                "petted the huge dog on the corner",
                "went alone to get help when the bridge broke",
            ),
            (
                "tasted a thing that looked strange",
                "crossed the rope bridge",
                "chased a snake away from a nest",
            ),
        )
    )
    s.open(hero)
    s.say(
        f"{hero} was afraid of many things.",
        f"Most of the time, {hero} hid behind somebody.",
        f"{hero} wished to be brave, but did not know how.",
    )
    s.one_day(
        f"{elder} put {stone.a} into {hero}'s {hero.kind.hand}.",
        f"{elder} came back from the river and had {stone.a} for {hero}.",
        when=PLAIN_DAY,
    )
    s.world.get(hero, stone)
    s.says(
        elder,
        "Whoever carries this stone is brave.",
        "This is a brave stone. Keep it with you.",
        "Hold it tight when you are afraid.",
    )
    s.cheers(elder)
    s.paragraph()
    s.say(f"{hero} held the stone and {first}.", f"With the stone, {hero} {first}. It was easy!")
    s.say(f"The next day, {hero} even {second}.", f"A few days later, {hero} {second}.")
    s.says(hero, "It works!", "It really is a magic stone!", "I'm not afraid of anything!")
    s.feels(hero, "proud")
    s.paragraph()
    s.say(
        f"Then something happened. There was no one else around, and {hero} {third}.",
        f"Then came the hardest day. {hero} did not think at all and {third}.",
    )
    s.say(
        f"Afterward, {hero} felt for the stone, but it was not there!",
        f"When it was over, {hero} wanted to thank the stone. It was gone!",
    )
    s.world.drop(hero, stone, "somewhere")
    s.feels(hero, "worried")
    s.say(
        f"{hero} ran home and found it under the bed, where it had been all day.",
        f"It was lying at home on the table. {hero} had forgotten to take it along!",
    )
    s.go("somewhere", hero)
    s.world.take(hero, stone)
    s.go_home(hero)
    s.says(
        hero,
        "But then who made me brave?",
        "I was brave without it! How can that be?",
        "Is the stone not magic at all?",
        how=("asked",),
    )
    s.says(
        elder,
        "It is just a stone. You did it all by yourself.",
        "The brave one was you, every time.",
        "I found it in the river. The courage was always yours.",
    )
    s.maybe(
        f"{hero} looked at the stone and began to laugh.",
        f"{hero} was quiet for a while, and then smiled.",
    )
    s.feels(hero, s.pick(("happy", "proud")))
    s.lesson(
        hero,
        "courage does not come from a stone",
        "you can be afraid and brave at once",
        "you have more courage than you think",
    )
    s.end(
        hero,
        f'Later, {hero} gave the stone to somebody small and said, "Whoever carries it is brave."',
    )
