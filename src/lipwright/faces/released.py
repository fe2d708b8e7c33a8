"""Cutting out and putting back as the released LatentSync code does it, in float32.

Crops are made by bilinear sampling and stretched to the network's square by Lanczos; faces go back whole,
with a wide feather. Kept apart from `align` and `blend`, which do both better: this is for verification.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box, Float, Template, box_around

FILL = 127.0  # what the released warps show outside their source
FEATHER_PARTS = 20  # the feather is the root of the pasted area over this
KERNEL = -0.5  # the cubic kernel's parameter where pictures are resized with antialiasing


def frame_box(matrix: Float, template: Template, width: int, height: int) -> Box:
    """Part of a frame that a crop reads and writes: its px and their bilinear reach, edges even.

    matrix: (2, 3) frame px -> crop px.
    """
    return box_around(
        matrix, (-1.0, template.crop_width, -1.0, template.crop_height), width, height, margin=2
    )


def crop(picture: NDArray[Any], box: Box, matrix: Float, template: Template) -> NDArray[np.uint8]:
    """The aligned crop (crop_height, crop_width, 3) uint8, truncated, from the px (h, w, 3) of `box`.

    Bilinear; what lies outside the frame counts as FILL. `box` must hold all of the frame that is read.
    """
    inverse = np.asarray(cv2.invertAffineTransform(matrix.astype(np.float64)), np.float64)
    inverse[:, 2] -= box[:2]
    seen, coverage = _sample(picture, inverse, (template.crop_width, template.crop_height))
    return (seen + (1 - coverage[..., None]) * np.float32(FILL)).astype(np.uint8)


def to_network(cropped: NDArray[np.uint8], template: Template) -> NDArray[np.uint8]:
    """A crop stretched to the square (R, R, 3) that the network sees."""
    size = (template.resolution, template.resolution)
    return np.asarray(cv2.resize(cropped, size, interpolation=cv2.INTER_LANCZOS4), np.uint8)


@dataclass(frozen=True)
class Pasted:
    """A face on its way back into `box` of a frame; all (h, w) float32 0..1 but the picture and resized."""

    resized: Float
    """(crop_height, crop_width, 3): the face at the size of the crop, -1..1."""
    coverage: Float
    """Where the crop lies in the frame."""
    eroded: Float
    """The same without its outermost px."""
    centre: Float
    """What is left when the feather's width is taken off."""
    soft: Float
    """The weight of the face."""
    picture: Float
    """(h, w, 3) 0..255: the face times `eroded`."""
    area: float
    """Sum of `eroded`, px."""
    feather: int
    """Half width of the blur, px."""


def paste(face: Float, matrix: Float, template: Template, box: Box) -> Pasted:
    """A face (R, R, 3) of about -1..1 as a layer over `box` (see `frame_box`): weight `soft`, picture.

    The layer is put on by (1 - soft) * frame + soft * picture.
    """
    resized = resize(face, (template.crop_width, template.crop_height))
    to_crop = matrix.astype(np.float64)
    to_crop[:, 2] += to_crop[:, :2] @ np.array(box[:2], np.float64)
    seen, coverage = _sample(resized, to_crop, (box[2] - box[0], box[3] - box[1]))
    seen += (1 - coverage[..., None]) * np.float32(FILL)
    picture = np.clip(seen / 2 + 0.5, 0, 1) * np.float32(255)
    eroded = _erode_2x2(coverage)
    area = float(eroded.sum(dtype=np.float64))
    feather = int(area**0.5) // FEATHER_PARTS
    kernel = np.ones((2 * feather, 2 * feather) if feather else (3, 3), np.uint8)
    centre = np.asarray(cv2.erode(eroded, kernel), np.float32)
    size = 2 * feather + 1
    soft = cv2.GaussianBlur(centre, (size, size), blur_sigma(feather), borderType=cv2.BORDER_REFLECT_101)
    weighted = np.asarray(picture * eroded[..., None], np.float32)
    return Pasted(resized, coverage, eroded, centre, np.asarray(soft, np.float32), weighted, area, feather)


