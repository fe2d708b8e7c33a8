"""One person's openings: learned where they can be, left alone where they cannot."""

import numpy as np
import pytest

from lipwright.errors import OptionError
from lipwright.speech.mouth_track import MouthTrack
from lipwright.speech.personal import Personal, fit_personal, general_opening, speaking

NAMES = ("jaw", "width", "round", "press", "tuck", "tongue", "teeth")
SECONDS = 120
TIMES = np.arange(25 * SECONDS) / 25


def _track(seed: int, pause: tuple[float, float] = (0, 0)) -> MouthTrack:
    """A talker: sounds of 60 to 140 ms, each with a jaw of its own; silent within `pause` (seconds)."""
    rng = np.random.default_rng(seed)
    kinds = np.zeros(50 * SECONDS, int)
    at = 0
    while at < len(kinds):
        length = int(rng.integers(3, 8))
        kinds[at : at + length] = rng.integers(1, 15)
        at += length
    kinds[int(pause[0] * 50) : int(pause[1] * 50)] = 0
    jaw = np.linspace(0, 1, 15)[kinds]
    measures = np.zeros((len(kinds), 7), np.float32)
    measures[:, 0] = np.convolve(jaw, np.ones(3) / 3, "same")
    visemes = np.eye(15, dtype=np.float32)[kinds]
    return MouthTrack(
        NAMES, measures, visemes, np.zeros((len(kinds), 4), np.float32), np.zeros(len(kinds), np.float32)
    )


def _habit(track: MouthTrack) -> np.ndarray:
    """Somebody who hardly opens for sounds 3 to 6 and widely for 9, in a unit of their own."""
    sounds = track.visemes.copy()
    extra = -0.5 * sounds[:, 3:7].sum(axis=1) + 0.6 * sounds[:, 9]
    own = 20 * (track.measures[:, 0] + np.convolve(extra, np.ones(3) / 3, "same")) + 12
    return np.asarray(np.interp(TIMES, (np.arange(len(own)) + 0.5) / 50, own))


def test_a_habit_is_learned_and_holds_for_new_speech() -> None:
    noise = np.random.default_rng(0).standard_normal(len(TIMES))
    heard = _track(1)
    person = fit_personal(heard, TIMES, _habit(heard) + 3 * noise)
    assert person.held_out > person.general + 0.05
    new = _track(2)
    truth = _habit(new)
    found = person.opening(new, TIMES, closes=False)
    plain = general_opening(new, TIMES)
    assert np.corrcoef(found, truth)[0, 1] > max(0.9, np.corrcoef(plain, truth)[0, 1] + 0.05)
    assert found.mean() == pytest.approx(truth.mean(), rel=0.15)


def test_slow_moods_are_not_taken_for_sounds() -> None:
    heard = _track(3)
    smile = 12 * np.sin(2 * np.pi * TIMES / 14)
    person = fit_personal(heard, TIMES, _habit(heard) + smile)
    new = _track(4)
    assert np.corrcoef(person.opening(new, TIMES, closes=False), _habit(new))[0, 1] > 0.85


def test_a_mouth_that_does_not_follow_keeps_the_general_way() -> None:
    rng = np.random.default_rng(5)
    person = fit_personal(_track(6), TIMES, 10 + rng.standard_normal(len(TIMES)))
    assert person.scale > 0
    new = _track(7)
    found = person.opening(new, TIMES, closes=False)
    assert np.corrcoef(found, general_opening(new, TIMES))[0, 1] > 0.6


def test_too_little_speech_scales_only() -> None:
    heard = _track(8, pause=(2.0, 120.0))
    person = fit_personal(heard, TIMES, _habit(heard))
    assert not any(person.corrections) and np.isnan(person.held_out)


def test_the_mouth_closes_in_pauses_and_opens_before_words() -> None:
    heard = _track(9, pause=(6.0, 8.0))
    person = fit_personal(heard, TIMES, _habit(heard))
    spoken = speaking(heard, TIMES)
    assert spoken[(TIMES > 6.4) & (TIMES < 7.6)].max() < 0.02
    assert spoken[(TIMES > 7.92) & (TIMES < 8.5)].min() > 0.9
    assert spoken[(TIMES > 1) & (TIMES < 5.9)].min() > 0.98
    shut = person.opening(heard, TIMES)[(TIMES > 6.4) & (TIMES < 7.6)]
    assert np.abs(shut - person.closed).max() < 0.02 * 20


def test_frames_without_a_face_are_left_out() -> None:
    heard = _track(10)
    opening = _habit(heard)
    opening[40:90] = np.nan
    assert np.isfinite(fit_personal(heard, TIMES, opening).opening(heard, TIMES)).all()
    with pytest.raises(OptionError, match="no frame"):
        fit_personal(heard, TIMES, np.full(len(TIMES), np.nan))


def test_json_there_and_back() -> None:
    heard = _track(11)
    person = fit_personal(heard, TIMES, _habit(heard))
    again = Personal.from_json(person.to_json())
    assert np.array_equal(person.opening(heard, TIMES), again.opening(heard, TIMES))
    with pytest.raises(OptionError, match="damaged"):
        Personal.from_json({"scale": 1})
    with pytest.raises(OptionError, match="damaged"):
        Personal.from_json({**person.to_json(), "usual": [1.0]})
