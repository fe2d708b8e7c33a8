"""Between frame and network crop: three anchors, a similarity, the crop and its way back.

Coordinates are pixel-centre: px (0, 0) has its centre at (0, 0). When a picture is scaled, its corners stay
together, so a coordinate u becomes (u + 0.5) * scale - 0.5. A matrix is (2, 3) float32 and maps frame px to
crop px.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.mesh import columns

Float = NDArray[np.float32]
Box = tuple[int, int, int, int]

# The released model takes its three points from a 106-point landmark set: the outer end and upper edge of
# each brow, and on the nose lower bridge, tip and both wings. The mesh has points at the same places; the
# outer end of a brow is the middle between the outermost points of its two edges, hence the half weights.
_BROWS = (
    ((70, 0.1), (46, 0.1), (63, 0.2), (105, 0.2), (66, 0.2), (107, 0.2)),
    ((300, 0.1), (276, 0.1), (293, 0.2), (334, 0.2), (296, 0.2), (336, 0.2)),
    ((195, 0.125), (5, 0.125), (4, 0.25), (129, 0.25), (358, 0.25)),
)
# Eye corners and lower nose: they do not follow raised brows, and average more points, so they shake less.
_EYES = (
    ((33, 0.5), (133, 0.5)),
    ((263, 0.5), (362, 0.5)),
    ((5, 0.15), (4, 0.15), (1, 0.15), (2, 0.15), (98, 0.2), (327, 0.2)),
)
# Name of an anchor set -> left, right, nose, each as (mesh point, weight).
ANCHORS: Mapping[str, tuple[tuple[tuple[int, float], ...], ...]] = MappingProxyType(
    {"brows": _BROWS, "eyes": _EYES}
)

SMOOTHING_KEEP = 0.2  # share of the old smoothing state in the released fit
# Blur before shrinking by f: sigma = ANTIALIAS * sqrt(f^2 - 1) px; it passes 0.5 to 0.65 at the new limit.
ANTIALIAS = 0.4
SMOOTH_SHRINK = 2.0  # from this factor on the blurred picture is so smooth that linear sampling loses nothing


@dataclass(frozen=True)
class Template:
    """Where the three anchors lie in the crop.

    points: ((x, y) x 3) left, right, nose in crop px. crop_width, crop_height: size in which the points are
    given. resolution: side R of the square the network sees (the crop is stretched to it). anchors: key of
    ANCHORS.
    """

    points: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    crop_width: int
    crop_height: int
    resolution: int
    anchors: str = "brows"

    def __post_init__(self) -> None:
        if self.anchors not in ANCHORS:
            raise ValueError(f"unknown anchors {self.anchors!r}; known: {', '.join(ANCHORS)}")

    def at(self, resolution: int) -> "Template":
        """The same crop shown to a network of another resolution."""
        return Template(self.points, self.crop_width, self.crop_height, resolution, self.anchors)

    def to_dict(self) -> dict[str, Any]:
        """For a bundle's JSON."""
        size = [self.crop_width, self.crop_height]
        points = [list(point) for point in self.points]
        return {"points": points, "crop": size, "resolution": self.resolution, "anchors": self.anchors}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Template":
        """Inverse of to_dict. Raises KeyError, TypeError or ValueError on other data."""
        left, right, nose = ((float(x), float(y)) for x, y in data["points"])
        width, height = (int(side) for side in data["crop"])
        return cls((left, right, nose), width, height, int(data["resolution"]), str(data["anchors"]))


def LATENTSYNC(resolution: int) -> Template:
    """The released crop: 75 x 100 units of 2.8 R / 256 px, at 256: 210 x 280."""
    unit = 2.8 * resolution / 256
    points = ((17 * unit, 20 * unit), (58 * unit, 20 * unit), (37.5 * unit, 40 * unit))
    return Template(points, int(75 * unit), int(100 * unit), resolution)


# The crop of `tiny`: a lower face, from the lower lids to under the open chin, jaw to jaw. In eye distances
# (centre to centre, eyes level, face frontal) it reaches 1.15 to both sides, 0.07 above the eyes and 2.23
# below them. Measured: wide open chins of real faces at up to 1.9; of presenters in all poses at 2.04 (9 in
# 10), 2.13 (all); nose anchor at 0.46 to 0.58; face outlines at +-1.1.
_TINY_UNIT = 128 / 2.3
TINY_TEMPLATE = Template(
    (
        (round(0.65 * _TINY_UNIT - 0.5, 2), round(0.07 * _TINY_UNIT - 0.5, 2)),
        (round(1.65 * _TINY_UNIT - 0.5, 2), round(0.07 * _TINY_UNIT - 0.5, 2)),
        (round(1.15 * _TINY_UNIT - 0.5, 2), round(0.58 * _TINY_UNIT - 0.5, 2)),
    ),
    128,
    128,
    128,
    anchors="eyes",
)


def anchors(points: Float, template: Template) -> Float:
    """The three anchor points (..., 3, 2) from kept mesh points (..., K, 2)."""
    found = []
    for weighted in ANCHORS[template.anchors]:
        weights = np.array([weight for _, weight in weighted], np.float32)
        part = points[..., columns(*(point for point, _ in weighted)), :]
        found.append((part * weights[:, None]).sum(axis=-2))
    return np.stack(found, axis=-2).astype(np.float32)


def fit(points: Float, template: Template) -> Float:
    """Similarity from three anchors (3, 2) in the frame to the template: (2, 3), frame px -> R px."""
    matrix, _ = _similarity(np.asarray(points, np.float64), np.asarray(template.points, np.float64))
    return to_resolution(matrix, template)


