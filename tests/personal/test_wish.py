"""From what is heard to what a mouth shall do."""

from dataclasses import replace

import numpy as np

from lipwright.personal.measures import OPENING, SMILE, WIDTH
from lipwright.personal.wish import Heard, averaged, fastest, limited, wishes
from person import Learned


def hears(jaw: np.ndarray, press: float = 0.0, level: float = 0.0) -> Heard:
    n = len(jaw)
    flat = np.zeros(n, np.float32)
    return Heard(jaw.astype(np.float32), flat, flat + press, flat + level)


def syllables(n: int = 100) -> np.ndarray:
    return 0.4 - 0.4 * np.cos(np.arange(n) / 2)


def test_openings_keep_to_the_person_s_own_range_and_order(talk: Learned) -> None:
    jaw = syllables()
    found = wishes(talk.library, hears(jaw), np.zeros(100, np.float32), 25)[:, OPENING]
    own = talk.library.measures[:, OPENING]
    assert own.min() - 0.1 <= found.min() and found.max() <= own.max() + 0.1
    assert np.corrcoef(found, jaw)[0, 1] > 0.8


def test_silence_closes_the_mouth(talk: Learned) -> None:
    quiet = wishes(talk.library, hears(syllables(), level=-60), np.zeros(100, np.float32), 25)
    np.testing.assert_allclose(quiet[:, OPENING], talk.library.closed(), atol=1e-3)
    usual = np.median(talk.library.measures[:, WIDTH])
    np.testing.assert_allclose(quiet[:, WIDTH], usual, rtol=0.02)


def test_pressed_lips_close_the_mouth(talk: Learned) -> None:
    pressed = wishes(talk.library, hears(syllables(), press=1), np.zeros(100, np.float32), 25)
    np.testing.assert_allclose(pressed[:, OPENING], talk.library.closed(), atol=1e-3)


def test_nothing_said_at_all(talk: Learned) -> None:
    library = talk.library.__class__(**{**talk.library.__dict__, "heard": np.zeros((0, 3), np.float32)})
    found = wishes(library, hears(syllables(), level=-60), np.zeros(100, np.float32), 25)
    assert np.isfinite(found).all()


def test_pauses_do_not_make_a_speaker_mumble(talk: Learned) -> None:
    """Half a clip at rest: the median sound of what is said still gets the median opening while speaking."""
    jaw = syllables(200)
    said = np.arange(200) < 100
    openings = np.where(said, 10 + 10 * jaw, 1).astype(np.float32)
    openings[5] = np.nan
    own = replace(hears(jaw), level_db=np.where(said, 0.0, -60.0).astype(np.float32))
    ranges = own.ranges(openings)
    assert ranges.shape == (101, 3) and ranges[0, 2] >= 10
    library = replace(talk.library, heard=ranges)
    found = wishes(library, hears(jaw), np.zeros(200, np.float32), 25)[:, OPENING]
    assert abs(np.median(found) - np.median(openings[6:100])) < 1


def test_nothing_is_learned_of_a_range_without_speech(talk: Learned) -> None:
    quiet = hears(syllables(), level=-60)
    assert quiet.ranges(np.ones(100, np.float32)).shape == (0, 3)
    spoken = hears(syllables())
    assert spoken.ranges(np.full(100, np.nan, np.float32)).shape == (0, 3)


def test_a_quick_smile_is_left_out_and_a_slow_one_stays(talk: Learned) -> None:
    slow = np.linspace(0, 10, 200).astype(np.float32)
    quick = slow + np.tile([5, -5], 100).astype(np.float32)
    found = wishes(talk.library, hears(syllables(200)), quick, 25)[:, SMILE]
    assert np.abs(found[30:-30] - slow[30:-30]).max() < 0.5


def test_speed_is_limited_and_slow_tracks_stay() -> None:
    jump = np.repeat([0.0, 10.0], 20).astype(np.float32)
    assert np.abs(np.diff(limited(jump, 2.0))).max() <= 2.0 + 1e-5
    slow = np.sin(np.arange(50) / 10).astype(np.float32)
    np.testing.assert_allclose(limited(slow, 2.0), slow, atol=1e-6)


def test_the_fastest_motion_is_the_person_s(talk: Learned) -> None:
    steps = np.abs(np.diff(talk.library.measures[:, OPENING]))
    assert (
        0
        < fastest(talk.library)
        <= max(float(steps.max()), float(np.ptp(talk.library.measures[:, OPENING])) / 4)
    )


def test_missing_values_do_not_spread() -> None:
    values = np.array([1, np.nan, 1, 1, np.nan], np.float32)
    np.testing.assert_allclose(averaged(values, 3), 1.0)
