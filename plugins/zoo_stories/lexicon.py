"""The words stories choose from: names, kinds, things and places, with the grammar they need.

No name is also an ordinary word, so a capitalised name in a text is always a character.
"""

from __future__ import annotations

from zoo_stories.world import Kind, Place, Thing


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIRL = Kind("girl", "", "small town", "hand")
BOY = Kind("boy", "", "small town", "hand")
GROWN_UP = Kind("grown-up", "", "house", "hand")
ANIMALS = (
    Kind("rabbit", "Rabbit", "burrow", "paw"),
    Kind("bear cub", "Bear", "cave", "paw"),
    Kind("fox", "Fox", "den", "paw"),
    Kind("mouse", "Mouse", "hole", "paw"),
    Kind("squirrel", "Squirrel", "tree house", "paw"),
    Kind("hedgehog", "Hedgehog", "nest of leaves", "paw"),
    Kind("kitten", "Cat", "basket", "paw"),
    Kind("puppy", "Dog", "kennel", "paw"),
    Kind("badger", "Badger", "den", "paw"),
    Kind("otter", "Otter", "river den", "paw"),
    Kind("beaver", "Beaver", "lodge", "paw"),
    Kind("raccoon", "Raccoon", "hollow tree", "paw"),
    Kind("mole", "Mole", "tunnel", "paw"),
    Kind("hamster", "Hamster", "nest", "paw"),
    Kind("panda", "Panda", "cave", "paw"),
    Kind("lion cub", "Lion", "cave", "paw"),
    Kind("wolf cub", "Wolf", "den", "paw"),
    Kind("chipmunk", "Chipmunk", "hollow log", "paw"),
    Kind("monkey", "Monkey", "tree house", "hand"),
    Kind("tiger cub", "Tiger", "cave", "paw"),
)
SMALL_ANIMALS = tuple(
    kind
    for kind in ANIMALS
    if kind.noun in ("mouse", "hedgehog", "hamster", "mole", "chipmunk", "squirrel")
)

GIRLS = _words(
    "Lily Mia Anna Lucy Emma Sara Ella Zoe Nora Ruby Molly Amy Sophie Kate Lola Jane Maya Clara "
    "Tina Nina Ava Eva Leah Julia Alice Betty Wendy Rita Polly Tess Maria Hannah Ellie Susie Gina "
    "Fiona Bella Laura Emily Olivia Kim Priya Yuki Fatima Carla Dora Heidi Ida Josie Vera"
)
BOYS = _words(
    "Tom Ben Sam Tim Max Leo Jack Finn Noah Luke Adam Oscar Henry Charlie Danny Billy Jake Peter "
    "Eli Owen Theo Hugo Felix Simon Paul David Alex Toby Freddy Milo Omar Ravi Kenji Pedro Carlos "
    "Ethan Liam Lucas Oliver George Harry Joe Ned Walter Victor Andy Bobby Ivan Jonas Kevin"
)
PET_NAMES = _words(
    "Pip Fuzzy Coco Bingo Mopsy Nibbles Tuffy Zippy Pogo Kiki Tiko Bobo Peppy Dodo Muffy Rufus "
    "Hoppy Bibi Fluffy Tufty Toto Nutty Bongo Lulu Jojo Mimi Binky Wuffy Rolo Snuffy Ziggy "
    "Tilly Bruno Dusty Puffy Kobo Fifi Nuzzy Wiggy Popo"
)
SURNAMES = _words(
    "Bell Carter Green Miller Potter Hill Baker Wood Lane Fisher Taylor Perry Cook Marsh "
    "Hopkins Parker Wilson Button"
)
OLD_ANIMALS = _words("Hare Weasel Porcupine Possum Woodchuck Ferret Skunk Marmot Lynx")
NAMES = GIRLS + BOYS + PET_NAMES + SURNAMES + OLD_ANIMALS

TRAITS = _words(
    "kind curious cheerful clever gentle playful friendly lively happy merry bright busy sweet "
    "quiet thoughtful"
)

COLOURS = _words("red blue green yellow orange purple pink white brown golden silver striped")
LOOKS = (*COLOURS, "shiny", "little", "old", "new")


def _things(nouns: str, looks: tuple[str, ...], *, plural: bool = False) -> tuple[Thing, ...]:
    return tuple(
        Thing(noun.strip(), look, plural=plural) for noun in nouns.split(",") for look in looks
    )


