"""How a surface looks: soft skin light from a key and a fill lamp, and tone mapping to display values."""

from dataclasses import dataclass

import numpy as np

from lipwright.presenter.canvas import Map
from lipwright.presenter.identity import Setting

SOFT = np.array([0.42, 0.26, 0.20], np.float32)
"""How far light creeps round the terminator in skin, per channel: red travels farthest."""


@dataclass(frozen=True)
class Lamps:
    """Directions (3,) and colours (3,) of the lamps; `half` is halfway between key lamp and viewer."""

    key: Map
    key_colour: Map
    fill: Map
    fill_colour: Map
    ambient: Map
    half: Map


def hang_lamps(setting: Setting) -> Lamps:
    """The lamps of a presenter's room."""
    key = _unit(setting.key_x, setting.key_y, 0.80)
    fill = _unit(-np.sign(setting.key_x) * 0.75, -0.10, 0.65)
    warm = np.array([1.0 + 0.06 * setting.warmth, 1.0, 1.0 - 0.09 * setting.warmth], np.float32)
    return Lamps(
        key=key,
        key_colour=np.float32(setting.key) * warm,
        fill=fill,
        fill_colour=np.float32(setting.fill) * (2.0 - warm),
        ambient=np.float32(0.20) * np.array([0.97, 1.0, 1.05], np.float32),
        half=_unit(*(key + np.array([0, 0, 1], np.float32))),
    )


def _unit(x: float, y: float, z: float) -> Map:
    vector = np.array([x, y, z], np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def shade(lamps: Lamps, albedo: Map, slope_x: Map, slope_y: Map, open_sky: Map, shine: Map) -> Map:
    """Light that leaves a surface, (..., 3) linear.

    `albedo` (..., 3); `slope_x`, `slope_y` are the height's derivatives, `open_sky` the share of light that
    reaches the point (0..1), `shine` the strength of the moist highlight; all (...).
    """
    nz = 1.0 / np.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
    nx, ny = -slope_x * nz, -slope_y * nz
    key = nx * lamps.key[0] + ny * lamps.key[1] + nz * lamps.key[2]
    fill = nx * lamps.fill[0] + ny * lamps.fill[1] + nz * lamps.fill[2]
    gloss = np.maximum(nx * lamps.half[0] + ny * lamps.half[1] + nz * lamps.half[2], 0.0)
    sky = 0.75 - 0.35 * ny
    gloss2 = gloss * gloss
    gloss8 = gloss2 * gloss2
    gloss8 *= gloss8
    sheen = shine * (0.075 * gloss8 * gloss2 + 0.30 * np.square(np.square(gloss8)))
    out = np.empty_like(albedo)
    for channel in range(3):
        creep = float(SOFT[channel])
        lit = np.maximum((key + creep) * np.float32(1.0 / (1.0 + creep)), 0.0)
        lit *= np.float32(lamps.key_colour[channel]) * (0.45 + 0.55 * lit)
        lit += np.float32(lamps.fill_colour[channel]) * np.maximum(
            (fill + creep) * np.float32(1.0 / (1.0 + creep)), 0.0
        )
        lit += np.float32(lamps.ambient[channel]) * sky
        out[..., channel] = albedo[..., channel] * lit * open_sky + sheen * np.float32(
            lamps.key_colour[channel]
        )
    return out


def develop(light: Map) -> Map:
    """Display values 0..255 (float32) of linear light: a soft shoulder, then the square root."""
    light = np.maximum(light, 0.0)
    squeezed = light * (1.0 + 0.16 * light) / (1.0 + 0.52 * light)
    return np.asarray(np.minimum(np.sqrt(squeezed) * np.float32(282.0), 255.0))
