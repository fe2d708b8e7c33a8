"""Visemes to mouth movement: seven parameters at any time, with neighbouring sounds blended.

Each segment pulls every parameter towards a target with a dominance that reaches a little before and after
it: rounding reaches far, opening less, the tongue least. Pressed lips (p, b, m) and the tucked lower lip (f,
v) are narrow and win over everything, because a mouth that does not close there looks wrong at once. Targets
and reaches are ours, tuned by eye on the rendered presenter.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lipwright.presenter.parameters import HIGHEST, LOWEST, PARAMETERS, REST
from lipwright.presenter.phonemes import PAUSE, VISEMES, Segment, segments

GRID_HZ = 200
"""Movement is computed this often and interpolated in between."""

LEAD_S = 0.01
"""Lips move this much before their sound, beside what the reach of each sound adds."""

_JAW, _PRESS, _TUCK = (PARAMETERS.index(name) for name in ("jaw", "press", "tuck"))

# Viseme -> targets in the order of PARAMETERS; press and tuck are added by their own bumps.
_TARGETS: dict[str, tuple[float, ...]] = {
    "sil": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "PP": (0.02, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0),
    "FF": (0.12, 0.05, 0.0, 0.0, 0.0, 0.0, 0.7),
    "TH": (0.2, 0.1, 0.0, 0.0, 0.0, 1.0, 0.6),
    "DD": (0.18, 0.15, 0.0, 0.0, 0.0, 0.6, 0.6),
    "KK": (0.28, 0.1, 0.0, 0.0, 0.0, 0.1, 0.4),
    "CH": (0.14, -0.25, 0.65, 0.0, 0.0, 0.0, 0.8),
    "SS": (0.07, 0.3, 0.0, 0.0, 0.0, 0.0, 0.9),
    "NN": (0.24, 0.12, 0.0, 0.0, 0.0, 0.8, 0.5),
    "RR": (0.2, -0.2, 0.5, 0.0, 0.0, 0.25, 0.3),
    "AA": (0.92, 0.05, 0.0, 0.0, 0.0, 0.0, 0.55),
    "E": (0.55, 0.38, 0.0, 0.0, 0.0, 0.0, 0.6),
    "I": (0.28, 0.8, 0.0, 0.0, 0.0, 0.1, 0.65),
    "O": (0.62, -0.35, 0.7, 0.0, 0.0, 0.0, 0.2),
    "U": (0.24, -0.65, 1.0, 0.0, 0.0, 0.0, 0.05),
}
# Symbols that differ from their viseme in jaw, width, round.
_SYMBOL_SHAPES: dict[str, tuple[float, float, float]] = {
    "æ": (0.85, 0.4, 0.0), "ʌ": (0.62, 0.05, 0.0), "ɐ": (0.6, 0.05, 0.0), "ɒ": (0.8, -0.2, 0.4),
    "ə": (0.36, 0.05, 0.0), "ɚ": (0.34, -0.1, 0.25), "ɜ": (0.42, -0.05, 0.25), "e": (0.45, 0.5, 0.0),
    "ɪ": (0.34, 0.45, 0.0), "j": (0.22, 0.7, 0.0), "ɔ": (0.72, -0.3, 0.55), "w": (0.16, -0.75, 1.0),
    "ʊ": (0.32, -0.45, 0.8), "y": (0.24, -0.45, 0.9), "h": (0.35, 0.0, 0.0), "ɦ": (0.35, 0.0, 0.0),
}  # fmt: skip

# Reach in seconds and strength, in the order jaw, width, round, press, tuck, tongue, teeth.
_REACH_VOWEL = np.array([0.07, 0.08, 0.1, 0.05, 0.05, 0.045, 0.06])
_REACH_CONSONANT = np.array([0.045, 0.05, 0.06, 0.04, 0.04, 0.04, 0.05])
_STRENGTH_VOWEL = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.8])
_STRENGTH_WEAK = np.array([0.7, 0.25, 0.25, 1.0, 1.0, 1.2, 0.8])
_STRENGTH_ROUND = np.array([1.2, 1.6, 1.6, 1.0, 1.0, 1.0, 1.0])
_STRENGTH_SHUT = np.array([1.6, 0.4, 0.3, 1.0, 1.0, 1.0, 1.2])
_REACH_ROUND_S = 0.13
_RIM_S = 0.03
"""A segment's pull begins to fade this far within its edges (less in short ones)."""

