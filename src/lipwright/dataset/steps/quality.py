"""Step 8: is the picture good enough? Our own measure, in the place of the released HyperIQA.

What an upscaled, blurred or crushed picture lacks are its finest details. The power that a crop has between
a quarter and a half of the sampling rate is set against what it has between a sixteenth and a quarter: the
ratio says how much was taken away, whatever the contrast.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.dataset.config import Quality
from lipwright.dataset.verdicts import BLURRED, Refused

JUDGED_PX = 128
"""Crops are shrunk to this before they are judged: a face filmed at this size is good enough."""
_DECADES = (-3.0, -0.5)
"""log10 of that ratio at 0 and at 100. Measured at 256 px: sharp faces 70 to 95; shrunk to half and enlarged
again 45 to 70; to a quarter 35 to 50; to a sixth below 12."""


def sharpness(picture: NDArray[np.uint8]) -> float:
    """0 to 100, of a crop (side, side, 3) RGB; 0 for one that shows nothing."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if grey.shape[0] > JUDGED_PX:
        grey = np.asarray(cv2.resize(grey, (JUDGED_PX, JUDGED_PX), interpolation=cv2.INTER_AREA))
    side = grey.shape[0]
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window[:, None] * window[None])) ** 2
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, None], frequency[None])
    fine = power[(radius > 0.25) & (radius <= 0.5)].sum()
    coarse = power[(radius > 1 / 16) & (radius <= 0.25)].sum()
    if coarse < 1.0:  # nothing to be seen
        return 0.0
    decades = float(np.log10(max(fine, 1e-9) / coarse))
    low, high = _DECADES
    return float(np.clip(100 * (decades - low) / (high - low), 0, 100))


def judge(pictures: Sequence[NDArray[np.uint8]], config: Quality) -> dict[str, Any]:
    """Figures of a clip's first, middle and last crop, as the released pipeline asks. Raises Refused."""
    chosen = (pictures[0], pictures[len(pictures) // 2], pictures[-1])
    found = float(np.mean([sharpness(picture) for picture in chosen]))
    if found < config.least_sharpness:
        raise Refused(BLURRED, f"sharpness {found:.0f}, least {config.least_sharpness:g}")
    return {"sharpness": round(found, 1)}
