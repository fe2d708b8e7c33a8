"""Mel-frequency cepstral coefficients as the classic SyncNet hears them: 13, 100 columns per second."""

from functools import cache

import numpy as np
from jaxtyping import Float64, Int16
from scipy.fft import dct

RATE = 16000
WINDOW = 400  # 25 ms, not tapered
HOP = 160  # 10 ms
TRANSFORM = 512
BANDS = 26
KEPT = 13
PREEMPHASIS = 0.97
LIFTER = 22
LEAST = np.finfo(np.float64).eps  # what a power of 0 counts as


def mfcc(samples: Int16[np.ndarray, " n"]) -> Float64[np.ndarray, "13 m"]:
    """m = 1 + ceil((n - 400) / 160), at least 1, the last window filled up with zeros.

    samples: mono, 16 kHz, 16-bit whole numbers. The first coefficient is the logarithm of the energy. The
    conventions are those of the library that SyncNet was trained with (python_speech_features 0.6).
    """
    sound = samples.astype(np.float64)
    if len(sound):
        sound = np.append(sound[0], sound[1:] - PREEMPHASIS * sound[:-1])
    count = 1 + max(0, -(-(len(sound) - WINDOW) // HOP))
    sound = np.pad(sound, (0, max(0, (count - 1) * HOP + WINDOW - len(sound))))
    pieces = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:count]
    power = np.abs(np.fft.rfft(pieces, TRANSFORM, axis=1)) ** 2 / TRANSFORM
    bands = power @ _bands().T
    found = dct(np.log(np.where(bands == 0, LEAST, bands)), type=2, axis=1, norm="ortho")[:, :KEPT]
    found *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(KEPT) / LIFTER)
    energy = power.sum(axis=1)
    found[:, 0] = np.log(np.where(energy == 0, LEAST, energy))
    return np.ascontiguousarray(found.T)


@cache
def _bands() -> Float64[np.ndarray, "26 bins"]:
    """Triangles of height 1, equally wide on the mel scale (2595 log10(1 + f / 700)), between whole bins."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    hz = 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)
    edges = np.floor((TRANSFORM + 1) * hz / RATE)
    bins = np.arange(TRANSFORM // 2 + 1)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - left) / np.maximum(centre - left, 1)
    falling = (right - bins) / np.maximum(right - centre, 1)
    inside = (bins >= left) & (bins < right)
    return np.where(inside, np.where(bins < centre, rising, falling), 0.0)
