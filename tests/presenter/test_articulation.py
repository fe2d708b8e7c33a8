"""The mouth closes where lips meet, rests in silence, and moves when the sound does."""

import numpy as np
import pytest

from lipwright.presenter.acoustic import articulate_sound
from lipwright.presenter.articulation import articulate
from lipwright.presenter.parameters import HIGHEST, LOWEST, PARAMETERS, REST
from lipwright.presenter.phonemes import PAUSE, VISEMES, Phoneme, segments
from lipwright.presenter.voice import SAMPLE_RATE, Voice, draw_speech, speak

JAW, WIDTH, ROUND, PRESS, TUCK, TONGUE, TEETH = range(7)


def spoken(*labels: str) -> list[Phoneme]:
    """Half a second of silence, sounds of 0.15 s, half a second of silence."""
    phonemes = [Phoneme(PAUSE, 0.0, 0.5)]
    for label in labels:
        phonemes.append(Phoneme(label, phonemes[-1].end_s, phonemes[-1].end_s + 0.15))
    return [*phonemes, Phoneme(PAUSE, phonemes[-1].end_s, phonemes[-1].end_s + 0.5)]


def middle(index: int) -> float:
    """Middle of the sound `index` of `spoken`."""
    return 0.5 + 0.15 * index + 0.075


def test_parameters_are_described_by_their_arrays() -> None:
    assert len(PARAMETERS) == len(REST) == len(LOWEST) == len(HIGHEST) == 7
    assert np.all((LOWEST <= REST) & (REST <= HIGHEST))


@pytest.mark.parametrize("sound", ["p", "b", "m"])
def test_lips_meet_between_open_vowels(sound: str) -> None:
    mouth = articulate(spoken("ɑ", sound, "ɑ"), None, np.arange(0, 1.45, 0.005))
    at = mouth[int((middle(1) - 0.03) / 0.005)]
    assert at[PRESS] > 0.95 and at[JAW] < 0.03
    opened = articulate(spoken("ɑ", sound, "ɑ"), None, np.array([middle(0), middle(2)]))
    assert np.all(opened[:, JAW] > 0.6) and np.all(opened[:, PRESS] < 0.1)


@pytest.mark.parametrize("offset_s", [0.0, 0.01, 0.02, 0.03])
def test_a_frame_at_25_per_second_meets_a_short_closure(offset_s: float) -> None:
    short = [
        Phoneme("ɑ", 0.0, 0.4),
        Phoneme("p", 0.4 + offset_s, 0.44 + offset_s),
        Phoneme("ɑ", 0.44 + offset_s, 0.9),
    ]
    mouth = articulate(short, None, np.arange(0, 0.9, 0.04))
    assert mouth[:, PRESS].max() > 0.9


def test_each_kind_of_sound_has_its_mark() -> None:
    at = np.array([middle(0)])
    shapes = {label: articulate(spoken(label), None, at)[0] for label in ("f", "θ", "u", "i", "ɑ", "s", "ʃ")}
    assert shapes["f"][TUCK] > 0.9
    assert shapes["θ"][TONGUE] > 0.6
    assert shapes["u"][ROUND] > 0.7 and shapes["u"][WIDTH] < -0.4
    assert shapes["i"][WIDTH] > 0.5
    assert shapes["ɑ"][JAW] > 0.7
    assert shapes["s"][JAW] < 0.15 < shapes["s"][TEETH]
    assert shapes["ʃ"][ROUND] > 0.3


def test_silence_rests() -> None:
    mouth = articulate(spoken("ɑ"), None, np.array([0.0, 0.2, 0.35, 1.0, 5.0]))
    np.testing.assert_allclose(mouth, np.repeat(REST[None], 5, axis=0), atol=0.02)
    assert articulate([], None, np.zeros(3)).shape == (3, 7)


def test_any_times_give_the_same_movement() -> None:
    speech = draw_speech(3, 3.0)
    dense = articulate(speech.phonemes, speech.samples, np.arange(0, 2, 0.01))
    sparse = articulate(speech.phonemes, speech.samples, np.arange(0, 2, 0.04))
    np.testing.assert_array_equal(dense[::4], sparse)
    assert dense.dtype == np.float32
    assert np.all(dense >= LOWEST) and np.all(dense <= HIGHEST)
    assert np.abs(np.diff(dense, axis=0)).max() < 0.45


def test_quiet_speech_opens_less_than_loud_speech() -> None:
    phonemes = spoken("ɑ", "t", "ɑ")
    samples = np.random.default_rng(0).standard_normal(int(1.45 * SAMPLE_RATE)).astype(np.float32)
    samples[: int(0.72 * SAMPLE_RATE)] *= 0.05
    quiet, loud = articulate(phonemes, samples, np.array([middle(0), middle(2)]))[:, JAW]
    assert quiet < 0.75 * loud


@pytest.mark.parametrize("seed", range(4))
def test_opening_follows_energy_within_a_frame(seed: int) -> None:
    speech = speak("Apples are open and happy. Paper moves above a map.", Voice("espeak", "en-us+m1"), seed)
    times = np.arange(int(speech.duration_s * 100)) / 100
    jaw = articulate(speech.phonemes, speech.samples, times)[:, JAW]
    energy = np.array([np.mean(speech.samples[i * 160 : i * 160 + 160] ** 2) for i in range(len(times))])
    level = np.clip(10 * np.log10(energy + 1e-9) - 10 * np.log10(energy.max()) + 35, 0, 35)
    fits = [float(np.corrcoef(np.roll(jaw, lag), level)[0, 1]) for lag in range(-20, 21)]
    assert max(fits) > 0.5
    assert abs(int(np.argmax(fits)) - 20) <= 4


def test_every_closure_of_real_speech_shuts_the_mouth() -> None:
    speech = draw_speech(2, 4.0)
    for part in segments(speech.phonemes):
        if VISEMES[part.viseme] == "PP":
            mouth = articulate(
                speech.phonemes, speech.samples, np.arange(part.start_s - 0.03, part.end_s, 0.005)
            )
            assert mouth[:, PRESS].max() > 0.97 and mouth[:, JAW].min() < 0.03


def test_the_acoustic_rule_opens_with_speech_and_rests_in_silence() -> None:
    speech = speak("Apples are open and happy.", Voice("espeak", "en-us+m1"), 5)
    times = np.arange(int(speech.duration_s * 25)) / 25
    rule = articulate_sound(speech.samples, SAMPLE_RATE, times)
    true = articulate(speech.phonemes, speech.samples, times)
    assert rule.shape == true.shape
    assert np.corrcoef(rule[:, JAW], true[:, JAW])[0, 1] > 0.5
    assert rule[0, JAW] < 0.03
    assert np.all(rule >= LOWEST) and np.all(rule <= HIGHEST)
    assert articulate_sound(np.zeros(1600, np.float32), SAMPLE_RATE, times).max() < 0.5
