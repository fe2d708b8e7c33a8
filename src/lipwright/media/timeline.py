"""Which source frame is shown when: picture and sound of different lengths brought together by whole numbers.

Times are ticks of the source's time base; nothing is rounded but the length of the sound, once. A frame
always lasts as long as in the source, forwards and backwards, so a variable rate survives. A frame is shown
when at least half of it lies within the sound; so pictures end within half a frame of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import OptionError

Mode = Literal["none", "cut_off", "bounce", "loop"]
LONGER: tuple[Mode, ...] = ("bounce", "loop", "cut_off")
SHORTER: tuple[Mode, ...] = ("cut_off",)


@dataclass(frozen=True)
class Timeline:
    """The frames of an output."""

    sources: NDArray[np.int32]
    """(n,) index of the source frame of each output frame."""
    pts: NDArray[np.int64]
    """(n,) when each output frame starts, in `time_base`; starts at 0, grows."""
    time_base: Fraction
    mode: Mode
    """What was done: "none" when every frame is shown once, "cut_off" when pictures or sound end early,
    "bounce" when the video runs back and forth, "loop" when it starts again."""
    duration: Fraction
    """Seconds that the output lasts: the sound's length, or the video's where the sound is cut off."""

    def __len__(self) -> int:
        return len(self.sources)

    def time_s(self, index: int) -> float:
        """When an output frame starts, in seconds."""
        return float(int(self.pts[index]) * self.time_base)


def match_lengths(
    pts: Sequence[int] | NDArray[np.int64],
    time_base: Fraction,
    last_duration: int,
    audio_duration: Fraction,
    longer: str = "bounce",
    shorter: str = "cut_off",
) -> Timeline:
    """Fit a video to a sound.

    `pts`: start of each source frame, growing, in `time_base` seconds; the last lasts `last_duration`
    ticks. `longer` says what happens when the sound is longer than the video: "bounce" (back and forth; the
    first and the last frame are not shown twice in a row at the turns), "loop" or "cut_off" (the sound ends
    with the video). `shorter`: "cut_off" (the video ends with the sound). At least one frame is shown.
    OptionError for an unknown mode; ValueError for frames that do not follow each other.
    """
    _check_modes(longer, shorter)
    spans = _durations(pts, last_duration)
    count, total = len(spans), int(spans.sum())
    wanted = Fraction(audio_duration) / time_base
    if wanted <= 0:
        raise ValueError(f"a sound of {audio_duration} s cannot be matched")
    # Twice the time, so that the middle of a frame is a whole number of ticks.
    limit = 2 * wanted.numerator // wanted.denominator
    period = np.arange(count, dtype=np.int32)
    fitting = _shown(spans, limit)
    if fitting < count:
        return _timeline(period[: max(1, fitting)], spans, time_base, "cut_off", audio_duration)
    again = np.concatenate([period, period[-2:0:-1]]) if longer == "bounce" else period
    following = spans[again[count % len(again)]] if longer != "cut_off" else spans[-1]
    if 2 * total + int(following) > limit:
        return _timeline(period, spans, time_base, "none", audio_duration)
    if longer == "cut_off":
        return _timeline(period, spans, time_base, "cut_off", total * time_base)
    rounds = limit // (2 * int(spans[again].sum())) + 1
    sources = np.tile(again, rounds)
    sources = sources[: _shown(spans[sources], limit)]
    return _timeline(sources, spans, time_base, "bounce" if longer == "bounce" else "loop", audio_duration)


def _shown(spans: NDArray[np.int64], limit: int) -> int:
    """How many frames of those durations have their middle at or before half of `limit`."""
    ends = np.cumsum(spans)
    return int(np.searchsorted(2 * ends - spans, limit, side="right"))


def _timeline(
    sources: NDArray[np.int32], spans: NDArray[np.int64], time_base: Fraction, mode: Mode, duration: Fraction
) -> Timeline:
    ends = np.cumsum(spans[sources])
    return Timeline(sources, ends - spans[sources], time_base, mode, Fraction(duration))


def _durations(pts: Sequence[int] | NDArray[np.int64], last_duration: int) -> NDArray[np.int64]:
    times = np.asarray(pts, np.int64)
    spans = np.append(np.diff(times), last_duration).astype(np.int64)
    if times.ndim != 1 or not times.size or int(spans.min()) <= 0:
        raise ValueError("frames need growing times and a duration each")
    return spans


def _check_modes(longer: str, shorter: str) -> None:
    if longer not in LONGER:
        raise OptionError(f"longer is {longer!r}, but must be one of {', '.join(LONGER)}.")
    if shorter not in SHORTER:
        raise OptionError(f"shorter is {shorter!r}, but must be one of {', '.join(SHORTER)}.")


RELEASED_RATE = 25
_RELEASED_TICKS = 512  # per frame: a time base of 1/12800 s, fine enough for any container


def at_released_rate(
    pts: Sequence[int] | NDArray[np.int64], time_base: Fraction, last_duration: int
) -> NDArray[np.int32]:
    """Source frame of each frame of the video re-timed to 25 per second, as FFmpeg's fps filter does it.

    A source frame begins at the output frame nearest to its time; gaps repeat the frame before, crowds keep
    the last. At least one frame.
    """
    times = np.asarray(pts, np.int64)
    ends = np.append(times, times[-1] + last_duration) - times[0]
    slots = [int(tick * time_base * RELEASED_RATE + Fraction(1, 2)) for tick in ends.tolist()]
    count = max(1, slots[-1])
    return np.searchsorted(np.array(slots[:-1]), np.arange(count), side="right").astype(np.int32) - 1


def released_order(frames: int, wanted: int) -> NDArray[np.int32]:
    """Frames 0 to `frames` - 1 forward, backward, forward ... until `wanted` are there; turns show a frame
    twice.
    """
    there = np.arange(frames, dtype=np.int32)
    again = np.concatenate([there, there[::-1]])
    return np.resize(again, wanted)


def released_timeline(retimed: NDArray[np.int32], wanted: int) -> Timeline:
    """The released way to bring lengths together: `wanted` frames at 25 per second.

    retimed: see `at_released_rate`. Longer videos are cut, shorter ones run back and forth.
    """
    frames = len(retimed)
    mode: Mode = "none" if wanted == frames else "cut_off" if wanted < frames else "bounce"
    ticks = np.arange(wanted, dtype=np.int64) * _RELEASED_TICKS
    return Timeline(
        retimed[released_order(frames, wanted)],
        ticks,
        Fraction(1, RELEASED_RATE * _RELEASED_TICKS),
        mode,
        Fraction(wanted, RELEASED_RATE),
    )
