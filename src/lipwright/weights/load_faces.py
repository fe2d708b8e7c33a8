"""The default face reader, its two network files fetched when needed."""

from lipwright.faces.detect import FaceReader
from lipwright.faces.mediapipe import load_reader
from lipwright.progress import Progress
from lipwright.weights.catalog import FACES
from lipwright.weights.fetch import fetch


def load_faces(progress: Progress | None = None) -> FaceReader:
    """Detector and mesh, ready to read frames. Raises WeightsError when they cannot be got or read."""
    files = fetch(FACES, progress=progress)
    return load_reader(files["face_detection_full_range.tflite"], files["face_landmark.tflite"])
