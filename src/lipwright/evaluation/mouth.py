"""What a face mesh sees of a mouth: its opening, and how sharp and how steady the picture around it is."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.detect import Face, FaceReader

UPPER_LIP, LOWER_LIP = 13, 14  # inner edges, in the middle
OUTER_EYES = (33, 263)
CORNERS = (61, 291)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Mouths:
    """n frames. aperture: inner-lip distance over that of the outer eye corners, NaN where no face was found.

    box: (n, 4) px around the lips and the chin. grey: the frames, (n, h, w) float32.
    """

    aperture: Floats
    box: Floats
    grey: Floats


def read_mouths(frames: Iterable[NDArray[np.uint8]], reader: FaceReader) -> Mouths:
    """Read every frame (h, w, 3) RGB with the mesh."""
    previous: list[Face] = []
    apertures, boxes, greys = [], [], []
    for frame in frames:
        previous = list(reader.read(frame, previous))[:1]
        greys.append(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32))
        if not previous:
            apertures.append(np.nan)
            boxes.append(np.full(4, np.nan))
            continue
        points = previous[0].points
        eyes = float(np.linalg.norm(points[OUTER_EYES[0]] - points[OUTER_EYES[1]]))
        apertures.append(float(np.linalg.norm(points[UPPER_LIP] - points[LOWER_LIP])) / eyes)
        middle = points[list(CORNERS)].mean(axis=0)
        boxes.append(
            np.array(
                [
                    middle[0] - 0.4 * eyes,
                    middle[1] - 0.25 * eyes,
                    middle[0] + 0.4 * eyes,
                    middle[1] + 0.45 * eyes,
                ]
            )
        )
    return Mouths(np.asarray(apertures, np.float32), np.asarray(boxes, np.float32), np.stack(greys))


def correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Pearson correlation over the frames that both have; NaN when one of them does not move."""
    both = np.isfinite(a) & np.isfinite(b)
    x, y = a[both].astype(np.float64), b[both].astype(np.float64)
    if len(x) < 3:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / spread if spread > 1e-9 else float("nan")


def lag_curve(found: Floats, true: Floats, reach: int = 6) -> NDArray[np.float64]:
    """Correlation of `found` shifted back by -reach .. reach frames with `true`; index reach is no shift.

    A peak at +k means that the picture is k frames late.
    """
    curve = []
    for lag in range(-reach, reach + 1):
        a = found[max(lag, 0) : len(found) + min(lag, 0)]
        b = true[max(-lag, 0) : len(true) + min(-lag, 0)]
        curve.append(correlation(a, b))
    return np.asarray(curve)


def spread(aperture: Floats) -> float:
    """Range of the openings between their 5th and 95th percentile; NaN when no frame has one."""
    seen = aperture[np.isfinite(aperture)]
    if not len(seen):
        return float("nan")
    low, high = np.percentile(seen, [5, 95])
    return float(high - low)


def sharpness(grey: Floats, box: Floats) -> float:
    """Mean variance of the Laplacian in each frame's box (grey levels squared)."""
    found = []
    for picture, area in zip(grey, box, strict=True):
        if np.isfinite(area).all():
            left, top, right, bottom = (max(0, int(v)) for v in area)
            piece = picture[top:bottom, left:right]
            if piece.size:
                found.append(float(cv2.Laplacian(piece, cv2.CV_32F).var()))
    return float(np.mean(found)) if found else float("nan")


def flicker(grey: Floats, box: Floats) -> float:
    """Mean absolute second difference over time in the box (grey levels): shimmer beyond steady motion."""
    found = []
    for index in range(1, len(grey) - 1):
        if np.isfinite(box[index]).all():
            left, top, right, bottom = (max(0, int(v)) for v in box[index])
            three = grey[index - 1 : index + 2, top:bottom, left:right]
            if three.size:
                found.append(float(np.abs(three[0] - 2 * three[1] + three[2]).mean()))
    return float(np.mean(found)) if found else float("nan")


def texture(pictures: Iterable[NDArray[np.uint8]], box: Floats) -> tuple[float, float]:
    """`sharpness` and `flicker` in each frame's box, of frames (h, w, 3) RGB that stream by."""
    sharp: list[float] = []
    shimmer: list[float] = []
    around: list[Floats] = []
    for index, picture in enumerate(pictures):
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        around = [*around[-2:], grey]
        sharp.append(sharpness(grey[None], box[index : index + 1]))
        if len(around) == 3:
            middle = np.repeat(box[index - 1 : index], 3, axis=0)
            shimmer.append(flicker(np.stack(around), middle))
    return _known_mean(sharp), _known_mean(shimmer)


def _known_mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
