"""Clips with truth: the same motion with another speech, files, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from lipwright.errors import InputError, OutputError
from lipwright.media.probe import probe_video
from lipwright.presenter.clip import frame_times, make_clip, render_clip
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import PAUSE, Phoneme
from lipwright.presenter.voice import SAMPLE_RATE, Speech

SILENCE = Speech(np.zeros(int(0.48 * SAMPLE_RATE), np.float32), (Phoneme(PAUSE, 0.0, 0.48),))
VOWEL = Speech(SILENCE.samples, (Phoneme("ɑ", 0.0, 0.48),))


def test_frames_cover_the_duration() -> None:
    assert len(frame_times(1.0, 25)) == 25
    assert len(frame_times(1.001, 25)) == 26
    assert len(frame_times(0.0, 25)) == 1


def test_another_speech_changes_the_mouth_and_nothing_above_it() -> None:
    shut = list(render_clip(5, 6, SILENCE, size=128, rate=12))
    wide = list(render_clip(5, 6, VOWEL, size=128, rate=12))
    assert len(shut) == len(wide) == 6
    (closed, closed_truth), (opened, open_truth) = shut[2], wide[2]
    assert open_truth.aperture_px > closed_truth.aperture_px + 3
    assert np.abs(opened[:50].astype(int) - closed[:50]).max() == 0
    assert np.abs(opened[64:110].astype(int) - closed[64:110]).max() > 40


def test_a_text_becomes_a_clip_and_its_truth(tmp_path: Path) -> None:
    out, truth = tmp_path / "clip.mp4", tmp_path / "truth.json"
    make_clip(out, text="Pa.", seed=3, size=96, truth=truth)
    record = json.loads(truth.read_text())
    info = probe_video(out)
    assert (info.width, info.height) == (96, 96)
    assert info.rate == 25
    assert info.has_audio
    assert record["source"] == "phonemes" and record["parameters"] == list(PARAMETERS)
    assert record["seed"] == 3 and not record["evaluation"] and record["text"] == "Pa."
    assert abs(len(record["frames"]) / 25 - info.duration_s) < 0.05
    assert max(frame["mouth"][0] for frame in record["frames"]) > 0.3
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "truth.json"}


def test_samples_without_phonemes_say_so(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE // 4).astype(np.float32) * 0.1
    make_clip(tmp_path / "a.mp4", audio=noise, seed=1_000_001, size=64, truth=tmp_path / "t.json")
    record = json.loads((tmp_path / "t.json").read_text())
    assert record["source"] == "acoustic" and record["evaluation"] and record["phonemes"] == []


def test_what_cannot_be_done_is_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("kept")
    with pytest.raises(OutputError, match=r"t\.json"):
        make_clip(tmp_path / "a.mp4", text="Hello.", truth=tmp_path / "t.json")
    with pytest.raises(OutputError, match="folder"):
        make_clip(tmp_path / "a.mp4", text="Hello.", truth=tmp_path / "none" / "t.json")
    with pytest.raises(InputError, match="no words"):
        make_clip(tmp_path / "a.mp4", text=" ... ")
    with pytest.raises(InputError, match="either"):
        make_clip(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="lasts"):
        make_clip(tmp_path / "a.mp4", audio=np.zeros(100, np.float32))
    assert {path.name for path in tmp_path.iterdir()} == {"t.json"}
    assert (tmp_path / "t.json").read_text() == "kept"
