"""The two passes over a person's clip: follow the face, then cut out the mouths."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import MediaError
from lipwright.faces.detect import FaceReader
from lipwright.faces.track import FaceTrack, follow_face
from lipwright.media.frames import read_frames, read_order
from lipwright.media.picture import Frame
from lipwright.media.probe import VideoInfo
from lipwright.personal.gather import Cut
from lipwright.pipeline.followed import Followed
from lipwright.progress import Progress

CUTTING = "mouths"


@dataclass(frozen=True)
class Footage:
    """A followed clip. pts, ticks: (n,) int64 when each frame starts and how long it lasts by the file's
    word, in its time base.
    """

    info: VideoInfo
    track: FaceTrack
    pts: NDArray[np.int64]
    ticks: NDArray[np.int64]

    @property
    def times_s(self) -> NDArray[np.float64]:
        """(n,) when each frame starts, from 0."""
        return np.asarray((self.pts - self.pts[0]) * float(self.info.time_base), np.float64)

    def followed(self, *, whole: bool) -> Followed:
        """The same for `Engine.sync`. whole: it was followed to the end of the file."""
        return Followed(self.info.path, self.track, self.pts, self.ticks, whole)


def follow(
    info: VideoInfo,
    reader: FaceReader,
    progress: Progress,
    stop: int,
    go_on: Callable[[], bool],
    face: int | None = None,
) -> Footage:
    """Pass 1, over the frames before `stop` and while `go_on`. face: see `follow_face`.

    Raises NoFaceError, MediaError, Cancelled.
    """
    times: list[tuple[int, int]] = []

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for frame in read_frames(info.path, stop=stop, info=info):
            if not go_on():
                return
            times.append((frame.pts, frame.duration))
            yield frame.rgb()

    total = None if info.frames_hint is None else min(info.frames_hint, stop)
    track = follow_face(pictures(), reader, progress=progress, total=total, face=face)
    found = np.asarray(times, np.int64)
    return Footage(info, track, found[:, 0], found[:, 1])


def cut_out(info: VideoInfo, cuts: list[Cut], progress: Progress) -> Iterator[NDArray[np.uint8]]:
    """Pass 2: the cuts' pictures, (h, w, 3) uint8 RGB, the frame's border repeated outside."""
    progress.start(CUTTING, len(cuts))
    frames = read_order(info.path, [cut.frame for cut in cuts], info=info)
    for cut in cuts:
        frame = next(frames, None)
        if frame is None:
            raise MediaError(
                f"{info.path} gave fewer frames the second time it was read; is it being written?"
            )
        yield _cut(frame, cut)
        progress.advance(CUTTING)


def _cut(frame: Frame, cut: Cut) -> NDArray[np.uint8]:
    left, top, right, bottom = cut.box
    inner = (max(left, 0), max(top, 0), min(right, frame.width), min(bottom, frame.height))
    if inner[0] >= inner[2] or inner[1] >= inner[3]:
        return np.zeros((bottom - top, right - left, 3), np.uint8)
    picture = np.clip(np.rint(frame.rgb_box(inner)), 0, 255).astype(np.uint8)
    if inner == cut.box:
        return picture
    sides = ((inner[1] - top, bottom - inner[3]), (inner[0] - left, right - inner[2]), (0, 0))
    return np.pad(picture, sides, mode="edge")
