"""Real synthesis: phonemes cover the sound and their times agree with what is heard."""

import importlib.util

import numpy as np
import pytest

from lipwright.errors import InputError
from lipwright.presenter import espeak, flite
from lipwright.presenter.phonemes import PAUSE, VISEMES, Phoneme, segments
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import (
    LANGUAGES,
    SAMPLE_RATE,
    VARIANTS,
    Speech,
    Voice,
    draw_speech,
    draw_voice,
    speak,
)

TEXT = "Peter, bring Paul a map of five apples. Thank you, mama."
VOICES = [
    Voice("espeak", "en-us+m1"),
    Voice("espeak", "de+f3", pace=1.2, speed=0.9),
    *(
        pytest.param(
            Voice("flite", name),
            marks=pytest.mark.skipif(
                flite.program() is None, reason="flite is an optional system program that pip cannot install"
            ),
        )
        for name in ("slt", "kal")
    ),
]


@pytest.mark.parametrize("voice", VOICES)
def test_phonemes_cover_the_samples_in_order(voice: Voice) -> None:
    speech = speak(TEXT, voice, seed=1)
    assert speech.samples.dtype == np.float32
    assert np.abs(speech.samples).max() <= 1
    assert speech.phonemes[0].start_s == 0
    assert speech.phonemes[-1].end_s == pytest.approx(speech.duration_s, abs=1e-6)
    for before, after in zip(speech.phonemes, speech.phonemes[1:], strict=False):
        assert before.end_s == pytest.approx(after.start_s, abs=1e-6)
        assert before.end_s > before.start_s
    heard = {VISEMES[part.viseme] for part in segments(speech.phonemes)}
    assert {"sil", "PP", "FF", "AA", "I"} <= heard


@pytest.mark.parametrize("voice", VOICES)
def test_pauses_are_silent_and_vowels_are_loud(voice: Voice) -> None:
    speech = speak(TEXT, voice, seed=2)
    loud = np.sqrt(np.mean(speech.samples**2))
    pauses = [_level(speech, p.start_s + 0.04, p.end_s - 0.04) for p in _long(speech, PAUSE)]
    vowels = [
        _level(speech, part.start_s, part.end_s)
        for part in segments(speech.phonemes)
        if VISEMES[part.viseme] == "AA"
    ]
    assert pauses and max(pauses) < 0.15 * loud
    assert len(vowels) >= 4 and np.median(vowels) > 0.7 * loud


@pytest.mark.parametrize("voice", VOICES)
def test_speech_begins_within_a_frame_of_its_first_phoneme(voice: Voice) -> None:
    speech = speak("Apples are open.", voice, seed=3)
    first = next(phoneme.start_s for phoneme in speech.phonemes if phoneme.label != PAUSE)
    heard = np.flatnonzero(np.abs(speech.samples) > 0.06 * np.abs(speech.samples).max())[0] / SAMPLE_RATE
    assert heard == pytest.approx(first, abs=0.045)


def test_the_closure_of_a_stop_is_the_silence_before_its_burst() -> None:
    speech = speak("a happy paper map", Voice("espeak", "en-us+m1"), seed=0, pauses=False)
    stops = [p for p in speech.phonemes[2:] if p.label == "p"]
    assert len(stops) >= 3
    for stop in stops:
        begin = _level(speech, stop.start_s + 0.005, stop.start_s + 0.025)
        assert begin < 0.1 * np.sqrt(np.mean(speech.samples**2))


@pytest.mark.parametrize("speed", [0.88, 1.14])
def test_playing_at_another_speed_moves_times_with_the_sound(speed: float) -> None:
    # espeak-ng keeps state from call to call, so lengths of one text differ by a few per cent.
    usual = speak(TEXT, Voice("espeak", "en-us+m1"), seed=0, pauses=False)
    moved = speak(TEXT, Voice("espeak", "en-us+m1", speed=speed), seed=0, pauses=False)
    assert usual.duration_s / moved.duration_s == pytest.approx(speed, rel=0.04)
    last = [p for p in moved.phonemes if p.label != PAUSE][-1]
    assert _level(moved, last.end_s + 0.06, moved.duration_s) < 0.02 < _level(moved, last.start_s, last.end_s)


def test_draws_repeat_and_keep_speakers_of_evaluation_apart() -> None:
    assert draw_voice(11) == draw_voice(11)
    training = {draw_voice(seed).name.rpartition("+")[2] for seed in range(400)}
    evaluation = {draw_voice(EVALUATION_SEED + seed).name.rpartition("+")[2] for seed in range(200)}
    assert training & evaluation <= set(flite.VOICES)


def test_a_drawn_speech_has_closed_ends() -> None:
    speech = draw_speech(4, 3.0)
    assert speech.phonemes[0].label == PAUSE == speech.phonemes[-1].label
    assert 1.5 < speech.duration_s < 9


def test_every_language_and_variant_is_known() -> None:
    for language in LANGUAGES:
        espeak.synthesise("Oh.", language, rate=300, pitch=50, intonation=50)
    for variant in VARIANTS:
        espeak.synthesise("Oh.", f"en-us+{variant}", rate=300, pitch=50, intonation=50)


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(InputError, match="klingon-x"):
        espeak.synthesise("Oh.", "klingon-x", rate=165, pitch=50, intonation=50)
    assert espeak.is_available()


def test_the_extra_package_holds_a_library() -> None:
    assert importlib.util.find_spec("espeakng_loader") is not None


def _level(speech: Speech, start_s: float, end_s: float) -> float:
    """Root mean square between two times."""
    part = speech.samples[
        int(start_s * SAMPLE_RATE) : max(int(end_s * SAMPLE_RATE), int(start_s * SAMPLE_RATE) + 1)
    ]
    return float(np.sqrt(np.mean(part**2)))


def _long(speech: Speech, label: str) -> list[Phoneme]:
    """Phonemes of a label that last a fifth of a second or more."""
    return [p for p in speech.phonemes if p.label == label and p.end_s - p.start_s >= 0.2]
