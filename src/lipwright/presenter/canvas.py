"""The flat map on which a presenter's parts are painted once, and the few curves they are painted with.

Everything is measured in face units: one unit is half the face's width, x to the right, y down, and the
origin lies between the eyes. The mouth is near y = 1.05, the chin near y = 1.7.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating[Any]]

LEFT, RIGHT, TOP, BOTTOM = -2.45, 2.45, -2.15, 2.95
"""Edges of the painted area in face units: more than a frame shows in any pose."""

UNIT_OF_FRAME = 0.245
"""Length of a face unit as a share of the frame's side, at scale 1."""

EYES_OF_FRAME = 0.395
"""Height of the line between the eyes as a share of the frame's side, from the top."""

FINENESS = 1.3
"""Painted pixels for each pixel of the frame: enough to stay sharp after warping."""


def smooth(low: float, high: float, value: Map) -> Map:
    """Smooth step from 0 at `low` to 1 at `high` (either order), same shape as `value`."""
    t = np.clip((value - low) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def bump(x: Map, y: Map, cx: float, cy: float, sx: float, sy: float) -> Map:
    """Gaussian hill of height 1 at (cx, cy) with widths sx, sy, in face units."""
    return np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))


def pair(x: Map, y: Map, cx: float, cy: float, sx: float, sy: float) -> Map:
    """Two mirrored Gaussian hills at (+-cx, cy)."""
    return bump(np.abs(x), y, cx, cy, sx, sy)


def mix(low: Map, high: Map, share: Map) -> Map:
    """`low` where share is 0, `high` where it is 1; share (h, w) also blends (h, w, c) maps."""
    if low.ndim == 3 and share.ndim == 2:
        share = share[..., None]
    return low + (high - low) * share


def paint(picture: Map, colour: tuple[float, float, float] | Map, alpha: Map) -> None:
    """Blend a colour or a picture (h, w, 3) over `picture` in place, by alpha (h, w) in 0..1."""
    picture += (np.asarray(colour, np.float32) - picture) * alpha[..., None]


@dataclass(frozen=True)
class Canvas:
    """The painted area at the fineness wanted for frames of `size` pixels.

    `x`, `y` are (h, w) float32 face units of the pixel centres, `density` is painted pixels per face unit.
    """

    size: int
    density: float = field(init=False)
    x: Map = field(init=False)
    y: Map = field(init=False)

    def __post_init__(self) -> None:
        density = self.size * UNIT_OF_FRAME * FINENESS
        width, height = round((RIGHT - LEFT) * density), round((BOTTOM - TOP) * density)
        x, y = np.meshgrid(LEFT + np.arange(width) / density, TOP + np.arange(height) / density)
        object.__setattr__(self, "density", density)
        object.__setattr__(self, "x", x.astype(np.float32))
        object.__setattr__(self, "y", y.astype(np.float32))

    def noise(self, rng: np.random.Generator, cell_x: float, cell_y: float | None = None) -> Map:
        """Smooth noise (h, w) of about unit variance with cells of the given size in face units.

        The same generator state gives the same pattern at every frame size.
        """
        cell_y = cell_x if cell_y is None else cell_y
        shape = int((BOTTOM - TOP) / cell_y) + 2, int((RIGHT - LEFT) / cell_x) + 2
        grid = rng.standard_normal(shape).astype(np.float32)
        u, v = (self.x - LEFT) / np.float32(cell_x), (self.y - TOP) / np.float32(cell_y)
        way = cv2.INTER_CUBIC if cell_x * self.density > 3.0 else cv2.INTER_LINEAR
        return np.asarray(cv2.remap(grid, u, v, way, borderMode=cv2.BORDER_REPLICATE)) * np.float32(1.25)

    def strands(self, rng: np.random.Generator, across: Map, along: Map, cells: int = 256) -> Map:
        """Noise (h, w) that varies once per unit of `across` and of `along`; used for hair."""
        grid = rng.standard_normal((cells, cells)).astype(np.float32)
        return sample(grid, np.mod(across, cells - 1), np.mod(along, cells - 1)) * np.float32(1.25)

    def lookup(self, picture: Map, x: Map, y: Map) -> Map:
        """Values of a painted map (h, w[, c]) at the face-unit positions x, y, shape of x[, c]."""
        density = np.float32(self.density)
        return sample(picture, (x - np.float32(LEFT)) * density, (y - np.float32(TOP)) * density)

    def soften(self, picture: Map, radius: float) -> Map:
        """Gaussian blur with a standard deviation of `radius` face units."""
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(radius * self.density, 0.3)), np.float32)

    def slopes(self, height: Map) -> tuple[Map, Map]:
        """Derivatives of a height map along x and y, per face unit."""
        gy, gx = np.gradient(height, 1.0 / self.density)
        return np.asarray(gx, np.float32), np.asarray(gy, np.float32)


def sample(picture: Map, u: Map, v: Map) -> Map:
    """Bilinear values of a map at pixel positions u (columns) and v (rows), the border repeated."""
    u, v = np.asarray(u, np.float32), np.asarray(v, np.float32)
    return np.asarray(cv2.remap(picture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
