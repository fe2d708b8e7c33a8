"""Figures of mouths, on numbers and pictures whose answers are known."""

import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.evaluation.mouth import correlation, flicker, lag_curve, read_mouths, sharpness, spread
from lipwright.faces.detect import Face, Image

Floats = NDArray[np.float32]
NAN = float("nan")


def wave(count: int, phase: float = 0.0) -> Floats:
    t = np.arange(count) - phase
    return np.asarray(np.sin(t * 0.9) + 0.6 * np.sin(t * 0.37 + 1), np.float32)


def test_correlation_is_pearson_s() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 50)).astype(np.float32)
    assert correlation(a, b) == pytest.approx(float(np.corrcoef(a, b)[0, 1]), abs=1e-6)
    assert correlation(a, 3 * a + 5) == pytest.approx(1)
    assert correlation(a, -a) == pytest.approx(-1)


def test_correlation_leaves_out_frames_without_a_face() -> None:
    a, b = wave(30), wave(30)
    a[[3, 17]] = NAN
    b[5] = 99
    b[5] = NAN
    assert correlation(a, b) == pytest.approx(1)


def test_what_does_not_move_or_is_not_there_has_no_correlation() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(correlation(np.full(20, 0.3, np.float32), wave(20)))
        assert np.isnan(correlation(np.full(20, NAN, np.float32), wave(20)))
        assert np.isnan(correlation(wave(2), wave(2)))


@pytest.mark.parametrize("late", [-4, -1, 0, 2, 5])
def test_the_lag_curve_peaks_where_the_picture_is_late(late: int) -> None:
    curve = lag_curve(wave(100, late), wave(100), reach=6)
    assert curve.shape == (13,)
    assert int(curve.argmax()) - 6 == late
    assert curve.max() == pytest.approx(1, abs=1e-5)


def test_the_spread_of_openings() -> None:
    opening = np.linspace(0, 1, 101).astype(np.float32)
    assert spread(opening) == pytest.approx(0.9)
    opening[::2] = NAN
    assert spread(opening) == pytest.approx(0.9, abs=0.02)
    assert np.isnan(spread(np.full(5, NAN, np.float32)))


BOX = np.tile(np.array([8, 8, 40, 40], np.float32), (6, 1))


def pictures(contrast: float = 1.0, shimmer: float = 0.0) -> Floats:
    rng = np.random.default_rng(1)
    texture = rng.uniform(100, 150, (48, 48)) * contrast
    return (texture + shimmer * rng.standard_normal((6, 48, 48))).astype(np.float32)


def test_sharpness_grows_with_the_square_of_contrast_and_only_in_the_box() -> None:
    plain = pictures()
    assert sharpness(pictures(2.0), BOX) == pytest.approx(4 * sharpness(plain, BOX), rel=1e-3)
    elsewhere = plain.copy()
    elsewhere[:, 42:] = 0
    assert sharpness(elsewhere, BOX) == sharpness(plain, BOX)
    assert np.isnan(sharpness(plain, np.full((6, 4), NAN, np.float32)))


def test_flicker_is_shimmer_and_not_steady_change() -> None:
    assert flicker(pictures(), BOX) == 0
    brightening = pictures() + 3 * np.arange(6, dtype=np.float32)[:, None, None]
    assert flicker(brightening, BOX) == pytest.approx(0, abs=1e-3)
    assert flicker(pictures(shimmer=2), BOX) == pytest.approx(2 * flicker(pictures(shimmer=1), BOX), rel=1e-2)
    assert np.isnan(flicker(pictures(), np.full((6, 4), NAN, np.float32)))


class Marked:
    """A reader of pictures whose first pixel says how far the mouth is open; 0: no face is there."""

    def read(self, rgb: Image, previous: Sequence[Face], *, search: bool = False) -> list[Face]:
        opening = int(rgb[0, 0, 0])
        if opening == 0:
            return []
        points = np.zeros((468, 2), np.float32)
        points[33], points[263] = (20, 30), (60, 30)
        points[61], points[291] = (30, 60), (50, 60)
        points[13], points[14] = (40, 60), (40, 60 + opening)
        return [Face(points, 1.0, (20, 20, 60, 80))]


def test_mouths_are_measured_in_widths_of_the_eyes() -> None:
    frames = [np.full((100, 100, 3), value, np.uint8) for value in (4, 0, 20)]
    mouths = read_mouths(frames, Marked())
    np.testing.assert_allclose(mouths.aperture, [0.1, NAN, 0.5])
    np.testing.assert_allclose(mouths.box[0], [24, 50, 56, 78])
    assert np.isnan(mouths.box[1]).all()
    assert mouths.grey.shape == (3, 100, 100) and mouths.grey.dtype == np.float32