_TOYS = (
    # noun, what one does with it, how it breaks, how it is mended
    ("ball", "bouncing the ball", "the ball got a big hole", "put a patch over the hole"),
    ("kite", "flying the kite", "the tail tore off", "sewed the tail back on"),
    ("doll", "dressing the doll", "one arm came off", "sewed the arm back on"),
    ("drum", "beating the drum", "the drumstick snapped", "made a new stick from a strong twig"),
    ("truck", "filling the truck with sand", "one wheel fell off", "put the wheel back on"),
    ("train", "pulling the train along", "one wheel fell off", "put the wheel back on"),
    ("boat", "sailing the boat", "the mast snapped", "glued the mast back on"),
    ("teddy bear", "hugging the teddy bear", "one ear came off", "sewed the ear back on"),
    ("robot", "making the robot walk", "one leg came loose", "fixed the leg with a tiny screw"),
    ("puppet", "making the puppet dance", "a string broke", "tied on a new string"),
    ("wagon", "pulling the wagon around", "the handle cracked", "fixed the handle with tape"),
    ("yo-yo", "playing with the yo-yo", "the string broke", "tied on a new string"),
    ("music box", "listening to the music box", "the lid came off", "put the lid back on"),
    ("plane", "zooming the plane around", "one wing cracked", "glued the wing back on"),
    ("dinosaur", "making the dinosaur roar", "the tail came off", "glued the tail back on"),
    ("car", "racing the car over the floor", "a door fell off", "put the door back on"),
)
TOYS = tuple(
    Thing(noun, look, fun=fun, breaks=breaks, mend=mend)
    for noun, fun, breaks, mend in _TOYS
    for look in LOOKS
)
TREASURES = _things(
    "ring, key, coin, necklace, bracelet, watch, button, medal, purse, bell, spoon, pin",
    ("shiny", "golden", "silver", "small", "pretty", "old", "tiny"),
)
CLOTHES = _things("hat, scarf, coat, cap, sweater, cape", (*COLOURS, "warm", "soft", "woolly"))
FRUIT = _things(
    "apple, pear, plum, peach, banana, melon, mango", ("sweet", "juicy", "ripe", "big", "fresh")
)
BAKED = _things(
    "cookie, muffin, bun, pie, cupcake, pancake, waffle, cake",
    ("sweet", "warm", "big", "fresh", "tasty", "round"),
)
HANDFULS = _things(
    "berries, nuts, grapes, cherries, strawberries, cookies, raisins, carrots",
    ("sweet", "fresh", "tasty", "crunchy"),
    plural=True,
)
FOODS = FRUIT + BAKED + HANDFULS
FLOWERS = _things(
    "roses, tulips, sunflowers, poppies, daisies, bluebells, buttercups, pansies",
    ("fresh", "bright", "pretty", "wild", "lovely"),
    plural=True,
)
TREES = _words("oak pine willow maple birch elm chestnut")

PLACES = (
    Place("park", "in", ("under a bench", "behind the swings", "next to the pond")),
    Place("forest", "in", ("under a fern", "behind a mossy log", "between two roots")),
    Place("garden", "in", ("under a bush", "behind the roses", "next to the watering can")),
    Place("meadow", "in", ("in the tall grass", "under a thistle", "next to a big stone")),
    Place("beach", "on", ("behind a rock", "under some seaweed", "next to a sandy hill")),
    Place("lake", "by", ("under the old dock", "between the reeds", "behind a rowing boat")),
    Place("river", "by", ("between two stones", "under the bridge", "in the reeds")),
    Place("hill", "on", ("behind a big rock", "under a bush", "in the soft moss")),
    Place("farm", "on", ("behind the barn", "in the hay", "next to the fence")),
    Place("orchard", "in", ("under an apple tree", "behind a ladder", "in an empty basket")),
)

ANY_DAY = (
    "One day,",
    "One day,",
    "One sunny day,",
    "One morning,",
    "One bright morning,",
    "One afternoon,",
    "One warm day,",
    "Early one morning,",
    "On Saturday,",
    "On Sunday morning,",
)
RAINY_DAY = (
    "One rainy day,",
    "One wet afternoon,",
    "One gray and rainy morning,",
    "On a rainy Sunday,",
)
WINTER_DAY = ("One winter day,", "One cold morning,", "One icy morning,", "On a cold winter day,")
PLAIN_DAY = ("One day,", "One morning,", "One afternoon,", "On Saturday,", "On Sunday,")
