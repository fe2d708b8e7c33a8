"""The released code's face points, from recorded landmarks put in at the library's own seam."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.errors import NoFaceError, WeightsError
from lipwright.faces.align import LATENTSYNC, TINY_TEMPLATE, fit_released
from lipwright.faces.insightface import FILES, Detected, PointReader, follow_points, load_reader, three_points

Picture = NDArray[np.uint8]
FRAME = np.zeros((4, 4, 3), np.uint8)


@dataclass
class Found:
    """A face as the library's detector and landmark network fill it."""

    bbox: NDArray[np.floating]
    det_score: float
    landmark_2d_106: NDArray[np.floating]


@dataclass
class Recorded:
    """An analysis that gives the next recorded frame's faces, and notes what it was shown."""

    frames: Sequence[Sequence[Detected]]
    shown: list[Picture] = field(default_factory=list)

    def get(self, img: Picture) -> Sequence[Detected]:
        self.shown.append(img)
        return self.frames[len(self.shown) - 1]


def found(width: float = 100, height: float = 120, score: float = 0.9, x: float = 10.0) -> Found:
    """A face whose landmarks all lie at (x, 2 x)."""
    box = np.array([10.0, 20.0, 10 + width, 20 + height], np.float32)
    return Found(box, score, np.tile(np.array([x, 2 * x], np.float32), (106, 1)))


def read(*faces: Found) -> list[tuple[int, int]]:
    return [(seen.width, seen.height) for seen in PointReader(Recorded([faces])).read(FRAME)]


@pytest.mark.parametrize(
    "face",
    [
        found(width=50, height=80),
        found(width=50, height=250),  # 0.2
        found(width=120, height=80),  # 1.5
        found(score=0.5),
    ],
)
def test_faces_at_the_limits_are_kept(face: Found) -> None:
    assert len(read(face)) == 1


@pytest.mark.parametrize(
    "face",
    [
        found(width=49, height=80),
        found(width=50, height=79),
        found(width=50, height=251),
        found(width=121, height=80),
        found(score=0.499),
    ],
)
def test_faces_beyond_the_limits_are_not(face: Found) -> None:
    assert read(face) == []


def test_boxes_are_cut_to_whole_px_before_they_are_judged() -> None:
    face = found()
    face.bbox = np.array([10.9, 20.9, 60.0, 100.0], np.float32)  # 49.1 x 79.1 px, but 50 x 80 of whole ones
    assert read(face) == [(50, 80)]
    face.bbox = np.array([10.0, 20.0, 59.9, 99.9], np.float32)
    assert read(face) == []


def test_the_largest_area_wins_and_of_equals_the_first() -> None:
    tall, wide, small = found(80, 200, x=1), found(160, 110, x=2), found(60, 90, score=0.99, x=3)
    assert read(small, tall, wide) == [(160, 110), (80, 200), (60, 90)]
    first, second = found(90, 100, x=4), found(100, 90, x=5)
    seen = PointReader(Recorded([[first, second]])).read(FRAME)
    assert [face.points[0, 0] for face in seen] == [4, 5]


def test_the_three_points_are_means_of_the_released_landmarks() -> None:
    landmarks = np.full((106, 2), 1e6, np.float32)
    landmarks[[43, 48, 49, 50, 51]] = [[10, 20], [12, 18], [14, 17], [16, 17], [18, 18]]
    landmarks[[101, 102, 103, 104, 105]] = [[60, 18], [62, 17], [64, 17], [66, 18], [68, 20]]
    landmarks[[74, 77, 83, 86]] = [[38, 40], [40, 50], [36, 52], [42, 50]]
    np.testing.assert_array_equal(three_points(landmarks), [[14, 18], [64, 18], [39, 48]])


def test_halves_round_to_even_before_and_after_the_mean() -> None:
    landmarks = np.zeros((106, 2), np.float32)
    landmarks[[74, 77, 83, 86]] = [[1, 1], [1, 1], [0, 2], [0, 2]]  # means 0.5 and 1.5
    np.testing.assert_array_equal(three_points(landmarks)[2], [0, 2])
    landmarks[[74, 77, 83, 86]] = [2.5, 3.5]  # 2 and 4, not 3 and 4
    np.testing.assert_array_equal(three_points(landmarks)[2], [2, 4])
    landmarks[[43, 48, 49, 50, 51]] = [[0.4, 2]] * 3 + [[0.4, 3]] * 2  # whole px first: 0, not 0.4
    np.testing.assert_array_equal(three_points(landmarks)[0], [0, 2])


