"""Our own measure of sync: shifts are found, strangers are not believed, and nothing is left out silently."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.errors import MediaError
from lipwright.evaluation.sync_score import SyncScore, compared, failed, summary
from lipwright.personal.wish import Heard

RATE = 25.0


def speech(seconds: float, seed: int = 0) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(0, 1, round(seconds * RATE) + 20)
    return np.asarray(np.convolve(noise, np.hanning(7), "same")[10:-10])


def heard(jaw: NDArray[np.float64], level: float = 0.0) -> Heard:
    wide = jaw.astype(np.float32)
    return Heard(wide, wide * 0, wide * 0, np.full(len(wide), level, np.float32))


def mouth(jaw: NDArray[np.float64]) -> NDArray[np.float32]:
    rng = np.random.default_rng(9)
    smile = 20 * np.sin(np.arange(len(jaw)) / 60)
    return np.asarray(10 + 2 * jaw + smile + rng.normal(0, 1.5, len(jaw)), np.float32)


@pytest.mark.parametrize("late", [-14, -6, -1, 0, 2, 9, 15])
def test_a_shift_is_found(late: int) -> None:
    jaw = speech(12)
    found = compared(mouth(np.roll(jaw, -late)), heard(jaw), RATE)
    assert found is not None
    shift, best, chance = found
    assert shift == late and best > chance + 0.1


def test_another_s_speech_does_not_stand_out() -> None:
    margins = []
    for seed in range(5, 9):
        found = compared(mouth(speech(12)), heard(speech(12, seed)), RATE)
        assert found is not None
        margins.append(found[1] - found[2])
    assert max(margins) < 0.1 and np.mean(margins) < 0


def test_too_little_speech_is_not_judged() -> None:
    jaw = speech(12)
    assert compared(mouth(jaw), heard(jaw, level=-60), RATE) is None
    openings = mouth(jaw)
    openings[50:] = np.nan
    assert compared(openings, heard(jaw), RATE) is None


def test_clips_without_a_score_are_counted() -> None:
    good = SyncScore("a.mp4", "opening", 100, 0, 25.0, 0.3, -2, True, 0.5, 0.2)
    assert good.offset_ms == -80 and good.to_json()["offset_ms"] == -80
    bad = failed(Path("b.mp4"), "opening", MediaError("b.mp4 is broken; fetch it again."))
    assert bad.confidence is None and bad.reason == "b.mp4 is broken; fetch it again."
    told = summary([good, bad, good])
    assert told == {"clips": 3, "measured": 2, "mean_confidence": 0.3, "in_sync": 2}
    assert summary([bad])["mean_confidence"] is None
