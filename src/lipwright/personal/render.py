"""One frame with a new mouth: the frame's own skin moved by its own jaw, the lips from the person's library.

Two layers meet in a soft ring around the lips. The skin is the frame's own, pulled to where the new mouth
wants chin and cheeks, so beard, light and grain are its own and never flicker, and there is no second chin.
Lips, teeth and tongue are the library's, pulled only as far as the pose and the smoothing of motion ask.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box
from lipwright.faces.blend import match_colour
from lipwright.personal.head import FOLD, LOWER_INNER, OUTER, OUTLINE, UPPER_INNER, apply, inverse
from lipwright.personal.library import Library
from lipwright.personal.warp import expand, knot_px, knots, pull, sample, sample_at

Floats = NDArray[np.float32]

RING = 0.16  # how far the new lips' picture reaches beyond them, in mouth widths
SOFT = 0.12  # width of its soft edge
CRISP_PX, CRISPEST = 0.8, 1.2  # width of the detail that is given back, and how much of it at most
TREMBLE_PX = 0.35
TEETH = 0.7  # from the upper lip down, this share of an opening holds what hangs on the upper jaw
REACH = 0.42  # how far below the chin and beside the jaw the skin gives way, in head heights


@dataclass(frozen=True)
class Mouth:
    """What one output frame shall show.

    entries, shares: library entries and their weights (sum 1). lips: (40, 2) outer and inner lips, head px.
    jaw: (17, 2), folds: (4, 2) how far outline and folds move away from where the frame has them, head px.
    """

    entries: tuple[int, ...]
    shares: tuple[float, ...]
    lips: Floats
    jaw: Floats
    folds: Floats


def area(points: Floats, to_head: Floats, height: float, width: int, frame_height: int) -> Box:
    """The part of a frame that may change: from under the eyes to the neck. points: (M, 2) head px."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = REACH * height
    corners = np.array([[low[0], low[1] - 0.1 * height], [high[0], high[1] + margin]])
    corners[0, 0] -= 0.12 * height
    corners[1, 0] += 0.12 * height
    all_four = np.array([[x, y] for x in corners[:, 0] for y in corners[:, 1]])
    found = apply(inverse(to_head), all_four)
    left, top = np.floor(found.min(axis=0)).astype(int) // 2 * 2
    right, bottom = -(-np.ceil(found.max(axis=0)).astype(int) // 2) * 2
    left, top = max(0, int(left)), max(0, int(top))
    return left, top, max(left + 2, min(width, int(right))), max(top + 2, min(frame_height, int(bottom)))


def render(
    library: Library, mouth: Mouth, picture: Floats, box: Box, now: Floats, still: Floats, to_head: Floats
) -> tuple[Floats, Floats]:
    """The new picture of `box` (h, w, 3) and how much of each px is new (h, w) 0..1.

    picture: (h, w, 3) the frame's own pixels of the box. now: (M, 2) moving points as the frame has them,
    head px; still: (S, 2) its still points, head px. to_head: (2, 3) frame px -> head px.
    """
    to_frame = inverse(to_head)
    skin, moved = _skin(library, mouth, picture, box, now, still, to_frame)
    lips_in_frame = apply(to_frame, mouth.lips)
    alpha, inner = _ring(lips_in_frame[OUTER], box)
    x0, y0, x1, y1 = inner
    part = (slice(y0 - box[1], y1 - box[1]), slice(x0 - box[0], x1 - box[0]))
    lips = _lips(library, mouth, lips_in_frame, inner, to_frame)
    ring = alpha[part]
    lips = match_colour(lips, skin[part], ring)
    skin[part] = skin[part] * (1 - ring[..., None]) + lips * ring[..., None]
    return skin, np.maximum(moved, alpha)


def _skin(
    library: Library,
    mouth: Mouth,
    picture: Floats,
    box: Box,
    now: Floats,
    still: Floats,
    to_frame: NDArray[np.float64],
) -> tuple[Floats, Floats]:
    height = library.head.height
    outer, outline, folds = now[OUTER], now[OUTLINE], now[FOLD]
    target = np.concatenate([mouth.lips[OUTER], outline + mouth.jaw, folds + mouth.folds])
    source = np.concatenate([outer, outline, folds])
    anchors = _anchors(outline, still, height)
    coarse = knots(
        apply(to_frame, np.concatenate([target, anchors])),
        apply(to_frame, np.concatenate([source, anchors])),
        box,
        (box[0], box[1]),
    )
    height_px, width_px = picture.shape[:2]
    skin, moved = picture.copy(), np.zeros((height_px, width_px), np.float32)
    part = _moving_part(coarse, width_px, height_px)
    if part is None:
        return skin, moved
    left, top, right, bottom = part
    inside = (slice(top, bottom), slice(left, right))
    xs = np.arange(left, right, dtype=np.float32)
    ys = np.arange(top, bottom, dtype=np.float32)[:, None]
    places = expand(coarse, part)
    # nothing moves at the border of the box
    edge = np.minimum(np.minimum(xs, width_px - 1 - xs), np.minimum(ys, height_px - 1 - ys))
    give = np.clip(edge / np.float32(0.12 * min(width_px, height_px)), 0, 1)
    give *= give * (3 - 2 * give)
    across, down = (places[..., 0] - xs) * give, (places[..., 1] - ys) * give
    far = np.hypot(across, down)
    # the mesh trembles by less than this: skin that has no reason to move keeps its very pixels
    kept = np.maximum(far - np.float32(TREMBLE_PX), 0) / np.maximum(far, np.float32(1e-6))
    places[..., 0], places[..., 1] = xs + across * kept, ys + down * kept
    moving = kept > 0
    skin[inside][moving] = sample_at(picture, places, moving)
    moved[inside] = np.clip((far - TREMBLE_PX) / 0.2, 0, 1)
    return skin, moved


def _moving_part(coarse: Floats, width: int, height: int) -> Box | None:
    """The part of a box of that size in which the skin may move by more than TREMBLE_PX. coarse: of `knots`.

    Between knots it moves no further than at the farthest of them.
    """
    rows, columns = coarse.shape[:2]
    far = np.hypot(
        coarse[..., 0] - knot_px(np.arange(columns)), coarse[..., 1] - knot_px(np.arange(rows))[:, None]
    )
    there = far > TREMBLE_PX
    if not there.any():
        return None
    down, across = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    low = np.floor(knot_px(np.array([across[0] - 1, down[0] - 1]))).astype(int)
    high = np.ceil(knot_px(np.array([across[-1] + 1, down[-1] + 1]))).astype(int)
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(width, int(high[0])), min(height, int(high[1]))
    return None if left >= right or top >= bottom else (left, top, right, bottom)


def _anchors(outline: Floats, still: Floats, height: float) -> Floats:
    """Points that stay: nose and eyes, beside the jaw, below the chin."""
    middle = still.mean(axis=0)
    out = outline - middle
    distance = np.linalg.norm(out, axis=1, keepdims=True)
    down = np.clip((out[:, 1:] / distance), 0, 1) ** 2  # 1 below the chin, 0 beside the ears
    far = outline + out / distance * height * (0.1 + (REACH - 0.1) * down)
    return np.asarray(np.concatenate([still, far]), np.float32)


def _ring(lips: NDArray[np.float64], box: Box) -> tuple[Floats, Box]:
    """Weight (h, w) of the lips' picture in `box`, and the part of the box where it is not 0."""
    width = float(np.linalg.norm(lips[0] - lips[10]))
    alpha = np.zeros((box[3] - box[1], box[2] - box[0]), np.float32)
    x0, y0 = (max(0, int(v)) for v in lips.min(axis=0) - RING * width - 2 - box[:2])
    x1, y1 = (int(v) for v in lips.max(axis=0) + RING * width + 3 - box[:2])
    part = alpha[y0:y1, x0:x1]
    if part.size:
        mask = np.zeros(part.shape, np.uint8)
        shape = np.rint((lips - (box[0] + x0, box[1] + y0)) * 16).astype(np.int32)
        cv2.fillPoly(mask, [cv2.convexHull(shape)], 255, shift=4)
        away = cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5)
        depth = np.clip((RING * width - away) / (SOFT * width), 0, 1)
        part[:] = depth * depth * (3 - 2 * depth)
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return alpha, (box[0], box[1], box[0] + 2, box[1] + 2)
    return alpha, (
        box[0] + int(columns[0]),
        box[1] + int(rows[0]),
        box[0] + int(columns[-1]) + 1,
        box[1] + int(rows[-1]) + 1,
    )


