"""Cuts are found; flicker, fades, flashes and motion are not cuts."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.faces.shots import CutFinder

Picture = NDArray[np.uint8]


def scene(seed: int, grey: bool = False) -> NDArray[np.float32]:
    """A made-up backdrop (180, 240, 3) float32 of soft coloured blobs."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(20, 235, (5, 6, 1 if grey else 3)).astype(np.float32)
    if grey:
        coarse = np.repeat(coarse, 3, axis=2)
    return np.asarray(cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC), np.float32)


def cuts_of(frames: Sequence[NDArray[np.float32]]) -> list[int]:
    finder = CutFinder()
    rng = np.random.default_rng(9)
    for frame in frames:
        noisy = frame + rng.normal(0, 3, frame.shape)
        finder.step(np.clip(noisy, 0, 255).astype(np.uint8))
    return finder.cuts


@pytest.mark.parametrize("grey", [False, True])
def test_hard_cuts_are_found(grey: bool) -> None:
    frames = [scene(1, grey)] * 12 + [scene(2, grey)] * 2 + [scene(3, grey)] * 10
    assert cuts_of(frames) == [12, 14]


def test_cuts_are_told_at_once() -> None:
    finder = CutFinder()
    told = [finder.step(scene(seed).clip(0, 255).astype(np.uint8)) for seed in (1, 1, 1, 2, 2)]
    assert told == [False, False, False, True, False]


def test_flicker_and_exposure_are_no_cuts() -> None:
    frames = [scene(1) * gain for gain in (1, 0.6, 1, 0.5, 1.1, 0.4, 0.9, 0.3, 1)]
    assert cuts_of(frames) == []


def test_a_fade_through_black_to_the_same_scene_is_no_cut() -> None:
    gains = [*np.linspace(1, 0, 10), 0, 0, 0, *np.linspace(0, 1, 10)]
    assert cuts_of([scene(1) * gain for gain in gains]) == []


def test_a_fade_through_black_to_another_scene_is_one_cut() -> None:
    down = [scene(1) * gain for gain in np.linspace(1, 0, 10)]
    up = [scene(2) * gain for gain in np.linspace(0, 1, 10)]
    assert len(cuts_of([*down, *up])) == 1


def test_a_flash_is_no_cut() -> None:
    flash = np.full((180, 240, 3), 250, np.float32)
    flash[:90] = 200
    other = scene(5)
    frames = [scene(1)] * 8 + [flash] + [scene(1)] * 8 + [other] + [scene(1)] * 8
    assert cuts_of(frames) == []


def test_a_pan_is_no_cut() -> None:
    wide = np.concatenate([scene(seed) for seed in range(4)], axis=1)
    soft = np.asarray(cv2.GaussianBlur(wide, (0, 0), 6), np.float32)
    frames = [soft[:, left : left + 240] for left in range(0, 700, 16)]
    assert cuts_of(frames) == []


def test_a_hand_before_the_lens_is_no_cut() -> None:
    frames = []
    for k in range(24):
        frame = scene(1).copy()
        frame[:, max(0, k * 16 - 150) : max(0, k * 16 - 30)] = (180, 130, 110)
        frames.append(frame)
    assert cuts_of(frames) == []
