"""Detail is measured whatever the contrast: the more is taken away, the lower."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import talkers
from lipwright.dataset.config import Quality
from lipwright.dataset.steps.quality import judge, sharpness
from lipwright.dataset.verdicts import BLURRED, Refused


def face() -> NDArray[np.uint8]:
    picture = talkers.talker()[0][0]
    return np.ascontiguousarray(picture[32:160, 32:160])


def shrunk(picture: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    side = picture.shape[0]
    small = cv2.resize(picture, (side // by, side // by), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_less_detail_is_less_sharp() -> None:
    figures = [sharpness(shrunk(face(), by)) for by in (1, 2, 4, 8)]
    assert figures[0] > 85 > figures[1] > 60 > 45 > figures[2] > 20 > figures[3], figures


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_heavy_blur_is_not_saved_by_noise(noise: float) -> None:
    """What a codec adds lies in the finest band alone; large forms remain, the middle band does not."""
    blurred = cv2.GaussianBlur(face(), (0, 0), 5).astype(np.float64)
    grain = np.random.default_rng(0).normal(0, noise, blurred.shape)
    assert sharpness(np.clip(blurred + grain, 0, 255).astype(np.uint8)) < 30


def test_contrast_does_not_matter() -> None:
    pale = np.asarray(face() * 0.5 + 60, np.uint8)
    assert sharpness(pale) == pytest.approx(sharpness(face()), abs=8)
    assert sharpness(np.full((128, 128, 3), 90, np.uint8)) == 0


def test_the_mean_of_three_decides() -> None:
    good, bad = face(), shrunk(face(), 4)
    assert judge([good, bad, good, bad, good], Quality())["sharpness"] == pytest.approx(
        sharpness(good), abs=0.1
    )
    with pytest.raises(Refused, match=f"{BLURRED}: sharpness .*, least 40"):
        judge([bad] * 3, Quality())
    assert judge([bad] * 3, Quality(least_sharpness=0))["sharpness"] < 40
