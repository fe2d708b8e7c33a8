"""The two networks find rendered faces where they were drawn."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.errors import WeightsError
from lipwright.faces.detect import Face, FaceReader
from lipwright.faces.mediapipe import load_reader
from lipwright.presenter.identity import draw_identity
from lipwright.presenter.portrait import Portrait
from lipwright.presenter.pose import Pose

Picture = NDArray[np.uint8]
MOUTH = np.array([0.4, 0, 0, 0, 0, 0, 0], np.float32)


def test_points_lie_on_the_drawn_features(portrait: Portrait, face: Face) -> None:
    mouth = np.array([0.3, 0, 0, 0, 0, 0, 0], np.float32)
    truth = {name: np.array(place) for name, place in portrait.landmarks(Pose(), mouth).items()}
    eyes = float(np.linalg.norm(truth["eye_left_outer"] - truth["eye_right_outer"]))
    for name, point in (("mouth_left", 61), ("mouth_right", 291), ("eye_left_outer", 33), ("nose_tip", 4)):
        assert np.linalg.norm(face.points[point] - truth[name]) < 0.12 * eyes, name


@pytest.mark.parametrize("seed", [2, 5, 7, 11])
def test_turned_and_tilted_faces_are_found(reader: FaceReader, seed: int) -> None:
    portrait = Portrait(draw_identity(seed), 256)
    for pose in (Pose(yaw=0.3, roll=0.1), Pose(yaw=-0.3, pitch=0.15), Pose(pitch=-0.15, scale=1.06)):
        faces = reader.read(portrait.render(pose, MOUTH), [])
        assert len(faces) == 1
        assert faces[0].score > 0.9


def test_following_gives_what_searching_gives(reader: FaceReader, picture: Picture, face: Face) -> None:
    moved = np.roll(picture, 4, axis=1)
    (followed,) = reader.read(moved, [face])
    assert np.abs(followed.points - face.points - (4, 0)).mean() < 1.5


def test_scale_and_place_do_not_matter(reader: FaceReader, picture: Picture, face: Face) -> None:
    large = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    wide = np.full((900, 1600, 3), 90, np.uint8)
    wide[60:828, 700:1468] = large
    (found,) = reader.read(wide, [])
    expected = (face.points + 0.5) * 3 - 0.5 + (700, 60)
    assert np.abs(found.points - expected).mean() < 3


def test_a_small_far_face_is_found(reader: FaceReader, picture: Picture) -> None:
    scene = np.full((1080, 1920, 3), 120, np.uint8)
    scene[200:300, 1500:1600] = cv2.resize(picture, (100, 100), interpolation=cv2.INTER_AREA)
    (found,) = reader.read(scene, [])
    assert 1500 < found.points[:, 0].mean() < 1600


def test_several_faces_come_in_a_stable_order(reader: FaceReader, picture: Picture) -> None:
    scene = np.hstack([picture, picture[:, ::-1]])
    first = reader.read(scene, [])
    assert len(first) == 2
    again = reader.read(scene, first[::-1])
    assert [face.box[0] > 200 for face in again] == [face.box[0] > 200 for face in first[::-1]]


def test_search_adds_newcomers_to_known_faces(reader: FaceReader, picture: Picture, face: Face) -> None:
    scene = np.hstack([picture, picture[:, ::-1]])
    assert len(reader.read(scene, [face])) == 1
    faces = reader.read(scene, [face], search=True)
    assert len(faces) == 2
    assert np.abs(faces[0].points - face.points).mean() < 1.5


def test_two_crops_on_one_face_become_one(reader: FaceReader, picture: Picture, face: Face) -> None:
    assert len(reader.read(picture, [face, face])) == 1


@pytest.mark.parametrize("shape", [(40, 30, 3), (64, 800, 3), (480, 640, 3), (1, 1, 3)])
def test_no_face_where_there_is_none(reader: FaceReader, shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 255, shape, dtype=np.uint8)
    assert reader.read(noise, []) == []
    assert reader.read(np.zeros(shape, np.uint8), []) == []


def test_a_lost_face_is_left_out(reader: FaceReader, picture: Picture, face: Face) -> None:
    assert reader.read(np.full_like(picture, 128), [face]) == []


def test_a_broken_network_file_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "face.tflite"
    broken.write_bytes(b"not a network")
    with pytest.raises(WeightsError, match="weights pull faces"):
        load_reader(broken, broken)
