"""Mel spectrograms: the one Whisper was trained on (100 columns per second) and SyncNet's (80 per second).

numpy only. Sound is mono float at 16 kHz, -1..1. The power, the loudest value of the whole file and the
normalisation are separate, so a listener can work through a long file in blocks and still use its maximum.
"""

from functools import cache
from typing import TypeVar

import numpy as np
from jaxtyping import Float32, Float64, Int16
from numpy.typing import NDArray

RATE = 16000
BANDS = 80
WINDOW = 400  # 25 ms
HOP = 160  # 10 ms
COLUMNS_PER_S = RATE // HOP
LEAST_POWER = 1e-10  # smallest power kept before the logarithm
RANGE = 8.0  # decades kept below the loudest value of the file

SYNC_WINDOW = 800
SYNC_HOP = 200
SYNC_COLUMNS_PER_S = RATE // SYNC_HOP
SYNC_COLUMNS = 52  # one SyncNet input: ceil(16 frames / (5 frames per 16 columns) * 16)
SYNC_BAND_HZ = (55.0, 7600.0)
PREEMPHASIS = 0.97
FULL_SCALE = 32768.0  # of 16-bit samples

_Precision = TypeVar("_Precision", np.float32, np.float64)


def columns(samples: int) -> int:
    """Whisper mel columns of a sound of that many samples."""
    return samples // HOP


Sound = Float32[np.ndarray, " n"] | Int16[np.ndarray, " n"]
"""Mono samples at RATE: -1..1, or 16-bit whole numbers, which take half the memory."""


@cache
def filterbank(
    transform: int, low_hz: float = 0.0, high_hz: float = RATE / 2
) -> Float64[np.ndarray, "80 bins"]:
    """Slaney's triangular mel bands of unit area for a transform of that many samples.

    The Slaney scale is linear below 1 kHz (3 mels per 200 Hz) and logarithmic above (27 mels per factor 6.4).
    """
    bins = np.linspace(0, RATE / 2, transform // 2 + 1)
    edges = _from_mel(np.linspace(_to_mel(low_hz), _to_mel(high_hz), BANDS + 2))
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (right - left)), dtype=np.float64)


def log_mel_power(samples: Sound, first: int = 0, stop: int | None = None) -> Float32[np.ndarray, "80 m"]:
    """log10 of the mel power, columns `first` to `stop` (default: all), floored at 1e-10.

    A column sees the true sound around it even where the block ends; beyond the file, its mirror image.
    """
    stop = columns(len(samples)) if stop is None else stop
    if stop <= first:
        return np.zeros((BANDS, 0), np.float32)
    at = np.arange(first * HOP - WINDOW // 2, (stop - 1) * HOP + WINDOW // 2)
    heard = samples[_mirrored(at, len(samples))]
    if heard.dtype == np.int16:
        heard = heard.astype(np.float32) / np.float32(FULL_SCALE)
    power = _spectra(heard.astype(np.float32, copy=False), WINDOW, HOP) ** 2
    mel = filterbank(WINDOW).astype(np.float32) @ power.T
    return np.asarray(np.log10(np.maximum(mel, np.float32(LEAST_POWER))), dtype=np.float32)


def loudest(samples: Sound, block: int = 3000) -> float:
    """The largest log10 mel power of the whole sound, in blocks of columns; for silence, the floor."""
    most = np.log10(LEAST_POWER)
    for first in range(0, columns(len(samples)), block):
        stop = min(first + block, columns(len(samples)))
        most = max(most, float(log_mel_power(samples, first, stop).max()))
    return float(most)


def normalised(power: Float32[np.ndarray, "80 m"], loudest: float) -> Float32[np.ndarray, "80 m"]:
    """Whisper's scale: eight decades below the loudest value of the file, shifted and divided by four."""
    kept = np.maximum(power, np.float32(loudest - RANGE))
    return np.asarray((kept + np.float32(4.0)) / np.float32(4.0), dtype=np.float32)


def log_mel(samples: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, "80 m"]:
    """Whisper's log-mel of a whole sound, m = floor(n / 160)."""
    power = log_mel_power(samples)
    return normalised(power, float(power.max(initial=np.log10(LEAST_POWER))))


def syncnet_mel(samples: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, "80 m"]:
    """SyncNet's mel, -4..4, m = 1 + floor(n / 200): pre-emphasised, magnitude in dB, zeros at the ends."""
    sound = np.asarray(samples, dtype=np.float64)
    if len(sound) == 0:
        return np.full((BANDS, 1), -4.0, np.float32)
    sharp = np.append(sound[0], sound[1:] - PREEMPHASIS * sound[:-1])
    magnitude = _spectra(np.pad(sharp, SYNC_WINDOW // 2), SYNC_WINDOW, SYNC_HOP)
    mel = filterbank(SYNC_WINDOW, *SYNC_BAND_HZ) @ magnitude.T
    decibels = 20 * np.log10(np.maximum(1e-5, mel)) - 20
    return np.asarray(np.clip(8 * (decibels + 100) / 100 - 4, -4, 4), dtype=np.float32)


def syncnet_first(start_s: float) -> int:
    """The first SyncNet mel column at a time (times are floats: 1e-6 keeps column 80 from being 79.)"""
    return int(SYNC_COLUMNS_PER_S * start_s + 1e-6)


def syncnet_window(mel: Float32[np.ndarray, "80 m"], start_s: float) -> Float32[np.ndarray, "80 52"] | None:
    """The 52 columns of 16 frames (at 25 per second) from `start_s`; None where the sound ends before."""
    first = syncnet_first(start_s)
    window = mel[:, first : first + SYNC_COLUMNS]
    return window if window.shape[1] == SYNC_COLUMNS else None


def _spectra(sound: NDArray[_Precision], window: int, hop: int) -> NDArray[_Precision]:
    """Magnitudes (columns, bins) of Hann-windowed pieces (periodic window), in the precision of the sound."""
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(sound.dtype)
    pieces = np.lib.stride_tricks.sliding_window_view(sound, window)[::hop]
    return np.abs(np.fft.rfft(pieces * hann, axis=1)).astype(sound.dtype)


def _mirrored(at: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Indices reflected at both ends, the end samples not repeated."""
    if length == 1:
        return np.zeros_like(at)
    folded = at % (2 * (length - 1))
    return np.where(folded >= length, 2 * (length - 1) - folded, folded)


def _to_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * float(np.log(hz / 1000) / np.log(6.4))


def _from_mel(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    log_part = 1000 * np.exp((mel - 15) * (np.log(6.4) / 27))
    return np.asarray(np.where(mel < 15, mel * 200 / 3, log_part), dtype=np.float64)
