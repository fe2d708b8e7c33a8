"""Smooth warps: a picture pulled by points, without creases and without tears.

A thin-plate spline through the points, relaxed a little (points of a mesh tremble), evaluated on a coarse
grid. Unlike triangles it has no edges at which a beard or a lip line could break.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box

Floats = NDArray[np.float32]

STEP_PX = 6  # of the grid on which a warp is computed; in between it is linear
RELAXED = 2e-3  # weight of bending: how far a point may stay from its place for a smoother warp


def pull(
    target: NDArray[np.floating], source: NDArray[np.floating], box: Box, offset: tuple[float, float]
) -> Floats:
    """Where each px of `box` is to be fetched: (h, w, 2) px relative to `offset`.

    target (P, 2): places in the frame; source (P, 2): what shall be seen there, in the px of the picture that
    is sampled (offset: of its corner). Between and beyond the points the spline runs on.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    columns, rows = max(2, -(-width // STEP_PX) + 1), max(2, -(-height // STEP_PX) + 1)
    xs, ys = np.linspace(left, right - 1, columns), np.linspace(top, bottom - 1, rows)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    found = _spline(np.asarray(target, np.float64), np.asarray(source, np.float64), grid)
    coarse = (found - np.asarray(offset)).reshape(rows, columns, 2).astype(np.float32)
    # by weights in floating point: OpenCV resamples in 32 steps a px, which would tremble
    down, across = _weights(height, rows), _weights(width, columns)
    fine = np.stack([down @ coarse[..., axis] @ across.T for axis in (0, 1)], axis=-1)
    return np.asarray(fine, np.float32)


@lru_cache(maxsize=64)
def _weights(count: int, knots: int) -> Floats:
    """(count, knots) linear interpolation from knots spread evenly over `count` samples, ends included."""
    places = np.linspace(0, knots - 1, count)
    first = np.minimum(places.astype(int), knots - 2)
    share = (places - first).astype(np.float32)
    weights = np.zeros((count, knots), np.float32)
    weights[np.arange(count), first] = 1 - share
    weights[np.arange(count), first + 1] = share
    weights.setflags(write=False)
    return weights


def _kernel(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    return squared * np.log(np.maximum(squared, 1e-12))


def _spline(
    places: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A thin-plate spline with `values` (P, 2) at `places` (P, 2), read at (N, 2)."""
    centre, size = places.mean(axis=0), np.ptp(places, axis=0).max()
    here, there = (places - centre) / size, (at - centre) / size
    count = len(here)
    between = ((here[:, None] - here[None]) ** 2).sum(axis=-1)
    flat = np.concatenate([np.ones((count, 1)), here], axis=1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(between) + RELAXED * np.eye(count)
    system[:count, count:], system[count:, :count] = flat, flat.T
    wanted = np.concatenate(
        [values - places, np.zeros((3, 2))]
    )  # of the displacement: exact where it is zero
    weights = np.linalg.solve(system, wanted)
    squared = ((there**2).sum(axis=1)[:, None] + (here**2).sum(axis=1)[None] - 2 * there @ here.T).clip(0)
    bent = _kernel(squared) @ weights[:count]
    return np.asarray(at + bent + weights[count] + there @ weights[count + 1 :])


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
