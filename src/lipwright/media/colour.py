"""YUV planes to RGB and back in fp32, for a box of a picture.

The conversion inverts itself: an edit reaches the planes as a *difference*, so luma comes back exactly and
chroma of unedited pixels does not move, in spite of its subsampling. R, G, B are floats where 0 and 255 are
black and white at any depth; colours outside that range (YUV can hold them) are kept, not clipped.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.media.orientation import Box
from lipwright.media.planes import Layout, Plane

Floats = NDArray[Any]
"""float32 (OpenCV's types do not say so)."""

# Kr and Kb of ITU-T H.273 table 4, by the number of the matrix coefficients; 0 (RGB) never reaches YUV
# planes.
_LUMA_WEIGHTS: dict[int, tuple[float, float]] = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601, 625 lines
    6: (0.299, 0.114),  # BT.601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
    10: (0.2627, 0.0593),  # BT.2020 constant luminance, treated as its common sister
}
_FULL_RANGE = 2
_HD_HEIGHT = 720


@dataclass(frozen=True)
class ColourTags:
    """Colour description by the numbers of ITU-T H.273; 2 is unspecified (0 for range)."""

    space: int = 2
    range: int = 0
    """1 limited (16 to 235), 2 full, 0 unspecified (limited)."""
    primaries: int = 2
    transfer: int = 2

    @property
    def full_range(self) -> bool:
        """Whether samples use every code value."""
        return self.range == _FULL_RANGE


@dataclass(frozen=True)
class Conversion:
    """Everything that turns samples of one video into RGB: made once per video by `conversion`."""

    shape: Layout
    black: float
    """Code value of black in luma."""
    luma_span: float
    """Code values from black to white."""
    neutral: float
    """Code value of colourless chroma."""
    chroma_span: float
    """Code values from the lowest to the highest chroma."""
    kr: float
    kb: float
    cosited: bool
    """Chroma samples sit on even luma columns (MPEG-2, H.264, HEVC); else between two columns (JPEG)."""

    @property
    def to_rgb(self) -> Floats:
        """(3, 4): R, G, B of 0 to 255 from the code values (Y, U, V, 1)."""
        kr, kb = self.kr, self.kb
        kg = 1.0 - kr - kb
        yuv = np.array(
            [[1, 0, 2 - 2 * kr], [1, -2 * kb * (1 - kb) / kg, -2 * kr * (1 - kr) / kg], [1, 2 - 2 * kb, 0]]
        )
        scale = yuv * (255.0 / np.array([self.luma_span, self.chroma_span, self.chroma_span]))
        offset = -scale @ np.array([self.black, self.neutral, self.neutral])
        return np.column_stack([scale, offset]).astype(np.float32)

    @property
    def to_yuv(self) -> Floats:
        """(3, 4): code values (Y, U, V) from (R, G, B, 1)."""
        forward = self.to_rgb.astype(np.float64)
        inverse = np.linalg.inv(forward[:, :3])
        return np.column_stack([inverse, -inverse @ forward[:, 3]]).astype(np.float32)


@lru_cache(maxsize=64)
def conversion(shape: Layout, tags: ColourTags, height: int, *, cosited: bool = True) -> Conversion:
    """The conversion for a layout, colour tags and picture height (unspecified: BT.709 from 720 rows, else
    BT.601).
    """
    fallback = _LUMA_WEIGHTS[1 if height >= _HD_HEIGHT else 6]
    kr, kb = _LUMA_WEIGHTS.get(tags.space, fallback)
    unit = float(1 << (shape.bits - 8))
    top = float((1 << shape.bits) - 1)
    if shape.kind == "rgb" or tags.full_range:
        return Conversion(shape, 0.0, top, 128 * unit, top, kr, kb, cosited)
    return Conversion(shape, 16 * unit, 219 * unit, 128 * unit, 224 * unit, kr, kb, cosited)


def box_to_rgb(planes: tuple[Plane, ...], box: Box, how: Conversion) -> Floats:
    """RGB (h, w, 3) float32 of a box that lies inside the picture (stored orientation)."""
    left, top, right, bottom = box
    luma = planes[0][top:bottom, left:right]
    if how.shape.kind == "rgb":  # planes are G, B, R
        rgb = np.stack([planes[i][top:bottom, left:right] for i in (2, 0, 1)], axis=-1).astype(np.float32)
        return rgb * np.float32(255.0 / how.luma_span)
    if how.shape.kind == "gray":
        gray = (luma.astype(np.float32) - how.black) * np.float32(255.0 / how.luma_span)
        return cv2.merge([gray, gray, gray])
    chroma = [_raised_chroma(plane, box, how) for plane in planes[1:]]
    return cv2.transform(cv2.merge([luma.astype(np.float32), *chroma]), how.to_rgb)


