"""The mouth: lips, teeth and tongue as bands between curves of x, from the seven articulation parameters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.presenter.canvas import Map, smooth
from lipwright.presenter.identity import Identity, Mouth
from lipwright.presenter.parameters import HIGHEST, LOWEST
from lipwright.presenter.surface import Surface

JAW_DROP = 0.30
"""Drop of the chin at jaw 1 in face units: about 20 mm on a face 135 mm wide, a wide opening in speech."""


@dataclass(frozen=True)
class Lips:
    """The lips at one moment, in face units. Curves are functions of t = x / half_width in -1..1."""

    traits: Mouth
    half_width: float
    drop: float  # of the chin
    lift: float  # of the upper lip's inner edge
    fall: float  # of the lower lip's inner edge
    corner: float  # of the mouth's corners
    upper: float  # height of the upper red
    lower: float
    smile: float
    roundness: float
    press: float
    tuck: float
    tongue: float
    teeth: float
    jaw: float

    @property
    def opening(self) -> float:
        """Distance between the inner lip edges in the middle, face units."""
        return self.lift + self.fall

    def seam(self, t: Map) -> Map:
        """Where the closed lips would meet."""
        middle, sides = np.exp(-0.5 * (t / 0.17) ** 2), np.exp(-0.5 * ((np.abs(t) - 0.42) / 0.2) ** 2)
        strength = (
            (1.0 - self.roundness) * (1.0 - 0.7 * self.press) * (1.0 - 0.6 * min(1.0, 6.0 * self.opening))
        )
        bow = 0.014 * self.traits.bow * strength * (middle - 0.45 * sides)
        return np.asarray(self.traits.y + bow + (self.corner - 0.042 * self.smile) * t * t)

    def _arch(self, t: Map) -> Map:
        power = 0.80 - 0.18 * min(1.0, self.opening * 4.0) - 0.12 * self.roundness
        return np.power(np.clip(1.0 - t * t, 0.0, 1.0), power)

    def upper_inner(self, t: Map) -> Map:
        """Lower edge of the upper lip."""
        return self.seam(t) - self.lift * self._arch(t)

    def lower_inner(self, t: Map) -> Map:
        """Upper edge of the lower lip."""
        return self.seam(t) + self.fall * self._arch(t)

    def upper_outer(self, t: Map) -> Map:
        """Upper edge of the upper lip's red, with the cupid's bow."""
        s = np.abs(t)
        body = np.power(
            np.clip(1.0 - np.power(s, 1.55 + 0.6 * self.roundness), 0, 1), 1.05 - 0.5 * self.roundness
        )
        dip = 0.20 * self.traits.bow * np.exp(-0.5 * (s / 0.11) ** 2) - 0.10 * self.traits.bow * np.exp(
            -0.5 * ((s - 0.24) / 0.12) ** 2
        )
        return self.upper_inner(t) - self.upper * body * (1.0 - dip * (1.0 - 0.5 * self.roundness))

    def lower_outer(self, t: Map) -> Map:
        """Lower edge of the lower lip's red."""
        body = np.power(np.clip(1.0 - np.power(np.abs(t), 2.3), 0, 1), 0.95 - 0.45 * self.roundness)
        return self.lower_inner(t) + self.lower * body


def shape_lips(who: Identity, parameters: NDArray[np.float32]) -> Lips:
    """The lips for articulation parameters (7,), see `parameters.PARAMETERS`; clipped to their ranges."""
    jaw, width, roundness, press, tuck, tongue, teeth = (
        float(v) for v in np.clip(parameters, LOWEST, HIGHEST)
    )
    traits = who.mouth
    shut = press * press * (3.0 - 2.0 * press)
    free = (1.0 - shut) * (1.0 - 0.93 * tuck)
    drop = JAW_DROP * jaw
    lift = (0.050 * jaw + 0.050 * teeth + 0.012 * tongue) * (1.0 - shut) * (
        1.0 - 0.4 * roundness
    ) + 0.040 * tuck * (1.0 - shut)
    fall = (1.06 * drop + 0.030 * teeth + 0.070 * tongue + 0.020 * roundness) * free + 0.018 * tuck * (
        1.0 - shut
    )
    half = traits.half_width * (1.0 + 0.20 * width - 0.36 * roundness - 0.07 * jaw + 0.03 * press)
    thin = (
        (1.0 - 0.62 * shut) * (1.0 - 0.10 * max(width, 0.0)) * (1.0 + 0.28 * roundness) * (1.0 - 0.10 * jaw)
    )
    return Lips(
        traits=traits,
        half_width=max(half, 0.45 * traits.half_width),
        drop=drop * (1.0 - 0.65 * shut) * (1.0 - 0.50 * tuck),
        lift=lift,
        fall=fall,
        corner=0.40 * fall - 0.25 * lift,
        upper=traits.upper * thin * (1.0 - 0.10 * tuck),
        lower=traits.lower * thin * (1.0 - 0.45 * tuck),
        smile=traits.smile + 1.5 * max(width, 0.0) - 0.3 * roundness + 0.35 * shut,
        roundness=roundness, press=shut, tuck=tuck, tongue=tongue, teeth=teeth, jaw=jaw,
    )  # fmt: skip


