"""What travels between the workers of a job."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box
from lipwright.media.picture import Frame


@dataclass
class Place:
    """Where the face of one frame is. crop: (R, R, 3) 0..255; the network adds the other pictures.

    matrix: frame px to crop px, as the job's profile fits it. box: the part of the frame that the crop
    covers. points: kept mesh points, smoothed (none in the profile faithful). With a
    personal bundle the crop is the box as it is in the frame, matrix goes to head px, points are the moving
    ones in head px, and alpha (h, w) says how much of each px is new.
    """

    matrix: NDArray[np.float32]
    box: Box
    points: NDArray[np.float32]
    crop: NDArray[np.float32]
    generated: NDArray[np.float32] | None = None
    reconstructed: NDArray[np.float32] | None = None
    alpha: NDArray[np.float32] | None = None


@dataclass
class Item:
    """One output frame on its way; `place` is None where nothing is repainted."""

    index: int
    frame: Frame
    place: Place | None
