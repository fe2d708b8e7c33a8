"""The skin's own colour: tone, blush, freckles, stubble, brows, and how much light reaches each place."""

from dataclasses import dataclass

import numpy as np

from lipwright.presenter.canvas import Canvas, Map, bump, mix, paint, pair, smooth
from lipwright.presenter.head import Head
from lipwright.presenter.identity import Identity


@dataclass(frozen=True)
class Skin:
    """Maps on the canvas: `albedo` (h, w, 3) linear; `slopes` of the relief, `open_sky`, `shine` (h, w)."""

    albedo: Map
    slope_x: Map
    slope_y: Map
    open_sky: Map
    shine: Map


def paint_skin(canvas: Canvas, who: Identity, head: Head, shadow: Map) -> Skin:
    """The presenter's skin; `shadow` (h, w) is the darkening that hair casts, 0..1."""
    rng = np.random.default_rng([who.seed, 1])
    x, y = canvas.x, canvas.y
    albedo = _tone(canvas, who, rng)
    _marks(canvas, who, rng, albedo)
    pores = canvas.noise(rng, 0.018) * 0.55 + canvas.noise(rng, 0.03) * 0.45
    albedo *= (1.0 + 0.022 * who.skin.speckle * pores)[..., None]
    cover = beard_cover(canvas, who, rng)
    if cover is not None:
        paint(albedo, who.hair.beard_colour, cover)
    brows = _paint_brows(canvas, who, rng, albedo)
    relief = head.height + 0.00055 * who.skin.speckle * pores
    if cover is not None and who.hair.beard != "stubble":
        relief = relief + 0.015 * canvas.soften(cover, 0.03) + 0.006 * cover
    gx, gy = canvas.slopes(relief)
    sky = _open_sky(canvas, who, head) * (1.0 - shadow)
    oily = (
        0.40
        + 0.35 * bump(x, y, 0.0, who.shape.nose_length - 0.13, 0.09, 0.09)
        + 0.45 * bump(x, y, 0.0, -0.62, 0.5, 0.26)
    )
    oily += 0.35 * pair(x, y, 0.55, 0.36, 0.2, 0.14) + 0.2 * bump(
        x, y, 0.0, who.shape.chin_y - 0.2, 0.15, 0.12
    )
    light = 0.55 + 0.45 * min(1.0, float(np.mean(who.skin.albedo)) / 0.4)
    shine = oily * who.skin.shine * light * (1.0 + 0.10 * pores) * (1.0 - 0.8 * shadow)
    shine = shine * (1.0 - 0.9 * brows)
    if cover is not None:
        shine = shine * (1.0 - 0.8 * cover)
    limit = np.float32(2.2)
    steep = -2.2 + 1.25 * bump(x, y, 0.0, who.shape.nose_length, 0.26, 0.12)
    return Skin(
        albedo.astype(np.float32),
        np.clip(gx, -limit, limit),
        np.clip(gy, steep, limit).astype(np.float32),
        sky.astype(np.float32),
        shine.astype(np.float32),
    )


def _tone(canvas: Canvas, who: Identity, rng: np.random.Generator) -> Map:
    """Base colour with the face's regions: red cheeks, nose and ears, pale forehead, dark sockets."""
    x, y = canvas.x, canvas.y
    base = np.asarray(who.skin.albedo, np.float32)
    albedo = np.broadcast_to(base, (*x.shape, 3)).copy()
    light = float(base.mean())
    red = base * np.array([1.04, 0.70, 0.66], np.float32)
    mottle = 1.0 + 0.25 * canvas.noise(rng, 0.12) + 0.15 * canvas.noise(rng, 0.05)
    blush = who.skin.blush * pair(x, y, 0.58, 0.52, 0.20, 0.17)
    blush += 0.45 * bump(x, y, 0.0, 0.62, 0.15, 0.13) + 0.15 * bump(
        x, y, 0.0, who.shape.chin_y - 0.15, 0.2, 0.13
    )
    blush += 0.55 * smooth(0.93, 1.05, np.abs(x)) * smooth(0.9, 0.6, y) * smooth(-0.3, 0.0, y)
    paint(albedo, red, np.clip(blush * mottle * (0.30 + 0.35 * light), 0, 1))
    gold = base * np.array([1.03, 1.01, 0.93], np.float32)
    paint(albedo, gold, 0.7 * bump(x, y, 0.0, -0.75, 0.7, 0.35))
    socket = base * np.array([0.82, 0.70, 0.70], np.float32)
    dark = 0.55 * pair(x, y, 0.30, 0.10, 0.14, 0.07) * (0.5 + 0.5 * who.skin.age) + 0.30 * pair(
        x, y, who.eyes.x, -0.09, 0.20, 0.07
    )
    paint(albedo, socket, np.clip(dark, 0, 1))
    if who.eyes.makeup > 0:
        lid = base * np.array([0.50, 0.40, 0.42], np.float32)
        paint(albedo, lid, who.eyes.makeup * 0.6 * pair(x, y, who.eyes.x + 0.03, -0.085, 0.16, 0.045))
    broad = 1.0 + 0.025 * canvas.noise(rng, 0.3)[..., None] * np.array([0.6, 1.0, 1.1], np.float32)
    return np.asarray(albedo * broad, np.float32)


