"""Step 5: the face in every frame, and whether a clip shows one person all the time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.dataset.config import Faces
from lipwright.dataset.verdicts import GAPS, NO_FACE, SEVERAL, SMALL, Refused
from lipwright.errors import NoFaceError
from lipwright.faces.detect import Face, FaceReader, Image
from lipwright.faces.mesh import columns
from lipwright.faces.track import FaceTrack, follow_face

Floats = NDArray[np.float64]

_LIPS = ((13, 14), (82, 87), (312, 317))
_FOREHEAD, _CHIN = 10, 152


@dataclass(frozen=True)
class Followed:
    """The main face through a whole video. others: (n,) height of the largest other face over the main
    one's, 0 where there is none. track: None when no frame shows a face.
    """

    track: FaceTrack | None
    others: Floats

    def jumps(self) -> tuple[int, ...]:
        """Frames with which the tracker saw a shot begin."""
        return () if self.track is None else self.track.cuts


class _Watched:
    """A face reader that notes how large the second face of every frame is."""

    def __init__(self, reader: FaceReader) -> None:
        self._reader = reader
        self.others: list[float] = []

    def read(self, rgb: Image, previous: Sequence[Face], *, search: bool = False) -> list[Face]:
        """As the reader's own."""
        faces = self._reader.read(rgb, previous, search=search)
        heights = sorted((_height(face) for face in faces), reverse=True)
        self.others.append(heights[1] / heights[0] if len(heights) > 1 else 0.0)
        return faces


def follow(frames: Iterable[Image], reader: FaceReader, config: Faces) -> Followed:
    """Read all frames, RGB, once. Raises MediaError as they do."""
    watched = _Watched(reader)
    try:
        track = follow_face(frames, watched, search_every=config.search_every)
    except NoFaceError:
        return Followed(None, np.asarray(watched.others))
    return Followed(track, np.asarray(watched.others))


def check(found: Followed, start: int, stop: int, side: int, config: Faces) -> dict[str, Any]:
    """Figures of one clip's face. Raises Refused: none, gaps, too small, or somebody else is there."""
    count = stop - start
    present = np.zeros(count, bool) if found.track is None else found.track.present[start:stop]
    missing = int((~present).sum())
    if found.track is None or missing == count:
        raise Refused(NO_FACE, f"in none of {count} frames")
    with_other = int((found.others[start:stop] > config.other_share).sum())
    if config.one_only and with_other > config.other_frames * count:
        raise Refused(SEVERAL, f"another face in {with_other} of {count} frames")
    if missing > config.most_missing:
        raise Refused(GAPS, f"in {missing} of {count} frames")
    height = float(np.nanmedian(found.track.heights()[start:stop]))
    least = config.least_height * side
    if height < least:
        raise Refused(SMALL, f"{height:.0f} px high, least {least:.0f}")
    return {"height_px": round(height, 1), "missing": missing, "with_other": with_other}


def opening(track: FaceTrack, start: int, stop: int) -> Floats:
    """(n,) how far the inner lips are apart, over the height of nose and chin; NaN where there is no face."""
    points = track.points[start:stop].astype(np.float64)
    gaps = [np.linalg.norm(np.subtract(*_pair(points, *pair)), axis=1) for pair in _LIPS]
    lower = np.linalg.norm(np.subtract(*_pair(points, 168, _CHIN)), axis=1)
    return np.asarray(np.mean(gaps, axis=0) / np.maximum(lower, 1e-6), np.float64)


def _pair(points: Floats, a: int, b: int) -> tuple[Floats, Floats]:
    return points[:, columns(a)[0]], points[:, columns(b)[0]]


def _height(face: Face) -> float:
    return float(np.linalg.norm(face.points[_CHIN] - face.points[_FOREHEAD]))
