"""A mouth from sound alone, by a simple rule: approximate, for recordings whose phonemes are not known.

Loudness opens the jaw, the balance of the bands says the rest: much energy above 3.5 kHz is a hiss (teeth
together, lips apart), energy that sits low means rounded lips, energy around 2 kHz spread lips. Lips that
meet for p, b and m are only seen as short dips of loudness.
"""

import numpy as np
from numpy.typing import NDArray

from lipwright.presenter.parameters import HIGHEST, LOWEST, PARAMETERS, REST

_HOP_HZ = 100
_WINDOW_S = 0.032
_BANDS_HZ = ((120, 500), (500, 1000), (1000, 1700), (1700, 3200), (3500, 7600))
_QUIET_DB, _LOUD_DB = -32.0, -6.0
"""Loudness against the loud parts of the recording: below the first is silence, above the second is wide
open.
"""
_SMOOTH_HOPS = 2.0
_LEAD_S = 0.01


def articulate_sound(
    samples: NDArray[np.float32], rate: int, times_s: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Parameters (t, 7) float32 at the given times from mono samples (n,) at `rate` Hz (16000 or more)."""
    bands = _band_power(samples, rate)
    total = bands.sum(axis=1)
    loud = max(float(np.percentile(total, 95)), 1e-9)
    level_db = 10 * np.log10(total / loud + 1e-7)
    open_part = np.clip((level_db - _QUIET_DB) / (_LOUD_DB - _QUIET_DB), 0, 1)
    share = bands / np.maximum(total, 1e-12)[:, None]
    hiss = np.clip(share[:, 4] / 0.5, 0, 1)
    first = np.clip((share[:, 1] + share[:, 2]) / 0.6, 0, 1)
    spread = np.clip(share[:, 3] / 0.3, 0, 1)
    low = np.clip((share[:, 0] - 0.6) / 0.35, 0, 1)
    voiced = open_part * (1 - hiss)
    track = np.zeros((len(total), len(PARAMETERS)))
    track[:, 0] = voiced * (0.2 + 0.75 * first) + 0.07 * hiss * open_part
    track[:, 1] = open_part * (0.7 * spread + 0.25 * hiss - 0.5 * low)
    track[:, 2] = voiced * 0.7 * low * (1 - spread)
    track[:, 3] = REST[3] * (open_part <= 0) + 0.8 * _dips(level_db)
    track[:, 6] = open_part * np.maximum(0.4, 0.9 * hiss)
    track[:, 0] *= 1 - np.clip(track[:, 3] - REST[3], 0, 1)
    track = np.clip(_smoothed(track), LOWEST, HIGHEST)
    grid = np.arange(len(track)) / _HOP_HZ
    at = np.asarray(times_s, dtype=np.float64) + _LEAD_S
    return np.stack(
        [np.interp(at, grid, track[:, k], right=REST[k]) for k in range(track.shape[1])], axis=1
    ).astype(np.float32)


def _band_power(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Power in each band around every hundredth of a second, (hops, 5)."""
    width = round(_WINDOW_S * rate)
    hops = len(samples) * _HOP_HZ // rate + 1
    padded = np.pad(samples.astype(np.float64), (width // 2, width))
    window = np.hanning(width)
    hz = np.fft.rfftfreq(width, 1 / rate)
    columns = [(hz >= low) & (hz < high) for low, high in _BANDS_HZ]
    power = np.empty((hops, len(columns)))
    for index in range(hops):
        first = index * rate // _HOP_HZ
        spectrum = np.abs(np.fft.rfft(padded[first : first + width] * window)) ** 2
        power[index] = [spectrum[column].sum() for column in columns]
    return power


def _dips(level_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the sound is at least 14 dB weaker than both 80 ms before and after and not silent for longer,
    else 0.
    """
    reach = 8
    padded = np.pad(level_db, reach, mode="edge")
    count = len(level_db)
    before = np.max([padded[k : k + count] for k in range(reach)], axis=0)
    after = np.max([padded[reach + 1 + k : reach + 1 + k + count] for k in range(reach)], axis=0)
    deep: NDArray[np.bool_] = np.minimum(before, after) - level_db > 14
    return deep.astype(np.float64)


def _smoothed(track: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian smoothing along time, (n, k)."""
    radius = int(3 * _SMOOTH_HOPS) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / _SMOOTH_HOPS) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(track, ((radius, radius), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, k], kernel, mode="valid") for k in range(track.shape[1])], axis=1)
