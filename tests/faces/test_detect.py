import numpy as np
import pytest

from lipwright.faces.detect import box_of, overlap


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert overlap((0, 0, 2, 2), (2, 0, 4, 2)) == 0
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_box_of_points() -> None:
    assert box_of(np.array([[1, 5], [3, 2]], np.float32)) == (1, 2, 3, 5)
