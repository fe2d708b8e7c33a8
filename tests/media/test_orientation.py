"""Stored and displayed coordinates agree, for every turn and mirror."""

import numpy as np
import pytest

from lipwright.media.orientation import Matrix, Orientation, from_matrix

ONE = 1 << 16


def matrix(a: int, b: int, c: int, d: int) -> Matrix:
    return (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)


MATRICES = {
    Orientation(0): matrix(1, 0, 0, 1),
    Orientation(90): matrix(0, 1, -1, 0),  # what phones held upright write
    Orientation(180): matrix(-1, 0, 0, -1),
    Orientation(270): matrix(0, -1, 1, 0),
    Orientation(0, True): matrix(-1, 0, 0, 1),
    Orientation(90, True): matrix(0, -1, -1, 0),
    Orientation(180, True): matrix(1, 0, 0, -1),
    Orientation(270, True): matrix(0, 1, 1, 0),
}


@pytest.mark.parametrize(("wanted", "given"), MATRICES.items())
def test_matrices_are_understood(wanted: Orientation, given: Matrix) -> None:
    assert from_matrix(given) == wanted


def test_no_matrix_is_upright() -> None:
    assert from_matrix(None) == Orientation()


@pytest.mark.parametrize("orientation", MATRICES)
def test_matrix_moves_pixels_as_the_orientation_does(orientation: Orientation) -> None:
    """x' = a x + c y and y' = b x + d y, moved back into view, is what `to_display` does."""
    stored = np.arange(12).reshape(3, 4)
    a, b, _, c, d, *_ = (np.array(MATRICES[orientation]) / ONE).tolist()
    y, x = np.mgrid[0:3, 0:4]
    column, row = a * x + c * y, b * x + d * y
    width, height = orientation.display_size(4, 3)
    expected = np.empty((height, width), int)
    expected[(row - row.min()).astype(int), (column - column.min()).astype(int)] = stored
    assert np.array_equal(orientation.to_display(stored), expected)


@pytest.mark.parametrize("orientation", MATRICES)
def test_boxes_and_arrays_turn_together(orientation: Orientation) -> None:
    stored = np.arange(5 * 7).reshape(5, 7)
    shown = orientation.to_display(stored)
    assert shown.shape[::-1] == orientation.display_size(7, 5)
    assert np.array_equal(orientation.to_stored(shown), stored)
    left, top, right, bottom = orientation.box_to_stored((1, 2, 3, 5), 7, 5)
    part = stored[top:bottom, left:right]
    assert np.array_equal(orientation.to_display(part), shown[2:5, 1:3])
