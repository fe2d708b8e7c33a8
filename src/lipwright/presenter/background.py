"""What is behind the presenter: quiet, blurred rooms in neutral colours."""

import cv2
import numpy as np

from lipwright.presenter.canvas import Map, paint, smooth
from lipwright.presenter.identity import Identity


def paint_background(who: Identity, size: int) -> Map:
    """A background (size, size, 3), linear light."""
    rng = np.random.default_rng([who.seed, 3])
    place = (np.arange(size, dtype=np.float32) + 0.5) / np.float32(size)
    x, y = np.meshgrid(place, place)
    wall = np.asarray(who.setting.wall, np.float32) * np.float32(0.80)
    lamp = np.exp(
        -0.5 * (((x - 0.5 - 0.45 * np.sign(who.setting.key_x)) / 0.6) ** 2 + ((y - 0.25) / 0.7) ** 2)
    )
    picture = np.asarray(wall * (0.62 + 0.50 * lamp)[..., None], np.float32)
    accent = np.asarray(who.setting.accent, np.float32)
    kind = who.setting.background
    if kind == "window":
        _window(rng, picture, x, y, who)
    elif kind == "shelves":
        _shelves(rng, picture, x, y, accent)
    elif kind == "lights":
        _lights(rng, picture, x, y, accent)
    elif kind == "studio":
        _studio(picture, x, y, accent)
    blur = {"plain": 0.0, "studio": 0.01, "lights": 0.005}.get(kind, 0.02)
    if blur:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur * size), np.float32)
    grain = cv2.resize(
        rng.standard_normal((96, 96)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(picture * (1.0 + 0.008 * grain[..., None]), np.float32)


def _bar(x: Map, low: float, high: float, soft: float = 0.004) -> Map:
    return smooth(low - soft, low + soft, x) * smooth(high + soft, high - soft, x)


def _window(rng: np.random.Generator, picture: Map, x: Map, y: Map, who: Identity) -> None:
    left = float(rng.uniform(-0.15, 0.1)) if rng.random() < 0.5 else float(rng.uniform(0.62, 0.8))
    width, bottom = float(rng.uniform(0.3, 0.45)), float(rng.uniform(0.55, 0.8))
    glass = _bar(x, left, left + width) * _bar(y, -1.0, bottom)
    sky = np.stack([0.72 + 0.05 * y, 0.76 + 0.03 * y, 0.80 - 0.02 * y], axis=-1).astype(np.float32)
    picture += (sky - picture) * (0.85 * glass)[..., None]
    for bar in (left, left + width / 2, left + width):
        paint(
            picture, who.setting.wall, 0.9 * _bar(x, bar - 0.012, bar + 0.012) * _bar(y, -1.0, bottom + 0.01)
        )
    paint(
        picture,
        who.setting.wall,
        0.9 * _bar(y, bottom, bottom + 0.03) * _bar(x, left - 0.02, left + width + 0.02),
    )


def _shelves(rng: np.random.Generator, picture: Map, x: Map, y: Map, accent: Map) -> None:
    picture *= np.float32(0.62)
    for row in range(4):
        top = row * 0.27 + float(rng.uniform(-0.03, 0.0)) - 0.06
        at = -0.05
        while at < 1.05:
            width, tall = float(rng.uniform(0.025, 0.06)), float(rng.uniform(0.14, 0.22))
            if rng.random() < 0.85:
                tint = (
                    accent * np.float32(rng.uniform(0.25, 1.1)) * rng.uniform(0.9, 1.1, 3).astype(np.float32)
                )
                book = _bar(x, at, at + width * 0.92) * _bar(y, top + 0.235 - tall, top + 0.235)
                paint(picture, np.asarray(tint * 0.7, np.float32), 0.9 * book)
            at += width
        paint(picture, np.asarray(accent * 0.5, np.float32), _bar(y, top + 0.235, top + 0.262))


def _lights(rng: np.random.Generator, picture: Map, x: Map, y: Map, accent: Map) -> None:
    picture *= np.float32(0.55)
    for _ in range(14):
        cx, cy, r = float(rng.uniform(0, 1)), float(rng.uniform(0, 0.9)), float(rng.uniform(0.03, 0.09))
        disc = smooth(1.06, 0.94, np.hypot(x - cx, y - cy) / np.float32(r))
        glow = accent * np.float32(0.6) + np.array([0.30, 0.27, 0.22], np.float32) * np.float32(
            rng.uniform(0.2, 1.0)
        )
        picture += glow * (disc * float(rng.uniform(0.08, 0.35)))[..., None]


def _studio(picture: Map, x: Map, y: Map, accent: Map) -> None:
    halo = np.exp(-0.5 * (((x - 0.5) / 0.34) ** 2 + ((y - 0.45) / 0.38) ** 2))
    paint(picture, np.asarray(accent * 0.9, np.float32), 0.55 * halo)
