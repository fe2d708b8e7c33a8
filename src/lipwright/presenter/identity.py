"""Who a presenter is: every trait drawn from one seed.

Colours are linear light (r, g, b), 0..1. Lengths are face units (half a face's width, see canvas).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]

HAIR_STYLES = (
    "bald", "buzz", "crop", "parted", "quiff", "receding", "curls", "afro",
    "pixie", "bob", "fringe", "long", "waves", "bun", "ponytail",
)  # fmt: skip
MASCULINE_STYLES = ("bald", "buzz", "crop", "parted", "quiff", "receding", "curls", "afro")
FEMININE_STYLES = (
    "pixie",
    "bob",
    "fringe",
    "long",
    "waves",
    "bun",
    "ponytail",
    "curls",
    "afro",
    "long",
    "waves",
)
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
BACKGROUNDS = ("plain", "window", "shelves", "lights", "studio")
CLOTHES = ("crew", "vneck", "shirt", "jacket", "turtleneck")
FRAMES = ("none", "round", "square", "oval")


@dataclass(frozen=True)
class Shape:
    """Proportions of the head: factors near 1 unless said otherwise."""

    cheeks: float
    jaw: float
    chin_width: float
    chin_y: float  # face units, near 1.7
    skull: float
    brow_ridge: float
    nose_width: float
    nose_length: float  # y of the nose's base, near 0.74
    nose_height: float
    nose_hump: float  # -1 scooped..1 humped
    nose_tip: float
    cheekbones: float
    cleft: float  # 0..1
    ears: float
    neck: float


@dataclass(frozen=True)
class Skin:
    """Colour and texture of the skin; amounts go from 0 to 1."""

    albedo: Colour
    blush: float
    freckles: float
    mole_x: float
    mole_y: float
    mole: float
    age: float
    shine: float
    speckle: float


@dataclass(frozen=True)
class Eyes:
    """Eyes and brows."""

    x: float
    half_width: float
    upper: float
    lower: float
    tilt: float
    iris: Colour
    lashes: float
    makeup: float
    brow_y: float
    brow_thickness: float
    brow_arch: float
    brow_colour: Colour


@dataclass(frozen=True)
class Mouth:
    """Lips and teeth."""

    y: float
    half_width: float
    upper: float
    lower: float
    bow: float
    smile: float
    colour: Colour
    gloss: float
    teeth: Colour
    tooth: float  # width of a middle incisor


@dataclass(frozen=True)
class Hair:
    """Style and colour of the hair, and the beard."""

    style: str
    colour: Colour
    tip: Colour
    line: float  # shift of the hairline, face units, > 0 is lower
    volume: float
    side: int  # -1 or 1: where the parting is
    gray: float
    beard: str
    beard_colour: Colour


@dataclass(frozen=True)
class Setting:
    """Clothes, glasses, light and what is behind the presenter."""

    clothes: str
    cloth: Colour
    under: Colour
    glasses: str
    glasses_colour: Colour
    earrings: bool
    background: str
    wall: Colour
    accent: Colour
    key_x: float  # direction towards the key light, x to the right
    key_y: float
    key: float
    fill: float
    warmth: float  # -1 cool..1 warm


@dataclass(frozen=True)
class Identity:
    """All traits of one presenter."""

    seed: int
    feminine: bool
    shape: Shape
    skin: Skin
    eyes: Eyes
    mouth: Mouth
    hair: Hair
    setting: Setting


def linear(srgb: Sequence[float]) -> Colour:
    """Linear light of display values 0..255 (square law, the renderer's own encoding)."""
    r, g, b = ((float(value) / 255.0) ** 2 for value in srgb)
    return r, g, b


SKINS = (
    (241, 212, 194), (239, 204, 181), (238, 199, 172), (231, 186, 155), (221, 172, 138),
    (207, 155, 118), (189, 134, 98), (166, 112, 80), (140, 91, 64), (116, 75, 54), (94, 61, 46),
)  # fmt: skip
HAIRS = (
    (34, 29, 30), (44, 34, 30), (62, 44, 34), (84, 58, 40), (108, 76, 50), (138, 100, 64),
    (172, 134, 88), (204, 170, 118), (142, 74, 44), (164, 92, 54), (150, 148, 148), (205, 204, 202),
)  # fmt: skip
IRISES = (
    (74, 46, 30), (92, 60, 36), (112, 80, 46), (104, 104, 62), (84, 110, 92), (92, 122, 150),
    (116, 144, 168), (108, 118, 128),
)  # fmt: skip
CLOTH = (
    (48, 58, 78), (72, 82, 96), (92, 96, 98), (60, 72, 66), (108, 84, 78), (122, 112, 100),
    (70, 66, 84), (150, 146, 138), (96, 62, 66), (64, 88, 98), (184, 180, 172), (40, 42, 46),
)  # fmt: skip
WALLS = (
    (176, 180, 184), (150, 158, 166), (196, 192, 184), (132, 140, 144), (168, 164, 154), (186, 182, 178),
    (112, 120, 130), (142, 138, 130), (204, 202, 198), (158, 166, 160),
)  # fmt: skip


def _near(rng: np.random.Generator, centre: float, spread: float) -> float:
    """A normal draw that never leaves two spreads."""
    return centre + spread * float(np.clip(rng.standard_normal(), -2.0, 2.0))


def _tinted(rng: np.random.Generator, srgb: Sequence[float], spread: float) -> Colour:
    common = _near(rng, 0.0, spread)
    return linear([float(np.clip(v + common + _near(rng, 0.0, spread * 0.35), 4, 252)) for v in srgb])


def _draw_shape(rng: np.random.Generator, feminine: bool) -> Shape:
    f = 1.0 if feminine else 0.0
    return Shape(
        cheeks=_near(rng, 0.985, 0.025),
        jaw=_near(rng, 1.0 - 0.045 * f, 0.04),
        chin_width=_near(rng, 1.03 - 0.10 * f, 0.08),
        chin_y=_near(rng, 1.70 - 0.06 * f, 0.035),
        skull=_near(rng, 1.0, 0.02),
        brow_ridge=_near(rng, 0.95 - 0.65 * f, 0.2),
        nose_width=_near(rng, 1.02 - 0.10 * f, 0.10),
        nose_length=_near(rng, 0.735 - 0.03 * f, 0.03),
        nose_height=_near(rng, 1.0 - 0.1 * f, 0.1),
        nose_hump=_near(rng, 0.1 - 0.3 * f, 0.3),
        nose_tip=_near(rng, 1.0, 0.12),
        cheekbones=_near(rng, 1.0, 0.25),
        cleft=max(0.0, _near(rng, -0.5, 0.6)) * (1.0 - 0.7 * f),
        ears=_near(rng, 1.0, 0.09),
        neck=_near(rng, 0.98 - 0.16 * f, 0.04),
    )


def _draw_skin(rng: np.random.Generator, feminine: bool, tone: int, age: float) -> Skin:
    pale = tone <= 3
    return Skin(
        albedo=_tinted(rng, [0.965 * v for v in SKINS[tone]], 4.0),
        blush=float(rng.uniform(0.25, 0.8 if feminine else 0.6)),
        freckles=float(rng.uniform(0.35, 1.0)) if pale and rng.random() < 0.25 else 0.0,
        mole_x=float(rng.uniform(-0.7, 0.7)),
        mole_y=float(rng.choice((0.5, 0.6, 0.85, 1.2))),
        mole=float(rng.random() < 0.2),
        age=age,
        shine=float(rng.uniform(0.35, 0.9)),
        speckle=float(rng.uniform(0.5, 1.0)),
    )


def _draw_eyes(rng: np.random.Generator, feminine: bool, tone: int, brow: Colour) -> Eyes:
    f = 1.0 if feminine else 0.0
    shades = IRISES[:3] if tone >= 6 else IRISES[:4] if tone >= 4 else IRISES
    return Eyes(
        x=_near(rng, 0.432, 0.015),
        half_width=_near(rng, 0.212 + 0.008 * f, 0.008),
        upper=_near(rng, 0.101 + 0.010 * f, 0.008),
        lower=_near(rng, 0.058, 0.006),
        tilt=_near(rng, 0.018, 0.022),
        iris=_tinted(rng, shades[int(rng.integers(len(shades)))], 6.0),
        lashes=_near(rng, 0.45 + 0.45 * f, 0.08),
        makeup=float(rng.uniform(0.0, 0.7)) * f,
        brow_y=_near(rng, -0.30 - 0.03 * f, 0.02),
        brow_thickness=_near(rng, 0.062 - 0.014 * f, 0.008),
        brow_arch=_near(rng, 0.035 + 0.02 * f, 0.015),
        brow_colour=brow,
    )


def _draw_mouth(rng: np.random.Generator, feminine: bool, skin: Colour, chin_y: float) -> Mouth:
    f = 1.0 if feminine else 0.0
    red = np.array([0.92, 0.42, 0.43]) if not feminine else np.array([1.0, 0.41, 0.45])
    base = np.asarray(skin) * red * rng.uniform(0.80, 0.92)
    # Dark skin has lips that are pinker than the skin, not only darker.
    rosy = np.array([0.36, 0.10, 0.095]) * rng.uniform(0.8, 1.1)
    base = base + (rosy - base) * float(np.clip(0.75 - 2.0 * np.mean(skin), 0.0, 0.5))
    if feminine and rng.random() < 0.45:
        lipstick = np.asarray(linear(((186, 74, 82), (168, 62, 88), (196, 98, 96))[int(rng.integers(3))]))
        base = base * 0.45 + lipstick * 0.55 * (0.55 + 0.45 * float(np.mean(skin)) / 0.5)
    white = float(rng.uniform(0.66, 0.80))
    return Mouth(
        y=_near(rng, 1.06, 0.02) + 0.3 * (chin_y - 1.70),
        half_width=_near(rng, 0.385 - 0.015 * f, 0.022),
        upper=_near(rng, 0.098 + 0.018 * f, 0.014),
        lower=_near(rng, 0.135 + 0.018 * f, 0.016),
        bow=_near(rng, 1.0 + 0.2 * f, 0.2),
        smile=_near(rng, 0.95, 0.25),
        colour=(float(base[0]), float(base[1]), float(base[2])),
        gloss=float(rng.uniform(0.12, 0.35)) + 0.25 * f,
        teeth=(white, white * float(rng.uniform(0.93, 0.97)), white * float(rng.uniform(0.80, 0.92))),
        tooth=_near(rng, 0.122, 0.006),
    )


def _draw_hair(rng: np.random.Generator, feminine: bool, tone: int, age: float) -> Hair:
    shades = 4 if tone >= 6 else 6 if tone >= 4 else 10
    gray = float(np.clip((age - 0.55) * 2.2 + rng.uniform(-0.2, 0.2), 0.0, 1.0))
    shade = np.asarray(HAIRS[int(rng.integers(shades))], float)
    shade += (np.asarray(HAIRS[11 if age > 0.85 else 10]) - shade) * gray
    styles = FEMININE_STYLES if feminine else MASCULINE_STYLES
    colour = _tinted(rng, shade.tolist(), 4.0)
    tip = np.minimum(np.asarray(colour) * rng.uniform(1.0, 1.35), 1.0)
    beard = "none"
    if not feminine and rng.random() < 0.5:
        beard = str(rng.choice(BEARDS[1:], p=(0.55, 0.05, 0.2, 0.2)))
    darker = np.asarray(colour) * (0.85 if gray < 0.5 else 1.0)
    return Hair(
        style=str(rng.choice(styles)),
        colour=colour,
        tip=(float(tip[0]), float(tip[1]), float(tip[2])),
        line=_near(rng, 0.0, 0.04) - 0.05 * age,
        volume=_near(rng, 1.0, 0.2),
        side=int(rng.choice((-1, 1))),
        gray=gray,
        beard=beard,
        beard_colour=(float(darker[0]), float(darker[1]), float(darker[2])),
    )


def _draw_setting(rng: np.random.Generator, feminine: bool, age: float) -> Setting:
    glasses = str(rng.choice(FRAMES[1:])) if rng.random() < 0.2 + 0.2 * age else "none"
    frame = ((30, 30, 34), (74, 52, 40), (116, 112, 108), (60, 66, 84))[int(rng.integers(4))]
    return Setting(
        clothes=str(rng.choice(CLOTHES)),
        cloth=_tinted(rng, CLOTH[int(rng.integers(len(CLOTH)))], 6.0),
        under=_tinted(rng, ((222, 222, 220), (196, 204, 212), (60, 62, 68))[int(rng.integers(3))], 5.0),
        glasses=glasses,
        glasses_colour=linear(frame),
        earrings=feminine and bool(rng.random() < 0.4),
        background=str(rng.choice(BACKGROUNDS)),
        wall=_tinted(rng, WALLS[int(rng.integers(len(WALLS)))], 6.0),
        accent=_tinted(rng, WALLS[int(rng.integers(len(WALLS)))], 14.0),
        key_x=float(rng.choice((-1, 1))) * float(rng.uniform(0.25, 0.65)),
        key_y=float(rng.uniform(-0.75, -0.40)),
        key=float(rng.uniform(0.92, 1.10)),
        fill=float(rng.uniform(0.34, 0.52)),
        warmth=_near(rng, 0.1, 0.35),
    )


def draw_identity(seed: int) -> Identity:
    """The presenter of a seed (any non-negative int): the same seed is always the same person."""
    rng = np.random.default_rng([seed, 0x11B5])
    feminine = bool(rng.random() < 0.5)
    tone = int(rng.integers(len(SKINS)))
    age = float(rng.beta(1.6, 2.2))
    shape = _draw_shape(rng, feminine)
    skin = _draw_skin(rng, feminine, tone, age)
    hair = _draw_hair(rng, feminine, tone, age)
    dark = np.minimum(np.asarray(hair.colour) * 0.6, 0.12 + 0.2 * hair.gray)
    brow = (float(dark[0]), float(dark[1]), float(dark[2]))
    return Identity(
        seed=seed,
        feminine=feminine,
        shape=shape,
        skin=skin,
        eyes=_draw_eyes(rng, feminine, tone, brow),
        mouth=_draw_mouth(rng, feminine, skin.albedo, shape.chin_y),
        hair=hair,
        setting=_draw_setting(rng, feminine, age),
    )
