"""Frames of presenters: complete, the same every time, and still where nothing moves."""

import numpy as np
import pytest

from lipwright.presenter.identity import draw_identity
from lipwright.presenter.mouth import JAW_DROP
from lipwright.presenter.parameters import PARAMETERS, REST
from lipwright.presenter.portrait import Portrait
from lipwright.presenter.pose import Pose
from lipwright.presenter.stance import Stance

SIZE = 128


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return Portrait(draw_identity(70), SIZE)


def mouth(**changes: float) -> np.ndarray:
    parameters = REST.copy()
    for name, value in changes.items():
        parameters[PARAMETERS.index(name)] = value
    return parameters


def test_frames_are_pictures_and_repeat(portrait: Portrait) -> None:
    pose = Pose(yaw=0.2, pitch=-0.1, roll=0.05, blink_left=0.5)
    frame = portrait.render(pose, mouth(jaw=0.5))
    assert frame.shape == (SIZE, SIZE, 3) and frame.dtype == np.uint8
    assert np.array_equal(frame, portrait.render(pose, mouth(jaw=0.5)))
    assert np.array_equal(frame, Portrait(draw_identity(70), SIZE).render(pose, mouth(jaw=0.5)))


def test_speech_leaves_the_upper_face_and_background_still(portrait: Portrait) -> None:
    closed, wide = portrait.render(Pose(), REST), portrait.render(Pose(), mouth(jaw=1.0))
    change = np.abs(closed.astype(int) - wide).max(axis=2)
    assert change[: int(0.45 * SIZE)].max() <= 1
    assert change[:, : int(0.15 * SIZE)].max() == 0
    assert change[int(0.6 * SIZE) :].max() > 60


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_shows(portrait: Portrait, name: str) -> None:
    base = mouth(jaw=0.35, press=0.0)
    moved = base.copy()
    moved[PARAMETERS.index(name)] = 1.0
    frames = [portrait.render(Pose(), values).astype(float) for values in (base, moved)]
    box = np.abs(frames[0] - frames[1])[
        int(0.58 * SIZE) : int(0.78 * SIZE), int(0.35 * SIZE) : int(0.65 * SIZE)
    ]
    assert box.mean() > 2.0


def test_aperture_is_the_distance_of_the_inner_lips(portrait: Portrait) -> None:
    pose = Pose(scale=1.05, roll=0.1)
    for jaw in (0.0, 0.3, 1.0):
        points = portrait.landmarks(pose, mouth(jaw=jaw, press=0.0))
        gap = np.hypot(*np.subtract(points["inner_bottom"], points["inner_top"]))
        assert portrait.aperture(pose, mouth(jaw=jaw, press=0.0)) == pytest.approx(gap, abs=0.25)
    assert portrait.aperture(pose, REST) == pytest.approx(0.0, abs=1e-4)


def test_open_chin_and_shoulders_stay_in_the_frame() -> None:
    for seed in range(40):
        who = draw_identity(seed)
        lowest = who.shape.chin_y + JAW_DROP
        for pose in (Pose(scale=1.08, dy=0.08, pitch=0.1), Pose(scale=1.08, dy=0.08, roll=0.12)):
            assert Stance(256, pose).place(0.0, lowest, 0.3)[1] < 250


def test_small_motion_makes_small_change(portrait: Portrait) -> None:
    """Texture is fixed to the surface: a tiny turn may not make it boil."""
    first, second = portrait.render(Pose(yaw=0.100), REST), portrait.render(Pose(yaw=0.102), REST)
    assert np.abs(first.astype(int) - second).mean() < 0.6


def test_sizes_show_the_same_person() -> None:
    small = Portrait(draw_identity(5), 96).render(Pose(), REST).astype(float)
    large = Portrait(draw_identity(5), 192).render(Pose(), REST).astype(float)
    shrunk = large.reshape(96, 2, 96, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - shrunk).mean() < 5.0
