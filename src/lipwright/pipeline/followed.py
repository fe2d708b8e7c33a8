"""A face that was followed before the job began, and the part of it that a job needs."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.track import FaceTrack


@dataclass(frozen=True)
class Followed:
    """The first n frames of a video. pts, ticks: (n,) int64 start and length of each, in its time base.

    whole: the video has no more frames than these.
    """

    video: Path
    track: FaceTrack
    pts: NDArray[np.int64]
    ticks: NDArray[np.int64]
    whole: bool

    def until(self, ends_s: float, time_base: Fraction) -> "Followed | None":
        """The frames that start at most `ends_s` after the first; None when some of them were not followed
        or none of them shows the face.
        """
        count = int(np.searchsorted((self.pts - self.pts[0]) * float(time_base), ends_s, side="right"))
        if count == len(self.pts) and not self.whole:
            return None
        track = self.track.first(count)
        if not track.present.any():
            return None
        return Followed(self.video, track, self.pts[:count], self.ticks[:count], self.whole)
