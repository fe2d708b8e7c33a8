"""Hair: a layer over the head and, for long styles, a layer behind the neck."""

from dataclasses import dataclass, replace

import numpy as np

from lipwright.presenter.canvas import Canvas, Map, smooth
from lipwright.presenter.head import Head
from lipwright.presenter.identity import Identity


@dataclass(frozen=True)
class Style:
    """A haircut in face units: thickness over the skull, the hairline and how far the hair falls."""

    top: float
    sides: float
    line: float  # y of the hairline over the nose
    temple: float = 0.0  # how far the hairline recedes beside it
    slope: float = 0.72  # from here outwards the hairline comes down
    burns: float = 0.18  # y where the hair ends before the ear
    parted: float = 0.0  # x of the parting, on the presenter's side
    swept: float = 0.0  # the hairline's slant to the side
    wave: float = 0.0
    curl: float = 0.0
    ragged: float = 0.03
    cover: float = 1.0  # opacity
    length: float = 0.0  # y where long hair ends; 0 is short
    width: float = 0.0  # half width of long hair
    back: str = ""  # what is behind: "", "bun", "tail"


STYLES = {
    "bald": Style(0, 0, -9),
    "buzz": Style(0.022, 0.010, -0.89, 0.06, ragged=0.012, cover=0.86, burns=0.10),
    "crop": Style(0.11, 0.035, -0.85, 0.04, ragged=0.035),
    "parted": Style(0.15, 0.045, -0.88, 0.05, parted=0.42, swept=0.16, ragged=0.03),
    "quiff": Style(0.20, 0.030, -0.90, 0.08, parted=0.20, swept=-0.05, wave=0.4, ragged=0.02),
    "receding": Style(0.06, 0.040, -1.02, 0.22, ragged=0.03, burns=0.2),
    "curls": Style(0.20, 0.10, -0.86, 0.02, curl=1.0, ragged=0.06),
    "afro": Style(0.34, 0.30, -0.92, 0.0, curl=1.6, ragged=0.03, burns=0.30),
    "pixie": Style(0.13, 0.060, -0.62, 0.0, 0.50, 0.34, parted=0.45, swept=0.34, ragged=0.07),
    "bob": Style(0.13, 0.12, -0.88, 0.0, 0.45, 0.4, parted=0.30, swept=0.22, length=1.50, width=1.22),
    "fringe": Style(0.12, 0.10, -0.47, 0.0, 0.66, 0.4, ragged=0.05, length=1.9, width=1.20),
    "long": Style(0.11, 0.09, -0.95, 0.0, 0.12, 0.4, parted=0.05, ragged=0.02, length=3.4, width=1.22),
    "waves": Style(
        0.14, 0.14, -0.93, 0.0, 0.22, 0.4, parted=0.28, swept=0.12, wave=1.0, length=3.4, width=1.36
    ),
    "bun": Style(0.07, 0.035, -0.88, 0.03, 0.60, 0.22, ragged=0.015, back="bun"),
    "ponytail": Style(0.08, 0.045, -0.87, 0.02, 0.55, 0.24, parted=0.30, swept=0.10, back="tail"),
}
"""The haircuts by name; lengths judged by eye on rendered sheets."""


@dataclass(frozen=True)
class Hair:
    """`front` and `back` are (h, w, 4) float32 layers: linear colour times alpha, then alpha; or None."""

    front: Map | None
    back: Map | None
    shadow: Map


def comb(canvas: Canvas, who: Identity, head: Head) -> Hair:
    """Paint the hair of a presenter."""
    rng = np.random.default_rng([who.seed, 2])
    none = np.zeros_like(canvas.x)
    style = STYLES[who.hair.style]
    if who.hair.style == "bald":
        return Hair(None, None, none)
    volume = 0.75 + 0.25 * who.hair.volume
    style = replace(
        style, top=style.top * volume, sides=style.sides * volume, line=style.line + who.hair.line
    )
    grain = _grain(canvas, who, style, rng)
    front, inside = _front(canvas, who, head, style, grain)
    colour = _colour(canvas, who, style, grain, inside)
    back = _back(canvas, who, head, style, grain)
    cast = canvas.soften(np.roll(front, round(0.05 * canvas.density), axis=0), 0.045)
    strength = 0.55 if who.hair.style != "buzz" else 0.0
    shadow = np.clip(strength * cast * smooth(0.05, -0.03, head.distance), 0.0, 0.6)
    dark = colour * (0.40 + 0.15 * smooth(0.2, 1.8, canvas.y))[..., None]
    return Hair(_layer(colour, front), None if back is None else _layer(dark, back), shadow)


def _layer(colour: Map, alpha: Map) -> Map:
    return np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)


