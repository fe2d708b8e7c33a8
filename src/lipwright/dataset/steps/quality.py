"""Step 8: is the picture good enough? Our own measure, in the place of the released HyperIQA.

What an upscaled, blurred or crushed picture lacks are its fine details. The power that a crop has in a fine
band (a quarter to a half of the sampling rate) and in a middle one (from a sixteenth) is set against that of
its large forms (from a sixty-fourth), which no blur takes away. The middle band counts twice: a picture so
blurred that its fine band holds nothing but a codec's noise has lost that one too.
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
_DECADES = (-6.33, -1.0)
"""log10 of those ratios together at 0 and at 100. Measured on crops of 256 px, rendered faces (and two real
ones): as filmed -1.9 to -0.8 (-2.8); shrunk to half and enlarged again -2.1 to -1.0 (-3.0); to a quarter -3.1
to -1.8 (-3.8); to a sixth -4.5 to -3.5 (-4.9); to an eighth -5.1 to -4.1 (-5.7); blurred by a Gaussian of
2 px -3.8 to -2.6 (-4.6), of 5 px below -5.2. So 40 lies between a quarter and a sixth of the size."""


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
    fine = power[(radius > 1 / 4) & (radius <= 1 / 2)].sum()
    middle = power[(radius > 1 / 16) & (radius <= 1 / 4)].sum()
    large = power[(radius > 1 / 64) & (radius <= 1 / 16)].sum()
    if large < 1.0:  # nothing to be seen
        return 0.0
    decades = float(np.log10(max(fine, 1e-9) / large) + 2 * np.log10(max(middle, 1e-9) / large))
    low, high = _DECADES
    return float(np.clip(100 * (decades - low) / (high - low), 0, 100))


def judge(pictures: Sequence[NDArray[np.uint8]], config: Quality) -> dict[str, Any]:
    """Figures of a clip's first, middle and last crop, as the released pipeline asks. Raises Refused."""
    chosen = (pictures[0], pictures[len(pictures) // 2], pictures[-1])
    found = float(np.mean([sharpness(picture) for picture in chosen]))
    if found < config.least_sharpness:
        raise Refused(BLURRED, f"sharpness {found:.0f}, least {config.least_sharpness:g}")
    return {"sharpness": round(found, 1)}
