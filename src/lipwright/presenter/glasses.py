"""Glasses: rims, bridge and temples as a layer that stands before the face."""

import numpy as np

from lipwright.presenter.canvas import Canvas, Map, smooth
from lipwright.presenter.identity import Identity

STAND = 0.86
"""Depth of the lenses before the axis of turning, in face units."""


def paint_glasses(canvas: Canvas, who: Identity) -> Map | None:
    """The glasses as a layer (h, w, 4): linear colour times alpha, then alpha; None without glasses."""
    kind = who.setting.glasses
    if kind == "none":
        return None
    x, y, s = canvas.x, canvas.y, np.abs(canvas.x)
    pixel = 0.8 / canvas.density
    middle = who.eyes.x + 0.015
    wide, tall, power = {
        "round": (0.27, 0.255, 2.0),
        "square": (0.30, 0.215, 5.0),
        "oval": (0.30, 0.215, 2.6),
    }[kind]
    u, v = np.abs(s - middle) / wide, np.abs(y - 0.045) / tall
    reach = (np.power(np.power(u, power) + np.power(v, power), 1.0 / power) - 1.0) * min(wide, tall)
    half = {"round": 0.016, "square": 0.026, "oval": 0.018}[kind]
    rim = smooth(half + pixel, half - pixel, np.abs(reach) * (1.0 - 0.15 * (y < 0)))
    inner = middle - wide
    bridge = smooth(
        half * 0.9 + pixel, half * 0.9 - pixel, np.abs(y + 0.01 + 0.05 * np.cos(s / inner * 1.2))
    ) * (s < inner + 0.01)
    temple = (
        smooth(half * 0.8 + pixel, half * 0.8 - pixel, np.abs(y + 0.035))
        * (s > middle + wide - 0.005)
        * (s < 1.01)
    )
    frame = np.maximum.reduce([rim, bridge, temple]).astype(np.float32)
    lens = smooth(pixel, -pixel, reach)
    streak = np.exp(-0.5 * ((x - y * 0.7 - middle * np.sign(x) + 0.10) / 0.05) ** 2)
    glare = lens * (0.025 + 0.05 * streak)
    colour = (
        np.asarray(who.setting.glasses_colour, np.float32)
        * (0.75 + 0.5 * smooth(0.02, -0.02, reach))[..., None]
    )
    colour = (
        colour
        + 0.10
        * np.exp(-0.5 * ((np.abs(reach) - 0.2 * half) / (0.4 * half)) ** 2)[..., None]
        * (y < 0.05)[..., None]
    )
    alpha = frame + (1.0 - frame) * glare
    premultiplied = colour * frame[..., None] + ((1.0 - frame) * glare)[..., None] * np.float32(0.8)
    return np.dstack([premultiplied, alpha]).astype(np.float32)


def cast_shadow(canvas: Canvas, layer: Map) -> Map:
    """Darkening (h, w) that the rims cast on the face, 0..1."""
    down = np.roll(np.where(layer[..., 3] > 0.5, layer[..., 3], 0.0), round(0.035 * canvas.density), axis=0)
    return canvas.soften(down.astype(np.float32), 0.018) * np.float32(0.28)
