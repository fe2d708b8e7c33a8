"""Which part of a crop is repainted, kept as numbers: rows and column intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LATENT_CELL = 8  # px of a crop per latent sample

Interval = tuple[int, int]
Rows = tuple[int, int, tuple[Interval, ...]]


@dataclass(frozen=True)
class RowMask:
    """A mask of size x size px: (first row, last row, ((first column, last column), ...)), all ends included.

    Inside the intervals the picture is repainted, everywhere else it is kept.
    """

    size: int
    rows: tuple[Rows, ...]

    def __post_init__(self) -> None:
        for first, last, intervals in self.rows:
            ends = [first, last, *(end for interval in intervals for end in interval)]
            if not all(0 <= end < self.size for end in ends):
                raise ValueError(f"row mask entry {(first, last, intervals)} is outside its size {self.size}")

    def keep_bytes(self, resolution: int) -> NDArray[np.uint8]:
        """(resolution, resolution) uint8, 255 = keep, 0 = repaint; Lanczos4 on 8 bits off the own size."""
        mask = np.full((self.size, self.size), 255, np.uint8)
        for first, last, intervals in self.rows:
            for left, right in intervals:
                mask[first : last + 1, left : right + 1] = 0
        if resolution == self.size:
            return mask
        resized = cv2.resize(mask, (resolution, resolution), interpolation=cv2.INTER_LANCZOS4)
        return np.asarray(resized, np.uint8)

    def keep_mask(self, resolution: int) -> NDArray[np.float32]:
        """(resolution, resolution) float32, 1 = keep, 0 = repaint, fractions on edges off the own size."""
        return self.keep_bytes(resolution).astype(np.float32) / np.float32(255)

    def latent_mask(self, resolution: int) -> NDArray[np.float32]:
        """keep_mask by nearest neighbour at an eighth: the top left px of each 8 x 8 block."""
        return np.ascontiguousarray(self.keep_mask(resolution)[::LATENT_CELL, ::LATENT_CELL])

    def to_dict(self) -> dict[str, Any]:
        """For a bundle's JSON."""
        rows = [[first, last, [list(pair) for pair in pairs]] for first, last, pairs in self.rows]
        return {"size": self.size, "rows": rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RowMask":
        """Inverse of to_dict. Raises KeyError, TypeError or ValueError on other data."""
        rows = tuple(
            (int(first), int(last), tuple((int(left), int(right)) for left, right in intervals))
            for first, last, intervals in data["rows"]
        )
        return cls(int(data["size"]), rows)


# The mask of the released LatentSync checkpoints (40.7 % of the area): an open-topped lower face that keeps
# the nose.
# fmt: off
RELEASED = RowMask(
    256,
    (
        (95, 127, ((9, 77), (178, 246))), (128, 134, ((9, 247),)), (135, 135, ((9, 246),)),
        (136, 148, ((10, 246),)), (149, 149, ((10, 245),)), (150, 162, ((11, 245),)),
        (163, 163, ((11, 244),)), (164, 169, ((12, 244),)), (170, 170, ((12, 243),)),
        (171, 171, ((13, 243),)), (172, 172, ((13, 242),)), (173, 173, ((14, 242),)),
        (174, 174, ((14, 241),)), (175, 175, ((15, 241),)), (176, 176, ((15, 240),)),
        (177, 177, ((16, 240),)), (178, 178, ((16, 239),)), (179, 179, ((17, 238),)),
        (180, 180, ((18, 238),)), (181, 181, ((18, 237),)), (182, 183, ((19, 236),)),
        (184, 184, ((20, 235),)), (185, 186, ((21, 234),)), (187, 187, ((22, 233),)),
        (188, 188, ((22, 232),)), (189, 189, ((23, 232),)), (190, 190, ((24, 231),)),
        (191, 191, ((25, 230),)), (192, 192, ((26, 230),)), (193, 193, ((26, 229),)),
        (194, 194, ((27, 228),)), (195, 195, ((28, 228),)), (196, 196, ((29, 227),)),
        (197, 197, ((30, 226),)), (198, 198, ((31, 225),)), (199, 199, ((32, 224),)),
        (200, 200, ((33, 223),)), (201, 201, ((34, 223),)), (202, 202, ((34, 222),)),
        (203, 203, ((35, 221),)), (204, 204, ((36, 220),)), (205, 205, ((37, 219),)),
        (206, 206, ((38, 218),)), (207, 207, ((39, 217),)), (208, 208, ((40, 216),)),
        (209, 209, ((42, 215),)), (210, 210, ((43, 214),)), (211, 211, ((44, 213),)),
        (212, 212, ((45, 212),)), (213, 213, ((47, 211),)), (214, 214, ((48, 210),)),
        (215, 215, ((49, 208),)), (216, 216, ((51, 207),)), (217, 217, ((52, 206),)),
        (218, 218, ((54, 204),)), (219, 219, ((56, 203),)), (220, 220, ((57, 202),)),
        (221, 221, ((59, 200),)), (222, 222, ((60, 199),)), (223, 223, ((62, 197),)),
        (224, 224, ((64, 196),)), (225, 225, ((66, 194),)), (226, 226, ((68, 192),)),
        (227, 227, ((70, 191),)), (228, 228, ((72, 189),)), (229, 229, ((74, 187),)),
        (230, 230, ((76, 185),)), (231, 231, ((78, 183),)), (232, 232, ((80, 180),)),
        (233, 233, ((82, 178),)), (234, 234, ((85, 175),)), (235, 235, ((87, 173),)),
        (236, 236, ((90, 171),)), (237, 237, ((93, 168),)), (238, 238, ((95, 166),)),
        (239, 239, ((99, 164),)), (240, 240, ((104, 160),)), (241, 241, ((108, 156),)),
        (242, 242, ((131, 152),)),
    ),
)
# fmt: on

# The mask of `tiny`, see align.TINY_TEMPLATE, on the latent grid: everything from the tip of the nose down to
# the bottom edge, the whole width, so that no jaw outline is left from which the opening of the source's
# mouth could be read.
TINY_MASK = RowMask(128, ((32, 127, ((0, 127),)),))
