"""What ears say a mouth does, read at any moments of a sound."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lipwright.speech.ears import ArticulationEars
from lipwright.speech.features import Listening
from lipwright.speech.per_frame import ROWS_PER_S

AT_ONCE = 500  # rows, ten seconds


def articulation(
    ears: ArticulationEars, sound: Listening, times_s: Sequence[float]
) -> dict[str, NDArray[np.float32]]:
    """Name of a measure -> (n,) at the times; between two rows on the straight line, beyond the end the last.

    A row stands for the 20 ms that begin at its number / 50.
    """
    names = ears.encoder.config.measures
    rows = []
    for first in range(0, sound.count, AT_ONCE):
        part = sound.rows(first, min(first + AT_ONCE, sound.count))
        rows.append(part[:, 0, -len(names) :].float().cpu().numpy())
    found = np.concatenate(rows)
    middles = (np.arange(len(found)) + 0.5) / ROWS_PER_S
    return {
        name: np.interp(times_s, middles, found[:, number]).astype(np.float32)
        for number, name in enumerate(names)
    }
