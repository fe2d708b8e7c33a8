"""One frame of a video in the source's own pixel format."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from lipwright.media.colour import Conversion, Floats, blend_box, box_to_rgb, conversion
from lipwright.media.orientation import Box, Orientation
from lipwright.media.planes import Plane, copied, layout, views
from lipwright.media.probe import VideoInfo


@dataclass(frozen=True)
class Look:
    """What all frames of one video share: orientation and colour conversion."""

    orientation: Orientation
    how: Conversion
    matrix_name: str
    """swscale's name of the YUV matrix."""


def look_of(info: VideoInfo) -> Look:
    """The look of a probed video."""
    stored_height = info.stored_size[1]
    how = conversion(layout(info.pix_fmt), info.colour, stored_height, cosited=info.cosited)
    return Look(info.orientation, how, _matrix_name(how))


class Frame:
    """A decoded frame. Immutable: edits give a new one. Boxes, sizes and arrays are in display orientation.

    Keeps the decoder's buffer alive (about width * height * 1.5 bytes for 8-bit 4:2:0) and nothing else.
    """

    __slots__ = ("_look", "_picture", "_planes", "duration", "index", "pts", "time_base")

    def __init__(
        self, picture: av.VideoFrame, look: Look, *, index: int, pts: int, duration: int, time_base: Fraction
    ) -> None:
        self._picture = picture
        self._look = look
        self._planes = views(picture)
        self.index = index
        """Position in the video, from 0."""
        self.pts = pts
        """Presentation time in `time_base`, as in the file."""
        self.duration = duration
        """How long it lasts by the file's word, in `time_base`. An estimate where the file says nothing,
        or where a variable rate meets reordered frames: true durations are differences of pts."""
        self.time_base = time_base
        """Seconds per unit of pts."""

    @property
    def time_s(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    @property
    def width(self) -> int:
        """Pixels across, as displayed."""
        return self._look.orientation.display_size(self._picture.width, self._picture.height)[0]

    @property
    def height(self) -> int:
        """Pixels down, as displayed."""
        return self._look.orientation.display_size(self._picture.width, self._picture.height)[1]

    @property
    def pix_fmt(self) -> str:
        """Name of the planar pixel format."""
        return self._picture.format.name

    @property
    def planes(self) -> tuple[Plane, ...]:
        """Read-only views of the planes in *stored* orientation: Y, U, V (or G, B, R; or gray)."""
        return tuple(_read_only(plane) for plane in self._planes)

    @property
    def picture(self) -> av.VideoFrame:
        """The picture under the planes; for `write.py` only, which does not change its samples."""
        return self._picture

    @property
    def size_bytes(self) -> int:
        """Memory that the samples occupy."""
        return sum(plane.nbytes for plane in self._planes)

    def rgb(self) -> NDArray[np.uint8]:
        """The whole frame as (h, w, 3) uint8 RGB."""
        if self._look.how.shape.kind == "gray":  # FFmpeg takes gray for full range, whatever the tags say
            whole = self.rgb_box((0, 0, self.width, self.height))
            return np.clip(np.rint(whole), 0, 255).astype(np.uint8)
        full = self._look.how.black == 0.0
        shown = self._picture.reformat(
            format="rgb24",
            src_colorspace=self._look.matrix_name,
            dst_colorspace=self._look.matrix_name,
            src_color_range="JPEG" if full else "MPEG",
            dst_color_range="JPEG",
        )
        stored: NDArray[Any] = shown.to_ndarray()
        return np.ascontiguousarray(self._look.orientation.to_display(stored))

    def rgb_box(self, box: Box) -> Floats:
        """A box, clipped to the frame, as (h, w, 3) float32 RGB: 0 black to 255 white, at the source's full
        depth.

        Values beyond 0 and 255 occur where the source holds such colours. ValueError when the box misses
        the frame.
        """
        inside = self._stored_box(self._clipped(box))
        stored = box_to_rgb(self._planes, inside, self._look.how)
        return np.ascontiguousarray(self._look.orientation.to_display(stored))

    def patched(self, box: Box, rgb: NDArray[Any], alpha: NDArray[Any]) -> "Frame":
        """A new frame with RGB (h, w, 3) float32 0..255 blended in by alpha (h, w) float32 0..1, both of
        the box's size.

        Each sample is (1 - alpha) * old + alpha * new, on the planes; samples of alpha 0 keep their bits.
        The weight of a chroma sample is the mean over its luma samples. What sticks out of the frame is
        left off.
        """
        left, top, right, bottom = box
        if rgb.shape != (bottom - top, right - left, 3) or alpha.shape != rgb.shape[:2]:
            raise ValueError(f"box {box} does not fit rgb {rgb.shape} and alpha {alpha.shape}")
        new = Frame(
            copied(self._picture),
            self._look,
            index=self.index,
            pts=self.pts,
            duration=self.duration,
            time_base=self.time_base,
        )
        inner = self._clipped(box)
        part = (slice(inner[1] - top, inner[3] - top), slice(inner[0] - left, inner[2] - left))
        turn = self._look.orientation.to_stored
        blend_box(
            new._planes,
            self._stored_box(inner),
            np.ascontiguousarray(turn(rgb[part]), np.float32),
            np.ascontiguousarray(turn(alpha[part]), np.float32),
            self._look.how,
        )
        return new

    def _clipped(self, box: Box) -> Box:
        left, top, right, bottom = box
        inner = (max(left, 0), max(top, 0), min(right, self.width), min(bottom, self.height))
        if inner[0] >= inner[2] or inner[1] >= inner[3]:
            raise ValueError(f"box {box} lies outside a frame of {self.width}x{self.height}")
        return inner

    def _stored_box(self, box: Box) -> Box:
        return self._look.orientation.box_to_stored(box, self._picture.width, self._picture.height)


def _read_only(plane: Plane) -> Plane:
    view = plane.view()
    view.flags.writeable = False
    return view


def _matrix_name(how: Conversion) -> str:
    return {0.2126: "itu709", 0.30: "fcc", 0.299: "itu601", 0.212: "smpte240m"}.get(how.kr, "bt2020")
