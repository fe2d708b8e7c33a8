"""How alike two pictures are: PSNR and SSIM, as published."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

SIGMA, WINDOW = 1.5, 11  # px of the Gaussian (Wang et al. 2004)
STEADY = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # C1, C2 of the same paper
EDGE = WINDOW // 2


def ssim_map(a: Picture, b: Picture) -> Floats:
    """(h, w) structural similarity of two grey pictures (h, w), 0..255, -1..1 at each pixel.

    Gaussian window of 11 px, sigma 1.5, borders mirrored; papers average it without the outer 5 px.
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = _smooth(x), _smooth(y)
    spread_x, spread_y = _smooth(x * x) - mean_x**2, _smooth(y * y) - mean_y**2
    together = _smooth(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + STEADY[0]) * (2 * together + STEADY[1])
    bottom = (mean_x**2 + mean_y**2 + STEADY[0]) * (spread_x + spread_y + STEADY[1])
    return np.asarray(top / bottom)


def ssim(a: Picture, b: Picture) -> float:
    """Mean of `ssim_map` without the outer 5 px. Pictures from 11 px on."""
    return float(ssim_map(a, b)[EDGE:-EDGE, EDGE:-EDGE].mean())


def squared_error(a: Picture, b: Picture) -> float:
    """Mean squared difference over all pixels and colours, grey levels squared."""
    return float(np.square(a.astype(np.float64) - b).mean())


def psnr_db(error: float) -> float | None:
    """Peak signal-to-noise ratio of a mean squared error; None for 0, where it has no end."""
    return None if error <= 0 else float(10 * np.log10(255**2 / error))


def _smooth(values: Floats) -> Floats:
    size = (WINDOW, WINDOW)
    smooth = cv2.GaussianBlur(values, size, sigmaX=SIGMA, sigmaY=SIGMA, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth, np.float64)
