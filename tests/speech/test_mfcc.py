"""MFCC against recorded values of python_speech_features 0.6, which the classic SyncNet was trained with."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.speech.mfcc import mfcc

# python_speech_features.mfcc(sound(), 16000).T, columns 0 and 23 (the last, filled up with zeros), row sums
FIRST = [
    18.84707, 1.34539, 10.07639, -14.36122, -3.6957, 4.70251, 51.74911, 12.55348, 3.63798, -1.91161,
    -60.96223, -0.69705, -18.5735,
]  # fmt: skip
LAST = [
    18.60753, 4.0198, 20.03598, -15.04727, -12.99129, 3.44949, 54.09933, 11.93438, 4.6591, 7.94237,
    -58.06289, 4.15767, -11.54675,
]  # fmt: skip
SUMS = [
    451.9945, 74.37437, 415.72974, -366.91035, -245.84454, 6.94388, 1368.70832, 316.5439, 95.51288,
    150.21101, -1446.55565, 55.10123, -333.4829,
]  # fmt: skip


def sound() -> NDArray[np.int16]:
    t = np.arange(4000)
    tones = 8000 * np.sin(t * 0.05) + 3000 * np.sin(t * 0.31 + 1)
    return np.asarray(np.round(tones + ((t * 7919) % 201 - 100) * 5), np.int16)


def test_coefficients_are_those_of_the_library() -> None:
    found = mfcc(sound())
    assert found.shape == (13, 24)
    np.testing.assert_allclose(found[:, 0], FIRST, atol=2e-5)
    np.testing.assert_allclose(found[:, -1], LAST, atol=2e-5)
    np.testing.assert_allclose(found.sum(axis=1), SUMS, atol=2e-4)


@pytest.mark.parametrize(("samples", "columns"), [(0, 1), (100, 1), (400, 1), (401, 2), (16_000, 99)])
def test_a_column_every_ten_milliseconds(samples: int, columns: int) -> None:
    assert mfcc(np.resize(sound(), samples)).shape == (13, columns)


def test_silence_is_finite() -> None:
    silent = mfcc(np.zeros(900, np.int16))
    np.testing.assert_allclose(silent[:3, 0], [-36.04365, 0, 0], atol=2e-5)
    assert np.isfinite(silent).all()