def _parting(who: Identity, style: Style) -> float:
    return style.parted * who.hair.side


def _grain(canvas: Canvas, who: Identity, style: Style, rng: np.random.Generator) -> Map:
    """Strands (h, w), about unit variance: lines that leave the parting and fall."""
    x, y = canvas.x, canvas.y
    part = _parting(who, style)
    spread = np.sqrt(np.clip((y + 1.62) / 1.5, 0.02, 1.0))
    bend = canvas.noise(rng, 0.35) * 0.035 + style.wave * (
        0.045 * np.sin(y * 8.5 + 1.5 * canvas.noise(rng, 0.9)) * smooth(-1.2, 0.2, y)
        + 0.012 * canvas.noise(rng, 0.22)
    )
    u = (x - part) / spread + bend
    fine = canvas.strands(rng, u * 70.0 + 128.0, y * 2.2 + 40.0)
    wide = canvas.strands(rng, u * 22.0 + 128.0, y * 1.3 + 90.0)
    strands = 0.60 * fine + 0.62 * wide
    if style.curl > 0:
        spiral = _curls(canvas, rng, 0.125 / style.curl)
        strands = (
            0.20 * fine * (style.curl < 1.5)
            + 0.75 * spiral
            + 0.30 * canvas.noise(rng, 0.022)
            + 0.3 * canvas.noise(rng, 0.16)
        )
    return np.asarray(strands, np.float32)


def _curls(canvas: Canvas, rng: np.random.Generator, size: float) -> Map:
    """Little spirals (h, w) round scattered centres, `size` face units apart; about -1..1."""
    u, v = (canvas.x + 4.0) / np.float32(size), (canvas.y + 4.0) / np.float32(size)
    count = int(9.0 / size)
    jitter = rng.uniform(-0.42, 0.42, (2, count, count)).astype(np.float32)
    phase = rng.uniform(0.0, 6.28, (count, count)).astype(np.float32)
    column, row = np.floor(u).astype(int), np.floor(v).astype(int)
    best, angle = np.full_like(u, 9.0), np.zeros_like(u)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            i, j = row + down, column + right
            du = u - (j + np.float32(0.5) + jitter[0][i, j])
            dv = v - (i + np.float32(0.5) + jitter[1][i, j])
            reach = np.hypot(du, dv)
            nearer = reach < best
            best = np.where(nearer, reach, best)
            angle = np.where(nearer, np.arctan2(dv, du) + phase[i, j], angle)
    return np.asarray(0.75 * np.sin(angle + 9.0 * best) + 1.1 * (0.45 - best), np.float32)


def _hairline(x: Map, who: Identity, style: Style) -> Map:
    """y below which there is skin, for every x."""
    part = _parting(who, style)
    s = np.abs(x)
    line = style.line - style.temple * np.exp(-0.5 * ((s - 0.46) / 0.17) ** 2)
    away = (x - part) * -np.sign(part) if part != 0 else s
    line = line + style.swept * (np.power(np.clip(away, 0, 1.6), 0.8) - 0.25 * smooth(0.3, 0.0, np.abs(away)))
    if style.slope > 0.4:
        fall = np.power(np.clip(s / 0.965, 0, 1.02), 2.2 + 6.0 * (style.slope - 0.4))
    else:
        fall = np.power(np.clip(np.abs(x - part) / np.where(x > part, 0.95 - part, 0.95 + part), 0, 1), 2.4)
    return np.asarray(line + (style.burns - line) * fall, np.float32)


def _front(canvas: Canvas, who: Identity, head: Head, style: Style, grain: Map) -> tuple[Map, Map]:
    """Alpha of the front layer and depth inside its outer edge (face units)."""
    x, y = canvas.x, canvas.y
    s, pixel = np.abs(x), 0.75 / canvas.density
    thick = style.sides + (style.top - style.sides) * smooth(-0.45, -1.15, y)
    if who.hair.style in ("parted", "quiff", "pixie"):
        thick = thick + 0.05 * smooth(-0.5, -1.2, y) * np.clip(-x * who.hair.side, -0.5, 1.0)
    if not style.length:
        thick = thick * smooth(style.burns + 0.12, style.burns - 0.45, y) + 0.004
    bumpy = 0.10 if style.curl else 0.0
    thick = thick + grain * (0.010 + 0.35 * bumpy * style.top) * smooth(0.3, -0.2, y)
    inside = thick - head.distance
    line = _hairline(x, who, style)
    above = smooth(-style.ragged - pixel, style.ragged + pixel, line - y + grain * style.ragged * 0.9)
    alpha = above * smooth(-pixel, pixel, inside)
    if style.length:
        width = _long_width(y, style)
        inner = 0.86 + 0.10 * smooth(-0.4, 0.5, y) - 0.14 * smooth(0.9, 2.0, y) * (style.length > 2)
        if who.hair.style == "bob":
            inner = inner - 0.13 * smooth(0.5, 1.4, y)
        side = smooth(-0.02, 0.02, s - inner + 0.014 * grain) * smooth(
            -pixel, pixel * 2, width - s + 0.018 * grain
        )
        side = side * smooth(-0.55, -0.30, y) * smooth(0.0, 0.10, style.length - y + 0.04 * grain)
        alpha = np.maximum(alpha, side)
        inside = np.where(y > -0.4, np.minimum(width - s, 0.6), inside)
    if who.hair.style == "buzz":
        alpha = (
            alpha
            * np.clip(style.cover + 0.10 * grain, 0.4, 1.0)
            * (0.55 + 0.45 * smooth(-0.01, 0.22, line - y))
        )
    return np.asarray(np.clip(alpha, 0, 1), np.float32), np.asarray(inside, np.float32)


