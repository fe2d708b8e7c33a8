"""What a face reader gives, whichever library does the work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Image = NDArray[np.uint8]

MESH_POINTS = 468
MAX_FACES = 4


@dataclass(frozen=True)
class Face:
    """One face in one frame.

    points: (468, 2) float32 (x, y) in frame px, pixel centres at integers; MediaPipe's mesh numbering.
    score: 0..1, how sure the mesh network is that it looks at a face.
    box: (left, top, right, bottom) float px around the points.
    """

    points: Points
    score: float
    box: tuple[float, float, float, float]


class FaceReader(Protocol):
    """Finds faces and follows them from frame to frame. Holds networks, keeps no state between calls."""

    def read(self, rgb: Image, previous: Sequence[Face], *, search: bool = False) -> list[Face]:
        """Faces of one frame, at most MAX_FACES, those of `previous` first and in their order.

        rgb: (h, w, 3) uint8. previous: faces of the frame before (empty: search from scratch). A face that
        is lost is left out; then, or with `search`, the whole frame is searched too. [] when there is none.
        """
        ...


def box_of(points: Points) -> tuple[float, float, float, float]:
    """Bounding box (left, top, right, bottom) of (n, 2) points."""
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0
