"""The last worker: new mouths back into their frames, frames into the file."""

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box, uncrop
from lipwright.faces.blend import match_colour, region
from lipwright.faces.detail import carry_detail
from lipwright.faces.mask import RowMask
from lipwright.media.picture import Frame
from lipwright.pipeline.items import Place
from lipwright.pipeline.report import EditedRange

CHROMA_CELL = 4  # px: regions are reported on whole chroma samples of every format


def paste(frame: Frame, place: Place, mask: RowMask) -> tuple[Frame, Box | None]:
    """The frame with its new mouth, and the box that holds every changed px (None when nothing changed)."""
    if place.generated is None:
        raise ValueError("this frame was not repainted")
    resolution = place.crop.shape[0]
    alpha = region(place.points, place.matrix, mask, resolution, place.box)
    touched = tight(alpha, place.box)
    if touched is None:
        return frame, None
    inner = tuple(slice(touched[i] - place.box[i], touched[i + 2] - place.box[i]) for i in (1, 0))
    alpha = alpha[inner]
    source = frame.rgb_box(touched)
    if place.reconstructed is not None:
        new = carry_detail(source, touched, place.generated, place.reconstructed, place.matrix)
    else:
        new = match_colour(uncrop(place.generated, place.matrix, touched), source, alpha)
    return frame.patched(touched, new, alpha), touched


def tight(alpha: NDArray[np.float32], box: Box) -> Box | None:
    """The part of `box` where alpha is not 0, widened to whole chroma cells inside the box."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return None
    left = (box[0] + int(columns[0])) // CHROMA_CELL * CHROMA_CELL
    top = (box[1] + int(rows[0])) // CHROMA_CELL * CHROMA_CELL
    right = -(-(box[0] + int(columns[-1]) + 1) // CHROMA_CELL) * CHROMA_CELL
    bottom = -(-(box[1] + int(rows[-1]) + 1) // CHROMA_CELL) * CHROMA_CELL
    return max(left, box[0]), max(top, box[1]), min(right, box[2]), min(bottom, box[3])


class EditedRanges:
    """Runs of edited frames with the union of their boxes; memory grows with the number of runs only."""

    def __init__(self) -> None:
        self.ranges: list[EditedRange] = []
        self.untouched = 0

    def add(self, index: int, box: Box | None) -> None:
        """Note the next output frame; None when it passed through."""
        if box is None:
            self.untouched += 1
            return
        last = self.ranges[-1] if self.ranges else None
        if last is not None and last.stop == index:
            old = last.box
            union = (min(old[0], box[0]), min(old[1], box[1]), max(old[2], box[2]), max(old[3], box[3]))
            self.ranges[-1] = EditedRange(last.start, index + 1, union)
        else:
            self.ranges.append(EditedRange(index, index + 1, box))
