"""What a mouth does, in a few numbers read from the mesh, and how the lower face follows them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.mesh import columns
from lipwright.personal.head import MOVING, POSES

Floats = NDArray[np.float32]

NAMES = ("opening", "width", "smile")
"""opening: mean distance of the inner lips around the middle; width: corner to corner; smile: how high the
corners lie against the middle of the lips' outline. In head px."""
OPENING, WIDTH, SMILE = range(3)
_PAIRS = ((13, 14), (82, 87), (312, 317))
_RIDGE = 0.05  # of the variance of each input: few frames must not make steep slopes


def measure(points: Floats) -> Floats:
    """(n, 3) measures of head px (n, K, 2)."""
    gaps = [np.linalg.norm(points[:, columns(a)[0]] - points[:, columns(b)[0]], axis=1) for a, b in _PAIRS]
    left, right, top, bottom = (points[:, columns(point)[0]] for point in (61, 291, 0, 17))
    width = np.linalg.norm(left - right, axis=1)
    smile = (top[:, 1] + bottom[:, 1]) / 2 - (left[:, 1] + right[:, 1]) / 2
    return np.stack([np.mean(gaps, axis=0), width, smile], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Shape:
    """How the moving points of one person follow measures and pose: a straight line for each coordinate.

    mean: (M, 2) head px. by_measure: (3, M, 2) px per px. by_pose: (POSES, M, 2) px per unit. usual: (3,)
    measures at the mean.
    """

    mean: Floats
    by_measure: Floats
    by_pose: Floats
    usual: Floats

    def to_arrays(self) -> dict[str, NDArray[np.float32]]:
        """For a file."""
        return {
            "shape.mean": self.mean,
            "shape.by_measure": self.by_measure,
            "shape.by_pose": self.by_pose,
            "shape.usual": self.usual,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float32]]) -> "Shape":
        """Inverse of to_arrays. Raises KeyError or ValueError on other data."""
        m = len(MOVING)
        return cls(
            arrays["shape.mean"].reshape(m, 2),
            arrays["shape.by_measure"].reshape(len(NAMES), m, 2),
            arrays["shape.by_pose"].reshape(POSES, m, 2),
            arrays["shape.usual"].reshape(len(NAMES)),
        )


def learn_shape(moving: Floats, measures: Floats, poses: Floats) -> Shape:
    """Fit a person's shape to moving points (n, M, 2), measures (n, 3) and poses (n, POSES)."""
    flat = moving.reshape(len(moving), -1).astype(np.float64)
    inputs = np.concatenate([measures, poses], axis=1).astype(np.float64)
    centre = inputs.mean(axis=0)
    spread = np.maximum(inputs.std(axis=0), 1e-3)
    normal = (inputs - centre) / spread
    mean = flat.mean(axis=0)
    count = normal.shape[1]
    gram = normal.T @ normal / len(normal) + _RIDGE * np.eye(count)
    slopes = np.linalg.solve(gram, normal.T @ (flat - mean) / len(normal)) / spread[:, None]
    slopes = slopes.reshape(count, len(MOVING), 2).astype(np.float32)
    return Shape(
        mean.reshape(len(MOVING), 2).astype(np.float32),
        slopes[: len(NAMES)],
        slopes[len(NAMES) :],
        centre[: len(NAMES)].astype(np.float32),
    )
