"""Forwards and backwards motion agree."""

import numpy as np
import pytest

from lipwright.presenter.identity import draw_identity
from lipwright.presenter.mouth import shape_lips
from lipwright.presenter.parameters import REST
from lipwright.presenter.pose import Pose
from lipwright.presenter.stance import Stance, unmove


def test_place_undoes_still() -> None:
    stance = Stance(128, Pose(roll=0.1, dx=0.05, dy=-0.04, scale=1.05))
    x, y = stance.still()
    for row, column in ((10, 20), (64, 64), (120, 90)):
        place = stance.place(float(x[row, column]), float(y[row, column]), 0.0)
        assert place == pytest.approx((column, row), abs=1e-3)


def test_frame_sizes_agree() -> None:
    pose = Pose(roll=-0.1, dx=0.03, scale=0.95)
    small, large = Stance(128, pose).place(0.3, 0.9, 0.2), Stance(512, pose).place(0.3, 0.9, 0.2)
    for few, many in zip(small, large, strict=True):
        assert (many + 0.5) / 4 == pytest.approx(few + 0.5, abs=1e-6)


def test_jaw_moves_the_chin_and_leaves_the_eyes() -> None:
    who = draw_identity(1)
    wide = REST.copy()
    wide[0] = 1.0
    lips = shape_lips(who, wide)
    chin, eye = np.array([[who.shape.chin_y + lips.drop]], np.float32), np.array([[0.0]], np.float32)
    middle = np.zeros((1, 1), np.float32)
    assert unmove(middle, chin, lips, 0.0)[1][0, 0] == pytest.approx(who.shape.chin_y, abs=0.02)
    assert unmove(middle, eye, lips, 0.0)[1][0, 0] == pytest.approx(0.0, abs=1e-6)


def test_the_skin_never_folds_over_itself() -> None:
    lips = shape_lips(draw_identity(2), np.array([1, 1, 0, 0, 0, 0, 1], np.float32))
    x, y = np.meshgrid(np.linspace(-1, 1, 81, dtype=np.float32), np.linspace(-1, 2.2, 161, dtype=np.float32))
    rest_x, rest_y = unmove(x, y, lips, 1.0)
    assert np.all(np.diff(rest_y, axis=0) > 0)
    assert np.all(np.diff(rest_x, axis=1) > 0)
