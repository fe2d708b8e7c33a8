"""Steps 3 and 4: shots by PySceneDetect's adaptive detector, fed with frames as they are decoded; clips."""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.dataset.config import Segments, Shots
from lipwright.dataset.manifest import RATE
from lipwright.errors import OptionError

WIDTH = 256
"""Frames are made so wide before they are compared, as PySceneDetect's own reader does."""


class ShotFinder:
    """Takes frames in order; `cuts` are the frames with which a shot begins, the first not counted."""

    def __init__(self, config: Shots) -> None:
        try:
            from scenedetect.common import FrameTimecode
            from scenedetect.detectors import AdaptiveDetector
        except ImportError as error:
            raise OptionError(
                "Finding shots needs PySceneDetect; install it with `pip install 'lipwright[prepare]'`."
            ) from error
        self._timecode: Any = FrameTimecode
        self._detector: Any = AdaptiveDetector(
            adaptive_threshold=config.threshold,
            min_scene_len=config.least_frames,
            min_content_val=config.least_content,
        )
        self._cuts: list[int] = []
        self._next = 0

    def step(self, rgb: NDArray[np.uint8]) -> None:
        """The next frame, (h, w, 3) RGB, 25 a second."""
        small = rgb
        if rgb.shape[1] > WIDTH:
            height = max(1, round(rgb.shape[0] * WIDTH / rgb.shape[1]))
            small = np.asarray(cv2.resize(rgb, (WIDTH, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        moment = self._timecode(self._next, fps=float(RATE))
        found = self._detector.process_frame(moment, np.ascontiguousarray(small[:, :, ::-1]))
        self._cuts += [int(cut.frame_num) for cut in found]
        self._next += 1

    @property
    def frames(self) -> int:
        """How many came."""
        return self._next

    def cuts(self) -> list[int]:
        """Once all frames came."""
        last = self._timecode(max(0, self._next - 1), fps=float(RATE))
        found = self._cuts + [int(cut.frame_num) for cut in self._detector.post_process(last)]
        return sorted(set(found))


def segments(cuts: list[int], frames: int, config: Segments) -> list[tuple[int, int]]:
    """(start, stop) of every clip, in frames: shots cut to `seconds`, what is left joined to the last.

    Shots that are too short are among them, whole; see `long_enough`.
    """
    size = round(config.seconds * RATE)
    edges = [0, *(cut for cut in sorted(set(cuts)) if 0 < cut < frames), frames]
    found = []
    for start, stop in pairwise(edges):
        pieces = max(1, (stop - start) // size)
        firsts = [start + size * piece for piece in range(pieces)]
        found += list(zip(firsts, [*firsts[1:], stop], strict=True))
    return found


def long_enough(start: int, stop: int, config: Segments) -> bool:
    """Whether a clip is not too short."""
    return stop - start >= round(config.least_s * RATE)
