"""Wanting what one does not have."""

from __future__ import annotations

from zoo_stories.lexicon import FOODS, TOYS, TREASURES, TREES
from zoo_stories.story import Story
from zoo_stories.world import Thing, an


def borrowed_and_broken(s: Story) -> None:
    """A borrowed toy breaks; the truth comes first, then the repair."""
    hero = s.hero()
    friend = s.friend(hero)
    toy = s.pick(TOYS)
    s.open(hero)
    s.also(hero, friend)
    s.owns(
        friend,
        toy,
        f"{friend} had {toy.a}, and {hero} thought it was wonderful.",
        f"{friend} owned {toy.a}. {hero} had never seen a better one.",
        f"{hero} liked nothing more than {friend}'s {toy.full}.",
    )
    s.one_day(
        f"{hero} asked to borrow the {toy} for one night.",
        f"{hero} went to see {friend}.",
        f"{hero} stood in front of {friend}'s door.",
    )
    s.says(
        hero,
        f"May I borrow your {toy}? I will be careful.",
        f"Can I take your {toy} home, just for today?",
        f"Please, may I play with your {toy} until tomorrow?",
    )
    s.says(
        friend,
        "Yes, but please take good care of it.",
        "All right, because you are my friend.",
        "Of course you can.",
    )
    s.gives(friend, toy, hero)
    s.paragraph()
    s.say(
        f"At home, {hero} spent a long time {toy.fun}.",
        f"All afternoon, {hero} had fun {toy.fun}.",
        f"{hero} ran home and began {toy.fun} at once.",
    )
    s.say(
        f"But {hero} was a bit too wild, and {toy.breaks}.",
        f"Then {hero} tripped over the rug. Crack! {toy.breaks.capitalize()}.",
        f"{hero} pulled too hard, and suddenly {toy.breaks}.",
        f"Then {hero} dropped it on the floor, and {toy.breaks}.",
    )
    s.world.damage(hero, toy)
    s.feels(hero, s.pick(("sad", "worried", "sorry")))
    s.maybe(
        f"At first {hero} wanted to hide the {toy} under the bed.",
        f"{hero} thought about saying that the {toy} was lost.",
        f"Should {hero} say that the wind did it? No, that was not true.",
    )
    parent = s.parent(hero)
    s.says(
        parent,
        "A friend will want to hear the truth.",
        "Tell the truth. Then we can fix it.",
        f"Be brave, {hero}. Go and say what happened.",
    )
    s.cheers(parent)
    s.paragraph()
    s.say(
        f"So {hero} went back to {friend} with the broken {toy}.",
        f"The next morning, {hero} carried the {toy} to {friend}'s house.",
        f"{hero} walked slowly to {friend} and held out the {toy}.",
    )
    s.sorry(hero, friend, f"I broke your {toy}.", "It broke, and it was my fault.")
    s.feels(friend, "sad")
    s.forgives(friend, hero)
    s.say(
        f"Together they found what they needed and {toy.mend}.",
        f"They sat down at the table, and together they {toy.mend}.",
        f"{friend} held the {toy} still while {hero} worked. Very carefully, they {toy.mend}.",
    )
    s.world.repair(hero, toy)
    s.gives(
        hero,
        toy,
        friend,
        f"Now {friend} had the {toy} back, as good as new.",
        f"{hero} gave the {toy} back to {friend}, and it looked even better than before.",
        f"Then {hero} gave the {toy} back, and nobody could see where it had been broken.",
    )
    s.cheers(friend)
    s.feels(hero, s.pick(("happy", "proud")))
    s.lesson(
        hero,
        "the truth is better than a lie",
        "a broken thing can be fixed when you are honest",
        "you must take care of what you borrow",
    )
    s.end(hero)


