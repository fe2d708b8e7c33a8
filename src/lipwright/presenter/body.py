"""Neck, shoulders, clothes and ears, painted once with their light."""

import numpy as np

from lipwright.presenter.canvas import Canvas, Map, bump, mix, paint, smooth
from lipwright.presenter.identity import Identity
from lipwright.presenter.light import Lamps, shade


def paint_body(canvas: Canvas, who: Identity, lamps: Lamps) -> Map:
    """Neck and shoulders as a layer (h, w, 4): linear colour times alpha, then alpha."""
    rng = np.random.default_rng([who.seed, 4])
    x, y, neck = canvas.x, canvas.y, who.shape.neck
    s, pixel = np.abs(x), 0.75 / canvas.density
    half = neck * (
        0.62 + 0.04 * np.square(np.clip(y - 1.5, -1, 1)) + 0.20 * np.square(np.clip((y - 1.75) / 0.35, 0, 3))
    )
    skin_alpha = smooth(-pixel, pixel, half - s) * smooth(0.3, 0.6, y)
    turn = np.clip(x / half, -0.97, 0.97)
    muscle = 0.028 * np.exp(-0.5 * ((s - 0.18 - 0.30 * np.clip(2.2 - y, 0, 1)) / 0.06) ** 2)
    gx, gy = canvas.slopes(muscle.astype(np.float32))
    slope_x = 0.9 * turn / np.sqrt(1.0 - turn * turn) + gx
    albedo = np.broadcast_to(np.asarray(who.skin.albedo, np.float32) * np.float32(0.95), (*x.shape, 3)).copy()
    albedo *= (1.0 + 0.03 * canvas.noise(rng, 0.2) + 0.012 * canvas.noise(rng, 0.02))[..., None]
    sky = 0.80 + 0.12 * smooth(1.7, 2.3, y) - 0.12 * bump(x, y, 0.0, 2.12, 0.10, 0.10)
    colour = shade(
        lamps,
        albedo,
        slope_x.astype(np.float32),
        gy + np.float32(0.15),
        sky.astype(np.float32),
        0.10 * np.ones_like(x),
    )
    cloth, cloth_alpha = _clothes(canvas, who, rng, lamps)
    colour = mix(colour, cloth, cloth_alpha)
    alpha = np.maximum(skin_alpha, cloth_alpha)
    return np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)


