"""Do lips and sound belong together?"""

import numpy as np
import pytest

from lipwright.adapt.synchrony import synchrony
from lipwright.personal.wish import Heard

RATE = 25.0


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Something that opens and closes like a jaw."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, round(seconds * RATE) + 20)
    return np.asarray(np.convolve(noise, np.hanning(7), "same")[10:-10])


def heard(jaw: np.ndarray, level: float = 0.0) -> Heard:
    jaw = jaw.astype(np.float32)
    return Heard(jaw, jaw * 0, jaw * 0, np.full(len(jaw), level, np.float32))


def mouth(jaw: np.ndarray, noise: float = 1.5) -> np.ndarray:
    """Follows the jaw, under smiles (slow) and trembling."""
    rng = np.random.default_rng(9)
    slow = 20 * np.sin(np.arange(len(jaw)) / 60)
    return np.asarray(10 + 2 * jaw + slow + rng.normal(0, noise, len(jaw)), np.float32)


@pytest.mark.parametrize("shift", [-3, 0, 2])
def test_a_shift_is_found(shift: int) -> None:
    jaw = speech(20)
    found = synchrony(mouth(np.roll(jaw, -shift)), heard(jaw), RATE)
    assert found.in_sync and found.shift == shift
    assert found.best > found.chance


def test_another_s_speech_is_not_in_sync() -> None:
    found = synchrony(mouth(speech(20)), heard(speech(20, seed=5)), RATE)
    assert found.in_sync is False and found.shift == 0


def test_gaps_in_the_face_do_no_harm() -> None:
    jaw = speech(20)
    openings = mouth(jaw)
    openings[100:140] = np.nan
    assert synchrony(openings, heard(jaw), RATE).in_sync


def test_too_little_speech_gives_no_verdict() -> None:
    jaw = speech(20)
    assert synchrony(mouth(jaw), heard(jaw, level=-60), RATE).in_sync is None
    assert synchrony(mouth(jaw[:60]), heard(jaw[:60]), RATE).in_sync is None