def the_trade(s: Story) -> None:
    """What looks better in someone else's hands is not always better in one's own."""
    hero = s.hero()
    friend = s.friend(hero)
    mine = s.pick(TOYS)
    yours = s.pick(TOYS)
    while yours == mine:
        yours = s.pick(TOYS)
    s.open(hero)
    s.owns(
        hero,
        mine,
        f"{hero} had {mine.a} and slept next to it every night.",
        f"{hero} had an old friend, and that was {mine.a}.",
        f"{hero} had had the same {mine.full} for many years.",
    )
    s.one_day(
        f"a friend named {friend} came to play and brought {yours.a}.",
        f"{hero} met {friend.a}, who was playing with {yours.a}.",
        f"{hero}'s friend {friend} came by with {yours.a}.",
    )
    s.world.get(friend, yours)
    s.says(
        hero,
        f"I like your {yours}! Shall we trade?",
        f"Your {yours} is much better than my {mine}. Do you want to trade?",
        f"Will you give me your {yours} if I give you my {mine}?",
    )
    s.says(friend, "Are you sure?", "Do you really want to do that?", how=("asked",))
    s.says(hero, "Yes, I am sure!", "Yes, yes, yes!", "Very sure!")
    s.world.give(hero, mine, friend)
    s.gives(
        friend,
        yours,
        hero,
        f"So {friend} took the {mine}, and {hero} got the {yours}.",
        f"{hero} gave away the {mine} and took the {yours}.",
        f"They traded, and {hero} ran off with the {yours}.",
    )
    s.feels(hero, s.pick(("happy", "excited")))
    s.paragraph()
    s.maybe(
        f"For a while, {hero} enjoyed {yours.fun}.",
        f"That afternoon, {hero} did nothing but play with the {yours}.",
        f"The {yours} was fun until supper.",
    )
    s.say(
        f"But at bedtime, {hero} looked at the empty spot where the {mine} used to be.",
        f"But when the lights went out, {hero} missed the {mine}.",
        f"But that night {hero} could not sleep without the {mine}.",
    )
    s.feels(hero, "sad")
    s.maybe(
        f"{hero} thought of all the good times with the {mine}.",
        f"The {yours} was nice and new, but it was not the same.",
        f"The {yours} did not know any of {hero}'s secrets.",
    )
    s.paragraph()
    s.say(
        f"In the morning, {hero} ran to {friend}.",
        f"As soon as the sun was up, {hero} knocked on {friend}'s door.",
        f"The next day, {hero} went to look for {friend}.",
    )
    s.says(
        hero,
        f"I miss my {mine}. May we trade back?",
        f"Your {yours} is nice, but my {mine} is my old friend. Can I have it back?",
    )
    s.say(
        f"{friend} was glad, for {friend.own_he} had missed the {yours} too.",
        f'"I was hoping you would ask," said {friend}. "I miss my {yours} too!"',
        f'{friend} laughed. "I wanted to ask you the same thing!"',
    )
    s.world.give(hero, yours, friend)
    s.gives(
        friend,
        mine,
        hero,
        f"{hero} gave back the {yours} and hugged the {mine} tight.",
        f"So {friend} got the {yours} again, and {hero} got the dear old {mine}.",
        f"They traded back, and {hero} danced around with the {mine}.",
    )
    s.cheers(hero, friend)
    s.lesson(
        hero,
        "new things are not always better",
        "old friends are worth more than new things",
        "you should think well before you trade",
    )
    s.end(hero, f"That night, {hero} slept very well with the {mine} close by.")


def saving_up(s: Story) -> None:
    """Coin by coin for one's own wish, and then a friend's need is greater."""
    hero = s.hero()
    friend = s.friend(hero)
    parent = s.parent(hero)
    wish = s.pick(TOYS)
    hurt = s.pick(TOYS)
    while hurt == wish:
        hurt = s.pick(TOYS)
    price = s.pick(("five", "six", "seven", "eight", "nine", "ten"))
    coins = Thing("coins", price, plural=True)
    s.open(hero)
    s.say(
        f"In the window of the toy shop, {hero.he} saw {wish.a}.",
        f"One thing {hero.he} wanted more than anything, and that was {wish.a}.",
        f"Every day, {hero.he} stopped at the shop to look at {wish.a}.",
    )
    s.says(hero, f"I wish I had that {wish}!", "Can we buy it, please?", f"How much is the {wish}?")
    s.says(
        parent,
        f"It costs {price} coins. You can save for it.",
        f"If you help at home, you can earn {price} coins.",
        f"When you have {price} coins, you can buy it yourself.",
    )
    s.cheers(parent)
    s.paragraph()
    s.say(
        f"So {hero} swept the floor, fed the hens, and carried wood.",
        f"So {hero} washed the dishes every night.",
        f"So {hero} pulled weeds and watered the beans.",
        f"So {hero} sold lemonade in front of the door.",
    )
    s.maybe(
        "Clink, clink! One coin after another fell into the jar.",
        f"Every week, {hero} put a coin into an old jar.",
        f"{hero} counted the coins each evening.",
    )
    s.world.get(hero, coins)
    s.say(
        f"After a long time, there were {price} coins in the jar.",
        f"At last {hero} had {price} coins.",
    )
    s.feels(hero, s.pick(("excited", "proud")))
    s.paragraph()
    s.say(
        f"On the way to the shop, {hero} met {hero.his} friend {friend}.",
        f"But in front of the shop sat {friend.a}.",
        f"{hero} ran to the shop, and there stood {friend.a}.",
    )
    s.feels(friend, "sad")
    s.says(hero, f"What is the matter, {friend}?", "Why are you crying?")
    s.says(
        friend,
        f"The river took my {hurt}, and I cannot buy a new one.",
        f"My {hurt} fell off the bridge. It is gone forever.",
        f"I lost my {hurt}, and it was the only toy I had.",
        how=("said", "sobbed", "sniffed"),
    )
    s.say(
        f"{hero} looked at the {wish} in the window. Then {hero.he} looked at {friend}.",
        f"{hero} felt the coins in {hero.own} bag and thought hard.",
        f"{hero} stood still for a long time.",
    )
    new = Thing(hurt, "new", fun=hurt.fun)
    s.say(
        f"Then {hero} went in, put the coins on the counter, and bought {new.a}.",
        f"Then {hero} walked in, and when {hero.he} came out, {hero.he} had {new.a}.",
    )
    s.world.use_up(hero, coins)
    s.world.get(hero, new)
    s.gives(
        hero,
        new,
        friend,
        f'"This is for you," {hero} said, and gave {friend} the {new}.',
        f"{hero} gave the {new} to {friend}.",
    )
    s.feels(friend, "happy")
    s.thanks(friend, hero)
    s.paragraph()
    s.maybe(
        f"The jar was empty again, but {hero} did not mind.",
        f"{hero} went home without the {wish}, but {hero.he} was humming a song.",
    )
    s.cheers(hero)
    s.lesson(
        hero,
        "a friend's smile is worth more than coins",
        "the best gift is the one you give",
        "making a friend happy is better than any toy",
    )
    s.end(
        hero,
        f"And the next day, {hero} began to save again, and this time {friend} helped.",
        f"{friend} and {hero} shared the {new} every day.",
    )