def _lips(
    library: Library, mouth: Mouth, lips: NDArray[np.float64], box: Box, to_frame: NDArray[np.float64]
) -> Floats:
    total = np.zeros((box[3] - box[1], box[2] - box[0], 3), np.float32)
    rim, energy = _rim(mouth.lips[OUTER]), 0.0
    for entry, share in zip(mouth.entries, mouth.shares, strict=True):
        to_crop = inverse(library.to_head[entry])
        own = library.points[entry, :40]
        hanging, hung = teeth(own, mouth.lips)
        source = apply(to_crop, np.concatenate([own, _rim(own[OUTER]), hanging]))
        target = np.concatenate([lips, apply(to_frame, np.concatenate([rim, hung]))])
        places = pull(target, source, box, (0.0, 0.0))
        crop = library.crops[entry].astype(np.float32)
        total += np.float32(share) * sample(crop, places)
        energy += share * _energy(_grey(crop), source[:20])
    return _crisp(total, energy)


def teeth(own: Floats, lips: Floats) -> tuple[Floats, Floats]:
    """Points below the upper teeth, (7, 2), in a library frame with lips `own` and where they go with `lips`,
    both (40, 2) head px.

    Teeth are bone: a mouth that is pulled further open than the frame showed it must not make them longer, so
    they keep their distance from the upper lip and only the gap below them grows. One that is pulled closed
    is squeezed as a whole, for the lower lip that would cover them is not behind them in the picture.
    """
    upper, lower = UPPER_INNER[1:-1], LOWER_INNER[1:-1]
    gap, new_gap = own[lower] - own[upper], lips[lower] - lips[upper]
    wider = new_gap[:, 1:] > gap[:, 1:]
    hanging, hung = own[upper] + TEETH * gap, lips[upper] + TEETH * np.where(wider, gap, new_gap)
    return np.asarray(hanging, np.float32), np.asarray(hung, np.float32)