def draw_mouth(surface: Surface, who: Identity, lips: Lips, turn: float) -> None:
    """Lay the mouth over the surface; `turn` is the sine of the yaw, which shifts what lies inside."""
    reach, y = lips.half_width, who.mouth.y
    part = surface.window(
        -reach - 0.08, reach + 0.08, y - lips.lift - lips.upper - 0.12, y + lips.fall + lips.lower + 0.2
    )
    if part is None:
        return
    t = np.clip(part.x * np.float32(1.0 / reach), -1.0, 1.0)
    inner_top, inner_bottom = lips.upper_inner(t), lips.lower_inner(t)
    within = part.edge(np.float32(reach) - np.abs(part.x), 1.5)
    _soft_skin(part, lips, t)
    _draw_lips(part, who, lips, t, within)
    if lips.opening > 0.004:
        hole = part.edge(part.y - inner_top) * part.edge(inner_bottom - part.y) * within
        _draw_inside(part, who, lips, t, hole, turn)
    gap = np.float32(0.010 + 0.2 * part.pixel)
    line = np.exp(-0.5 * ((part.y - 0.5 * (inner_top + inner_bottom)) / gap) ** 2) * (
        1.0 - np.power(np.abs(t), 6.0)
    )
    shut = max(0.0, 1.0 - lips.opening / 0.05)
    part.open_sky *= 1.0 - 0.72 * shut * line * (1.0 - 0.15 * lips.press)
    corner = np.exp(
        -0.5
        * (
            ((np.abs(part.x) - reach + 0.012) / 0.030) ** 2
            + ((part.y - lips.seam(np.ones_like(t))) / 0.018) ** 2
        )
    )
    part.open_sky *= 1.0 - 0.42 * corner


def _soft_skin(part: Surface, lips: Lips, t: Map) -> None:
    """Shade the skin under the lower lip and beside purse creases before the lips are laid over it."""
    below = part.y - lips.lower_outer(t)
    middle = np.clip(1.0 - t * t, 0.0, 1.0)
    part.open_sky *= 1.0 - 0.24 * np.exp(-0.5 * ((below - 0.03) / 0.035) ** 2) * middle
    if lips.roundness > 0:
        crease = np.sin(part.x * 60.0) * np.exp(-0.5 * ((np.abs(below) - 0.03) / 0.03) ** 2)
        part.open_sky *= 1.0 - 0.05 * lips.roundness * crease


def _draw_lips(part: Surface, who: Identity, lips: Lips, t: Map, within: Map) -> None:
    red = np.asarray(who.mouth.colour, np.float32)
    lines = np.sin(t * 46.0 + 5.0 * np.sin(t * 9.0)) * np.sin(t * 23.0 + 1.3)
    soft = max(1.6, 0.020 / part.pixel)
    inner_top, outer_top = lips.upper_inner(t), lips.upper_outer(t)
    inner_bottom, outer_bottom = lips.lower_inner(t), lips.lower_outer(t)
    b = np.clip((inner_top - part.y) / np.maximum(inner_top - outer_top, 1e-3), 0.0, 1.0)
    alpha = part.edge(part.y - outer_top, soft) * part.edge(inner_top - part.y + 0.006) * within
    slope = -0.50 + 0.75 * b - 0.6 * lips.roundness * (0.5 - b)
    part.cover(
        0.94 * alpha, red * (0.80 + 0.16 * b[..., None] + 0.03 * lines[..., None]),
        slope_x=0.45 * t, slope_y=slope, open_sky=0.66 + 0.30 * np.minimum(1.0, 2.6 * b),
        shine=who.mouth.gloss * np.exp(-0.5 * ((b - 0.75) / 0.16) ** 2) * (0.8 + 0.2 * lines) * 0.5,
    )  # fmt: skip
    b = np.clip((part.y - inner_bottom) / np.maximum(outer_bottom - inner_bottom, 1e-3), 0.0, 1.0)
    alpha = part.edge(outer_bottom - part.y, soft) * part.edge(part.y - inner_bottom + 0.006) * within
    slope = 0.50 - 1.15 * b + 0.3 * lips.tuck
    wet = np.exp(-0.5 * ((b - 0.36) / 0.15) ** 2) * np.exp(-0.5 * ((np.abs(t) - 0.16) / 0.26) ** 2)
    sky = 0.74 + 0.23 * np.minimum(1.0, 5.0 * b) - 0.10 * np.square(b)
    part.cover(
        0.94 * alpha, red * (1.10 - 0.16 * b[..., None] + 0.035 * lines[..., None]),
        slope_x=0.45 * t, slope_y=slope, open_sky=sky,
        shine=who.mouth.gloss * wet * (1.3 + 0.35 * lines),
    )  # fmt: skip


