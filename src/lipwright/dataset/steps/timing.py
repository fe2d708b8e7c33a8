"""Steps 1 and 2: open a raw video, see it at 25 frames a second, and hear it at 16 kHz.

Nothing is written for that: frames of another rate are picked by their times while they are decoded.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.dataset.manifest import RATE, SOUND_HZ
from lipwright.dataset.verdicts import DAMAGED, NO_SOUND, Refused
from lipwright.errors import MediaError
from lipwright.media.frames import Frame, read_frames
from lipwright.media.probe import VideoInfo, sound_start_s
from lipwright.media.samples import read_samples

Samples = NDArray[np.float32]


def frames_at_rate(info: VideoInfo, stop: int | None = None) -> Iterator[Frame]:
    """Frames at 25 a second: moment k shows the last frame whose time, rounded to moments, is not after it.

    stop: moments at most. The first frame is moment 0. Raises MediaError where the file breaks.
    """
    shown: Frame | None = None
    begin, moment = 0.0, 0
    for frame in read_frames(info.path, info=info):
        if shown is None:
            begin = frame.time_s
        else:
            until = int(np.floor((frame.time_s - begin) * RATE + 0.5))
            for _ in range(moment, until):
                yield shown
                moment += 1
                if moment == stop:
                    return
        shown = frame
    if shown is not None:
        end = shown.time_s - begin + shown.duration * float(shown.time_base)
        for _ in range(moment, max(1, int(np.floor(end * RATE + 0.5)))):
            yield shown
            moment += 1
            if moment == stop:
                return


def sound_of(info: VideoInfo) -> Samples:
    """Mono samples at 16 kHz from the first frame's moment on: a sound that starts later begins with silence.

    Raises Refused: there is none, or it breaks.
    """
    if not info.has_audio:
        raise Refused(NO_SOUND, "the file has no audio stream")
    try:
        samples = read_samples(info.path, SOUND_HZ)
        late = round(sound_start_s(info.path) * SOUND_HZ)
    except MediaError as error:
        raise Refused(DAMAGED if error.at_s is not None else NO_SOUND, _told(info.path, error)) from error
    return np.concatenate([np.zeros(late, np.float32), samples]) if late > 0 else samples[-late:]


def _told(path: Path, error: MediaError) -> str:
    """What happened, without the advice, and without the folder: rows do not depend on where videos lie."""
    return str(error).partition("; ")[0].replace(str(path), path.name).rstrip(".")


def refused(path: Path, error: MediaError, kind: str) -> Refused:
    """A reader's error as a verdict."""
    return Refused(kind, _told(path, error))
