"""MediaPipe's full-range face detector and 468-point mesh, run by OpenCV alone.

Sizes, anchors, box decoding and the 1.5x rotated crop follow the public description of MediaPipe's face
graphs (models Apache-2.0). Coordinates inside are "corner" coordinates (pixel i spans i..i+1), as those
networks were trained; what leaves is in pixel-centre coordinates (corner minus 0.5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.errors import WeightsError
from lipwright.faces.detect import MAX_FACES, MESH_POINTS, Face, FaceReader, Image, Points, box_of, overlap

Float = NDArray[np.float32]
Tile = tuple[int, int, int, int]  # left, top, right, bottom

INPUT = 192  # side of both networks' input, px
GRID = 48  # the detector has one anchor in each cell of a 48 x 48 grid: 2304
DETECTION_SCORE = (
    0.4  # below MediaPipe's 0.6, which loses some faces that fill the picture: the mesh decides anyway
)
MESH_SCORE = 0.5  # measured: real and drawn faces above 0.99, other things below 0.25
MERGE_OVERLAP = 0.3  # detections that share more than this are one face
KNOWN_OVERLAP = 0.3  # a detection that shares more than this with a followed face is that face
CROP_SCALE = 1.5  # mesh crop over face box
EYE_CORNERS = (33, 263)  # outer corners, left and right in the picture
SMALLEST_FACE_PX = 24.0  # box side below which nothing can be synced


@dataclass(frozen=True)
class _Crop:
    """A rotated square in the frame: centre (corner coordinates), side in px, angle in radians."""

    x: float
    y: float
    side: float
    angle: float


@dataclass(frozen=True)
class _Look:
    """Parts of the frame to show the detector, and the share of its input that each fills."""

    tiles: list[Tile]
    share: float


def load_reader(detector_file: Path, mesh_file: Path) -> FaceReader:
    """Load both networks. Raises WeightsError when a file cannot be read as a TFLite network."""
    return MediapipeReader(_load(detector_file), _load(mesh_file))


def _load(file: Path) -> cv2.dnn.Net:
    try:
        # OpenCV 5's new engine returns only one of the detector's two outputs.
        net = cv2.dnn.readNetFromTFLite(str(file), cv2.dnn.ENGINE_CLASSIC)
    except cv2.error as error:
        raise WeightsError(
            f"Cannot read the face network {file}; run `lipwright weights pull faces`."
        ) from error
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    return net


class MediapipeReader:
    """FaceReader on two loaded networks. Not safe to share between threads."""

    def __init__(self, detector: cv2.dnn.Net, mesh: cv2.dnn.Net) -> None:
        self._detector = detector
        self._mesh = mesh
        y, x = np.mgrid[0:GRID, 0:GRID]
        self._anchors = (np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32) + 0.5) / GRID

    def read(self, rgb: Image, previous: Sequence[Face], *, search: bool = False) -> list[Face]:
        """See FaceReader.read."""
        faces = [face for old in previous if (face := self._follow(rgb, old)) is not None]
        faces = _distinct(faces)
        if search or len(faces) < max(1, len(previous)):
            faces = _distinct([*faces, *self._search(rgb, faces)])
        return faces[:MAX_FACES]

    def _follow(self, rgb: Image, old: Face) -> Face | None:
        return self._fit_mesh(rgb, _crop_of_mesh(old.points))

    def _search(self, rgb: Image, known: Sequence[Face]) -> list[Face]:
        """Faces that are not known yet; the closer looks are taken only while nobody is known or found."""
        for look in _looks(rgb.shape[1], rgb.shape[0]):
            rows = [row for tile in look.tiles for row in self._detect_in(rgb, tile, look.share)]
            rows.sort(key=lambda row: -row[0])
            crops = [_crop_of_detection(values) for values in _merge(rows)][: 2 * MAX_FACES]
            found = [face for crop in crops if (face := self._meet(rgb, crop, known)) is not None]
            if found or known:
                return found
        return []

    def _meet(self, rgb: Image, crop: _Crop, known: Sequence[Face]) -> Face | None:
        """The mesh of a detection that is no known face; its second crop comes from the mesh itself."""
        half = crop.side / CROP_SCALE / 2
        box = (crop.x - half, crop.y - half, crop.x + half, crop.y + half)
        if any(overlap(box, face.box) > KNOWN_OVERLAP for face in known):
            return None
        face = self._fit_mesh(rgb, crop)
        return None if face is None else self._fit_mesh(rgb, _crop_of_mesh(face.points))

    def _fit_mesh(self, rgb: Image, crop: _Crop) -> Face | None:
        """Mesh in one crop, or None when the network sees no face there."""
        height, width = rgb.shape[:2]
        centre_inside = 0 <= crop.x <= width and 0 <= crop.y <= height
        if not centre_inside or crop.side < SMALLEST_FACE_PX or crop.side > 4 * max(width, height):
            return None
        picture, to_frame = _cut(rgb, crop)
        self._mesh.setInput(_blob(picture, 1 / 255, 0.0))
        flag, raw = self._mesh.forward(["conv2d_30", "conv2d_20"])
        score = float(_sigmoid(np.asarray(flag, np.float32).reshape(-1))[0])
        if score < MESH_SCORE:
            return None
        inside = raw.reshape(MESH_POINTS, 3)[:, :2]
        points = (inside @ to_frame[:, :2].T + to_frame[:, 2] - 0.5).astype(np.float32)
        return Face(points, score, box_of(points))

    def _detect_in(self, rgb: Image, tile: Tile, share: float) -> list[tuple[float, Float]]:
        """(score, (8, 2) corner coordinates: box corners, then six key points) for each detection in a tile.

        The tile is shown in the middle of the network's square, its longer side taking `share` of it.
        """
        left, top, right, bottom = tile
        part = rgb[top:bottom, left:right]
        scale = INPUT * share / max(part.shape[:2])
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        square = np.zeros((INPUT, INPUT, 3), np.uint8)
        x0, y0 = (INPUT - size[0]) // 2, (INPUT - size[1]) // 2
        square[y0 : y0 + size[1], x0 : x0 + size[0]] = small
        self._detector.setInput(_blob(square, 2 / 255, -1.0))
        names = ["reshaped_classifier_face_4", "reshaped_regressor_face_4"]
        raw_scores, raw_boxes = self._detector.forward(names)
        scores = _sigmoid(np.asarray(raw_scores, np.float32).reshape(-1))
        found = []
        for index in np.flatnonzero(scores >= DETECTION_SCORE):
            values = raw_boxes[0, index].reshape(8, 2) / INPUT
            centre, extent = values[0] + self._anchors[index], values[1]
            rows = np.concatenate(
                [[centre - extent / 2, centre + extent / 2], values[2:] + self._anchors[index]]
            )
            pixels = (rows * INPUT - (x0, y0)) * (part.shape[1] / size[0], part.shape[0] / size[1]) + (
                left,
                top,
            )
            found.append((float(scores[index]), pixels.astype(np.float32)))
        return found


def _looks(width: int, height: int) -> Iterator[_Look]:
    """The whole frame; the same from further away (faces that fill it); overlapping squares (far faces)."""
    whole = (0, 0, width, height)
    yield _Look([whole], 1.0)
    yield _Look([whole], 0.55)
    side = int(0.6 * min(width, height))
    if side < INPUT:
        return
    columns, rows = -(-width * 3 // (2 * side)), -(-height * 3 // (2 * side))
    lefts = np.linspace(0, width - side, max(2, columns)).astype(int).tolist()
    tops = np.linspace(0, height - side, max(2, rows)).astype(int).tolist()
    yield _Look([(left, top, left + side, top + side) for top in tops for left in lefts], 1.0)


def _merge(rows: list[tuple[float, Float]]) -> list[Float]:
    """Score-weighted mean of each cluster of overlapping detections (surest first)."""
    clusters = []
    left = list(rows)
    while left:
        first = box_of(left[0][1][:2])
        same = [row for row in left if overlap(first, box_of(row[1][:2])) > MERGE_OVERLAP]
        left = [row for row in left if overlap(first, box_of(row[1][:2])) <= MERGE_OVERLAP]
        if not same:  # a degenerate box overlaps nothing, not even itself
            left = left[1:]
            continue
        weights = np.array([score for score, _ in same], np.float32)
        stacked = np.stack([values for _, values in same])
        clusters.append(np.tensordot(weights / weights.sum(), stacked, axes=1).astype(np.float32))
    return clusters


def _crop_of_detection(values: Float) -> _Crop:
    """The mesh crop for a detection: its box as a square, eyes level, 1.5x."""
    centre = (values[0] + values[1]) / 2
    side = float(np.max(values[1] - values[0])) * CROP_SCALE
    eyes = values[3] - values[2]
    return _Crop(float(centre[0]), float(centre[1]), side, float(np.arctan2(eyes[1], eyes[0])))


def _crop_of_mesh(points: Points) -> _Crop:
    """The next frame's crop: bounding square of the mesh in a frame where the eyes are level, 1.5x."""
    eyes = points[EYE_CORNERS[1]] - points[EYE_CORNERS[0]]
    angle = float(np.arctan2(eyes[1], eyes[0]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    level = points @ turn
    low, high = level.min(axis=0), level.max(axis=0)
    centre = turn @ ((low + high) / 2) + 0.5
    return _Crop(float(centre[0]), float(centre[1]), float(np.max(high - low)) * CROP_SCALE, angle)


def _cut(rgb: Image, crop: _Crop) -> tuple[Image, Float]:
    """The crop as (192, 192, 3), and the (2, 3) map from its corner coordinates to the frame's.

    A large face is first reduced by area averaging over its upright bounding square, so that the rotated
    sampling never skips pixels. Outside the frame is black.
    """
    height, width = rgb.shape[:2]
    scale = crop.side / INPUT
    cos, sin = np.cos(crop.angle) * scale, np.sin(crop.angle) * scale
    half = INPUT / 2
    to_frame = np.array(
        [
            [cos, -sin, crop.x - half * (cos - sin)],
            [sin, cos, crop.y - half * (sin + cos)],
        ],
        np.float64,
    )
    reach = crop.side / 2 * (abs(np.cos(crop.angle)) + abs(np.sin(crop.angle))) + 2
    left, top = max(0, int(crop.x - reach)), max(0, int(crop.y - reach))
    right, bottom = min(width, int(crop.x + reach) + 1), min(height, int(crop.y + reach) + 1)
    part = rgb[top:bottom, left:right]
    shrink = max(1, int(scale))
    if shrink > 1 and min(part.shape[:2]) >= shrink:
        size = (part.shape[1] // shrink, part.shape[0] // shrink)
        whole = part[: size[1] * shrink, : size[0] * shrink]
        part = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
    else:
        shrink = 1
    # pixel-centre map from the crop to the reduced part: corner = centre + 0.5 on both sides
    inner = to_frame.copy()
    inner[:, 2] = (inner[:, 2] - (left, top)) / shrink
    inner[:, :2] /= shrink
    inner[:, 2] += inner[:, :2].sum(axis=1) * 0.5 - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(part, inner, (INPUT, INPUT), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(picture, np.uint8), to_frame.astype(np.float32)


def _blob(picture: Image, gain: float, offset: float) -> Float:
    """(h, w, 3) uint8 to (1, 3, h, w) float32 = picture * gain + offset."""
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
    return planes * np.float32(gain) + np.float32(offset)


def _sigmoid(values: Float) -> Float:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))), np.float32)


def _distinct(faces: Sequence[Face]) -> list[Face]:
    """Drop a face that lies on another one before it (two crops that slid onto one person)."""
    kept: list[Face] = []
    for face in faces:
        large = min(face.box[2] - face.box[0], face.box[3] - face.box[1]) >= SMALLEST_FACE_PX
        if large and all(overlap(face.box, other.box) < 0.5 for other in kept):
            kept.append(face)
    return kept