def _marks(canvas: Canvas, who: Identity, rng: np.random.Generator, albedo: Map) -> None:
    """Freckles and a mole, painted in place."""
    x, y, skin = canvas.x, canvas.y, who.skin
    brown = np.asarray(skin.albedo, np.float32) * np.array([0.66, 0.50, 0.40], np.float32)
    if skin.freckles > 0:
        place = (
            pair(x, y, 0.42, 0.36, 0.28, 0.18)
            + bump(x, y, 0.0, 0.35, 0.16, 0.2)
            + 0.2 * bump(x, y, 0, -0.6, 0.6, 0.3)
        )
        spots = smooth(1.05, 1.8, canvas.noise(rng, 0.032)) + 0.4 * smooth(1.1, 1.9, canvas.noise(rng, 0.04))
        paint(albedo, brown, np.clip(0.7 * skin.freckles * place * spots, 0, 0.8))
    if skin.mole > 0:
        reach = np.hypot(x - skin.mole_x, y - skin.mole_y)
        paint(albedo, brown * 0.5, 0.85 * smooth(0.030, 0.014, reach))


def beard_cover(canvas: Canvas, who: Identity, rng: np.random.Generator) -> Map | None:
    """How much of each place the beard hides (h, w), 0..1; None for a shaven or bare chin."""
    kind = who.hair.beard
    if kind == "none":
        return None
    x, y = canvas.x, canvas.y
    side, lips, chin = np.abs(x), who.mouth.y, who.shape.chin_y
    lip_bottom = lips + who.mouth.lower
    beneath = smooth(-0.03, 0.06, y - (who.shape.nose_length + 0.075 + 0.22 * side))
    moustache = beneath * smooth(lips + 0.10, lips + 0.0, y) * smooth(0.50, 0.36, side)
    soul = smooth(0.13, 0.05, side) * smooth(lip_bottom + 0.02, lip_bottom + 0.08, y)
    chin_part = smooth(0.36, 0.24, side + 0.15 * (chin - y)) * smooth(
        lips + 0.24, lips + 0.36, y + 0.25 * np.cos(3.0 * x)
    )
    ring = smooth(0.09, 0.03, np.abs(np.hypot(x / 0.44, (y - lips - 0.08) / 0.40) - 1.0) * 0.42)
    round_mouth = smooth(1.06, 0.94, np.hypot(x / 0.45, (y - lips - 0.08) / 0.42)) * smooth(
        lips, lips + 0.05, y
    )
    # The cheek line sags between the ear and the moustache; below it everything is beard.
    cheek_line = (
        lips - 0.06 - 0.55 * smooth(0.50, 0.98, side) + 0.10 * np.exp(-0.5 * ((side - 0.5) / 0.14) ** 2)
    )
    jawline = smooth(-0.08, 0.10, y - cheek_line) * smooth(0.20, 0.30, np.hypot(x, (y - lips - 0.02) * 1.7))
    growth = canvas.noise(rng, 0.02)
    hairs = canvas.noise(rng, 0.011, 0.045) + 0.6 * canvas.noise(rng, 0.025, 0.06)
    if kind == "stubble":
        place = np.clip(np.maximum(jawline, moustache) + 0.8 * soul + ring * 0.5, 0, 1)
        grain = np.clip(0.34 + 0.15 * growth + 0.12 * canvas.noise(rng, 0.012), 0.08, 0.7)
        return np.asarray(canvas.soften(place, 0.03) * grain, np.float32)
    if kind == "moustache":
        place = moustache
    elif kind == "goatee":
        place = np.maximum.reduce([moustache, chin_part, 0.85 * round_mouth, ring * smooth(0.25, 0.32, side)])
    else:
        place = np.maximum.reduce([moustache, jawline, chin_part, round_mouth])
    edge = canvas.soften(place.astype(np.float32), 0.02)
    thin = 1.0 - 0.40 * smooth(lips + 0.05, lips - 0.02, y) * smooth(0.42, 0.36, side)
    ragged = edge + 0.13 * hairs * (1.2 - edge) * smooth(0.02, 0.25, edge)
    return np.asarray(smooth(0.18, 0.72, ragged) * np.clip(0.86 + 0.09 * hairs, 0.5, 1.0) * thin, np.float32)