def test_frames_are_shown_as_they_are_in_rgb() -> None:
    recorded = Recorded([[]])
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert PointReader(recorded).read(picture) == []
    np.testing.assert_array_equal(recorded.shown[0], picture)


def test_a_track_holds_each_frame_s_largest_face_and_where_there_was_none() -> None:
    recorded = Recorded([[found(x=30)], [], [found(60, 90, x=5), found(80, 140, x=40)], [found(score=0.1)]])
    track = follow_points([FRAME] * 4, PointReader(recorded))
    assert track.present.tolist() == [True, False, True, False]
    three = track.anchors(LATENTSYNC(256))
    assert three.shape == (4, 3, 2) and three.dtype == np.float32
    np.testing.assert_array_equal(three[:, 0, 0], [30, np.nan, 40, np.nan])
    report = track.report()
    assert (report["frames_with_face"], report["people"], report["face_height_px"]) == (2, 2, 130.0)


def test_the_points_go_into_the_released_fit_unchanged() -> None:
    face = found()
    face.landmark_2d_106[[43, 48, 49, 50, 51]] = [47.6, 56.4]
    face.landmark_2d_106[[101, 102, 103, 104, 105]] = [162.4, 55.6]
    face.landmark_2d_106[[74, 77, 83, 86]] = [105.2, 111.8]
    template = LATENTSYNC(256)
    (points,) = follow_points([FRAME], PointReader(Recorded([[face]]))).anchors(template)
    matrix, _ = fit_released(points, template, None)
    by_hand, _ = fit_released(np.array([[48, 56], [162, 56], [105, 112]], np.float32), template, None)
    np.testing.assert_array_equal(matrix, by_hand)


def test_points_are_not_taken_for_those_of_another_template() -> None:
    track = follow_points([FRAME], PointReader(Recorded([[found()]])))
    with pytest.raises(ValueError, match="eyes"):
        track.anchors(TINY_TEMPLATE)


def test_no_kept_face_in_any_frame_is_an_error() -> None:
    with pytest.raises(NoFaceError, match="50 x 80 px or more in any of the 2 frames"):
        follow_points([FRAME] * 2, PointReader(Recorded([[], [found(width=30)]])))


def refusal(folder: Path) -> str:
    with pytest.raises(WeightsError) as refused:
        load_reader(folder)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_a_missing_extra_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "insightface", None)
    monkeypatch.delitem(sys.modules, "insightface.app", raising=False)
    sentence = refusal(tmp_path)
    assert "pip install 'lipwright[insightface]'" in sentence and "non-commercial" in sentence


class FakeAnalysis:
    """Stands in the place of the library's class; `made` keeps the arguments."""

    made: dict[str, Any]

    def __init__(self, name: str, **settings: Any) -> None:
        if Path(name, FILES[0]).read_bytes() == b"broken":
            raise RuntimeError("INVALID_PROTOBUF:\nnot a network")
        type(self).made = {"name": name, **settings}

    def prepare(self, **settings: Any) -> None:
        self.made.update(settings)

    def get(self, img: Picture) -> list[Found]:
        return [found()]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> type[FakeAnalysis]:
    app = ModuleType("insightface.app")
    app.__dict__["FaceAnalysis"] = FakeAnalysis
    monkeypatch.setitem(sys.modules, "insightface", ModuleType("insightface"))
    monkeypatch.setitem(sys.modules, "insightface.app", app)
    return FakeAnalysis


@pytest.mark.usefixtures("library")
def test_missing_and_broken_files_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / FILES[0]).write_bytes(b"broken")
    sentence = refusal(tmp_path)
    assert FILES[1] in sentence and FILES[0] not in sentence
    assert str(tmp_path) in sentence and "non-commercial" in sentence and "does not fetch" in sentence
    (tmp_path / FILES[1]).write_bytes(b"")
    assert "INVALID_PROTOBUF: not a network" in refusal(tmp_path)


def test_the_library_is_set_up_as_the_released_code_does(library: type[FakeAnalysis], tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes(b"")
    assert len(load_reader(tmp_path).read(FRAME)) == 1
    assert library.made == {
        "name": str(tmp_path.resolve()),
        "allowed_modules": ["detection", "landmark_2d_106"],
        "providers": ["CPUExecutionProvider"],
        "ctx_id": -1,
        "det_thresh": 0.5,
        "det_size": (512, 512),
    }
