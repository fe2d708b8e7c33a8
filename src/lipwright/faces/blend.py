"""Putting a generated face back: which pixels, how softly, in which colours."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box
from lipwright.faces.mask import RowMask
from lipwright.faces.mesh import column, columns, group

Float = NDArray[np.float32]

GRID = 64  # raster of the crop on which distances are computed: they are smooth, so sub-pixel exact
FEATHER = 0.06  # width of the soft edge, in crop sides
CHIN_MARGIN = 0.16  # true open chin below the mesh's closed one, in face heights (real 0.12, presenters 0.16)
CHIN_REST = 0.06  # the same when the mouth is wide open already: the mesh reads too high, more so in beards
JAW_MARGIN = 0.025  # the jaw's sides move by about this when it opens (stretching cheeks), in face heights
EYE_MARGIN = 0.02  # distance kept from the lower lids, in face heights
OUTLIER_LEVELS = 25.0  # a colour difference this far from the usual one counts little
_LIDS = (145, 153, 144, 374, 380, 373)


def region(
    points: Float,
    matrix: Float,
    mask: RowMask,
    resolution: int,
    box: Box,
    *,
    chin_margin: float = CHIN_MARGIN,
    feather: float = FEATHER,
) -> Float:
    """How much of each px of `box` is replaced: (h, w) float32 0..1, exactly 0 outside a face-shaped region.

    points: kept mesh points (K, 2) of the frame. matrix: frame px -> R px of the crop. The region is the face
    outline, its chin moved down by up to `chin_margin` face heights so that the source's and the new chin lie
    inside, cut by the repainted part of the mask, by the crop's border, and by a line under the eyes. The
    edge fades within `feather` crop sides: at the jaw beyond its margin, elsewhere inside these limits.
    """
    scale = np.float32(GRID / resolution)
    to_grid = matrix[:, :2] * scale
    shift = (matrix[:, 2] + 0.5) * scale - 0.5
    inside = (points @ to_grid.T + shift).astype(np.float32)
    outline, down, height = _outline(inside, chin_margin, feather * GRID)
    depth = np.minimum(_depth_in_mask(mask), _depth_in_polygon(outline))
    depth = np.minimum(depth, _depth_below_eyes(inside, down, height))
    depth /= feather * GRID
    # frame px -> grid px for every px of the box; outside the crop the depth is negative
    origin = np.array(box[:2], np.float64)
    warp = np.concatenate([to_grid, (shift + to_grid @ origin)[:, None]], axis=1).astype(np.float64)
    size = (box[2] - box[0], box[3] - box[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    spread = cv2.warpAffine(
        depth, warp, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=(-1.0,)
    )
    return _ease(np.asarray(spread, np.float32))


def _ease(depth: Float) -> Float:
    """Smooth step: 0 at depth <= 0, 1 at depth >= 1."""
    t = np.clip(depth, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _outline(points: Float, chin_margin: float, fade: float) -> tuple[Float, Float, float]:
    """Face outline (36, 2) with chin and jaw moved out; the face's unit downward direction; the face height.

    fade: width of the soft edge in the px of the points, added below the margin so that both chins are
    opaque.
    """
    oval = points[group("oval")]
    top, chin = points[column(10)], points[column(152)]
    axis = chin - top
    height = float(np.linalg.norm(axis))
    down = axis / max(height, 1e-6)
    open_by = float(np.linalg.norm(points[column(13)] - points[column(14)]))
    reach = max(chin_margin * height - open_by, CHIN_REST * height) + fade
    along = (oval - top) @ down / height
    # nothing moves above the upper lip's height (0.6 of the face), the chin (1) moves by all of it
    share = _ease(((along - 0.6) / 0.35).astype(np.float32))
    across = (oval - top) @ np.array([-down[1], down[0]], np.float32) / (0.25 * height)
    aside = _ease(((along - 0.45) / 0.2).astype(np.float32)) * np.clip(across, -1, 1)
    shift = share[:, None] * reach * down
    shift += aside[:, None] * (fade + JAW_MARGIN * height) * np.array([-down[1], down[0]], np.float32)
    moved = np.asarray(oval + shift, np.float32)
    return moved, down, height


def _depth_in_polygon(polygon: Float) -> Float:
    """Signed distance (GRID, GRID) to a polygon, grid px, positive inside."""
    y, x = np.mgrid[0:GRID, 0:GRID].astype(np.float32)
    place = np.stack([x.ravel(), y.ravel()], axis=1)
    start, stop = polygon, np.roll(polygon, -1, axis=0)
    edge = stop - start
    length = np.maximum((edge**2).sum(axis=1), 1e-9)
    offset_x = place[:, None, 0] - start[None, :, 0]
    offset_y = place[:, None, 1] - start[None, :, 1]
    share = np.clip((offset_x * edge[:, 0] + offset_y * edge[:, 1]) / length, 0, 1)
    away_x, away_y = offset_x - share * edge[:, 0], offset_y - share * edge[:, 1]
    distance = np.sqrt((away_x**2 + away_y**2).min(axis=1))
    crosses = (start[:, 1] > place[:, None, 1]) != (stop[:, 1] > place[:, None, 1])
    rise = np.where(edge[:, 1] == 0, 1e-9, edge[:, 1])
    inside = (crosses & (offset_x < offset_y / rise * edge[:, 0])).sum(axis=1) % 2 == 1
    return np.asarray(np.where(inside, distance, -distance).reshape(GRID, GRID), np.float32)


def _depth_below_eyes(points: Float, down: Float, height: float) -> Float:
    """Signed distance to the line EYE_MARGIN under the lower of the two lower lids, positive below."""
    limit = float((points[columns(*_LIDS)] @ down).max()) + EYE_MARGIN * height
    y, x = np.mgrid[0:GRID, 0:GRID].astype(np.float32)
    return np.asarray(x * down[0] + y * down[1] - limit, np.float32)


@lru_cache(maxsize=8)
def _depth_in_mask(mask: RowMask) -> Float:
    """Signed distance (GRID, GRID) to the edge of the repainted part or the crop, grid px, > 0 inside."""
    side = 4 * GRID
    repaint = (mask.keep_bytes(side) < 128).astype(np.uint8)
    framed = np.pad(repaint, 1)
    inside = _distance(framed)
    outside = _distance(1 - framed)
    # both count from px centres; the edge runs half a px from either side
    signed = np.where(framed > 0, inside - 0.5, 0.5 - outside)[1:-1, 1:-1]
    small = _reduce(np.asarray(signed, np.float32), (GRID, GRID)) / np.float32(4)
    small.setflags(write=False)
    return small


def _distance(inside: NDArray[np.uint8]) -> Float:
    """Distance of each px that is not 0 to the nearest that is."""
    return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def match_colour(generated: Float, source: Float, alpha: Float) -> Float:
    """`generated` (h, w, 3) with its low-frequency colour moved to the source's, where the two meet.

    generated, source: float32 0..255 of one box; alpha: their region (h, w). The offset is measured on the
    soft rim of the region, where the mouth never is, spread over the region by a wide normalised blur, and
    added.
    """
    step = max(1, min(alpha.shape) // 64)
    size = (max(1, alpha.shape[1] // step), max(1, alpha.shape[0] // step))
    difference = _reduce(source, size) - _reduce(generated, size)
    small = _reduce(alpha, size)
    rim = small * (1 - small) * 4
    near = rim > 0.2
    if not near.any():
        return generated
    # where old and new chin differ, or hair lies across, the difference says nothing about the light
    usual = np.median(difference[near], axis=0)
    rim = rim * np.exp(-np.square((difference - usual) / OUTLIER_LEVELS).mean(axis=2))
    sigma = 0.15 * max(size)
    weighted = np.concatenate([difference * rim[..., None], rim[..., None]], axis=2).astype(np.float32)
    spread = cv2.GaussianBlur(weighted, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    # far from any rim the local estimate has no weight and the usual one takes over
    trust = 0.02 * float(spread[..., 3].max())
    local = (spread[..., :3] + trust * usual) / (spread[..., 3:] + trust)
    shape = (alpha.shape[1], alpha.shape[0])
    full = cv2.resize(local.astype(np.float32), shape, interpolation=cv2.INTER_LINEAR)
    return np.asarray(generated + full, np.float32)


def _reduce(picture: Float, size: tuple[int, int]) -> Float:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
