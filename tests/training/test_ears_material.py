"""Utterances as arrays, and windows cut from them at any tempo."""

import numpy as np
import pytest
import torch

from lipwright.presenter.phonemes import PAUSE, Phoneme
from lipwright.presenter.voice import Speech
from lipwright.training.ears_material import (
    BREATH,
    BREATH_S,
    MEET_S,
    EarsMaterial,
    cut,
    load_material,
    rows_of,
    save_material,
    with_breath,
)


def _speech(seconds: float, tone_hz: float = 150.0) -> Speech:
    times = np.arange(round(seconds * 16_000)) / 16_000
    samples = np.asarray(0.3 * np.sin(2 * np.pi * tone_hz * times) * (times > 0.5), np.float32)
    return Speech(samples, (Phoneme(PAUSE, 0.0, 0.5), Phoneme("ɑ", 0.5, seconds)))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> EarsMaterial:
    folder = tmp_path_factory.mktemp("ears")
    parts = [("rule", rows_of(_speech(2.0 + 0.5 * index))) for index in range(5)]
    save_material(folder, [*parts, ("kokoro", rows_of(_speech(3.0)))], ("rule", "kokoro"))
    return load_material(folder)


def test_the_mouth_opens_before_a_phrase() -> None:
    said = [
        Phoneme(PAUSE, 0.0, 0.5),
        Phoneme("s", 0.5, 0.6),
        Phoneme(PAUSE, 0.6, 0.7),
        Phoneme("a", 0.7, 0.8),
    ]
    opened = with_breath(said)
    assert [p.label for p in opened] == [PAUSE, BREATH, "s", PAUSE, "a"]  # a short break needs no breath
    assert opened[0].end_s == opened[1].start_s == pytest.approx(0.5 - BREATH_S)
    assert opened[1].end_s == opened[2].start_s == 0.5
    assert opened[3:] == said[2:]


def test_lips_that_must_meet_do_so_in_time() -> None:
    opened = with_breath([Phoneme(PAUSE, 0.0, 0.5), Phoneme("m", 0.5, 0.6)])
    assert [p.label for p in opened] == [PAUSE, BREATH, "m"]
    assert opened[1].end_s == opened[2].start_s == pytest.approx(0.5 - MEET_S)
    assert opened[2].end_s == 0.6


def test_rows_and_splits(material: EarsMaterial) -> None:
    assert len(material) == 6 and material.names == ("rule", "kokoro")
    assert material.mel.shape == (2 * len(material.measures), 80)
    assert material.of("rule", True, 3).tolist() == [2]
    assert material.of("rule", False, 3).tolist() == [0, 1, 3, 4]
    assert material.of("kokoro", False, 3).tolist() == [5]
    assert material.minutes() == {"rule": 0, "kokoro": 0}


def test_windows_follow_their_tempo(material: EarsMaterial) -> None:
    plain = cut(material, np.array([5]), 150, (1.0, 1.0), torch.Generator())
    assert plain.mel.shape == (1, 80, 300) and plain.measures.shape == (1, 150, 7)
    assert plain.quiet.shape == (1, 1, 300)
    spoken = int((plain.visemes > 0).float().argmax())
    assert abs(spoken - 25) <= 1
    quick = cut(material, np.array([5]), 100, (1.5, 1.5), torch.Generator())
    assert abs(int((quick.visemes > 0).float().argmax()) - 17) <= 1
    jaw = plain.measures[0, :, 0]
    assert jaw[:4].max() < 0.15 and jaw[40:140].mean() > 0.5


def test_short_utterances_go_on_in_silence(material: EarsMaterial) -> None:
    long = cut(material, np.array([0]), 200, (1.0, 1.0), torch.Generator())
    assert long.visemes[0, 110:].sum() == 0
    assert torch.isfinite(long.mel).all()
