"""Pixel formats as lists of planes: which layout a format has, and numpy views on a picture's samples.

Frames travel in planar formats only. A packed or semi-planar source (nv12, p010, yuyv, rgb24, ...) is
unpacked at the reader into the planar format of the same depth and subsampling, which loses nothing.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]
"""(rows, columns) uint8 or uint16, little endian."""

_PLANAR = re.compile(r"(?:yuv(?:410|411|420|422|440|444)p|gray|gbrp)(?:9|10|12|14|16)?(?:le)?")
_FAMILIES = {(1, 1): "yuv444p", (2, 1): "yuv422p", (2, 2): "yuv420p", (1, 2): "yuv440p", (4, 1): "yuv411p"}


@dataclass(frozen=True)
class Layout:
    """How one planar pixel format stores its samples."""

    name: str
    kind: Literal["yuv", "gray", "rgb"]
    bits: int
    """Bits that carry the value, 8 to 16; more than 8 are stored in uint16."""
    across: int
    """Luma samples per chroma sample, horizontally (1, 2 or 4)."""
    down: int
    """The same, vertically."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of one sample."""
        return np.dtype(np.uint8 if self.bits <= 8 else np.uint16)

    def plane_size(self, plane: int, width: int, height: int) -> tuple[int, int]:
        """(rows, columns) of a plane of a picture of that size; chroma sizes round up."""
        if self.kind != "yuv" or plane == 0:
            return height, width
        return -(-height // self.down), -(-width // self.across)

    @property
    def planes(self) -> int:
        """How many planes: 1 or 3."""
        return 1 if self.kind == "gray" else 3


@lru_cache(maxsize=256)
def layout(name: str) -> Layout:
    """The layout of a planar format that frames travel in. ValueError for any other format."""
    if not _PLANAR.fullmatch(name):
        raise ValueError(f"{name} is not a planar format that frames travel in")
    form = av.VideoFormat(name, 64, 64)
    bits = form.components[0].bits
    if name.startswith("gray"):
        return Layout(name, "gray", bits, 1, 1)
    if name.startswith("gbrp"):
        return Layout(name, "rgb", bits, 1, 1)
    return Layout(name, "yuv", bits, 64 // form.chroma_width(64), 64 // form.chroma_height(64))


@lru_cache(maxsize=256)
def travel_format(name: str) -> str:
    """The planar format in which frames of pixel format `name` travel: the same depth and subsampling.

    Transparency is dropped (an output video has none). `yuvj...` is `yuv...` with a full-range tag.
    """
    if name.startswith("yuvj"):
        return "yuv" + name[4:]
    if _PLANAR.fullmatch(name):
        return name
    form = av.VideoFormat(name, 64, 64)
    bits = max((part.bits for part in form.components), default=8)
    depth = "" if bits <= 8 else f"{next((n for n in (9, 10, 12, 14) if n >= bits), 16)}le"
    colours = sum(not part.is_alpha for part in form.components)
    if form.is_rgb or form.has_palette or form.is_bayer:
        return f"gbrp{depth}"
    if colours < 3:
        return f"gray{depth}"
    family = _FAMILIES.get((64 // form.chroma_width(64), 64 // form.chroma_height(64)), "yuv444p")
    return f"{family}{depth}"


def views(picture: av.VideoFrame) -> tuple[Plane, ...]:
    """The planes of a picture in a travel format, as numpy views that keep its buffers alive (no copy)."""
    shape = layout(picture.format.name)
    found = []
    for index in range(shape.planes):
        plane = picture.planes[index]
        rows, columns = shape.plane_size(index, picture.width, picture.height)
        stride = plane.line_size // shape.dtype.itemsize
        samples = np.frombuffer(memoryview(plane), shape.dtype)[: rows * stride]
        if samples.size < rows * stride:  # the last row of a cropped picture may end before its stride does
            samples = np.pad(samples, (0, rows * stride - samples.size))
        found.append(samples.reshape(rows, stride)[:, :columns])
    return tuple(found)


def blank(name: str, width: int, height: int) -> av.VideoFrame:
    """A new picture of that travel format; its samples are not initialised."""
    return av.VideoFrame(width, height, name)


def copied(picture: av.VideoFrame, name: str | None = None) -> av.VideoFrame:
    """A deep copy of a picture's planes, optionally under the name of a format with the same layout.

    `yuvj420p` becomes `yuv420p` this way without any arithmetic. Time stamps and colour tags are not copied.
    """
    target = name or picture.format.name
    new = blank(target, picture.width, picture.height)
    for index, into in enumerate(views(new)):
        source = picture.planes[index]
        stride = source.line_size // into.dtype.itemsize
        rows, columns = into.shape
        samples = np.frombuffer(memoryview(source), into.dtype)[: rows * stride]
        into[:] = samples.reshape(rows, stride)[:, :columns]
    return new


def to_travel_format(picture: av.VideoFrame) -> av.VideoFrame:
    """The picture in the format it travels in; itself when it is in it already."""
    name = picture.format.name
    target = travel_format(name)
    if target == name:
        return picture
    if name.startswith("yuvj"):
        return copied(picture, target)
    return picture.reformat(format=target)
