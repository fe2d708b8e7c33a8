"""How loud a sound is around a moment, against its own loud parts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 16_000  # Hz
AROUND_S = 0.04  # to each side
LOUD = 95  # percentile of the moments that counts as loud
FLOOR = 1e-6  # of full scale: digital silence is not infinitely quiet


def levels(samples: NDArray[np.int16], times_s: Sequence[float]) -> NDArray[np.float32]:
    """(n,) dB of mono 16 kHz samples around each time, 0 where it is loud; very low beyond the end."""
    power = np.concatenate([[0.0], np.cumsum(np.square(samples.astype(np.float64) / 32768))])
    times = np.asarray(times_s, np.float64)
    first = np.clip(np.rint((times - AROUND_S) * RATE), 0, len(samples)).astype(int)
    last = np.clip(np.rint((times + AROUND_S) * RATE), 0, len(samples)).astype(int)
    mean = (power[last] - power[first]) / np.maximum(last - first, 1)
    loudness = 10 * np.log10(np.maximum(mean, 0) + FLOOR**2)
    return np.asarray(loudness - np.percentile(loudness, LOUD), np.float32)
