"""Distances of lips, on faces whose points are known."""

from pathlib import Path

import numpy as np
import pytest

import faces_known as people
from lipwright.errors import NoFaceError, OptionError
from lipwright.evaluation.landmarks import evaluate_landmarks, landmark_figures
from lipwright.media.write import save_clip
from lipwright.weights.load_faces import load_faces

OPENING = 0.2 + 0.1 * np.sin(np.arange(30) * 0.8)


def test_equal_lips_are_nowhere_apart(clip: Path) -> None:
    face = people.watched(clip, people.points(OPENING))
    told = landmark_figures(face, face, 30)
    assert told["lmd"] == pytest.approx(0, abs=1e-5) and told["lmd_px"] == pytest.approx(0, abs=1e-3)
    assert told["opening_correlation"] == 1 and told["frames_compared"] == 30


def test_a_moved_turned_larger_head_is_laid_on_the_true_one(clip: Path) -> None:
    true = people.watched(clip, people.points(OPENING))
    made = people.watched(clip, people.points(OPENING, shift=9, scale=1.2, turn=0.2))
    told = landmark_figures(true, made, 30)
    assert told["lmd"] == pytest.approx(0, abs=1e-4)
    assert told["lmd_unaligned_px"] > 5


def test_a_lip_that_is_elsewhere_counts_by_its_share(clip: Path) -> None:
    true = people.watched(clip, people.points(OPENING))
    made = people.watched(clip, people.points(OPENING + 0.1))  # one of 40 points, 4 px further
    told = landmark_figures(true, made, 30)
    assert told["lmd_px"] == pytest.approx(4 / 40, rel=0.02)
    assert told["lmd"] == pytest.approx(0.1 / 40, rel=0.02)


def test_frames_without_a_face_are_counted(clip: Path) -> None:
    hidden = OPENING.copy()
    hidden[3:8] = np.nan
    told = landmark_figures(
        people.watched(clip, people.points(OPENING)), people.watched(clip, people.points(hidden)), 30
    )
    assert told["faceless_reference"] == 0 and told["faceless_generated"] == 5
    assert told["frames_compared"] == 25


def test_files(clip: Path, tmp_path: Path) -> None:
    told = evaluate_landmarks(clip, clip, load_faces())
    assert told["lmd"] == 0 and told["frames"] == 25
    small = tmp_path / "small.mp4"
    save_clip(small, [np.zeros((64, 64, 3), np.uint8)] * 25, 25, None, 16_000)
    with pytest.raises(OptionError, match=r"192x192 .* 64x64"):
        evaluate_landmarks(clip, small, load_faces())
    empty = tmp_path / "empty.mp4"
    save_clip(empty, [np.zeros((192, 192, 3), np.uint8)] * 25, 25, None, 16_000)
    with pytest.raises(NoFaceError, match=r"empty\.mp4 shows no face in any of its 25 frames"):
        evaluate_landmarks(clip, empty, load_faces())
