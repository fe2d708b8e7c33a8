"""A person's own mouths: small pictures at their native size, and what is known about each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.personal.head import MOVING, POSES, Head, inverse
from lipwright.personal.measures import NAMES, OPENING, WIDTH, Shape

Floats = NDArray[np.float32]

LOOK = (28, 20)  # px of the small grey picture by which two mouths are compared
LOOK_WIDTH = 1.25  # its width in usual mouth widths
_ARRAYS = ("to_head", "points", "measures", "poses", "sharpness", "frames", "heard")


@dataclass(frozen=True)
class Library:
    """N frames of one person in the order of their clip.

    crops: (N, h, w, 3) uint8 RGB around the mouth, px for px as in the clip. to_head: (N, 2, 3) crop px ->
    head px. points: (N, M, 2) moving points, head px. measures: (N, 3). poses: (N, POSES). sharpness: (N,)
    0 usual, below 0 more blurred (natural logarithm). frames: (N,) number in the clip: neighbours there may
    follow each other here. heard: (Q, 3) percentiles, where the person speaks in their own clip, of jaw
    and spread of the lips as the ears hear them and of the openings seen, px; (0, 3) without sound, (Q, 2) in
    bundles from before openings were kept.
    """

    head: Head
    shape: Shape
    crops: NDArray[np.uint8]
    to_head: Floats
    points: Floats
    measures: Floats
    poses: Floats
    sharpness: Floats
    frames: NDArray[np.int32]
    heard: Floats

    def __len__(self) -> int:
        return len(self.frames)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything but the pictures, for a file."""
        own = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        return {**own, **self.head.to_arrays(), **self.shape.to_arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], crops: NDArray[np.uint8]) -> "Library":
        """Inverse of to_arrays. Raises KeyError or ValueError on other data."""
        count = len(crops)
        own = {name: arrays[name] for name in _ARRAYS}
        lengths = {name: len(value) for name, value in own.items() if name != "heard"}
        if set(lengths.values()) != {count}:
            raise ValueError(f"{count} pictures, but numbers of {lengths}")
        shapes = {"to_head": (2, 3), "points": (len(MOVING), 2), "measures": (len(NAMES),), "poses": (POSES,)}
        if any(own[name].shape[1:] != shape for name, shape in shapes.items()):
            raise ValueError("arrays of another shape")
        return cls(Head.from_arrays(arrays), Shape.from_arrays(arrays), crops, **own)

    def follows(self) -> NDArray[np.bool_]:
        """(N,) whether the next entry is the next frame of the clip."""
        step = np.zeros(len(self), bool)
        step[:-1] = np.diff(self.frames) == 1
        return step

    def looks(self) -> Floats:
        """(N, y * x) small grey pictures of the mouths at one place of the head, brightness taken out."""
        width = LOOK_WIDTH * float(np.median(self.measures[:, WIDTH]))
        height = width * LOOK[1] / LOOK[0]
        centre = self.shape.mean[:20].mean(axis=0)
        scale = width / LOOK[0]
        corner = centre - np.array([width, height]) / 2
        to_head = np.array([[scale, 0, corner[0] + scale / 2], [0, scale, corner[1] + scale / 2]])
        found = []
        for crop, matrix in zip(self.crops, inverse(self.to_head), strict=True):
            to_crop = np.concatenate(
                [matrix[:, :2] @ to_head[:, :2], (matrix[:, :2] @ to_head[:, 2] + matrix[:, 2])[:, None]],
                axis=1,
            )
            grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
            blurred = cv2.GaussianBlur(grey, (0, 0), max(0.5, scale / 2))
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            look = cv2.warpAffine(blurred, to_crop, LOOK, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            found.append((look - look.mean()).ravel())
        return np.asarray(found, np.float32)

    def closed(self) -> float:
        """The opening of the mesh when this person's mouth is shut, px."""
        return float(np.percentile(self.measures[:, OPENING], 3))