def the_treasure_map(s: Story) -> None:
    """An old map leads through three places to a box."""
    hero = s.hero()
    friend = s.friend(hero)
    treasure = s.pick(TREASURES)
    elder = s.grandparent(hero)
    tree, food = s.pick(TREES), s.pick(FOODS)
    s.open(hero)
    s.also(hero, friend)
    s.one_day(
        f"{hero} found an old map in the attic.",
        f"{hero} pulled a book from the shelf, and a map fell out.",
        f"{hero} found a roll of yellow paper in an old boot. It was a map!",
    )
    s.world.get(hero, "map")
    s.say(
        f"A red cross was drawn next to {an('old ' + tree)}.",
        f"It showed a bridge, {an(tree)} tree, and a big red X.",
        "There were dots, arrows, and a big X on it.",
    )
    s.says(
        hero, "It is a treasure map!", f"Look, {friend}! A treasure!", "Let us find the treasure!"
    )
    s.feels(friend, "excited")
    s.paragraph()
    s.go("the tree", hero, friend)
    s.say(
        "First they crossed the wooden bridge.",
        "First they followed the stream around three bends.",
        "First they walked past the mill.",
    )
    s.maybe(
        "Then they crawled through a thick hedge and got leaves in their hair.",
        "Then they counted fifty steps to the north.",
        "Then they climbed over a stone wall.",
    )
    if s.chance(0.5):
        s.say(
            f"At the {tree}, {hero} dug on the left, and {friend} dug on the right.",
            "They dug one hole and found nothing but worms.",
        )
        s.says(
            friend, "We are holding the map upside down!", "Look, the arrow points the other way!"
        )
        s.say(
            "They laughed, turned the map around, and dug again.",
            "So they tried again, and this time they dug deeper.",
        )
    else:
        s.say(
            "Next came a puddle as big as a pond, so they made a bridge of branches.",
            f"Then the path split in two. {hero} saw the {tree} on the left, so they went left.",
        )
        s.say("There they began to dig.", f"Under the {tree}, they dug and dug.")
    s.say(
        "Clonk! Something hard was in the ground.",
        "Then they hit something hard.",
        "At last they felt the lid of a box.",
    )
    s.paragraph()
    s.world.get(hero, treasure)
    s.say(
        f"It was a box, and inside was {treasure.a} with a letter.",
        f"In the box lay {treasure.a} and a letter.",
    )
    s.say(
        f'The letter said, "I hid this when I was little. Love, {elder}."',
        f'{hero} read, "Whoever finds this is as brave as I was. {elder}."',
    )
    s.feels(hero, "happy")
    s.go_home(hero, friend)
    s.say(
        f"They ran home to {elder} and showed what they had found.",
        f"They carried the box home and put it in front of {elder}.",
    )
    s.gives(
        hero,
        treasure,
        elder,
        f"{hero} gave the {treasure} to {elder}, who looked at it for a long time.",
        f"When {hero} gave {elder} the {treasure}, {elder} laughed and cried at once.",
    )
    s.says(
        elder,
        "I had forgotten all about it!",
        f"I was just as small as you when I hid this {treasure}.",
        "You have brought back my best summer!",
    )
    s.cheers(elder)
    s.maybe(
        f"Then there was {food.a} for everyone, and {elder} told stories until late.",
        f"{elder} told them about that summer until the stars came out.",
    )
    s.end(
        hero,
        f"The next week, {hero} and {friend} hid a box for someone else and drew a map.",
        f"And the map got a place on {hero}'s wall.",
    )
