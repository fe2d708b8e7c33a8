"""The head's form: its outline as a signed distance, and its relief as a height map."""

from dataclasses import dataclass

import numpy as np

from lipwright.presenter.canvas import Canvas, Map, bump, pair, smooth
from lipwright.presenter.identity import Identity, Shape

CENTRE_Y = 0.2
"""Height of the point about which the outline is described by a radius for each angle."""


@dataclass(frozen=True)
class Head:
    """Maps of the head on the canvas, each (h, w) float32.

    `distance` is the signed distance to the outline (negative inside), `rho` the distance from the centre as
    a share of the outline's radius, `height` the relief that is lit, `depth` a smoother relief that moves the
    picture when the head turns (all in face units but rho).
    """

    distance: Map
    rho: Map
    height: Map
    depth: Map


def outline(shape: Shape) -> tuple[Map, Map]:
    """Radius of the outline (720,) and its slope over the radius, for angles -pi..pi from straight down."""
    jaw, chin = shape.jaw * shape.cheeks, shape.chin_y
    points = np.array(
        [
            (0.0, chin),
            (0.17 * shape.chin_width, chin - 0.015),
            (0.34 * shape.chin_width, chin - 0.085),
            (0.56 * jaw, chin - 0.29),
            (0.745 * jaw, chin - 0.56),
            (0.865 * (jaw + shape.cheeks) / 2, 0.76),
            (0.945 * shape.cheeks, 0.40),
            (0.985 * shape.cheeks, 0.05),
            (0.995 * shape.skull, -0.35),
            (0.95 * shape.skull, -0.72),
            (0.80 * shape.skull, -1.06),
            (0.52 * shape.skull, -1.31 * shape.skull),
            (0.25 * shape.skull, -1.41 * shape.skull),
            (0.0, -1.44 * shape.skull),
        ]
    )
    angles = np.arctan2(points[:, 0], points[:, 1] - CENTRE_Y)
    radii = np.hypot(points[:, 0], points[:, 1] - CENTRE_Y)
    steps = np.linspace(-np.pi, np.pi, 721)[:-1]
    radius = np.interp(np.abs(steps), angles, radii)
    kernel = np.exp(-0.5 * (np.arange(-36, 37) / 11.0) ** 2)
    padded = np.concatenate([radius[-36:], radius, radius[:36]])
    radius = np.convolve(padded, kernel / kernel.sum(), "valid")
    slope = np.gradient(radius, steps[1] - steps[0]) / radius
    return radius.astype(np.float32), slope.astype(np.float32)


def model_head(canvas: Canvas, who: Identity) -> Head:
    """Outline and relief of a presenter's head on the canvas."""
    x, y = canvas.x, canvas.y
    radius, slope = outline(who.shape)
    angle = np.arctan2(x, y - CENTRE_Y)
    place = (angle + np.pi) * (720.0 / (2.0 * np.pi))
    ticks = np.arange(721)
    r = np.interp(place, ticks, np.append(radius, radius[0])).astype(np.float32)
    k = np.interp(place, ticks, np.append(slope, slope[0])).astype(np.float32)
    reach = np.hypot(x, y - CENTRE_Y)
    distance = (reach - r) / np.sqrt(1.0 + k * k)
    rho = reach / r
    base = 0.80 * np.power(np.clip(1.0 - np.power(rho, 2.7), 0.0, 1.0), 0.62)
    nose = _nose(x, y, who.shape)
    height = base + nose + _relief(canvas, who) + _folds(x, y, who)
    return Head(distance, rho, canvas.soften(height, 0.018), _depth(canvas, who, nose))


def _nose(x: Map, y: Map, shape: Shape) -> Map:
    """Bridge, tip and wings."""
    base, wide = shape.nose_length, shape.nose_width
    along = np.clip((y + 0.12) / (base + 0.06), 0.0, 1.15)
    rise = (0.040 + 0.165 * np.power(along, 1.5)) * shape.nose_height
    rise += 0.030 * shape.nose_hump * np.exp(-0.5 * ((along - 0.42) / 0.16) ** 2)
    width = (0.092 + 0.034 * along) * wide
    ends = smooth(-0.40, 0.12, y) * smooth(base + 0.055, base - 0.17, y + 0.9 * x * x)
    bridge = rise * np.exp(-0.62 * np.power(np.abs(x) / width, 2.0)) * ends
    bridge += 0.045 * bump(x, y, 0.0, 0.32, 0.17 * wide, 0.24)
    tip = 0.120 * shape.nose_tip * bump(x, y, 0.0, base - 0.105, 0.092 * wide, 0.078)
    wing_y = base - 0.068
    u, v = (np.abs(x) - 0.160 * wide) / (0.085 * wide), (y - wing_y) / 0.080
    wing = 0.115 * np.power(np.clip(1.0 - 0.42 * (u * u + v * v), 0.0, 1.0), 1.6)
    return np.asarray(bridge + tip + wing)


