"""Between the picture as stored and the picture as displayed.

A phone stores frames as its sensor saw them and adds a display matrix. We keep frames as stored (turning
them would cost an exactness that subsampled chroma of odd sizes cannot give) and turn only what is looked
at: boxes and arrays.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, right and bottom exclusive."""

Matrix = tuple[int, int, int, int, int, int, int, int, int]
"""FFmpeg's display matrix: 3x3 row by row, 16.16 fixed point (last column 2.30)."""


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is shown: mirrored left to right first (if `mirrored`), then turned clockwise."""

    rotation: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    mirrored: bool = False

    @property
    def swaps_sides(self) -> bool:
        """Whether display width is stored height."""
        return self.rotation in (90, 270)

    def display_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) as displayed, from those stored; its own inverse."""
        return (height, width) if self.swaps_sides else (width, height)

    def to_display(self, stored: NDArray[Any]) -> NDArray[Any]:
        """A stored array (h, w, ...) as displayed; a view."""
        flipped = stored[:, ::-1] if self.mirrored else stored
        return np.rot90(flipped, -self.rotation // 90)

    def to_stored(self, shown: NDArray[Any]) -> NDArray[Any]:
        """The inverse of `to_display`; a view."""
        turned = np.rot90(shown, self.rotation // 90)
        return turned[:, ::-1] if self.mirrored else turned

    def box_to_stored(self, box: Box, width: int, height: int) -> Box:
        """A box in display pixels as a box in stored pixels; `width`, `height`: the stored picture's."""
        left, top, right, bottom = box
        if self.rotation == 90:
            left, top, right, bottom = top, height - right, bottom, height - left
        elif self.rotation == 180:
            left, top, right, bottom = width - right, height - bottom, width - left, height - top
        elif self.rotation == 270:
            left, top, right, bottom = width - bottom, left, width - top, right
        if self.mirrored:
            left, right = width - right, width - left
        return left, top, right, bottom


def from_matrix(matrix: Matrix | None) -> Orientation:
    """The orientation nearest to a display matrix (multiples of 90 degrees); upright without one."""
    if matrix is None:
        return Orientation()
    a, b, _, c, d, *_ = matrix
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    if a == 0 and b == 0:
        return Orientation()
    # Display x' = a x + c y, y' = b x + d y, y downwards: (a, b) is where the stored x axis points when
    # shown.
    return Orientation(round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360, mirrored)
