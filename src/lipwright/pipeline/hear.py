"""What the ears of an engine hear, in the terms in which a person's mouth is wished for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lipwright.personal.wish import Heard
from lipwright.speech.loudness import levels

if TYPE_CHECKING:
    from lipwright.pipeline.engine import Engine


def hear(engine: "Engine", samples: NDArray[np.int16], times_s: Sequence[float]) -> Heard:
    """The sound (16 kHz mono) at growing times. Raises WeightsError when the ears say too little."""
    said = engine.articulation(engine.listen(samples), times_s)
    return Heard(said["jaw"], said["width"] - said["round"], said["press"], levels(samples, times_s))
