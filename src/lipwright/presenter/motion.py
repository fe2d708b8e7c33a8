"""Head, eyes and brows over time, independent of speech, so that one motion can be rendered with any mouth.

All of it is a function of continuous time: the same seed gives the same motion at every frame rate.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lipwright.presenter.pose import Pose

_STREAM = 4_404

# Standard deviations: angles in radians, shifts in face widths; and the highest frequency in Hz. Ours, after
# looking at people who talk.
_SWAYS: dict[str, tuple[float, float]] = {
    "yaw": (0.085, 0.5),
    "pitch": (0.04, 0.6),
    "roll": (0.028, 0.45),
    "dx": (0.016, 0.35),
    "dy": (0.010, 0.45),
    "scale": (0.012, 0.25),
    "brow": (0.22, 0.7),
}
_LIMITS = {"yaw": 0.33, "pitch": 0.18, "roll": 0.11, "dx": 0.075, "dy": 0.06, "scale": 0.06, "brow": 1.0}
_WAVES = 7
_SHUTTING_S, _SHUT_S, _OPENING_S = 0.055, 0.025, 0.095
_BLINK_EVERY_S = 3.6
_GAZE_EVERY_S = 1.6
_SACCADE_S = 0.04


def draw_motion(seed: int, times_s: Sequence[float] | NDArray[np.floating]) -> list[Pose]:
    """Poses at the given times in seconds (>= 0), one each. Band-limited sway, blinks every few seconds, gaze
    that jumps and rests.
    """
    times = np.asarray(times_s, dtype=np.float64)
    streams = {
        name: np.random.default_rng([_STREAM, seed, number])
        for number, name in enumerate([*_SWAYS, "blink", "gaze"])
    }
    liveliness = float(np.random.default_rng([_STREAM, seed, 99]).uniform(0.5, 1.25))
    sways = {name: _sway(streams[name], times, *_SWAYS[name], liveliness, _LIMITS[name]) for name in _SWAYS}
    blinks = _blinks(streams["blink"], times)
    gaze_x, gaze_y = _gaze(streams["gaze"], times)
    return [
        Pose(
            yaw=float(sways["yaw"][i]),
            pitch=float(sways["pitch"][i]),
            roll=float(sways["roll"][i]),
            dx=float(sways["dx"][i]),
            dy=float(sways["dy"][i]),
            scale=float(1 + sways["scale"][i]),
            blink_left=float(blinks[i]),
            blink_right=float(blinks[i]),
            gaze_x=float(gaze_x[i]),
            gaze_y=float(gaze_y[i]),
            brow=float(sways["brow"][i]),
        )
        for i in range(len(times))
    ]


def _sway(
    rng: np.random.Generator,
    times: NDArray[np.float64],
    spread: float,
    highest_hz: float,
    liveliness: float,
    limit: float,
) -> NDArray[np.float64]:
    """A few slow sine waves of random phase, slower ones larger, softly limited: (n,)."""
    hz = rng.uniform(0.04, highest_hz, _WAVES)
    phases = rng.uniform(0, 2 * np.pi, _WAVES)
    sizes = rng.uniform(0.3, 1.0, _WAVES) / (0.15 + hz)
    sizes *= spread * liveliness * np.sqrt(2 / np.sum(sizes**2))
    waves = np.sin(2 * np.pi * hz * times[:, None] + phases) @ sizes
    return limit * np.tanh(waves / limit)


def _blinks(rng: np.random.Generator, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """How shut the lids are, (n,) 0..1; a blink lasts about 0.18 s and shuts faster than it opens."""
    shut = np.zeros(len(times))
    until = float(times.max(initial=0.0)) + 1
    at = float(rng.uniform(0, _BLINK_EVERY_S))
    while at < until:
        since = times - at
        closing = np.clip(since / _SHUTTING_S, 0, 1)
        opening = np.clip((since - _SHUTTING_S - _SHUT_S) / _OPENING_S, 0, 1)
        shut = np.maximum(shut, _eased(closing) - _eased(opening))
        # One blink in eight is doubled; other gaps are gamma distributed, never under 0.6 s.
        at += 0.35 if rng.random() < 0.12 else 0.6 + float(rng.gamma(2.0, (_BLINK_EVERY_S - 0.6) / 2))
    return shut


def _gaze(
    rng: np.random.Generator, times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the eyes look, two (n,): mostly at the viewer, with quick small jumps."""
    across, down = np.zeros(len(times)), np.zeros(len(times))
    until = float(times.max(initial=0.0)) + 1
    x, y, at = 0.0, 0.0, 0.0
    while at < until:
        away = rng.random() < 0.35
        to_x = float(rng.normal(0, 0.4 if away else 0.07))
        to_y = float(rng.normal(0, 0.22 if away else 0.05))
        to_x, to_y = float(np.clip(to_x, -0.8, 0.8)), float(np.clip(to_y, -0.5, 0.5))
        step = _eased(np.clip((times - at) / _SACCADE_S, 0, 1))
        across += (to_x - x) * step
        down += (to_y - y) * step
        x, y = to_x, to_y
        at += 0.25 + float(rng.exponential(_GAZE_EVERY_S * (0.5 if away else 1.0)))
    return across, down


def _eased(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """0..1 to 0..1 with soft ends."""
    return part * part * (3 - 2 * part)
