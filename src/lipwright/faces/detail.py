"""The source's own fine detail, put back into a new mouth and moved along with it.

An autoencoder loses pores, stubble and the lines of lips and teeth. What it lost of the source is known: the
source passed through it as well. Where lips and chin moved, the same skin is found again by optical flow
between the two pictures that the autoencoder drew, and what was lost moves with it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box, uncrop

Float = NDArray[np.float32]

ALIKE_LEVELS = 24.0  # grey levels apart at which a third of the detail is put back
AROUND_SHARE = 1 / 14  # of the crop's side: the spread of the blur under which surroundings are compared,
PLACE_SHARE = 1 / 80  # and single places: a lip that opened in skin that stayed
STEADY_SHARE = 1 / 96  # of the crop's side: the spread of the blur that steadies the flow


def carry_detail(source: Float, box: Box, generated: Float, reconstructed: Float, matrix: Float) -> Float:
    """The generated crop (R, R, 3) put back into `box`, (h, w, 3), with the source's own fine detail.

    source: pixels (h, w, 3) of the box. reconstructed: the source's crop, passed through the autoencoder that
    drew `generated`. matrix: frame px to crop px. All float32, 0..255. What was lost (source - reconstructed)
    is moved by the flow from `reconstructed` to `generated`, and added in proportion to
    exp(-(d / ALIKE_LEVELS)^2), where d^2 is the sum of two squares of what is left between the two,
    low-passed widely and narrowly: skin, beard and lips get their grain back at the size of the frame, a
    mouth that opened anew does not.
    """
    moved = _flow(generated, reconstructed)
    apart = np.abs(generated - _moved(reconstructed, moved)).mean(axis=2)
    unlike = sum(np.square(_soft(apart, share) / ALIKE_LEVELS) for share in (AROUND_SHARE, PLACE_SHARE))
    alike = np.exp(-unlike)
    there = uncrop(np.dstack([moved, alike]).astype(np.float32), matrix, box)
    to_frame = np.linalg.inv(matrix[:, :2].astype(np.float64)).astype(np.float32)
    lost = source - uncrop(reconstructed, matrix, box)
    found = uncrop(generated, matrix, box)
    return np.asarray(found + _moved(lost, there[..., :2] @ to_frame.T) * there[..., 2:], np.float32)


def _flow(picture: Float, origin: Float) -> Float:
    """(R, R, 2) px: `picture` at x looks like `origin` at x + flow."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    finder.setUseSpatialPropagation(False)  # with it, the result depends on the number of threads
    grey, before = (
        cv2.cvtColor(np.clip(face + 0.5, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
        for face in (picture, origin)
    )
    found = finder.calc(grey, before, np.zeros((*grey.shape, 2), np.float32))
    return _soft(np.asarray(found, np.float32), STEADY_SHARE)


def _moved(picture: Float, flow: Float) -> Float:
    """`picture` (h, w, c), each px taken from where the flow (h, w, 2) points."""
    y, x = np.indices(flow.shape[:2], np.float32)
    return np.asarray(
        cv2.remap(
            picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ),
        np.float32,
    )


def _soft(picture: Float, share: float) -> Float:
    """Blurred, the spread a share of the side."""
    sigma = max(0.5, picture.shape[0] * share)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
