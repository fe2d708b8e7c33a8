"""The lit surface of one frame: what every pixel of the head is made of before light falls on it."""

from dataclasses import dataclass

import numpy as np

from lipwright.presenter.canvas import Map


@dataclass
class Surface:
    """Maps over the frame or a window of it, changed in place by the parts that move.

    `x`, `y` are face units after turning the head back (h, w); `pixel` is the size of a pixel in face units.
    `albedo` (h, w, 3) linear; `slope_x`, `slope_y`, `open_sky`, `shine` (h, w).
    """

    x: Map
    y: Map
    pixel: float
    albedo: Map
    slope_x: Map
    slope_y: Map
    open_sky: Map
    shine: Map

    def window(self, left: float, right: float, top: float, bottom: float) -> "Surface | None":
        """The part of the surface whose face units lie in the box, sharing memory; None when out of frame."""
        hit = (self.x > left) & (self.x < right) & (self.y > top) & (self.y < bottom)
        rows, columns = np.flatnonzero(hit.any(axis=1)), np.flatnonzero(hit.any(axis=0))
        if rows.size == 0:
            return None
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return Surface(
            self.x[part], self.y[part], self.pixel, self.albedo[part], self.slope_x[part],
            self.slope_y[part], self.open_sky[part], self.shine[part],
        )  # fmt: skip

    def edge(self, value: Map, soft: float = 1.0) -> Map:
        """1 where `value` (face units) is above 0, 0 below, with an edge `soft` pixels wide."""
        return np.asarray(np.clip(value * np.float32(1.0 / (self.pixel * soft)) + np.float32(0.5), 0.0, 1.0))

    def cover(
        self, alpha: Map, albedo: Map, *, slope_x: Map | float = 0.0, slope_y: Map | float = 0.0,
        open_sky: Map | float = 1.0, shine: Map | float = 0.0,
    ) -> None:  # fmt: skip
        """Lay a material over the surface where alpha (h, w) is 1."""
        self.albedo += (albedo - self.albedo) * alpha[..., None]
        self.slope_x += (slope_x - self.slope_x) * alpha
        self.slope_y += (slope_y - self.slope_y) * alpha
        self.open_sky += (open_sky - self.open_sky) * alpha
        self.shine += (shine - self.shine) * alpha
