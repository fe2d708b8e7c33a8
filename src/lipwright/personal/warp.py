"""Smooth warps: a picture pulled by points, without creases and without tears.

A thin-plate spline through the points, relaxed a little (points of a mesh tremble), evaluated on a coarse
grid. Unlike triangles it has no edges at which a beard or a lip line could break.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box

Floats = NDArray[np.float32]

STEP_PX = 6  # of the grid on which a warp is computed; in between it is linear
ROW_PX = 512
RELAXED = 2e-3  # weight of bending: how far a point may stay from its place for a smoother warp


def pull(
    target: NDArray[np.floating], source: NDArray[np.floating], box: Box, offset: tuple[float, float]
) -> Floats:
    """Where each px of `box` is to be fetched: (h, w, 2) px relative to `offset`.

    target (P, 2): places in the frame; source (P, 2): what shall be seen there, in the px of the picture that
    is sampled (offset: of its corner). Between and beyond the points the spline runs on.
    """
    left, top, right, bottom = box
    return expand(knots(target, source, box, offset), (0, 0, right - left, bottom - top))


def knots(
    target: NDArray[np.floating], source: NDArray[np.floating], box: Box, offset: tuple[float, float]
) -> Floats:
    """`pull` on a coarse grid, (rows, columns, 2), for `expand`: knot (i, j) is at px `knot_px(i)`,
    `knot_px(j)` of the box.
    """
    left, top, right, bottom = box
    columns, rows = (-(-side // STEP_PX) + 2 for side in (right - left, bottom - top))
    xs, ys = left + knot_px(np.arange(columns)), top + knot_px(np.arange(rows))
    found = _spline(np.asarray(target, np.float64), np.asarray(source, np.float64), xs, ys)
    return np.asarray(found - np.asarray(offset), np.float32)


def knot_px(number: NDArray[np.integer]) -> NDArray[np.float64]:
    """Where knots lie, in px: in the middle of cells, the first cell outside the box."""
    return np.asarray((number - 0.5) * STEP_PX - 0.5)


def expand(coarse: Floats, part: Box) -> Floats:
    """The px (h, w, 2) of one part of the box of `knots`, linear in between."""
    left, top, right, bottom = part
    x0, y0 = left // STEP_PX, top // STEP_PX
    x1, y1 = -(-right // STEP_PX) + 2, -(-bottom // STEP_PX) + 2
    cells = coarse[y0:y1, x0:x1]
    # resizing by a whole number has exact weights; remapping would have 32 steps a px, which would tremble
    size = (cells.shape[1] * STEP_PX, cells.shape[0] * STEP_PX)
    fine = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)
    y, x = top - (y0 - 1) * STEP_PX, left - (x0 - 1) * STEP_PX
    return np.ascontiguousarray(fine[y : y + bottom - top, x : x + right - left], np.float32)


def _kernel(squared: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(squared * np.log(np.maximum(squared, squared.dtype.type(1e-12))))


def _spline(
    places: NDArray[np.float64],
    values: NDArray[np.float64],
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
) -> NDArray[np.float64]:
    """A thin-plate spline with `values` (P, 2) at `places` (P, 2), read on a grid: (rows, columns, 2).

    Matrix products of this size make BLAS start threads that cost more than they bring and take the cores
    from the other workers, so OpenCV, which does not, multiplies.
    """
    centre, size = places.mean(axis=0), np.ptp(places, axis=0).max()
    here = (places - centre) / size
    count = len(here)
    between = ((here[:, None] - here[None]) ** 2).sum(axis=-1)
    flat = np.concatenate([np.ones((count, 1)), here], axis=1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(between) + RELAXED * np.eye(count)
    system[:count, count:], system[count:, :count] = flat, flat.T
    # of the displacement: exact where it is zero
    wanted = np.concatenate([values - places, np.zeros((3, 2))])
    weights = np.linalg.solve(system, wanted)
    across, down = (xs - centre[0]) / size, (ys - centre[1]) / size
    wide = np.asarray((across[:, None] - here[None, :, 0]) ** 2, np.float32)
    high = np.asarray((down[:, None] - here[None, :, 1]) ** 2, np.float32)
    squared = (high[:, None] + wide[None]).reshape(-1, count)
    bent = cv2.gemm(
        _kernel(squared),
        weights[:count].astype(np.float32),
        1.0,
        np.zeros((len(squared), 2), np.float32),
        0.0,
    )
    found = bent.reshape(len(ys), len(xs), 2) + weights[count]
    found += across[None, :, None] * weights[count + 1] + down[:, None, None] * weights[count + 2]
    found[..., 0] += xs[None]
    found[..., 1] += ys[:, None]
    return np.asarray(found)


def sample_at(picture: Floats, places: Floats, wanted: NDArray[np.bool_]) -> Floats:
    """`sample` at those places (H, W, 2) that are `wanted` (H, W): (n, 3) px in their order."""
    chosen = places[wanted]
    count = len(chosen)
    if not count:
        return np.zeros((0, 3), np.float32)
    width = min(count, ROW_PX)  # OpenCV takes no longer rows than 32767
    padded = np.zeros((-(-count // width) * width, 2), np.float32)
    padded[:count] = chosen
    return sample(picture, padded.reshape(-1, width, 2)).reshape(-1, 3)[:count]


def sample(picture: Floats, places: Floats) -> Floats:
    """`picture` (h, w, 3) at places (H, W, 2) px; its border is repeated outside."""
    out = cv2.remap(
        picture,
        np.ascontiguousarray(places[..., 0]),
        np.ascontiguousarray(places[..., 1]),
        cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(out, np.float32)
