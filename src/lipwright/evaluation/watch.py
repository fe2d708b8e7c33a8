"""A clip as every measure looks at it: one face followed through it, and its sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import MediaError, NoFaceError, OptionError
from lipwright.evaluation.mouth import CORNERS, LOWER_LIP, OUTER_EYES, UPPER_LIP
from lipwright.faces.detect import FaceReader
from lipwright.faces.mesh import columns
from lipwright.faces.track import FaceTrack, follow_face
from lipwright.media.frames import read_frames
from lipwright.media.probe import VideoInfo, probe_video
from lipwright.media.samples import read_samples
from lipwright.progress import Progress

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]
SOUND_HZ = 16_000
LEAST_FRAMES = 2  # a rate needs two


@dataclass(frozen=True)
class Watched:
    """A clip of n frames in which a face was followed. times_s: (n,) from the first frame on."""

    info: VideoInfo
    times_s: NDArray[np.float64]
    track: FaceTrack

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def rate(self) -> float:
        """Frames per second, by the middle distance of two frames."""
        return 1 / float(np.median(np.diff(self.times_s)))

    @property
    def faceless(self) -> int:
        """Frames without the face."""
        return int((~self.track.present).sum())

    def openings(self) -> Floats:
        """(n,) inner-lip distance over that of the outer eye corners, NaN without the face."""
        points = self.track.points
        upper, lower = columns(UPPER_LIP, LOWER_LIP)
        lips = np.linalg.norm(points[:, upper] - points[:, lower], axis=1)
        return np.asarray(lips / self.eyes_px(), np.float32)

    def eyes_px(self) -> Floats:
        """(n,) distance of the outer eye corners, NaN without the face."""
        left, right = columns(*OUTER_EYES)
        points = self.track.points
        return np.asarray(np.linalg.norm(points[:, left] - points[:, right], axis=1), np.float32)

    def mouth_boxes(self) -> Floats:
        """(n, 4) left, top, right, bottom around lips and chin in px, NaN without the face."""
        middle = self.track.points[:, columns(*CORNERS)].mean(axis=1)
        eyes = self.eyes_px()[:, None]
        reach = np.array([-0.4, -0.25, 0.4, 0.45], np.float32)
        return np.asarray(np.concatenate([middle, middle], axis=1) + eyes * reach, np.float32)

    def face_boxes(self) -> Floats:
        """(n, 4) left, top, right, bottom around all points of the face in px, NaN without the face."""
        points = self.track.points
        return np.asarray(np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1), np.float32)

    def pictures(self) -> Iterator[Picture]:
        """The frames (h, w, 3) RGB, decoded again."""
        for frame in read_frames(self.info.path, info=self.info):
            yield frame.rgb()


def watch(video: Path, reader: FaceReader, progress: Progress | None = None) -> Watched:
    """Follow the largest face. Raises NoFaceError when there is none, MediaError for an unreadable file."""
    info = probe_video(video)
    times: list[float] = []

    def pictures() -> Iterator[Picture]:
        for frame in read_frames(video, info=info):
            times.append(float(frame.time_s))
            yield frame.rgb()

    try:
        track = follow_face(pictures(), reader, progress=progress, total=info.frames_hint)
    except NoFaceError as error:
        raise NoFaceError(
            f"{video} shows no face in any of its {len(times)} frames; give a clip of somebody who talks."
        ) from error
    if len(times) < LEAST_FRAMES:
        raise MediaError(f"{video} has a single frame; give a clip of somebody who talks.")
    return Watched(info, np.asarray(times) - times[0], track)


def read_voice(video: Path) -> NDArray[np.int16]:
    """The sound, mono, 16 kHz, 16 bits. Raises MediaError when there is none."""
    return np.asarray(np.clip(np.rint(read_samples(video, SOUND_HZ) * 32767), -32768, 32767), np.int16)


def check_sizes(reference: VideoInfo, generated: VideoInfo) -> None:
    """Raise OptionError unless both have the same width and height."""
    texts = [f"{one.width}x{one.height}" for one in (reference, generated)]
    if texts[0] != texts[1]:
        raise OptionError(
            f"{reference.path} is {texts[0]} and {generated.path} {texts[1]}; frames are compared pixel by "
            "pixel, so give two clips of one size."
        )


def common_length(reference: Path, generated: Path, counts: tuple[int, int], *, shorter: bool) -> int:
    """How many frames can be compared one by one: all, or with `shorter` as many as the shorter clip has.

    Raises OptionError when the counts differ and `shorter` is not set.
    """
    if counts[0] != counts[1] and not shorter:
        raise OptionError(
            f"{reference} has {counts[0]} frames and {generated} {counts[1]}; cut them to the same, or use "
            "--shorter to compare as many as the shorter one has."
        )
    return min(counts)