def blur_sigma(feather: int) -> float:
    """Deviation of the feather's blur: OpenCV's rule for a kernel of 2 * feather + 1 px."""
    return 0.3 * (feather - 1) + 0.8


def restore(frame: NDArray[np.uint8], layer: Pasted, box: Box) -> NDArray[np.uint8]:
    """A frame (h, w, 3) with a layer put on, truncated to whole levels."""
    out = frame.copy()
    part = (slice(box[1], box[3]), slice(box[0], box[2]))
    soft = layer.soft[..., None]
    out[part] = (soft * layer.picture + (1 - soft) * frame[part]).astype(np.uint8)
    return out


def prepare(picture: NDArray[np.uint8], resolution: int) -> NDArray[np.uint8]:
    """Any picture (h, w, 3) at the network's size, as training and inference prepare aligned faces."""
    if picture.shape[:2] == (resolution, resolution):
        return picture
    resized = resize(picture.astype(np.float32), (resolution, resolution))
    return np.rint(np.clip(resized, 0, 255)).astype(np.uint8)


def resize(picture: Float, size: tuple[int, int]) -> Float:
    """A picture (h, w, c) at (width, height) px: bicubic, antialiased when it shrinks, px areas aligned."""
    rows = _resizing(picture.shape[0], size[1])
    columns = _resizing(picture.shape[1], size[0])
    tall = np.tensordot(rows, picture.astype(np.float32), axes=(1, 0))
    return np.ascontiguousarray(np.tensordot(tall, columns, axes=(1, 1)).transpose(0, 2, 1), np.float32)


@lru_cache(maxsize=8)
def _resizing(source: int, target: int) -> Float:
    """Weights (target, source) of a line resized; each row sums to 1, taps beyond the ends are left out."""
    scale = source / target
    stretch = max(scale, 1.0)
    middle = (np.arange(target) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(source)[None] - middle[:, None]) / stretch
    near = ((KERNEL + 2) * distance - (KERNEL + 3)) * distance**2 + 1
    far = ((KERNEL * distance - 5 * KERNEL) * distance + 8 * KERNEL) * distance - 4 * KERNEL
    weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    found: Float = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    found.setflags(write=False)
    return found


def _sample(
    picture: NDArray[Any], to_source: NDArray[np.float64], size: tuple[int, int]
) -> tuple[Float, Float]:
    """Bilinear samples (h, w, c) of a picture through a (2, 3) map from target px, and their coverage (h, w).

    Outside the picture lie zeros; coverage is the same sampling of ones. size: (width, height).
    """
    at_x, at_y = np.meshgrid(np.arange(size[0], dtype=np.float64), np.arange(size[1], dtype=np.float64))
    x = to_source[0, 0] * at_x + to_source[0, 1] * at_y + to_source[0, 2]
    y = to_source[1, 0] * at_x + to_source[1, 1] * at_y + to_source[1, 2]
    left, top = np.floor(x), np.floor(y)
    right_share, low_share = (x - left).astype(np.float32), (y - top).astype(np.float32)
    height, width = picture.shape[:2]
    seen = np.zeros((size[1], size[0], picture.shape[2]), np.float32)
    coverage = np.zeros((size[1], size[0]), np.float32)
    for dy, share_y in ((0, 1 - low_share), (1, low_share)):
        for dx, share_x in ((0, 1 - right_share), (1, right_share)):
            column, row = left + dx, top + dy
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            share = np.where(inside, share_x * share_y, np.float32(0))
            rows = np.clip(row, 0, height - 1).astype(np.intp)
            columns = np.clip(column, 0, width - 1).astype(np.intp)
            seen += share[..., None] * picture[rows, columns]
            coverage += share
    return seen, coverage


def _erode_2x2(mask: Float) -> Float:
    """Minimum of each px, its left, its upper and its upper left neighbour; outside is ignored."""
    padded = np.pad(mask, ((1, 0), (1, 0)), constant_values=np.inf)
    across = np.minimum(padded[:, 1:], padded[:, :-1])
    return np.asarray(np.minimum(across[1:], across[:-1]), np.float32)
