"""A person's head as a frame of reference: where a face would be if the head did not move.

Head px are px of an upright head of the person's usual size, so that nothing is enlarged on the way from
their clip and back. Points are kept mesh points (K, 2); NaN stays NaN.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.mesh import column, columns, group

Floats = NDArray[np.float32]

POSES = (
    4  # directions in which the still part of a face deforms when a head turns: yaw, pitch, nearness, rest
)

# What does not move with speech, and how much each point counts. The nose counts most: it is next to the
# mouth. Temples and forehead tell yaw and pitch.
_STILL: tuple[tuple[int, float], ...] = (
    *((point, 1.0) for point in (33, 133, 362, 263)),
    *((point, 1.0) for point in (168, 6, 197, 195, 5, 4, 1, 2, 98, 327)),
    *((point, 0.3) for point in (127, 356, 234, 454)),
    *((point, 0.15) for point in (10, 109, 338)),
)
STILL = columns(*(point for point, _ in _STILL))
WEIGHTS = np.array([weight for _, weight in _STILL])
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@dataclass(frozen=True)
class Head:
    """still: (S, 2) mean place of the still points, head px. axes: (POSES, S * 2) orthonormal directions of
    their movement, spread: (POSES,) how far each usually goes, px. height: forehead to chin, px.
    """

    still: Floats
    axes: Floats
    spread: Floats
    height: float

    def matrices(self, points: Floats) -> Floats:
        """(n, 2, 3) similarity frame px -> head px for points (n, K, 2)."""
        return similarity(points[:, STILL], self.still)

    def poses(self, still: Floats) -> Floats:
        """(n, POSES) how the head is turned, in the person's usual movements, from still points (n, S, 2)."""
        moved = (still - self.still).reshape(len(still), -1)
        return np.asarray(moved @ self.axes.T / self.spread, np.float32)

    def to_arrays(self) -> dict[str, NDArray[np.float32]]:
        """For a file."""
        return {
            "head.still": self.still,
            "head.axes": self.axes,
            "head.spread": self.spread,
            "head.height": np.array([self.height], np.float32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float32]]) -> "Head":
        """Inverse of to_arrays. Raises KeyError or ValueError on other data."""
        still = arrays["head.still"].reshape(len(STILL), 2)
        axes = arrays["head.axes"].reshape(POSES, 2 * len(STILL))
        return cls(still, axes, arrays["head.spread"].reshape(POSES), float(arrays["head.height"][0]))


def learn_head(points: Floats) -> Head:
    """The head of a person from frame px (n, K, 2) without NaN, n >= 1."""
    still = points[:, STILL].astype(np.float64)
    eyes = np.linalg.norm(still[:, 0] - still[:, 3], axis=1)
    mean = _upright(still[int(np.argsort(eyes)[len(eyes) // 2])])
    for _ in range(3):
        mean = apply(similarity(still, mean), still).mean(axis=0)
        mean = _upright(mean)
    # the usual size: what most frames have, so that most are used px for px
    scale = float(np.median(_scales(similarity(still, mean))))
    mean = mean / scale
    matrices = similarity(still, mean)
    moved = (apply(matrices, still) - mean).reshape(len(still), -1)
    _, sizes, axes = np.linalg.svd(moved, full_matrices=False)
    found = np.zeros((POSES, moved.shape[1]))
    found[: min(POSES, len(axes))] = axes[:POSES]
    spread = np.zeros(POSES)
    spread[: min(POSES, len(sizes))] = sizes[:POSES] / np.sqrt(len(still))
    # a head that hardly turns must not make every tremble of the mesh count as a turn
    floor = 0.01 * float(np.linalg.norm(mean[0] - mean[3])) * np.sqrt(len(STILL)) / 2
    whole = apply(matrices, points)
    height = np.linalg.norm(whole[:, column(152)] - whole[:, column(10)], axis=1)
    return Head(
        mean.astype(np.float32),
        found.astype(np.float32),
        np.maximum(spread, floor).astype(np.float32),
        float(np.median(height)),
    )


def _upright(still: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same points with level eyes and their middle at (0, 0)."""
    across = still[3] - still[0]
    angle = np.arctan2(across[1], across[0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centred = still - still[:4].mean(axis=0)
    return np.asarray(centred @ turn)


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> Floats:
    """Weighted least-squares similarities (n, 2, 3) that take source (n, S, 2) to target (S, 2)."""
    source = np.asarray(source, np.float64)
    target = np.asarray(target, np.float64)
    weights = WEIGHTS[:, None]
    from_centre = (source * weights).sum(axis=-2, keepdims=True)
    to_centre = (target * weights).sum(axis=-2, keepdims=True)
    p, q = source - from_centre, target - to_centre
    power = (p**2 * weights).sum(axis=(-1, -2))
    real = ((p * q) * weights).sum(axis=(-1, -2)) / power
    turned = ((p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]) * weights[:, 0]).sum(axis=-1) / power
    linear = np.stack([np.stack([real, -turned], -1), np.stack([turned, real], -1)], -2)
    shift = to_centre[..., 0, :] - np.einsum("...ij,...j->...i", linear, from_centre[..., 0, :])
    return np.concatenate([linear, shift[..., None]], axis=-1).astype(np.float32)


def apply(matrices: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Points (..., P, 2) through matrices (..., 2, 3)."""
    linear, shift = matrices[..., :2].astype(np.float64), matrices[..., 2].astype(np.float64)
    moved = np.einsum("...ij,...pj->...pi", linear, np.asarray(points, np.float64))
    return np.asarray(moved + shift[..., None, :])


def inverse(matrices: NDArray[np.floating]) -> NDArray[np.float64]:
    """Inverse maps (..., 2, 3)."""
    linear = np.linalg.inv(matrices[..., :2].astype(np.float64))
    shift = -np.einsum("...ij,...j->...i", linear, matrices[..., 2].astype(np.float64))
    return np.asarray(np.concatenate([linear, shift[..., None]], axis=-1))


def _scales(matrices: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much each similarity enlarges."""
    return np.asarray(np.hypot(matrices[..., 0, 0], matrices[..., 1, 0]), np.float64)


LOWER_OVAL = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
"""The outline from ear to ear under the chin."""
FOLDS = (205, 425, 187, 411)
MOVING = np.concatenate([group("outer_lips"), group("inner_lips"), columns(*LOWER_OVAL), columns(*FOLDS)])
"""Columns of the points that speech moves: outer lips (20), inner lips (20), outline (17), folds (4)."""
OUTER, INNER, OUTLINE, FOLD = slice(0, 20), slice(20, 40), slice(40, 57), slice(57, 61)
UPPER_INNER, LOWER_INNER = np.arange(39, 30, -1), np.arange(21, 30)
"""Of these, the points of the inner lips that meet when the mouth shuts, from corner to corner."""