_PLATEAU_S = 0.05
"""Closures last at least this long, so that one frame at 25 per second lies within or at the edge of each."""
_FLANK_S = 0.045
_CLOSURE_PART = 0.42
"""Middle of the closure within p, b, m: the rest of a stop is its burst."""
_SMOOTH_S = 0.014
_LOUDNESS_WINDOW_S = 0.06
_REACH_GRID = int(0.35 * GRID_HZ)


def articulate(
    phonemes: Sequence[tuple[str, float, float]],
    samples: NDArray[np.float32] | None,
    times_s: NDArray[np.floating],
    *,
    rate: int = 16_000,
) -> NDArray[np.float32]:
    """Articulation parameters at given times.

    `phonemes`: IPA label, start and end in seconds, in order. `samples`: the sound (n,) at `rate` Hz, whose
    local loudness opens the jaw more or less; None leaves that out. `times_s`: (t,) seconds, any order or
    rate. Returns (t, 7) float32 in the order and ranges of PARAMETERS; REST in silence and outside the
    speech.
    """
    parts = segments(phonemes)
    if not parts:
        return np.repeat(REST[None], len(times_s), axis=0)
    end_s = max(parts[-1].end_s, 0.0 if samples is None else len(samples) / rate)
    grid = np.arange(int(end_s * GRID_HZ) + 2) / GRID_HZ
    track = _blended(parts, grid)
    if samples is not None:
        track[:, _JAW] *= _opening(samples, rate, len(grid), parts)
    track = _smoothed(track, _SMOOTH_S)
    _close(track, parts, grid)
    track = np.clip(track, LOWEST, HIGHEST)
    at = np.asarray(times_s, dtype=np.float64) + LEAD_S
    columns = [np.interp(at, grid, track[:, k], left=REST[k], right=REST[k]) for k in range(len(PARAMETERS))]
    return np.stack(columns, axis=1).astype(np.float32)


def target_of(segment: Segment) -> NDArray[np.float64]:
    """Targets (7,) of one segment before blending."""
    if segment.symbol == PAUSE:
        return REST.astype(np.float64)
    target = np.array(_TARGETS[VISEMES[segment.viseme]])
    if segment.symbol in _SYMBOL_SHAPES:
        target[:3] = _SYMBOL_SHAPES[segment.symbol]
    return target


