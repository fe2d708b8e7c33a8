"""Windows cover every frame with a face, never cross a jump, and their weights make one motion."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.media.timeline import match_lengths
from lipwright.pipeline.windows import Window, fade, output_runs, plan


def sums_of_weights(windows: list[Window], frames: int) -> NDArray[np.float64]:
    """Summed weight of each output frame."""
    total = np.zeros(frames)
    for before, window, after in zip([None, *windows[:-1]], windows, [*windows[1:], None], strict=True):
        total[window.start : window.stop] += fade(window, before, after)
    return total


@pytest.mark.parametrize("overlap", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 15, 16, 17, 40])
def test_every_frame_is_covered_and_nothing_else(length: int, overlap: int) -> None:
    runs = [(3, 3 + length), (3 + length, 5 + length), (length + 9, length + 30)]
    windows = list(plan(runs, 8, overlap))
    covered = {index for window in windows for index in range(window.start, window.stop)}
    assert covered == {index for start, stop in runs for index in range(start, stop)}
    for window in windows:
        assert 1 <= len(window) <= 8
        assert sum(start <= window.start and window.stop <= stop for start, stop in runs) == 1
    for one, next_one in pairwise(windows):
        assert one.start < next_one.start and one.stop < next_one.stop


@pytest.mark.parametrize("overlap", [1, 2, 4])
@pytest.mark.parametrize("length", [16, 18, 20, 26])
def test_with_overlap_every_window_of_a_long_run_is_whole(length: int, overlap: int) -> None:
    assert {len(window) for window in plan([(0, length)], 8, overlap)} == {8}


@pytest.mark.parametrize("overlap", [0, 1, 2, 4])
@pytest.mark.parametrize("windows", [1, 2, 5])
def test_weights_of_neighbours_sum_to_one(windows: int, overlap: int) -> None:
    length = 8 + (windows - 1) * (8 - overlap)
    plans = list(plan([(0, length), (length, 2 * length)], 8, overlap))
    np.testing.assert_allclose(sums_of_weights(plans, 2 * length), 1, atol=1e-6)


@pytest.mark.parametrize("length", range(1, 60))
def test_no_frame_is_without_weight(length: int) -> None:
    """Also where the last window was moved back over two others; weights are then divided by their sum."""
    sums = sums_of_weights(list(plan([(0, length)], 8, 4)), length)
    assert sums.min() > 0.15 and sums.max() < 2


def test_a_fade_goes_up_and_down_by_equal_steps() -> None:
    window = Window(6, 14)
    np.testing.assert_allclose(
        fade(window, Window(0, 9), Window(12, 20)), [0.25, 0.5, 0.75, 1, 1, 1, 2 / 3, 1 / 3], atol=1e-6
    )
    np.testing.assert_array_equal(fade(window, Window(0, 6), Window(14, 22)), np.ones(8))


def test_more_overlap_than_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="share 8"):
        list(plan([(0, 20)], 8, 8))


def runs_of(seconds: float, longer: str, runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Output runs of a video of 10 frames at 10 per second under a sound."""
    pts = list(range(10))
    timeline = match_lengths(pts, Fraction(1, 10), 1, Fraction(seconds), longer)
    return output_runs(timeline.sources, runs)


def test_going_back_and_forth_is_one_run() -> None:
    assert runs_of(3.0, "bounce", [(0, 10)]) == [(0, 30)]


def test_a_loop_begins_a_new_run() -> None:
    assert runs_of(2.5, "loop", [(0, 10)]) == [(0, 10), (10, 20), (20, 25)]


def test_cuts_and_gaps_end_a_run_both_ways() -> None:
    # A cut at 4, no face in 7 and 8; then back: 9 is not doubled at the turn.
    assert runs_of(1.8, "bounce", [(0, 4), (4, 7), (9, 10)]) == [(0, 4), (4, 7), (9, 10), (12, 15), (15, 18)]


def test_frames_beyond_the_shown_ones_are_left_out() -> None:
    assert runs_of(0.5, "bounce", [(0, 4), (4, 10)]) == [(0, 4), (4, 5)]


def test_no_face_is_no_run() -> None:
    assert runs_of(1.0, "bounce", []) == []
