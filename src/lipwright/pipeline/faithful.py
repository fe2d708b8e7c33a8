"""The faithful profile: the released procedure, in float32 where that code has half-precision geometry.

25 frames per second, three rounded points with their drifting shift, separate blocks of sound, windows
without overlap and a short last one, whole crops put back with a wide feather. For verification and research.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import NoFaceError
from lipwright.faces import released
from lipwright.faces.align import Box, Template, fit_released
from lipwright.faces.track import FaceTrack
from lipwright.media.picture import Frame
from lipwright.media.probe import VideoInfo
from lipwright.media.timeline import (
    RELEASED_RATE,
    Timeline,
    at_released_rate,
    released_order,
    released_timeline,
)
from lipwright.pipeline.items import Place
from lipwright.pipeline.windows import Window, plan
from lipwright.speech import mel
from lipwright.speech.features import Blocks
from lipwright.speech.per_frame import released_count
from lipwright.weights.bundle import Bundle

_NO_POINTS = np.zeros((0, 2), np.float32)


class Faithful:
    """See `Profile`. A frame without a face ends the job."""

    sampled = True
    carry_detail = False

    def __init__(self, bundle: Bundle) -> None:
        self._window = bundle.window
        self._template = bundle.template
        self._keep = bundle.mask.keep_mask(bundle.resolution)

    def _frames(self, samples: int) -> int:
        """How many frames the released code makes of a sound: one or two more than it lasts."""
        return released_count(mel.columns(samples) // 2, RELEASED_RATE)

    def lasts(self, samples: int) -> Fraction:
        return Fraction(self._frames(samples), RELEASED_RATE)

    def timeline(self, pts: Sequence[int], info: VideoInfo, last_duration: int, samples: int) -> Timeline:
        self._retimed = at_released_rate(pts, info.time_base, last_duration)
        self._timeline = released_timeline(self._retimed, self._frames(samples))
        return self._timeline

    def written(self, info: VideoInfo) -> VideoInfo:
        return replace(info, rate=Fraction(RELEASED_RATE), time_base=self._timeline.time_base)

    def windows(self, track: FaceTrack) -> list[Window]:
        missing = np.flatnonzero(~track.present[self._timeline.sources])
        if len(missing):
            raise NoFaceError(
                f"No face was found at {self._timeline.time_s(int(missing[0])):.2f} s, and the profile "
                "faithful needs one in every frame; use --profile natural."
            )
        shown = self._retimed[: len(self._timeline)]
        return self.windows_of(track.anchors(self._template)[shown], len(self._timeline))

    def windows_of(self, points: NDArray[np.floating], frames: int) -> list[Window]:
        """Windows of so many output frames, given the three points (n, 3, 2) of each re-timed frame.

        Fits the matrices of all frames on the way; frames beyond n run backward and forward again.
        """
        self.matrices = matrices(points, self._template)[released_order(len(points), frames)]
        return list(plan([(0, frames)], self._window, 0))

    def blocks(self, natural: Blocks) -> Blocks:
        return replace(natural, kind="separate", context=0)

    def place(self, index: int, frame: Frame) -> Place | None:
        matrix, template = self.matrices[index], self._template
        box = released.frame_box(matrix, template, frame.width, frame.height)
        cropped = released.crop(frame.rgb_box(box), box, matrix, template)
        picture = released.to_network(cropped, template).astype(np.float32)
        return Place(matrix, box, _NO_POINTS, picture)

    def paste(self, frame: Frame, place: Place) -> tuple[Frame, Box | None]:
        layer = released.paste(self.combined(place), place.matrix, self._template, place.box)
        return frame.patched(place.box, layer.picture, layer.soft), place.box

    def combined(self, place: Place) -> NDArray[np.float32]:
        """The new face (R, R, 3), about -1..1: generated inside the mask, the source's crop outside."""
        if place.generated is None:
            raise ValueError("this frame was not repainted")
        keep = self._keep[..., None]
        both = place.generated * (1 - keep) + place.crop * keep
        return np.asarray(both / np.float32(127.5) - 1, np.float32)


def matrices(points: Iterable[NDArray[np.floating]], template: Template) -> NDArray[np.float32]:
    """Frame px -> crop px (n, 2, 3) of a sequence of three points each, through the released fit's state."""
    state, found = None, []
    for three in points:
        matrix, state = fit_released(np.asarray(three, np.float32), template, state)
        found.append(matrix)
    return np.stack(found)