def _relief(canvas: Canvas, who: Identity) -> Map:
    """Brows, sockets, cheeks, muzzle and chin."""
    x, y, shape, eyes, mouth = canvas.x, canvas.y, who.shape, who.eyes, who.mouth
    drop = shape.chin_y - 1.70
    side = np.abs(x)
    relief = 0.055 * shape.brow_ridge * pair(x, y, 0.40, eyes.brow_y + 0.05, 0.26, 0.085)
    relief -= 0.085 * pair(x, y, eyes.x - 0.02, -0.03, 0.22, 0.13)
    relief -= 0.05 * pair(x, y, 0.17, -0.03, 0.06, 0.10)
    relief += 0.055 * pair(x, y, eyes.x, 0.01, 0.17, 0.10)
    relief -= 0.030 * pair(x, y, 0.90, -0.30, 0.13, 0.28)
    relief += 0.055 * shape.cheekbones * pair(x, y, 0.60, 0.40, 0.22, 0.17)
    relief += 0.025 * pair(x, y, 0.42, 0.60, 0.16, 0.16)
    relief -= 0.040 * shape.cheekbones * pair(x, y, 0.66, 0.90, 0.16, 0.24)
    relief += 0.075 * bump(x, y, 0.0, mouth.y - 0.02, 0.34, 0.24)
    philtrum = smooth(shape.nose_length + 0.02, shape.nose_length + 0.10, y) * smooth(
        mouth.y - 0.02, mouth.y - 0.12, y
    )
    relief += philtrum * (
        0.010 * np.exp(-0.5 * ((side - 0.062) / 0.024) ** 2) - 0.018 * np.exp(-0.5 * (x / 0.034) ** 2)
    )
    relief -= 0.038 * bump(x, y, 0.0, mouth.y + 0.26 + 0.4 * drop, 0.20, 0.055)
    relief += 0.075 * bump(x, y, 0.0, shape.chin_y - 0.19, 0.21 * shape.chin_width, 0.13)
    relief -= 0.022 * shape.cleft * bump(x, y, 0.0, shape.chin_y - 0.13, 0.022, 0.08)
    corner = pair(x, y, mouth.half_width + 0.05, mouth.y + 0.01, 0.035, 0.05)
    relief -= 0.016 * corner
    return relief


def _folds(x: Map, y: Map, who: Identity) -> Map:
    """Creases that age deepens: forehead, between the brows, bags under the eyes."""
    age = who.skin.age
    side = np.abs(x)
    folds = np.zeros_like(x)
    for row, strength in ((-0.56, 1.0), (-0.69, 0.8), (-0.82, 0.5)):
        line = y - row + 0.05 * np.cos(2.2 * x) - 0.03 * np.cos(7.0 * x + row * 9.0)
        folds -= (
            0.010
            * strength
            * max(age - 0.45, 0.0)
            * np.exp(-0.5 * (line / 0.018) ** 2)
            * smooth(0.75, 0.35, side)
        )
    folds -= 0.012 * max(age - 0.4, 0.0) * pair(x, y, 0.07, -0.24, 0.016, 0.07)
    bag = y - 0.17 - 0.10 * np.cos(np.clip((side - who.eyes.x) * 5.0, -1.5, 1.5)) + 0.06
    band = np.exp(-0.5 * ((side - who.eyes.x + 0.02) / 0.14) ** 2)
    folds -= (0.004 + 0.014 * age) * np.exp(-0.5 * (bag / 0.022) ** 2) * band
    return folds


def _depth(canvas: Canvas, who: Identity, nose: Map) -> Map:
    """How far a point stands before the axis of turning; defined beyond the outline too."""
    x, y = canvas.x, canvas.y
    across = np.clip(1.0 - np.power(np.abs(x) / 1.06, 2.4), -0.30, 1.0)
    down = 0.45 + 0.55 * smooth(-1.5, -0.5, y) - 0.12 * smooth(1.2, 1.9, y)
    depth = 0.72 * across * np.where(across > 0, down, np.float32(1.0))
    muzzle = 0.07 * bump(x, y, 0.0, who.mouth.y, 0.30, 0.26) + 0.06 * bump(
        x, y, 0.0, who.shape.chin_y - 0.15, 0.22, 0.16
    )
    return canvas.soften((depth + muzzle + 0.85 * nose).astype(np.float32), 0.05)
