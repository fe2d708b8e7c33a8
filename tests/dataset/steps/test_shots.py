"""Shots as PySceneDetect itself finds them in the file; segments to the frame."""

from pathlib import Path

import numpy as np
import pytest
import scenedetect
from numpy.typing import NDArray

from lipwright.dataset.config import Segments, Shots
from lipwright.dataset.steps.shots import ShotFinder, long_enough, segments
from lipwright.media.frames import read_frames
from lipwright.media.write import save_clip


def scene(seed: int, frames: int, size: int = 320) -> list[NDArray[np.uint8]]:
    """A coloured pattern that drifts."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 255, (8, 12, 3), np.uint8)
    big = np.kron(rough, np.ones((size // 8, size // 8, 1), np.uint8))
    return [np.ascontiguousarray(np.roll(big, 2 * k, axis=1)[:, :size]) for k in range(frames)]


def test_cuts_are_those_of_pyscenedetect(tmp_path: Path) -> None:
    file = tmp_path / "film.mp4"
    save_clip(file, scene(1, 40) + scene(2, 31) + scene(3, 30), 25, None, 16_000)
    finder = ShotFinder(Shots())
    for frame in read_frames(file):
        finder.step(frame.rgb())
    theirs = scenedetect.detect(str(file), scenedetect.AdaptiveDetector(adaptive_threshold=2.0))
    assert finder.cuts() == [int(start.frame_num) for start, _ in theirs[1:]] == [40, 71]
    assert finder.frames == 101


@pytest.mark.parametrize(
    ("cuts", "frames", "expected"),
    [
        ([], 100, [(0, 100)]),
        ([], 125, [(0, 125)]),
        ([], 249, [(0, 249)]),
        ([], 250, [(0, 125), (125, 250)]),
        ([130], 400, [(0, 130), (130, 255), (255, 400)]),
        ([0, 400], 400, [(0, 125), (125, 250), (250, 400)]),
    ],
)
def test_segments_are_five_to_ten_seconds(
    cuts: list[int], frames: int, expected: list[tuple[int, int]]
) -> None:
    assert segments(cuts, frames, Segments()) == expected


def test_short_ones_are_told() -> None:
    assert long_enough(10, 85, Segments()) and not long_enough(10, 84, Segments())
