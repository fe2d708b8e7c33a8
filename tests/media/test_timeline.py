"""The timeline keeps every frame's own duration, covers the sound, and names what it did."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from lipwright.errors import OptionError
from lipwright.media.timeline import (
    Timeline,
    at_released_rate,
    match_lengths,
    released_order,
    released_timeline,
)

TICKS = Fraction(1, 12800)


def constant(count: int, step: int = 512) -> list[int]:
    return [i * step for i in range(count)]


def test_equal_lengths_show_every_frame_once() -> None:
    line = match_lengths(constant(25), TICKS, 512, Fraction(1))
    assert line.mode == "none"
    assert line.sources.tolist() == list(range(25))
    assert line.pts.tolist() == constant(25)
    assert line.duration == 1
    assert line.time_s(5) == 0.2


@pytest.mark.parametrize("extra", [Fraction(-19, 1000), Fraction(19, 1000)])
def test_less_than_half_a_frame_of_difference_is_no_difference(extra: Fraction) -> None:
    line = match_lengths(constant(25), TICKS, 512, 1 + extra)
    assert (line.mode, len(line), line.duration) == ("none", 25, 1 + extra)


def test_shorter_sound_cuts_the_video() -> None:
    line = match_lengths(constant(250), TICKS, 512, Fraction(96, 10))
    assert (line.mode, len(line), line.duration) == ("cut_off", 240, Fraction(96, 10))


def test_bounce_turns_without_showing_end_frames_twice() -> None:
    line = match_lengths(constant(4), TICKS, 512, Fraction(512 * 11) * TICKS)
    assert line.mode == "bounce"
    assert line.sources.tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2]
    assert line.pts.tolist() == constant(11)


def test_loop_starts_again() -> None:
    line = match_lengths(constant(3), TICKS, 512, Fraction(512 * 7) * TICKS, longer="loop")
    assert (line.mode, line.sources.tolist()) == ("loop", [0, 1, 2, 0, 1, 2, 0])


def test_longer_sound_can_be_cut() -> None:
    line = match_lengths(constant(25), TICKS, 512, Fraction(3), longer="cut_off")
    assert (line.mode, len(line), line.duration) == ("cut_off", 25, Fraction(1))


def test_two_frames_bounce_as_they_loop() -> None:
    line = match_lengths(constant(2), TICKS, 512, Fraction(512 * 5) * TICKS)
    assert line.sources.tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("longer", ["bounce", "loop"])
def test_one_frame_is_repeated(longer: str) -> None:
    line = match_lengths([77], TICKS, 512, Fraction(2), longer=longer)
    assert line.mode == longer
    assert line.sources.tolist() == [0] * 50
    assert line.pts.tolist() == constant(50)


def test_a_very_short_sound_still_shows_one_frame() -> None:
    line = match_lengths(constant(25), TICKS, 512, Fraction(1, 1000))
    assert (line.mode, line.sources.tolist()) == ("cut_off", [0])


def test_a_video_that_starts_late_starts_at_zero() -> None:
    line = match_lengths([1000, 1512, 2024], TICKS, 512, Fraction(512 * 3) * TICKS)
    assert line.pts.tolist() == [0, 512, 1024]


def check(line: Timeline, spans: np.ndarray, audio: Fraction, longer: str) -> None:
    shown = spans[line.sources]
    assert line.pts[0] == 0
    assert all(b - a == d for (a, b), d in zip(pairwise(line.pts.tolist()), shown.tolist(), strict=False))
    end = (int(line.pts[-1]) + int(shown[-1])) * line.time_base
    if longer == "cut_off" and len(line) == len(spans) and line.mode == "cut_off" and audio > end:
        assert line.duration == end
        return
    assert line.duration == audio
    if len(line) > 1 or audio >= end:  # ends within half of the last frame, or of the one that would follow
        assert abs(end - audio) <= Fraction(int(spans.max()), 2) * line.time_base
    steps = np.diff(line.sources)
    if line.mode == "bounce" and len(spans) > 1:
        assert set(steps.tolist()) <= {1, -1}
    if line.mode in ("none", "cut_off"):
        assert line.sources.tolist() == list(range(len(line)))


def test_properties_hold_for_random_variable_rates() -> None:
    rng = np.random.default_rng(7)
    for _ in range(400):
        count = int(rng.integers(1, 40))
        spans = rng.integers(1, 3000, count)
        pts = int(rng.integers(-5000, 5000)) + np.concatenate([[0], np.cumsum(spans)[:-1]])
        base = Fraction(1, int(rng.choice([600, 1000, 12800, 90000, 30000])))
        audio = Fraction(int(rng.integers(1, 400_000)), int(rng.choice([16000, 44100, 48000])))
        longer = str(rng.choice(["bounce", "loop", "cut_off"]))
        line = match_lengths(pts.tolist(), base, int(spans[-1]), audio, longer=longer)
        check(line, spans, audio, longer)
        assert line.sources.dtype == np.int32
        assert line.pts.dtype == np.int64


@pytest.mark.parametrize("times", [1, 2, 3, 10])
def test_exact_multiples_end_exactly(times: int) -> None:
    line = match_lengths(constant(30), TICKS, 512, Fraction(30 * 512 * times) * TICKS, longer="loop")
    assert len(line) == 30 * times
    assert (int(line.pts[-1]) + 512) * TICKS == line.duration


def test_unknown_modes_are_refused() -> None:
    with pytest.raises(OptionError, match="longer is 'remap'"):
        match_lengths(constant(3), TICKS, 512, Fraction(1), longer="remap")
    with pytest.raises(OptionError, match="shorter is 'loop'"):
        match_lengths(constant(3), TICKS, 512, Fraction(1), shorter="loop")


def test_frames_must_follow_each_other() -> None:
    with pytest.raises(ValueError, match="growing"):
        match_lengths([0, 512, 512], TICKS, 512, Fraction(1))
    with pytest.raises(ValueError, match="growing"):
        match_lengths([], TICKS, 512, Fraction(1))


@pytest.mark.parametrize(
    ("pts", "base", "last", "expected"),
    [
        ([0, 1, 2, 3], Fraction(1, 25), 1, [0, 1, 2, 3]),
        ([7, 8, 9], Fraction(1, 50), 1, [0, 2]),  # every second one, counted from the first
        ([0, 2, 4], Fraction(1, 25), 2, [0, 0, 1, 1, 2, 2]),
        ([0, 1, 2, 3, 4, 5], Fraction(1, 30), 1, [0, 1, 2, 4, 5]),
        ([0], Fraction(1, 100), 1, [0]),
    ],
)
def test_retiming_to_25_per_second(pts: list[int], base: Fraction, last: int, expected: list[int]) -> None:
    assert at_released_rate(pts, base, last).tolist() == expected


def test_the_released_order_shows_the_end_frames_twice_at_the_turns() -> None:
    assert released_order(3, 8).tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
    assert released_order(3, 2).tolist() == [0, 1]
    retimed = np.array([0, 0, 1], np.int32)
    made = {count: released_timeline(retimed, count) for count in (2, 3, 5)}
    assert {count: found.mode for count, found in made.items()} == {2: "cut_off", 3: "none", 5: "bounce"}
    assert made[5].sources.tolist() == [0, 0, 1, 1, 0]
    assert [made[5].time_s(index) for index in (0, 1, 4)] == pytest.approx([0, 0.04, 0.16])
    assert made[5].duration == Fraction(1, 5)