def _paint_brows(canvas: Canvas, who: Identity, rng: np.random.Generator, albedo: Map) -> Map:
    """Paint both brows in place; returns their cover (h, w), 0..1."""
    eyes = who.eyes
    side = np.abs(canvas.x)
    u = (side - 0.165) / 0.53
    inside = np.clip(u, 0.0, 1.0)
    arch = np.sin(0.5 * np.pi * np.clip(inside / 0.62, 0, 1)) - 1.5 * np.square(
        np.clip((inside - 0.62) / 0.38, 0, 1)
    )
    middle = eyes.brow_y + 0.015 - eyes.brow_arch * (arch - 0.35)
    half = eyes.brow_thickness * (0.72 + 0.50 * np.power(inside, 0.5) - 1.02 * np.power(inside, 2.4))
    half = np.maximum(half, 0.006)
    level = (canvas.y - middle) / half
    slant = u * 26.0 + level * (2.2 - 2.6 * inside)
    hairs = canvas.strands(rng, slant + 60.0 * (canvas.x > 0), level * 0.9 + 100.0)
    body = (
        smooth(1.25, 0.35, np.abs(level) + 0.22 * hairs)
        * smooth(-0.08, 0.16, u + 0.04 * level)
        * smooth(1.08, 0.86, u)
    )
    cover = np.clip(body * (0.84 + 0.12 * hairs), 0.0, 0.96)
    paint(albedo, eyes.brow_colour, cover)
    return np.asarray(cover, np.float32)


def _open_sky(canvas: Canvas, who: Identity, head: Head) -> Map:
    """Share of light that reaches each place: creases and the undersides are darker."""
    x, y, eyes = canvas.x, canvas.y, who.eyes
    side, base, wide = np.abs(x), who.shape.nose_length, who.shape.nose_width
    hollow = canvas.soften(head.height, 0.10) - canvas.soften(head.height, 0.02)
    sky = 1.0 - np.clip(4.0 * hollow, -0.06, 0.34)
    sky -= 0.22 * pair(x, y, eyes.x - 0.08, -0.10, 0.17, 0.05)
    sky -= 0.10 * bump(x, y, 0.0, base + 0.045, 0.17 * wide, 0.035)
    sky -= 0.12 * bump(x, y, 0.0, who.mouth.y + who.mouth.lower + 0.075, 0.17, 0.04)
    # Alar crease: an arc round the outside of each wing.
    arc = np.hypot((side - 0.150 * wide) / 1.0, (y - base + 0.075) / 0.95) - 0.118 * wide
    sky -= (
        0.20
        * np.exp(-0.5 * (arc / 0.018) ** 2)
        * smooth(0.15, 0.20, side)
        * smooth(base + 0.04, base - 0.02, y)
        * smooth(base - 0.22, base - 0.12, y)
    )
    u, v = (side - 0.088 * wide) / (0.058 * wide), (y - base - 0.004 + 0.18 * (side - 0.09)) / 0.024
    nostril = smooth(1.25, 0.55, np.hypot(u, v))
    sky = sky * (1.0 - 0.80 * nostril)
    sky *= 1.0 - 0.20 * smooth(0.93, 1.0, head.rho)
    return np.clip(sky, 0.1, 1.1)


def fold_map(canvas: Canvas, who: Identity) -> Map:
    """Darkness (h, w) of the fold from each nose wing to beside the mouth, 0..1, bright side negative."""
    side = np.abs(canvas.x)
    top, bottom = who.shape.nose_length - 0.08, who.mouth.y + 0.16
    t = np.clip((canvas.y - top) / (bottom - top), 0.0, 1.0)
    path = 0.235 * who.shape.nose_width + (who.mouth.half_width - 0.10) * np.power(t, 0.8) * 0.95
    off = side - path
    ends = smooth(top - 0.04, top + 0.10, canvas.y) * smooth(bottom + 0.02, bottom - 0.20, canvas.y)
    dark = np.exp(-0.5 * (np.where(off > 0, off / 0.028, off / 0.06)) ** 2)
    bright = 0.5 * np.exp(-0.5 * ((off - 0.085) / 0.05) ** 2)
    return np.asarray(mix(np.zeros_like(side), dark - bright, ends), np.float32)
