"""Figures for ears: perfect ears get perfect ones, and a late sound is found."""

from pathlib import Path

import numpy as np
import pytest

from lipwright.errors import OptionError
from lipwright.evaluation.ears import (
    clip_figures,
    evaluate_ears,
    held_out_speeches,
    openings,
    speech_figures,
)
from lipwright.presenter.articulation import articulate
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import viseme_track
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import Speech
from lipwright.speech.mouth_track import MouthTrack, listen
from lipwright.speech.personal import general_opening
from lipwright.weights.load_ears import load_ears
from lipwright.weights.load_faces import load_faces


def _perfect(speech: Speech, delay_s: float = 0.0) -> MouthTrack:
    times = (np.arange(int(speech.duration_s * 50)) + 0.5) / 50
    measures = articulate(speech.phonemes, speech.samples, times - delay_s)
    visemes = np.eye(15, dtype=np.float32)[viseme_track(speech.phonemes, times - delay_s)]
    nothing = np.zeros(len(times), np.float32)
    return MouthTrack(PARAMETERS, measures, visemes, nothing[:, None], nothing)


@pytest.fixture(scope="module")
def speeches() -> list[Speech]:
    return held_out_speeches(3)


def test_perfect_ears(speeches: list[Speech]) -> None:
    by_length = {len(speech.samples): _perfect(speech) for speech in speeches}
    figures = speech_figures(lambda sound: by_length[len(sound)], speeches)
    assert figures.visemes == 1
    assert all(value == pytest.approx(1) for value in figures.measures.values())
    assert figures.press[0] > 0.9 and figures.press[1] == 1
    assert figures.tuck[0] > 0.9 and figures.tuck[1] == 1
    assert figures.silence < 0.02 < 0.15 < figures.speech


def test_deaf_ears(speeches: list[Speech]) -> None:
    def wide_open(sound: np.ndarray) -> MouthTrack:
        rows = len(sound) // 320
        measures, visemes = np.zeros((rows, 7), np.float32), np.zeros((rows, 15), np.float32)
        measures[:, :4] = 0.9
        visemes[:, 10] = 1
        nothing = np.zeros(rows, np.float32)
        return MouthTrack(PARAMETERS, measures, visemes, nothing[:, None], nothing)

    figures = speech_figures(wide_open, speeches)
    assert figures.visemes < 0.3
    assert figures.press[0] == 1  # always shut is always shut for p, b, m, one long closure each
    assert figures.tuck == (0, 0)
    assert figures.silence == pytest.approx(0.9)


@pytest.mark.parametrize("late", [0, 2])
def test_a_late_sound_is_found_and_taken_out(speeches: list[Speech], late: int) -> None:
    speech = speeches[0]
    times = np.arange(int(speech.duration_s * 25)) / 25
    mouth = _perfect(speech)
    noise = np.random.default_rng(1).standard_normal(len(times))
    seen = 0.2 + 0.1 * general_opening(mouth, times) + 0.005 * noise + 0.05 * np.sin(times / 3)
    heard = _perfect(speech, delay_s=late / 25)
    figures = clip_figures(heard, times, seen, shift=late)
    assert figures.best_shift == late
    assert figures.general[0] > 0.9 > figures.chance
    assert figures.frames == len(times)
    if late:
        assert clip_figures(heard, times, seen).general[0] < figures.general[0] - 0.2


def test_openings_of_a_clip(clip: Path) -> None:
    times, found = openings(clip, load_faces())
    assert times[:3] == pytest.approx([0.0, 0.04, 0.08])
    assert np.isfinite(found).all() and 0 <= found.min() < found.max() < 1


def test_training_seeds_and_missing_readers_are_refused(clip: Path, speeches: list[Speech]) -> None:
    with pytest.raises(OptionError, match="trained on"):
        held_out_speeches(1, EVALUATION_SEED - 1)
    with pytest.raises(OptionError, match="face reader"):
        evaluate_ears(lambda _: _perfect(speeches[0]), speeches[:1], [clip], None)


def test_the_shipped_ears(speeches: list[Speech]) -> None:
    ears = load_ears()
    figures = speech_figures(lambda sound: listen(ears, sound), speeches)
    assert figures.visemes > 0.7
    assert min(figures.measures[name] for name in ("jaw", "press", "tuck")) > 0.75
    assert figures.press[0] > 0.75 and figures.press[1] > 0.75
    assert figures.silence < 0.05 < 0.15 < figures.speech


@pytest.mark.parametrize("level", [0.0, 0.003, 0.1])
def test_the_shipped_ears_keep_quiet_when_nobody_speaks(level: float) -> None:
    noise = np.random.default_rng(3).standard_normal(4 * 16_000).astype(np.float32) * np.float32(level)
    track = listen(load_ears(), noise)
    opening = general_opening(track, np.arange(100) / 25)
    assert np.abs(opening).max() < 0.1
