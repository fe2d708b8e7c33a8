"""Smooth warps."""

import numpy as np

from lipwright.personal.warp import pull, sample

BOX = (10, 20, 70, 60)
POINTS = np.array([[10, 20], [70, 20], [10, 60], [70, 60], [40, 40], [30, 30]], float)


def test_points_that_stay_move_nothing() -> None:
    places = pull(POINTS, POINTS, BOX, (10, 20))
    y, x = np.mgrid[0:40, 0:60]
    np.testing.assert_allclose(places, np.stack([x, y], axis=-1), atol=1e-3)


def test_a_shift_of_all_points_shifts_all_px() -> None:
    places = pull(POINTS, POINTS + np.array([3, -2]), BOX, (10, 20))
    y, x = np.mgrid[0:40, 0:60]
    np.testing.assert_allclose(places, np.stack([x + 3, y - 2], axis=-1), atol=1e-2)


def test_a_pulled_point_is_shown_at_its_target_and_nothing_folds() -> None:
    target = POINTS.copy()
    target[4] += (0, 6)
    places = pull(target, POINTS, BOX, (0, 0))
    x, y = (target[4] - BOX[:2]).astype(int)
    assert np.abs(places[y, x] - POINTS[4]).max() < 1.0
    assert (np.diff(places[..., 1], axis=0) > 0).all() and (np.diff(places[..., 0], axis=1) > 0).all()


def test_sampling_repeats_the_border() -> None:
    picture = np.zeros((4, 4, 3), np.float32)
    picture[:, 3] = 9
    far = np.full((1, 1, 2), (99, 2), np.float32)
    assert sample(picture, far)[0, 0, 0] == 9
