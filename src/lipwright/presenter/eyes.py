"""The eyes: lids, eyeball, iris and lashes, drawn for each frame."""

import numpy as np

from lipwright.presenter.canvas import Map, mix, smooth
from lipwright.presenter.identity import Identity
from lipwright.presenter.pose import Pose
from lipwright.presenter.surface import Surface

IRIS = 0.095
"""Radius of the iris in face units: 6 mm on a face 135 mm wide."""


def lids(who: Identity, u: Map, blink: float) -> tuple[Map, Map, Map]:
    """y of the open upper lid's edge, of its edge at `blink`, and of the lower lid; u = -1 inner..1 outer."""
    eyes = who.eyes
    v = np.clip(u, -1.0, 1.0)
    round_ = np.clip(1.0 - v * v, 0.0, 1.0)
    line = -eyes.tilt * v + 0.012 * smooth(-0.62, -1.0, v)
    upper = line - eyes.upper * np.power(round_, 0.54) * (1.0 - 0.10 * v)
    lower = line + eyes.lower * np.power(round_, 0.60) * (1.0 + 0.16 * v)
    return upper, upper + (lower + 0.004 - upper) * np.float32(0.04 + 0.96 * blink), lower


def draw_eyes(surface: Surface, who: Identity, pose: Pose) -> None:
    """Lay both eyes over the surface."""
    for side, blink in ((-1.0, pose.blink_left), (1.0, pose.blink_right)):
        middle, half = side * who.eyes.x, who.eyes.half_width
        part = surface.window(middle - half - 0.09, middle + half + 0.09, -0.24, 0.16)
        if part is not None:
            _draw_eye(part, who, pose, side, float(np.clip(blink, 0.0, 1.0)))


def _draw_eye(part: Surface, who: Identity, pose: Pose, side: float, blink: float) -> None:
    eyes = who.eyes
    u = (part.x * np.float32(side) - np.float32(eyes.x)) * np.float32(1.0 / eyes.half_width)
    upper, lid, lower = lids(who, u, blink)
    within = part.edge((1.0 - np.abs(u)) * np.float32(eyes.half_width), 1.5)
    crease = np.exp(-0.5 * ((part.y - upper + 0.042 + 0.012 * u) / 0.013) ** 2) * smooth(1.15, 0.7, np.abs(u))
    part.open_sky *= 1.0 - 0.34 * (1.0 - 0.6 * blink) * crease
    fold = np.exp(-0.5 * ((part.y - lower - 0.030) / 0.018) ** 2) * smooth(1.1, 0.6, np.abs(u))
    part.open_sky *= 1.0 - 0.10 * fold
    hole = part.edge(part.y - lid) * part.edge(lower - part.y) * within
    _draw_ball(part, who, pose, side, hole, lid, u)
    rim = part.edge(part.y - lower, 2.0) * part.edge(lower + 0.016 - part.y, 2.0) * within * (1.0 - blink)
    part.cover(
        0.45 * rim,
        np.asarray(who.skin.albedo, np.float32) * np.array([1.05, 0.80, 0.78], np.float32),
        open_sky=1.0,
        shine=0.4,
    )
    thick = np.float32(0.012 + 0.016 * eyes.lashes) * (0.75 + 0.35 * np.clip(u, -1, 1.1))
    beyond = part.edge(
        np.float32(eyes.half_width * (1.0 + 0.14 * eyes.lashes)) - np.abs(u) * np.float32(eyes.half_width),
        2.5,
    ) * smooth(-1.02, -0.85, u)
    flick = 0.06 * eyes.lashes * np.square(np.clip(u - 0.85, 0, 1)) * 6.0
    above = part.y - lid + flick
    lash = part.edge(above + thick, 1.4) * part.edge(0.006 - above, 1.4) * beyond
    dark = np.array([0.012, 0.009, 0.009], np.float32)
    part.cover(lash * np.float32(0.55 + 0.40 * eyes.lashes), dark, open_sky=0.8)
    under = (
        np.exp(-0.5 * ((part.y - lower - 0.006) / 0.008) ** 2)
        * smooth(1.05, 0.85, np.abs(u))
        * smooth(-0.9, 0.3, u)
    )
    part.cover(np.float32(0.40 * eyes.lashes) * under, dark, open_sky=0.8)


def _draw_ball(part: Surface, who: Identity, pose: Pose, side: float, hole: Map, lid: Map, u: Map) -> None:
    eyes = who.eyes
    centre_x = side * (eyes.x - 0.005) + 0.075 * float(np.clip(pose.gaze_x, -1, 1))
    centre_y = -0.020 + 0.040 * float(np.clip(pose.gaze_y, -1, 1))
    dx, dy = part.x - np.float32(centre_x), part.y - np.float32(centre_y)
    reach = np.hypot(dx, dy)
    white = np.broadcast_to(np.array([0.60, 0.575, 0.560], np.float32), (*u.shape, 3)).copy()
    pink = np.array([0.52, 0.27, 0.25], np.float32)
    white += (pink - white) * (smooth(-0.58, -0.95, u) * 0.85 + 0.25 * smooth(0.75, 1.0, u))[..., None]
    iris = np.asarray(eyes.iris, np.float32)
    r = reach * np.float32(1.0 / IRIS)
    spokes = 1.0 + 0.14 * np.sin(np.arctan2(dy, dx) * 17.0 + 2.0 * np.sin(np.arctan2(dy, dx) * 5.0))
    tone = (0.75 + 0.75 * smooth(0.35, 0.75, r) - 0.95 * smooth(0.72, 1.0, r)) * spokes + 0.40 * smooth(
        -0.2, 0.9, dy / IRIS
    )
    disc = mix(white, iris * np.maximum(tone, 0.12)[..., None], part.edge(IRIS - reach, 1.6))
    disc = mix(disc, np.full_like(disc, 0.006), part.edge(np.float32(0.040) - reach, 1.4))
    key = np.sign(who.setting.key_x)
    glint = part.edge(np.float32(0.0165) - np.hypot(dx - 0.030 * key, dy + 0.034), 1.6)
    disc = mix(disc, np.full_like(disc, 1.5), glint)
    small = part.edge(np.float32(0.010) - np.hypot(dx + 0.032 * key, dy - 0.036), 2.0)
    disc = mix(disc, disc + 0.22, small)
    shade = 0.40 + 0.60 * smooth(-0.004, 0.062, part.y - lid)
    shade = shade * (1.0 - 0.38 * np.square(np.clip(np.abs(u), 0, 1.0)))
    shade = np.maximum(shade, glint)
    ball_x = (part.x - np.float32(side * eyes.x)) * np.float32(2.2)
    part.cover(hole, disc, slope_x=-ball_x * 0.6, slope_y=-part.y * 1.5, open_sky=shade, shine=0.10)
