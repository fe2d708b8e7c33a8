"""The face readers: the default, its two network files fetched when needed, and the optional one."""

from pathlib import Path

from lipwright.faces import insightface
from lipwright.faces.detect import FaceReader
from lipwright.faces.mediapipe import load_reader
from lipwright.progress import Progress
from lipwright.weights.catalog import FACES
from lipwright.weights.fetch import fetch


def load_faces(progress: Progress | None = None) -> FaceReader:
    """Detector and mesh, ready to read frames. Raises WeightsError when they cannot be got or read."""
    files = fetch(FACES, progress=progress)
    return load_reader(files["face_detection_full_range.tflite"], files["face_landmark.tflite"])


def load_points(folder: Path | None = None, *, gpu: bool = False) -> insightface.PointReader:
    """InsightFace's reader from its files in `folder`; None: where that library keeps them.

    Nothing is fetched: its weights are for non-commercial use. Raises WeightsError when a part is missing.
    """
    home = Path.home() / ".insightface" / "models" / insightface.PACK if folder is None else folder
    return insightface.load_reader(home, gpu=gpu)
