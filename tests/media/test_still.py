"""Frames made from pixels."""

import numpy as np

from lipwright.media.still import still


def test_a_still_shows_its_pixels_exactly_and_takes_edits() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (11, 7, 3), np.uint8)
    frame = still(rgb, 3)
    assert (frame.width, frame.height, frame.index, frame.time_s) == (7, 11, 3, 0.12)
    np.testing.assert_array_equal(frame.rgb_box((0, 0, 7, 11)), rgb)
    np.testing.assert_array_equal(frame.rgb(), rgb)
    edited = frame.patched((1, 2, 3, 4), np.full((2, 2, 3), 9, np.float32), np.ones((2, 2), np.float32))
    expected = rgb.copy()
    expected[2:4, 1:3] = 9
    np.testing.assert_array_equal(edited.rgb(), expected)
