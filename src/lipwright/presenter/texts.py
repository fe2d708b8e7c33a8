"""English sentences for the presenter to say, made of our own words and patterns.

The words are chosen for what they do to a mouth: many p, b, m, f, v, rounded and open vowels, numbers and
names. Texts of training seeds and of evaluation seeds share no pattern and no content word (see
`EVALUATION_SEED`), so no evaluation sentence was ever trained on.
"""

import numpy as np

EVALUATION_SEED = 1_000_000
"""Seeds from here up are for evaluation only and never trained on; training seeds stay below."""

LETTERS_PER_S = 14.0
"""Letters of text per second of speech at a usual rate, measured on the voices of `voice.draw_voice`."""

_STREAM = 1_101
"""Keeps the draws of texts apart from other draws with the same seed."""

_WORDS = {
    "person": """Peter Barbara Bob Mary Philip Vivian Emma Oliver Pamela Tom Fiona Simon Beth Victor Amber
        Paul Sophia Walter Phoebe Martin Olga Bruno Maeve Robert Wanda Fabian Joyce Humphrey Molly Evan Ruth
        Boris Yvonne Patrick Bella Matthew Vera Joe Monica Hugo Penelope Ben Mabel Frank Louise Abby Theo
        Ophelia Rob Gwen""",
    "place": """Paris Bombay Moscow Vienna Boston Lima Oslo Fargo Berlin Verona Madrid Bristol Tampa Havana
        Dover Malmo Bergen Phoenix Warsaw Tokyo Bath Memphis Cuba Panama Wales Mumbai Zurich Bali Porto
        Vermont Geneva Brooklyn Fiji Peru Naples Ohio Prague Athens Bologna Hamburg""",
    "thing": """map boat apple drum pipe book vase lamp problem poem bubble thumb movie program beaver
        umbrella sofa window phone elbow video wolf pumpkin shovel moon shoe chair jacket whistle puzzle
        muffin violin blanket camera tooth feather hammer balloon mushroom thimble coffee pot river stove
        bowl room pillow bottle parcel number farm van oven ruler button kitchen garage spoon magpie owl
        wheel path teapot goat engine""",
    "quality": """big warm purple empty brave funny smooth fabulous warm yellow mighty broken pale beautiful
        modern heavy fresh open soft famous blue impossible proper woven loud brown lovely awful bumpy
        polite fluffy shallow rough amber bold round thin rapid orange humble vivid hollow green vast spare
        rubber foggy marvellous""",
    "action": """moved bought found painted followed wrapped opened measured borrowed dropped fixed pushed
        improved packed mended showed buried thanked described loved forgot brought covered helped watched
        filmed mopped chose mailed weighed shaved polished threw approved saved blamed""",
    "manner": """before breakfast, above the village, by the old bridge, for five months, every morning,
        with both hands, after the fire, behind my house, in poor weather, on a warm afternoon, without a
        word, far from home, at half past four, from my pocket, through the back door, in the small valley,
        before the storm, by mistake, for a whole week, under the bamboo""",
    "group": """people farmers mothers bakers boys women voters drivers painters members fathers babies
        wolves pupils teachers musicians owls foxes sheep pirates judges neighbours players visitors doctors
        beavers""",
}
_HUNDREDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_SMALL = [*_HUNDREDS, *_TEENS.split()]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]

_TRAINING_PATTERNS = (
    "{person} {action} the {quality} {thing} {manner}.",
    "My {thing} was {quality}, but {person} {action} it {manner}.",
    "We saw {number} {quality} {group} near {place}.",
    "Why have the {group} of {place} never {action} a {thing}?",
    "{person} and {person} put {number} dollars on the {thing}.",
    "Please open the {quality} {thing}, {person}.",
    "{number} {group} from {place} {action} my {thing} {manner}.",
    "If you move the {thing}, both {group} may follow you to {place}.",
    "Maybe the {quality} {thing} above {place} belongs to {person}.",
    "I hope {person} will bring me a {quality} {thing}!",
    "Oh, what a {quality} {thing} {person} {action}!",
    "From {place} to {place} it is about {number} miles.",
    "Stop. Wait for the {quality} {group}. Now give {person} the {thing}.",
    "You {action} the {thing} in {place}, and the {group} {action} the {thing} here.",
    "Who in {place} would pay {number} pounds for such a {quality} {thing}?",
    "Five big {group} watched how {person} {action} the {thing}.",
    "Papa, mama and the {quality} {group} were home {manner}.",
    "For {person}, {place} was more {quality} than any {thing}.",
)
_EVALUATION_PATTERNS = (
    "In {place} somebody {action} a {thing} that nobody had ever thought {quality}.",
    "The {group} have {number} {thing} makers, {person} told us {manner}.",
    "Could {person} possibly have {action} every {quality} {thing}?",
    "Above all, be {quality} with the {thing} of {person}.",
    "Room {number}, over by the {thing}, is where the {group} of {place} wait.",
    "When {person} {action} my {thing}, it became {quality}.",
    "A {quality} {thing} and {number} {group}: that is what we found {manner}.",
    "Both {person} and the {group} of {place} prefer a {quality} {thing} to a {thing}.",
    "Move over, {person}, the {group} want to film this {quality} {thing}.",
    "Fog covered {place} {manner}, so the {quality} {group} {action} nothing.",
    "Believe me, {number} is a very {quality} number for a {thing}.",
    "What the {group} {action} {manner} was probably my {thing}.",
)


def draw_text(seed: int, seconds: float = 4.0) -> str:
    """Sentences that take about `seconds` to say; the same seed gives the same text."""
    rng = np.random.default_rng([_STREAM, seed])
    evaluation = seed >= EVALUATION_SEED
    patterns = _EVALUATION_PATTERNS if evaluation else _TRAINING_PATTERNS
    sentences: list[str] = []
    letters = 0
    while letters < seconds * LETTERS_PER_S:
        pattern = patterns[rng.integers(len(patterns))]
        sentences.append(_filled(pattern, evaluation, rng))
        letters += len(sentences[-1]) + 1
        if letters + 0.5 * len(sentences[-1]) > seconds * LETTERS_PER_S:
            break
    return " ".join(sentences)


def content_words(kind: str, evaluation: bool) -> list[str]:
    """Words or phrases of one kind: every other one is kept for evaluation."""
    text = " ".join(_WORDS[kind].split())
    words = [word.strip() for word in text.split(",")] if "," in text else text.split()
    return list(dict.fromkeys(words))[int(evaluation) :: 2]


def _filled(pattern: str, evaluation: bool, rng: np.random.Generator) -> str:
    """Fill the slots of a pattern, each with its own draw."""
    pieces = pattern.split("{")
    text = pieces[0]
    for piece in pieces[1:]:
        slot, _, rest = piece.partition("}")
        if slot == "number":
            word = _number(rng)
        else:
            words = content_words(slot, evaluation)
            word = words[rng.integers(len(words))]
        text += word + rest
    return text[0].upper() + text[1:]


def _number(rng: np.random.Generator) -> str:
    """A number from one to nine thousand in words."""
    size = rng.integers(4)
    small = _SMALL[rng.integers(len(_SMALL))]
    tens = f"{_TENS[rng.integers(len(_TENS))]} {_HUNDREDS[rng.integers(len(_HUNDREDS))]}"
    if size == 0:
        return small
    if size == 1:
        return tens
    head = _HUNDREDS[rng.integers(len(_HUNDREDS))]
    return f"{head} hundred and {small}" if size == 2 else f"{head} thousand {tens}"
