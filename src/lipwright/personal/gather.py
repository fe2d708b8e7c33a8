"""From a person's clip to their library: which frames are kept, and what is cut out of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box
from lipwright.personal.head import Head, apply, inverse
from lipwright.personal.library import Library
from lipwright.personal.measures import OPENING, WIDTH, Shape
from lipwright.personal.seen import Seen

Floats = NDArray[np.float32]

LIMIT = 600  # frames of a library: 24 s at 25 per second, about 60 MB of memory for a mouth 100 px wide
STRETCH = 12  # frames that are kept or left out together: motion needs neighbours
CROP_WIDTH, CROP_HEIGHT = 2.0, 1.8  # of the pictures, in usual mouth widths
SCALES = (0.75, 1.33)  # sizes of the head that are used, against the usual
FARTHEST_TURN = 4.0  # poses further out, in usual movements, are left out
BLURRED = -0.7  # logarithm of sharpness against the person's median: below it a frame is left out
BLUR_UNIT = 0.3
ALIKE_OPEN = 40  # frames to each side, by opening, that a frame's sharpness is compared with
MIDDLE = 0.22  # of a picture's sides that do not count as the mouth


@dataclass(frozen=True)
class Cut:
    """Where the picture of one library entry lies in its frame."""

    frame: int
    box: Box


def candidates(head: Head, seen: Seen, cuts: Iterable[int]) -> NDArray[np.int32]:
    """Frames worth a place in a library, in order, at most LIMIT: all, or the most different stretches."""
    scales = 1 / np.hypot(seen.to_head[:, 0, 0], seen.to_head[:, 1, 0])
    fine = np.isfinite(seen.measures).all(axis=1)
    fine &= (scales > SCALES[0]) & (scales < SCALES[1])
    fine &= np.abs(np.nan_to_num(seen.poses, nan=np.inf)).max(axis=1) < FARTHEST_TURN
    for cut in cuts:  # points are steadied over two frames, which is wrong next to a cut only if it is missed
        fine[max(0, cut - 1) : cut + 1] = False
    usable = np.flatnonzero(fine)
    if len(usable) <= LIMIT:
        return usable.astype(np.int32)
    numbers = usable // STRETCH
    stretches = np.unique(numbers)
    features = np.concatenate([_normal(seen.measures[usable]), _normal(seen.poses[usable]) * 0.7], axis=1)
    kinds = []
    for number in stretches:  # a stretch is described by where it goes: its extremes
        part = features[numbers == number]
        kinds.append(np.concatenate([part.min(axis=0), part.max(axis=0)]))
    chosen = _spread_out(np.asarray(kinds), LIMIT // STRETCH)
    return usable[np.isin(numbers, stretches[chosen])].astype(np.int32)[:LIMIT]


def _normal(values: Floats) -> Floats:
    return np.asarray((values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-3), np.float32)


def _spread_out(kinds: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """`count` rows that lie far from each other: each next one is the farthest from those taken."""
    taken = [int(np.linalg.norm(kinds - np.median(kinds, axis=0), axis=1).argmin())]
    away = np.linalg.norm(kinds - kinds[taken[0]], axis=1)
    while len(taken) < min(count, len(kinds)):
        taken.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(kinds - kinds[taken[-1]], axis=1))
    return np.sort(np.asarray(taken, np.intp))


def cuts_of(shape: Shape, seen: Seen, frames: NDArray[np.int32]) -> list[Cut]:
    """The boxes to be cut out, all of one size; they may stick out of the frame."""
    width = 2 * round(CROP_WIDTH * float(shape.usual[WIDTH]) / 2)
    height = 2 * round(CROP_HEIGHT * float(shape.usual[WIDTH]) / 2)
    middles = apply(inverse(seen.to_head[frames]), seen.moving[frames][:, :20].mean(axis=1, keepdims=True))[
        :, 0
    ]
    corners = np.rint((middles - [width / 2, height / 2]) / 2).astype(int) * 2
    return [
        Cut(int(frame), (int(x), int(y), int(x) + width, int(y) + height))
        for frame, (x, y) in zip(frames, corners, strict=True)
    ]


def gather(
    head: Head,
    shape: Shape,
    seen: Seen,
    cuts: list[Cut],
    crops: Iterable[NDArray[np.uint8]],
    heard: Floats,
) -> Library:
    """The library of those cuts (h, w, 3) RGB, blurred ones left out. heard: see Library."""
    pictures = np.stack(list(crops))
    chosen = np.array([cut.frame for cut in cuts], np.int32)
    sharpness = _against_usual(
        np.array([clearness(crop) for crop in pictures]), seen.measures[chosen][:, OPENING]
    )
    keep = np.flatnonzero(sharpness > BLURRED)
    frames = chosen[keep]
    to_head = seen.to_head[frames].copy()
    corners = np.array([cut.box[:2] for cut in cuts], np.float32)[keep]
    to_head[:, :, 2] += np.einsum("nij,nj->ni", to_head[:, :, :2], corners)
    return Library(
        head,
        shape,
        pictures[keep],
        to_head,
        seen.moving[frames],
        seen.measures[frames],
        seen.poses[frames],
        (sharpness[keep] / BLUR_UNIT).astype(np.float32),
        frames,
        heard,
    )


def _against_usual(sharpness: NDArray[np.floating], openings: Floats) -> NDArray[np.floating]:
    """Sharpness against the median of the mouths that are about as open: teeth have edges, lips have none."""
    order = np.argsort(openings, kind="stable")
    found = np.empty(len(order))
    for rank, entry in enumerate(order):
        around = order[max(0, rank - ALIKE_OPEN) : rank + ALIKE_OPEN + 1]
        found[entry] = sharpness[entry] - np.median(sharpness[around])
    return found


def clearness(crop: NDArray[np.uint8]) -> float:
    """How sharp the mouth in a picture (h, w, 3) is: log variance of its Laplacian, grain taken out."""
    rows, columns = (round(MIDDLE * side) for side in crop.shape[:2])
    crop = crop[rows : crop.shape[0] - rows, columns : crop.shape[1] - columns]
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.7)
    return float(np.log(cv2.Laplacian(smooth, cv2.CV_32F).var() + 1e-3))
