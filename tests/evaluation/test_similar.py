"""SSIM and PSNR against recorded values of scikit-image 0.26."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.evaluation.similar import psnr_db, squared_error, ssim, ssim_map

Y, X = np.mgrid[0:40, 0:56]
PLAIN = (128 + 80 * np.sin(X / 5) * np.cos(Y / 7)).astype(np.uint8)
NOISY = np.clip(PLAIN.astype(int) + ((X * 7 + Y * 13) % 23 - 11), 0, 255).astype(np.uint8)
MOVED = np.roll(PLAIN, 2, axis=1)


# structural_similarity with gaussian_weights, sigma 1.5, no sample covariance, a range of 255
@pytest.mark.parametrize(
    ("other", "mean", "noise", "inside"),
    [
        (NOISY, 0.8925924788938892, 31.69535159902751, 0.9546078478519663),
        (MOVED, 0.8968336160850268, 22.645900373731305, 0.961156353605286),
    ],
)
def test_values_are_those_of_scikit_image(
    other: NDArray[np.uint8], mean: float, noise: float, inside: float
) -> None:
    assert ssim(PLAIN, other) == pytest.approx(mean, abs=1e-9)
    assert ssim_map(PLAIN, other)[20, 30] == pytest.approx(inside, abs=1e-9)
    assert psnr_db(squared_error(PLAIN, other)) == pytest.approx(noise, abs=1e-9)


def test_equal_pictures() -> None:
    assert ssim(PLAIN, PLAIN) == pytest.approx(1)
    assert psnr_db(squared_error(PLAIN, PLAIN)) is None
