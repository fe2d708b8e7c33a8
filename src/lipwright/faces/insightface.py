"""The released code's way to three points: InsightFace's detector and 106 landmarks, an optional extra.

The one file that knows the library; it is imported when a reader is loaded. Its weights are for
non-commercial use, so nothing here fetches them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import NoFaceError, WeightsError
from lipwright.faces.align import Template
from lipwright.faces.detect import Image
from lipwright.faces.track import STAGE, FaceTrack
from lipwright.progress import Progress

PACK = "buffalo_l"
FILES = ("det_10g.onnx", "2d106det.onnx")
TASKS = ("detection", "landmark_2d_106")
ANCHORS = "brows"  # the released points are the set of this name in `align.ANCHORS`

# All numbers below are the released code's.
INPUT = (512, 512)  # px, what the detector sees
MIN_WIDTH, MIN_HEIGHT = 50, 80  # px
MIN_RATIO, MAX_RATIO = 0.2, 1.5  # width over height
MIN_SCORE = 0.5
# Landmarks of left brow, right brow (of the picture) and nose.
THREE = ((43, 48, 49, 50, 51), (101, 102, 103, 104, 105), (74, 77, 83, 86))

_TERMS = "its weights are for non-commercial use only"


class Detected(Protocol):
    """One face as the library gives it."""

    bbox: NDArray[np.floating]
    """(4,) left, top, right, bottom in frame px."""
    det_score: float
    landmark_2d_106: NDArray[np.floating]
    """(106, 2) in frame px."""


class Analysis(Protocol):
    """What is used of the library's `FaceAnalysis`."""

    def get(self, img: Image) -> Sequence[Detected]:
        """Faces of a picture (h, w, 3) uint8."""
        ...


@dataclass(frozen=True)
class Seen:
    """A face that was kept. points: (3, 2) float32, left brow, right brow, nose in whole px; size in px."""

    points: NDArray[np.float32]
    width: int
    height: int


class PointReader:
    """Finds faces in single frames; nothing is carried from one to the next."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis

    def read(self, rgb: Image) -> list[Seen]:
        """Kept faces of a frame (h, w, 3) uint8, the largest first (of equals the first); [] for none.

        The library expects BGR; it is given RGB, because the released code does so.
        """
        kept = [seen for face in self._analysis.get(rgb) if (seen := _keep(face)) is not None]
        return sorted(kept, key=lambda seen: -seen.width * seen.height)


def _keep(face: Detected) -> Seen | None:
    """The face, unless it is too small, too flat, too slim or too unsure."""
    left, top, right, bottom = np.asarray(face.bbox).astype(int).tolist()
    width, height = right - left, bottom - top
    if width < MIN_WIDTH or height < MIN_HEIGHT or not MIN_RATIO <= width / height <= MAX_RATIO:
        return None
    if face.det_score < MIN_SCORE:
        return None
    return Seen(three_points(face.landmark_2d_106), width, height)


def three_points(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Left brow, right brow and nose (3, 2) of landmarks (106, 2): means of whole px, halves to even."""
    whole = np.rint(np.asarray(landmarks, np.float64))
    means = [whole[list(group)].mean(axis=0) for group in THREE]
    return np.asarray(np.rint(np.stack(means)), np.float32)


@dataclass(frozen=True)
class PointTrack(FaceTrack):
    """A track of three points, (n, 3, 2), instead of the mesh's: enough to align, too few to blend by shape.

    face_heights: (n,) float32 px, NaN where absent. It knows no cuts.
    """

    face_heights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def anchors(self, template: Template) -> NDArray[np.float32]:
        if template.anchors != ANCHORS:
            raise ValueError(f"these are not the points of anchors {template.anchors!r}")
        return self.points

    def heights(self) -> NDArray[np.float32]:
        return self.face_heights


def follow_points(
    frames: Iterable[Image],
    reader: PointReader,
    *,
    progress: Progress | None = None,
    total: int | None = None,
) -> PointTrack:
    """The largest face of each frame, whoever it is. Arguments and errors as `follow_face`."""
    watch = Progress() if progress is None else progress
    watch.start(STAGE, total)
    absent = Seen(np.full((3, 2), np.nan, np.float32), 0, 0)
    found: list[Seen] = []
    people = 0
    for rgb in frames:
        faces = reader.read(rgb)
        people = max(people, len(faces))
        found.append(faces[0] if faces else absent)
        watch.advance(STAGE)
    if people == 0:
        raise NoFaceError(
            f"InsightFace found no face of {MIN_WIDTH} x {MIN_HEIGHT} px or more in any of the {len(found)} "
            "frames of the video; use a video in which a face looks towards the camera."
        )
    present = np.array([seen is not absent for seen in found])
    heights = np.array([seen.height for seen in found], np.float32)
    heights[~present] = np.nan
    points = np.stack([seen.points for seen in found])
    return PointTrack(present, points, (), people, face_heights=heights)


def load_reader(folder: Path, *, gpu: bool = False) -> PointReader:
    """A reader on the pack's files in `folder`. gpu: run where the library finds best, else on the CPU.

    Raises WeightsError when the library is not installed or the files are missing or broken.
    """
    try:
        from insightface.app import FaceAnalysis
    except ImportError as error:
        raise WeightsError(
            f"faces is 'insightface', but InsightFace cannot be imported ({error}); install it with "
            f"`pip install 'lipwright[insightface]'` ({_TERMS})."
        ) from error
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise WeightsError(
            f"InsightFace's {' and '.join(missing)} are not in {folder} and lipwright does not fetch them; "
            f"if their licence allows your use ({_TERMS}), put the pack {PACK} there."
        )
    try:
        # A folder as the name is used as it is; a bare name would be downloaded when it is not there.
        analysis = FaceAnalysis(
            str(folder.resolve()),
            allowed_modules=list(TASKS),
            providers=None if gpu else ["CPUExecutionProvider"],
        )
        analysis.prepare(ctx_id=0 if gpu else -1, det_thresh=MIN_SCORE, det_size=INPUT)
    except Exception as error:  # what the library and its runtime raise shares no base
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(
            f"InsightFace cannot load the pack {PACK} in {folder} ({reason}); put its files there again."
        ) from error
    return PointReader(analysis)