def _clothes(canvas: Canvas, who: Identity, rng: np.random.Generator, lamps: Lamps) -> tuple[Map, Map]:
    x, y, kind = canvas.x, canvas.y, who.setting.clothes
    s, pixel = np.abs(x), 0.75 / canvas.density
    broad = 1.0 if who.feminine else 1.12
    shoulder = 1.98 + 0.30 * np.power(np.clip((s - 0.52) / broad, 0, 3), 1.25)
    body = smooth(-pixel, pixel, y - shoulder)
    neck = who.shape.neck
    collar = {
        "crew": 2.22 - 0.32 * np.square(s / 0.75),
        "vneck": 2.75 - 0.98 * s / 0.75,
        "turtleneck": 1.84 + 0.05 * np.square(s / 0.7),
        "shirt": 2.62 - 0.90 * s / 0.75,
        "jacket": 2.62 - 0.90 * s / 0.75,
    }[kind]
    if kind == "turtleneck":
        body = np.maximum(
            body,
            smooth(-pixel, pixel, neck * (0.655 + 0.9 * np.square(np.clip(y - 1.72, 0, 1))) - s)
            * smooth(1.70, 1.74, y),
        )
    alpha = body * smooth(-pixel, pixel, y - collar)
    folds = 0.030 * canvas.noise(rng, 0.6, 0.45) + 0.006 * canvas.noise(rng, 0.2, 0.3)
    height = (
        -0.35 * np.square(np.clip(s - 0.3, 0, 2))
        + folds
        - 0.02 * np.exp(-0.5 * ((y - collar - 0.09) / 0.012) ** 2) * (kind in ("crew", "vneck"))
    )
    gx, gy = canvas.slopes(height.astype(np.float32))
    albedo = np.broadcast_to(np.asarray(who.setting.cloth, np.float32), (*x.shape, 3)).copy()
    albedo *= (1.0 + 0.05 * canvas.noise(rng, 0.015))[..., None]
    sky = np.full_like(x, 0.9)
    if kind in ("shirt", "jacket"):
        gap = y - collar
        if kind == "jacket":
            lapel = smooth(0.62 + pixel, 0.62, gap)
            paint(albedo, who.setting.under, smooth(-pixel, pixel, 0.30 - gap) * smooth(0.9, 0.7, s))
            sky -= (
                0.35 * np.exp(-0.5 * ((gap - 0.30) / 0.02) ** 2)
                + 0.25 * np.exp(-0.5 * ((gap - 0.62) / 0.015) ** 2) * lapel
            )
        else:
            sky -= 0.30 * np.exp(-0.5 * ((gap - 0.26) / 0.014) ** 2) * (s < 0.8)
        sky -= 0.30 * np.exp(-0.5 * (x / 0.012) ** 2) * smooth(2.55, 2.65, y)
    sky -= 0.35 * smooth(0.06, 0.0, y - collar) * (s < 0.8)
    colour = shade(
        lamps, albedo, gx, gy - np.float32(0.25), np.clip(sky, 0.2, 1.0).astype(np.float32), np.zeros_like(x)
    )
    return colour, np.asarray(alpha, np.float32)


def paint_ears(canvas: Canvas, who: Identity, lamps: Lamps) -> Map:
    """Both ears as a layer (h, w, 4): linear colour times alpha, then alpha."""
    x, y, big = canvas.x, canvas.y, who.shape.ears
    s = np.abs(x) - (0.985 * who.shape.cheeks)
    lean = s - 0.16 * (0.30 - y) * 0.35
    u, v = lean / (0.145 * big), (y - 0.22) / (0.345 * big)
    reach = np.hypot(u * (1.0 + 0.35 * np.clip(v, 0, 1)), v)
    alpha = smooth(1.0 + 0.02, 1.0 - 0.02, reach)
    rim = 0.08 * np.exp(-0.5 * ((reach - 0.80) / 0.13) ** 2) * smooth(0.95, 0.4, v)
    inner = (
        0.035
        * np.exp(-0.5 * ((np.hypot((u + 0.1) / 1.0, (v - 0.05) / 1.1) - 0.42) / 0.12) ** 2)
        * smooth(0.0, 0.3, u + 0.4)
    )
    height = rim + inner + 0.04 * bump(u, v, 0.0, 0.85, 0.5, 0.25)
    gx, gy = canvas.slopes(canvas.soften(height.astype(np.float32), 0.012))
    base = np.asarray(who.skin.albedo, np.float32) * np.array([1.0, 0.91, 0.89], np.float32)
    albedo = np.broadcast_to(base, (*x.shape, 3)).copy()
    hollow = bump(u, v, -0.15, 0.08, 0.30, 0.30) + 0.6 * np.exp(-0.5 * ((reach - 0.60) / 0.08) ** 2) * smooth(
        0.5, 0.0, v
    )
    sky = np.clip(0.90 - 0.62 * hollow - 0.25 * smooth(0.1, -0.5, u), 0.2, 1.0)
    colour = shade(lamps, albedo, gx + 0.35 * np.sign(x), gy, sky.astype(np.float32), np.full_like(x, 0.25))
    if who.setting.earrings:
        ring = smooth(0.045, 0.035, np.hypot(lean + 0.01, y - 0.22 - 0.36 * big))
        colour = mix(colour, np.full_like(colour, 0.55), ring * 0.9)
        alpha = np.maximum(alpha, ring)
    return np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)
