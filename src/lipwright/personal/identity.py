"""Is this the person that a library was made of? A distance by shape, and one by picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.personal.head import Head, inverse
from lipwright.personal.library import Library

Floats = NDArray[np.float32]

TILES = (12, 8)  # coarse colour picture of a mouth's surroundings
REACH = (0.42, 0.28)  # half its width and height, in head heights
# Measured on real clips: the same person 0.1 to 0.3 and 3 to 6, another one 0.7 to 0.9 and 16 to 19.
SHAPE_LIMIT, COLOUR_LIMIT = 0.5, 10.0
SAMPLED = 40  # library entries that make the person's picture


@dataclass(frozen=True)
class Likeness:
    """How far the person in a video is from the one in a library. shape: per cent of the distance between the
    eyes. colour: units of Lab.
    """

    shape: float
    colour: float

    @property
    def distance(self) -> float:
        """Both in one: up to about 0.6 for the same person, 1.4 and more for others."""
        return (self.shape / SHAPE_LIMIT + self.colour / COLOUR_LIMIT) / 2

    @property
    def stranger(self) -> bool:
        """Whether it is likely someone else."""
        return self.distance > 1


def shape_distance(head: Head, still: Floats) -> float:
    """How far the still points (n, S, 2) of some frames lie from the person's, in per cent of the distance
    between the eyes.

    What the person's own turns of the head explain is taken out. NaN without frames.
    """
    here = still[np.isfinite(still).all(axis=(1, 2))]
    if not len(here):
        return float("nan")
    apart = np.median(here, axis=0) - head.still
    flat = apart.ravel().astype(np.float64)
    flat = flat - head.axes.T.astype(np.float64) @ (head.axes.astype(np.float64) @ flat)
    eyes = float(np.linalg.norm(head.still[0] - head.still[3]))
    return float(100 * np.sqrt((flat**2).sum() / len(head.still)) / eyes)


def colours(
    picture: Floats, to_head: NDArray[np.floating], head: Head, middle: NDArray[np.floating]
) -> Floats:
    """Coarse picture (8, 12, 3) in Lab of what lies around `middle` (head px); its mean lightness taken out,
    which is the room's.

    picture: (h, w, 3) RGB 0..255. to_head: (2, 3) px of the picture -> head px.
    """
    half = np.array(REACH) * head.height
    scale = 2 * half / np.array(TILES)
    matrix = inverse(to_head)
    corner = np.asarray(middle) - half + scale / 2
    linear = matrix[:, :2] * scale
    warp = np.concatenate([linear, (matrix[:, :2] @ corner + matrix[:, 2])[:, None]], axis=1)
    blurred = cv2.GaussianBlur(np.asarray(picture, np.float32) / 255, (0, 0), max(0.5, float(scale[0]) / 2))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    tiles = cv2.warpAffine(blurred.clip(0, 1), warp, TILES, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    lab = np.asarray(cv2.cvtColor(tiles, cv2.COLOR_RGB2LAB), np.float32)
    lab[..., 0] -= lab[..., 0].mean()
    return lab


def usual_colours(library: Library) -> Floats:
    """The person's own coarse picture, from the library."""
    middle = library.shape.mean[:20].mean(axis=0)
    chosen = np.unique(np.linspace(0, len(library) - 1, SAMPLED).astype(int))
    found = [
        colours(library.crops[entry].astype(np.float32), library.to_head[entry], library.head, middle)
        for entry in chosen
    ]
    return np.asarray(np.median(found, axis=0), np.float32)


def colour_distance(one: Floats, other: Floats) -> float:
    """Mean difference of two coarse pictures, in units of Lab."""
    return float(np.sqrt(((one - other) ** 2).sum(axis=-1)).mean())
