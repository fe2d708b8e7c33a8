"""A frame made from pixels: RGB planes, as a lossless RGB video would give them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.media.colour import ColourTags, blend_box
from lipwright.media.picture import Frame, look_of
from lipwright.media.planes import blank, views
from lipwright.media.probe import VideoInfo

_RGB, _FULL, _BT709 = 0, 2, 1
_RATE = Fraction(25)


def still(rgb: NDArray[np.uint8], index: int = 0) -> Frame:
    """A frame that shows (h, w, 3) uint8 exactly; at 25 per second, number `index` of its video."""
    height, width = rgb.shape[:2]
    info = VideoInfo(
        path=Path(),
        width=width,
        height=height,
        rotation=0,
        pix_fmt="gbrp",
        bits=8,
        rate=_RATE,
        time_base=1 / _RATE,
        duration_s=0.0,
        frames_hint=None,
        codec="rawvideo",
        colour=ColourTags(_RGB, _FULL, _BT709, _BT709),
        sar=Fraction(1),
        has_audio=False,
    )
    look = look_of(info)
    picture = blank("gbrp", width, height)
    planes = views(picture)
    for plane in planes:
        plane[:] = 0
    whole = np.ones((height, width), np.float32)
    blend_box(planes, (0, 0, width, height), rgb.astype(np.float32), whole, look.how)
    return Frame(picture, look, index=index, pts=index, duration=1, time_base=1 / _RATE)