def _long_width(y: Map, style: Style) -> Map:
    full = 1.0 + style.sides + (style.width - 1.0 - style.sides) * smooth(-0.4, 0.9, y)
    return np.asarray(
        full - 0.10 * smooth(style.length - 0.5, style.length, y) + 0.03 * style.wave * np.sin(6.0 * y),
        np.float32,
    )


def _back(canvas: Canvas, who: Identity, head: Head, style: Style, grain: Map) -> Map | None:
    x, y = canvas.x, canvas.y
    pixel = 0.75 / canvas.density
    if style.length:
        sides = smooth(-pixel, pixel * 2, _long_width(y, style) - 0.03 - np.abs(x) + 0.02 * grain)
        return np.asarray(
            sides * smooth(-0.55, -0.15, y) * smooth(-0.02, 0.08, style.length + 0.05 - y + 0.05 * grain),
            np.float32,
        )
    if style.back == "bun":
        reach = np.hypot(x / 0.36, (y + 1.52) / 0.27)
        return np.asarray(smooth(1.0 + pixel * 3, 1.0 - pixel * 3, reach + 0.03 * grain), np.float32)
    if style.back == "tail":
        side = who.hair.side
        middle = side * (0.62 + 0.30 * smooth(0.2, 1.4, y) - 0.10 * smooth(1.4, 2.6, y))
        half = 0.20 + 0.10 * smooth(0.3, 1.2, y)
        return np.asarray(
            smooth(-0.015, 0.02, half - np.abs(x - middle) + 0.02 * grain) * smooth(0.1, 0.4, y), np.float32
        )
    if style.curl > 1.5:
        reach = np.hypot(x / 1.26, (y + 0.05) / 0.95) + 0.02 * grain
        return np.asarray(smooth(1.02, 0.98, reach), np.float32)
    return None


def _colour(canvas: Canvas, who: Identity, style: Style, grain: Map, inside: Map) -> Map:
    """Linear colour (h, w, 3), lit: darker roots and edges, a soft band of shine."""
    x, y, hair = canvas.x, canvas.y, who.hair
    base, tip = np.asarray(hair.colour, np.float32), np.asarray(hair.tip, np.float32)
    round_ = np.sqrt(np.clip(inside / 0.40, 0.02, 1.0))
    lit = (
        0.42
        + 0.50 * round_
        + 0.22 * np.clip(x * who.setting.key_x * 1.3, -0.8, 0.8)
        + 0.16 * smooth(0.2, -1.2, y)
    )
    lit = lit * (1.0 + 0.30 * np.clip(grain, -1.7, 1.9))
    share = np.clip(0.45 + 0.30 * grain, 0, 1)[..., None]
    colour = (base + (tip - base) * share) * np.maximum(lit, 0.12)[..., None]
    if hair.gray > 0.05:
        silver = np.clip(grain * 0.8 - 0.6 + hair.gray, 0, 1)[..., None] * hair.gray
        colour = colour + (np.array([0.30, 0.30, 0.30], np.float32) * lit[..., None] - colour) * silver * 0.5
    band = np.exp(-0.5 * ((y + 1.10 - 0.30 * x * x - 0.06 * grain) / 0.13) ** 2)
    if style.length:
        band = band + 0.5 * np.exp(-0.5 * ((y - 0.35 - 0.05 * grain) / 0.30) ** 2) * smooth(
            0.7, 1.0, np.abs(x)
        )
    gloss = (
        band
        * np.clip(0.5 + 0.45 * grain, 0.05, 1.6)
        * (0.35 if style.curl else 1.0)
        * (0.3 if hair.style == "buzz" else 1.0)
    )
    shine = (0.35 * base + np.float32(0.018)) * np.float32(0.9)
    return np.asarray(colour + gloss[..., None] * shine, np.float32)