def fit_released(
    points: Float, template: Template, state: Float | None, *, smooth: bool = True
) -> tuple[Float, Float]:
    """The released fit with its habits: ((2, 3) frame px -> *crop* px, new state (2,)).

    Anchors are rounded to whole px, and the residual of the nose in normalised units, smoothed over the
    frames, is added to the translation. state: None on the first frame of a job, then what the last call
    returned. Without `smooth` nothing is added. `to_resolution` turns the matrix into one to R px.
    """
    source = np.rint(np.asarray(points, np.float32))
    matrix, residual = _similarity(source, np.asarray(template.points, np.float32))
    shifted = matrix.astype(np.float32)
    if not smooth:
        return shifted, np.zeros(2, np.float32)
    new = residual if state is None else SMOOTHING_KEEP * state + (1 - SMOOTHING_KEEP) * residual
    shifted[:, 2] += new
    return shifted, np.asarray(new, np.float32)


def to_resolution(matrix: NDArray[np.floating[Any]], template: Template) -> Float:
    """A (2, 3) matrix to crop px made one to R px: corners of crop and R square coincide."""
    scale = np.array([template.resolution / template.crop_width, template.resolution / template.crop_height])
    out = np.asarray(matrix, np.float64) * scale[:, None]
    out[:, 2] += 0.5 * scale - 0.5
    return np.asarray(out, np.float32)


def _similarity(source: NDArray[Any], target: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(2, 3) similarity from source (3, 2) to target (3, 2), and the nose's residual in normalised units.

    Both sets are centred and divided by the sample deviation of their six numbers; the rotation is
    Procrustes'.
    """
    source_centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    source_spread = (source - source_centre).std(ddof=1)
    target_spread = (target - target_centre).std(ddof=1)
    p = (source - source_centre) / source_spread
    q = (target - target_centre) / target_spread
    u, _, vt = np.linalg.svd(p.T @ q)
    v = vt.T.copy()
    if np.linalg.det(v @ u.T) < 0:
        v[:, -1] *= -1
    linear = (target_spread / source_spread) * (v @ u.T)
    shift = target_centre - linear @ source_centre
    return np.concatenate([linear, shift[:, None]], axis=1), q[2] - p[2]


def crop(picture: Float, box: Box, matrix: Float, resolution: int) -> Float:
    """The network crop (R, R, 3) float32 0..255 from the pixels (h, w, 3) of `box` in the frame.

    The picture is blurred before it is shrunk, by an amount that goes to zero at scale 1, so nothing flickers
    when a face moves nearer. What lies outside the box repeats its border. May overshoot 0..255 slightly at
    hard edges.
    """
    inverse = _inverse(matrix)
    inverse[:, 2] -= box[:2]
    return _sample(picture, inverse, (resolution, resolution))


def uncrop(face: Float, matrix: Float, box: Box) -> Float:
    """A network crop (R, R, 3) put back: pixels (h, w, 3) of `box` in the frame, border repeated outside."""
    to_crop = matrix.astype(np.float64)
    to_crop[:, 2] += to_crop[:, :2] @ np.array(box[:2], np.float64)
    return _sample(face, to_crop, (box[2] - box[0], box[3] - box[1]))


def _sample(picture: Float, to_source: NDArray[np.float64], size: tuple[int, int]) -> Float:
    """Picture seen through a (2, 3) map from target px to source px; size is (width, height)."""
    shrink = np.hypot(to_source[:, 0], to_source[:, 1])
    blur = ANTIALIAS * np.sqrt(np.maximum(shrink**2 - 1, 0))
    source = np.asarray(picture, np.float32)
    if blur.max() > 0.05:
        sigma_x, sigma_y = (max(float(sigma), 1e-3) for sigma in blur)
        border = cv2.BORDER_REPLICATE
        blurred = cv2.GaussianBlur(source, (0, 0), sigmaX=sigma_x, sigmaY=sigma_y, borderType=border)
        source = np.asarray(blurred, np.float32)
    kind = cv2.INTER_LINEAR if shrink.min() > SMOOTH_SHRINK else cv2.INTER_LANCZOS4
    flags = kind | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(source, to_source, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.float32)


def _inverse(matrix: Float) -> NDArray[np.float64]:
    return np.asarray(cv2.invertAffineTransform(matrix.astype(np.float64)), np.float64)


def frame_box(matrix: Float, resolution: int, width: int, height: int, margin: int = 0) -> Box:
    """Part of a width x height frame that the crop covers, `margin` px wider, edges even where possible.

    Even edges keep boxes on whole chroma samples. A crop that lies outside the frame gives a 2 px box at its
    edge.
    """
    low, high = -0.5, resolution - 0.5
    return box_around(matrix, (low, high, low, high), width, height, margin)


def box_around(
    matrix: Float, area: tuple[float, float, float, float], width: int, height: int, margin: int
) -> Box:
    """Part of a width x height frame that holds an area (left, right, top, bottom) of a crop; see above."""
    left, right, top, bottom = area
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    inverse = _inverse(matrix)
    found = corners @ inverse[:, :2].T + inverse[:, 2]
    first_x, first_y = np.floor(found.min(axis=0) + 0.5).astype(int) - margin
    last_x, last_y = np.ceil(found.max(axis=0) + 0.5).astype(int) + margin
    box_x = _even(int(first_x), int(last_x), width)
    box_y = _even(int(first_y), int(last_y), height)
    return box_x[0], box_y[0], box_x[1], box_y[1]


def _even(first: int, last: int, limit: int) -> tuple[int, int]:
    """Widen [first, last) to even numbers inside [0, limit)."""
    start = min(max(0, first), max(0, limit - 1)) // 2 * 2
    stop = min(limit, -(-max(last, start + 1) // 2) * 2)
    return start, max(stop, min(limit, start + 1))