def _grey(picture: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _energy(grey: Floats, lips: NDArray[np.float64]) -> float:
    """Variance of the Laplacian around lips (20, 2), as far as their ring reaches."""
    reach = RING * float(np.linalg.norm(lips[0] - lips[10]))
    left, top = np.maximum((lips.min(axis=0) - reach).astype(int), 0)
    right, bottom = (lips.max(axis=0) + reach).astype(int) + 1
    part = cv2.Laplacian(grey[top:bottom, left:right], cv2.CV_32F)
    return float(part.var()) if part.size else 0.0


def _crisp(picture: Floats, energy: float) -> Floats:
    """A picture with the fine detail that resampling and mixing took from it: sharpened until the variance of
    its Laplacian is `energy` again, and never more than by CRISPEST.
    """
    grey = _grey(picture)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), CRISP_PX)
    one, other = cv2.Laplacian(grey, cv2.CV_32F), cv2.Laplacian(fine, cv2.CV_32F)
    lacking = energy - float(one.var())
    if lacking <= 0:
        return picture
    both, alone = float((one * other).mean() - one.mean() * other.mean()), max(float(other.var()), 1e-6)
    amount = min((-both + float(np.sqrt(both**2 + alone * lacking))) / alone, CRISPEST)
    blurred = cv2.GaussianBlur(picture, (0, 0), CRISP_PX)
    return np.asarray(picture + np.float32(amount) * (picture - blurred), np.float32)


def _rim(outer: Floats) -> Floats:
    """Points around the lips that move with them as a whole, so that the spline stays tame beyond them."""
    middle = outer.mean(axis=0)
    return np.asarray(middle + (outer[::2] - middle) * 1.7, np.float32)