def _blended(parts: list[Segment], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dominance-weighted mean of all targets on the grid, (n, 7)."""
    total = np.full((len(grid), len(PARAMETERS)), 1e-6)
    mix = total * REST
    for part in parts:
        strength, reach = _dominance(part)
        first = max(int(part.start_s * GRID_HZ) - _REACH_GRID, 0)
        last = min(int(part.end_s * GRID_HZ) + _REACH_GRID, len(grid))
        distance = _distance(grid[first:last], part.start_s, part.end_s)
        weight = strength * np.exp(-((distance[:, None] / reach) ** 2))
        total[first:last] += weight
        mix[first:last] += weight * target_of(part)
    blended: NDArray[np.float64] = mix / total
    return blended


def _dominance(part: Segment) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Strength and reach in seconds of one segment for each parameter, (7,) each."""
    name = VISEMES[part.viseme]
    if name == "sil":
        # A short break barely closes the mouth, a pause does.
        strength = 2.2 * np.clip((part.end_s - part.start_s - 0.02) / 0.15, 0.02, 1.0)
        return np.full(7, strength), np.full(7, 0.05)
    if part.symbol in "hɦʔ":
        return 0.2 * _STRENGTH_WEAK, _REACH_CONSONANT
    if name in ("O", "U", "CH", "RR"):
        reach = _REACH_VOWEL.copy()
        reach[1:3] = _REACH_ROUND_S
        return _STRENGTH_ROUND, reach
    if name in ("SS", "PP", "FF"):
        return _STRENGTH_SHUT, _REACH_CONSONANT
    if name in ("AA", "E", "I"):
        return _STRENGTH_VOWEL, _REACH_VOWEL
    return _STRENGTH_WEAK, _REACH_CONSONANT


def _distance(times: NDArray[np.float64], start: float, end: float) -> NDArray[np.float64]:
    """Seconds from the inner part of a span, 0 within it."""
    rim = min(0.25 * (end - start), _RIM_S)
    return np.maximum(np.maximum(start + rim - times, times - (end - rim)), 0.0)


def _close(track: NDArray[np.float64], parts: list[Segment], grid: NDArray[np.float64]) -> None:
    """Add the closures of p b m and the tuck of f v to the track, in place; the jaw follows them."""
    press = _bumps(parts, grid, "PP", _CLOSURE_PART)
    tuck = _bumps(parts, grid, "FF", 0.5)
    tuck *= 1 - press
    track[:, _TUCK] = tuck
    track[:, _PRESS] = np.maximum(track[:, _PRESS] * (1 - tuck), press)
    track[:, _JAW] += (np.minimum(track[:, _JAW], 0.12) - track[:, _JAW]) * tuck
    track[:, _JAW] *= 1 - press


def _bumps(parts: list[Segment], grid: NDArray[np.float64], name: str, middle: float) -> NDArray[np.float64]:
    """Plateaus of 1 with cosine flanks at all segments of one viseme, (n,)."""
    track = np.zeros(len(grid))
    for part in parts:
        if VISEMES[part.viseme] != name:
            continue
        length = part.end_s - part.start_s
        centre = part.start_s + middle * length
        half = max(0.25 * length, _PLATEAU_S / 2)
        first = max(int((centre - half - _FLANK_S) * GRID_HZ), 0)
        last = min(int((centre + half + _FLANK_S) * GRID_HZ) + 2, len(grid))
        beyond = np.clip((np.abs(grid[first:last] - centre) - half) / _FLANK_S, 0, 1)
        np.maximum(track[first:last], 0.5 + 0.5 * np.cos(np.pi * beyond), out=track[first:last])
    return track


def _opening(
    samples: NDArray[np.float32], rate: int, count: int, parts: list[Segment]
) -> NDArray[np.float64]:
    """Factor on the jaw from local loudness against the clip's loud parts, (count,), 0.6..1.12."""
    level = loudness(samples, rate, count)
    spoken = np.zeros(count, dtype=bool)
    for part in parts:
        if part.symbol != PAUSE:
            spoken[int(part.start_s * GRID_HZ) : int(part.end_s * GRID_HZ)] = True
    loud = float(np.percentile(level[spoken], 80)) if spoken.any() else 1.0
    return np.clip((level / max(loud, 1e-6)) ** 0.35, 0.6, 1.12)


def loudness(samples: NDArray[np.float32], rate: int, count: int) -> NDArray[np.float64]:
    """Root mean square of the sound around each of `count` grid times, smoothed over about 60 ms."""
    edges = np.minimum(np.arange(count + 1) * rate // GRID_HZ, len(samples))
    sums = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    power = (sums[edges[1:]] - sums[edges[:-1]]) / np.maximum(edges[1:] - edges[:-1], 1)
    return np.sqrt(np.maximum(_smoothed(power[:, None], _LOUDNESS_WINDOW_S / 2)[:, 0], 0.0))


def _smoothed(track: NDArray[np.float64], sigma_s: float) -> NDArray[np.float64]:
    """Gaussian smoothing along the grid, edges repeated, (n, k) -> (n, k)."""
    sigma = sigma_s * GRID_HZ
    radius = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(track, ((radius, radius), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, k], kernel, mode="valid") for k in range(track.shape[1])], axis=1)