def _draw_inside(part: Surface, who: Identity, lips: Lips, t: Map, hole: Map, turn: float) -> None:
    """The cavity, tongue and teeth, shadowed by the upper lip and towards the corners."""
    x, y = part.x + np.float32(0.16 * turn), part.y
    traits = who.mouth
    top, bottom = lips.upper_inner(t), lips.lower_inner(t)
    side = np.abs(x) * np.float32(1.0 / lips.half_width)
    depth = np.array([0.050, 0.014, 0.013], np.float32)
    picture = np.broadcast_to(depth, (*x.shape, 3)).copy()
    _lower_teeth(part, lips, x, picture)
    _tongue(part, lips, x, picture)
    _upper_teeth(part, lips, x, picture)
    dim = 0.26 + 0.64 * smooth(0.0, 0.075, y - top + 0.010)
    dim = dim * (1.0 - 0.62 * np.square(np.clip(side, 0, 1))) * (0.75 + 0.25 * smooth(0.0, 0.03, bottom - y))
    dim = dim * np.float32(1.0 - 0.35 * lips.roundness)
    wet = 0.25 * (picture[..., 1] > 0.3) * np.exp(-0.5 * ((y - traits.y) / 0.03) ** 2)
    part.cover(hole, picture * dim[..., None], open_sky=0.95, shine=wet.astype(np.float32))


def tooth_edge(lips: Lips) -> float:
    """y of the biting edge of the upper teeth in the middle, face units."""
    return lips.traits.y + 0.006 + 0.046 * max(lips.teeth, 0.8 * lips.tuck) + 0.012 * lips.jaw


def _row(x: Map, tooth: float) -> tuple[Map, Map]:
    """Gaps (1 between teeth) and the rounding of each tooth's edge (0 middle..1 gap) along a row."""
    s = np.abs(x) / np.float32(tooth)
    s = np.where(s > 1.0, 1.0 + (s - 1.0) * 1.22 + 0.10 * np.square(s - 1.0), s)
    away = np.abs(s - np.round(s))
    return np.exp(-0.5 * (away / 0.055) ** 2), np.power(np.clip(1.0 - 2.0 * away, 0.0, 1.0), 2.5)


def _upper_teeth(part: Surface, lips: Lips, x: Map, picture: Map) -> None:
    gaps, rounding = _row(x, lips.traits.tooth)
    edge = tooth_edge(lips) + np.float32(lips.corner * 0.35 - 0.10) * np.square(x) * 1.6 - 0.012 * rounding
    alpha = part.edge(edge - part.y) * smooth(0.48, 0.40, np.abs(x))
    ivory = np.asarray(lips.traits.teeth, np.float32)
    high = np.clip((edge - part.y) / 0.12, 0.0, 1.0)
    tone = (1.0 - 0.30 * gaps * (0.4 + 0.6 * high)) * (0.92 + 0.08 * high) * (1.0 - 0.9 * np.square(x))
    picture += (ivory * tone[..., None] - picture) * alpha[..., None]
    shadow = np.exp(-0.5 * ((part.y - edge - 0.012) / 0.014) ** 2) * (part.y > edge)
    picture *= (1.0 - 0.35 * shadow)[..., None]


def _lower_teeth(part: Surface, lips: Lips, x: Map, picture: Map) -> None:
    gaps, rounding = _row(x, lips.traits.tooth * 0.70)
    base = lips.traits.y + lips.fall
    edge = (
        base
        - np.float32(0.028 + 0.022 * lips.teeth)
        - (lips.fall - lips.corner) * 0.75 * np.square(x / lips.half_width)
        + 0.008 * rounding
    )
    alpha = part.edge(part.y - edge) * smooth(0.27, 0.17, np.abs(x))
    ivory = np.asarray(lips.traits.teeth, np.float32) * np.float32(0.62)
    tone = (1.0 - 0.28 * gaps) * (1.0 - 1.6 * np.square(x))
    picture += (ivory * np.maximum(tone, 0.2)[..., None] - picture) * alpha[..., None]


def _tongue(part: Surface, lips: Lips, x: Map, picture: Map) -> None:
    low = lips.traits.y + lips.fall - 0.025 - 0.16 * lips.fall
    raised = tooth_edge(lips) - 0.012
    tip = low + (raised - low) * lips.tongue
    wide = lips.half_width * (0.80 - 0.22 * lips.tongue)
    edge = tip + (0.10 + 0.10 * lips.tongue) * np.square(x / wide) + 0.008 * np.exp(-0.5 * (x / 0.03) ** 2)
    alpha = part.edge(part.y - edge, 1.6)
    inside = np.clip((part.y - edge) / 0.10, 0.0, 1.0)
    pink = np.array([0.52, 0.18, 0.175], np.float32) * np.float32(0.72 + 0.42 * lips.tongue)
    tone = 0.70 + 0.55 * inside - 0.45 * np.square(inside) - 0.10 * np.exp(-0.5 * (x / 0.022) ** 2)
    picture += (pink * tone[..., None] - picture) * alpha[..., None]
