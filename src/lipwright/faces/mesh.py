"""Names for the points of MediaPipe's 468-point face mesh, and the subset a FaceTrack keeps.

Left and right are those of the picture. Numbers are positions in the full mesh; the published canonical face
model shows them.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.detect import Points

# Clockwise on screen, from the top of the forehead (10) over the right side to the chin (152) and back.
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
# From the left corner along the lower lip to the right corner, back along the upper lip.
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
# Outer corner, along the lower lid to the inner corner, back along the upper lid.
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
# Upper edge from the outer end inwards, then the lower edge from the outer end inwards.
LEFT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
RIGHT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
# Bridge from between the eyes to the tip, base, then wing, nostril rim and nostril floor of both sides.
NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 129, 358, 98, 327, 97, 326)
# Cheek centres and the folds beside nose and mouth: anchors for warps.
CHEEKS = (50, 280, 205, 425, 187, 411)

GROUPS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "oval": OVAL,
        "outer_lips": OUTER_LIPS,
        "inner_lips": INNER_LIPS,
        "left_eye": LEFT_EYE,
        "right_eye": RIGHT_EYE,
        "left_brow": LEFT_BROW,
        "right_brow": RIGHT_BROW,
        "nose": NOSE,
        "cheeks": CHEEKS,
    }
)
KEPT: tuple[int, ...] = tuple(point for group in GROUPS.values() for point in group)
_COLUMN: Mapping[int, int] = MappingProxyType({point: column for column, point in enumerate(KEPT)})


def keep(points: Points) -> Points:
    """The kept subset (K, 2) of a full mesh (468, 2), in the order of KEPT."""
    return np.ascontiguousarray(points[list(KEPT)])


def column(point: int) -> int:
    """Column of a mesh point among the kept ones (KeyError when it is not kept)."""
    return _COLUMN[point]


def columns(*points: int) -> NDArray[np.intp]:
    """Columns of several mesh points among the kept ones."""
    return np.array([_COLUMN[point] for point in points], np.intp)


def group(name: str) -> NDArray[np.intp]:
    """Columns of a named group of GROUPS."""
    return columns(*GROUPS[name])
