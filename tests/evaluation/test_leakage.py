"""Silence in: how far is the mouth open?"""

from pathlib import Path

import numpy as np
import pytest

from lipwright.errors import OptionError
from lipwright.evaluation.leakage import evaluate_leakage, silent_figures
from lipwright.media.probe import probe_audio, probe_video
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine

TALK = (0.05 + 0.2 * (1 + np.sin(np.arange(200) * 0.7))).astype(np.float32)


def test_a_shut_mouth_leaks_nothing_and_an_untouched_one_all() -> None:
    shut = silent_figures(np.full(200, TALK.min(), np.float32), TALK)
    assert shut["leakage"] == 0 and shut["open_share"] == 0 and shut["leak_ratio"] == 0
    assert (
        shut["mean_opening"] == pytest.approx(float(TALK.min()), abs=1e-4)
        and shut["source_correlation"] is None
    )
    same = silent_figures(TALK, TALK)
    assert same["leak_ratio"] == 1 and same["source_correlation"] == 1
    assert same["leakage"] is not None and 0.4 < same["leakage"] < 0.6
    half = silent_figures(TALK.min() + (TALK - TALK.min()) / 2, TALK)
    assert half["leakage"] == pytest.approx(same["leakage"] / 2, rel=0.03)


def test_frames_without_a_face_do_not_count_and_stillness_is_no_scale() -> None:
    hidden = TALK.copy()
    hidden[::2] = np.nan
    assert silent_figures(hidden, TALK)["leak_ratio"] is not None
    still = silent_figures(TALK, np.full(200, 0.1, np.float32))
    assert still["leakage"] is None and still["mean_opening"] is not None
    none = silent_figures(np.full(200, np.nan, np.float32), TALK)
    assert none["leakage"] is None and none["mean_opening"] is None


def test_a_model_is_driven_with_silence(engine: Engine, clip: Path, tmp_path: Path) -> None:
    kept = tmp_path / "silent.mp4"
    options = SyncOptions(steps=1, guidance=1.0, force=True)
    told = evaluate_leakage(engine, clip, 0.6, options, keep=kept)
    assert told["model"] == "toy" and told["seconds"] == 0.6 and told["frames"] == 15
    assert probe_video(kept).duration_s == pytest.approx(0.6, abs=0.05)
    assert probe_audio(kept).duration_s == pytest.approx(0.6, abs=0.05)
    assert told["faceless"] == 15 or told["mean_opening"] is not None


def test_too_short_a_silence_is_refused(engine: Engine, clip: Path) -> None:
    with pytest.raises(OptionError, match=r"seconds is 0\.1"):
        evaluate_leakage(engine, clip, 0.1)
