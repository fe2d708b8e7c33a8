"""Which feature rows belong to a frame: ten rows (0.2 s) around its time, laid out as tokens."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor

ROWS_PER_S = 50
BEFORE = 4  # rows before the centre; at 25 frames per second: two frames back,
AFTER = 5  # the frame itself and two ahead
ROUNDING_S = 1e-6  # frame times come as floats: 0.58 s is row 29, not 28.999999


class Rows(Protocol):
    """Anything that gives feature rows of a sound by number."""

    @property
    def count(self) -> int: ...

    def rows(self, first: int, stop: int) -> Float[Tensor, "r layers c"]: ...


def centre(time_s: float | Fraction) -> int:
    """The row at a time, any frame rate: floor(time * 50)."""
    return int((time_s + ROUNDING_S) * ROWS_PER_S)


def around(centre: int, count: int, before: int = BEFORE, after: int = AFTER) -> Int64[np.ndarray, " rows"]:
    """Row numbers centre - before .. centre + after, those beyond the sound replaced by its end rows.

    Raises ValueError when the sound has no rows at all.
    """
    if count < 1:
        raise ValueError("the sound is too short for a single feature row")
    return np.clip(np.arange(centre - before, centre + after + 1, dtype=np.int64), 0, count - 1)


def tokens(features: Rows, times_s: Sequence[float | Fraction]) -> Float[Tensor, "f n c"]:
    """Tokens of the frames at these times: row by row, each row's layers in order (n = 10 * layers).

    The times may be in any order; rows are asked for in one run from the smallest to the largest, so
    keep the frames of one call close together.
    """
    if not times_s:
        raise ValueError("no frame times given")
    wanted = np.stack([around(centre(time), features.count) for time in times_s])
    first, last = int(wanted.min()), int(wanted.max())
    rows = features.rows(first, last + 1)
    picked = rows[torch.from_numpy(wanted - first).to(rows.device)]
    return rearrange(picked, "f r layers c -> f (r layers) c")


def released_centre(frame: int, rate: float) -> int:
    """The row the released code takes for a frame number."""
    return int(frame * ROWS_PER_S / rate)


def released_count(rows: int, rate: float) -> int:
    """How many frames the released code makes for that many feature rows.

    It stops after the first frame whose centre lies beyond the last row but one, so the picture gets one or
    two frames longer than the sound: 402 frames for 400 rows at 50 per second.
    """
    frame = 0
    while released_centre(frame, rate) <= rows:
        frame += 1
    return frame + 1