def blend_box(planes: tuple[Plane, ...], box: Box, rgb: Floats, alpha: Floats, how: Conversion) -> None:
    """Blend RGB (h, w, 3) into writable planes with weight alpha (h, w) 0..1; samples of weight 0 keep
    their bits.

    The weight of a chroma sample is the mean over its luma samples. The box lies inside the picture.
    """
    left, top, right, bottom = box
    view = [plane[top:bottom, left:right] for plane in planes]
    if how.shape.kind == "rgb":
        for plane, channel in zip(view, (1, 2, 0), strict=True):
            target = rgb[..., channel] * np.float32(how.luma_span / 255.0)
            _store(plane, target - plane.astype(np.float32), alpha, how.shape)
        return
    if how.shape.kind == "gray":
        weights = np.array([[how.kr, 1 - how.kr - how.kb, how.kb]], np.float32) * np.float32(
            how.luma_span / 255.0
        )
        target = cv2.transform(rgb, weights) + np.float32(how.black)
        _store(view[0], target - view[0].astype(np.float32), alpha, how.shape)
        return
    luma, *colour = cv2.split(cv2.transform(rgb, how.to_yuv))
    _store(view[0], luma - view[0].astype(np.float32), alpha, how.shape)
    for plane, new in zip(planes[1:], colour, strict=True):
        _blend_chroma(plane, new - _raised_chroma(plane, box, how), alpha, box, how, planes[0].shape)


def _store(samples: Plane, change: Floats, alpha: Floats, shape: Layout) -> None:
    """samples += alpha * change, rounded and limited to the depth."""
    limit = float((1 << shape.bits) - 1)
    value = cv2.multiply(change, alpha)
    value += samples
    np.rint(value, out=value)
    np.clip(value, 0.0, limit, out=value)
    np.copyto(samples, value.astype(samples.dtype), where=alpha > 0)


def _chroma_box(box: Box, how: Conversion) -> Box:
    """The chroma samples that own a luma sample of the box."""
    left, top, right, bottom = box
    across, down = how.shape.across, how.shape.down
    return left // across, top // down, -(-right // across), -(-bottom // down)


def _raised_chroma(plane: Plane, box: Box, how: Conversion) -> Floats:
    """Chroma at every luma position of the box, interpolated linearly between its true positions."""
    across, down = how.shape.across, how.shape.down
    if across == down == 1:
        return plane[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    left, top, right, bottom = _chroma_box(box, how)
    rows, columns = plane.shape
    inner = plane[max(top - 1, 0) : min(bottom + 1, rows), max(left - 1, 0) : min(right + 1, columns)]
    pads = (int(top == 0), int(bottom == rows), int(left == 0), int(right == columns))
    padded = cv2.copyMakeBorder(inner, *pads, cv2.BORDER_REPLICATE)
    ring: Floats = padded.astype(np.float32)
    if down > 1:
        ring = cv2.resize(ring, (ring.shape[1], ring.shape[0] * down), interpolation=cv2.INTER_LINEAR)
    if across > 1:
        ring = _raise_columns(ring, across, how.cosited)
    y0, x0 = box[1] - (top - 1) * down, box[0] - (left - 1) * across
    return ring[y0 : y0 + box[3] - box[1], x0 : x0 + box[2] - box[0]]


def _raise_columns(chroma: Floats, across: int, cosited: bool) -> Floats:
    if across != 2 or not cosited:
        return cv2.resize(chroma, (chroma.shape[1] * across, chroma.shape[0]), interpolation=cv2.INTER_LINEAR)
    raised = np.empty((chroma.shape[0], chroma.shape[1] * 2), np.float32)
    raised[:, ::2] = chroma
    raised[:, -1] = chroma[:, -1]
    raised[:, 1:-1:2] = (chroma[:, :-1] + chroma[:, 1:]) * np.float32(0.5)
    return raised


def _blend_chroma(
    plane: Plane, change: Floats, alpha: Floats, box: Box, how: Conversion, size: tuple[int, ...]
) -> None:
    """Take a full-resolution chroma change down to the plane's samples and blend it in. `size`: (rows,
    columns).
    """
    left, top, right, bottom = _chroma_box(box, how)
    samples = plane[top:bottom, left:right]
    across, down = how.shape.across, how.shape.down
    if across > 1 or down > 1:
        # Pixels outside the box (it may start on an odd column) do not change and weigh nothing; a last
        # chroma
        # sample that reaches beyond a picture of odd size counts the pixels it has.
        low, far = bottom * down - box[3], right * across - box[2]
        edge = (box[1] - top * down, low, box[0] - left * across, far)
        change = cv2.copyMakeBorder(change, *edge, cv2.BORDER_REPLICATE)
        alpha = cv2.copyMakeBorder(alpha, edge[0], 0, edge[2], 0, cv2.BORDER_CONSTANT, value=0)
        alpha = cv2.copyMakeBorder(alpha, 0, low, 0, 0, _edge(box[3] == size[0]), value=0)
        alpha = cv2.copyMakeBorder(alpha, 0, 0, 0, far, _edge(box[2] == size[1]), value=0)
        grid = (samples.shape[1], samples.shape[0])
        if how.cosited and across == 2:
            change = cv2.sepFilter2D(
                change, -1, np.array([0.25, 0.5, 0.25]), np.ones(1), borderType=cv2.BORDER_REPLICATE
            )
            change = np.ascontiguousarray(change[:, ::2])
        change = cv2.resize(change, grid, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, grid, interpolation=cv2.INTER_AREA)
    _store(samples, change, alpha, how.shape)


def _edge(at_picture_edge: bool) -> int:
    return cv2.BORDER_REPLICATE if at_picture_edge else cv2.BORDER_CONSTANT
