"""How well lips and sound belong together, and by how many frames they are apart, with nothing downloaded.

The opening of the mouth, as the mesh sees it, is predicted from what the ears hear. At the right shift the
prediction comes nearer to the truth than at all shifts that cannot be right (see `adapt.synchrony`).

All measures count alike: an offset above 0 means that the picture is late (the sound early), in frames, as
SyncNet counts; a confidence is how far the best shift stands out.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.adapt.synchrony import (
    CONTEXT,
    DOUBT,
    FAR_S,
    LOWEST,
    SHORTEST_S,
    features_of,
    predicted,
    without_drift,
)
from lipwright.errors import InputError
from lipwright.evaluation.watch import SOUND_HZ, Watched
from lipwright.models.listener import Listener
from lipwright.personal.wish import SPOKEN_DB, Heard
from lipwright.pipeline.hear import Hearing

OPENING = "opening"
REACH_S = 0.6  # shifts that are tried: 15 frames at 25 per second, as SyncNet does
CHANCES = 400  # shifts that cannot be right, at most
DOUBTED = 3  # frames: a shift is held against a peak only this far, so that large ones are found as well
MARGIN = 0.02  # above the highest of chance, for a verdict


@dataclass(frozen=True)
class SyncScore:
    """Of one clip. measure: what looked and listened. confidence, offset_frames: None when reason says why.

    offset_frames: above 0, the picture is late; at `rate` frames per second. in_sync: whether anything
    belongs together at all, at that offset; None for measures that do not judge. best, usual: what the
    measure reached at the offset and what it is compared with.
    """

    clip: str
    measure: str
    frames: int
    faceless: int
    rate: float
    confidence: float | None = None
    offset_frames: int | None = None
    in_sync: bool | None = None
    best: float | None = None
    usual: float | None = None
    reason: str = ""

    @property
    def offset_ms(self) -> float | None:
        """The offset in milliseconds."""
        return None if self.offset_frames is None else round(1000 * self.offset_frames / self.rate, 1)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "offset_ms": self.offset_ms}


def opening_score(clip: str, seen: Watched, voice: NDArray[np.int16], ears: Listener) -> SyncScore:
    """The measure of this module. confidence: correlation of the prediction at the best shift, less the
    highest that shifts by 1.5 s and more reach; above 0.02 lips and sound are taken to belong together.
    """
    count = min(len(seen), int(np.searchsorted(seen.times_s, len(voice) / SOUND_HZ)))
    base = SyncScore(clip, OPENING, len(seen), seen.faceless, round(seen.rate, 3))
    openings = seen.openings()[:count]
    heard = Hearing(ears, voice).at(seen.times_s[:count].tolist())
    found = compared(openings, heard, seen.rate)
    if found is None:
        said = float((np.isfinite(openings) & (heard.level_db > SPOKEN_DB)).sum()) / seen.rate
        reason = f"only {said:.1f} s of speech with a face, and {SHORTEST_S:.0f} s are needed"
        return SyncScore(**{**asdict(base), "reason": reason})
    shift, best, chance = found
    confidence = best - max(chance, LOWEST - MARGIN)
    return SyncScore(
        **{
            **asdict(base),
            "confidence": round(confidence, 4),
            "offset_frames": -shift,
            "in_sync": bool(confidence > MARGIN),
            "best": round(best, 4),
            "usual": round(chance, 4),
        }
    )


def compared(openings: NDArray[np.float32], heard: Heard, rate: float) -> tuple[int, float, float] | None:
    """(frames by which the sound is late, correlation there, highest by chance); None: too little speech.

    openings: (n,) any unit, NaN without a face; heard at the same n moments. The highest correlation is the
    one with what is heard around a moment; where its peak lies, what is heard at the moment alone tells.
    """
    here = np.isfinite(openings)
    if (here & (heard.level_db > SPOKEN_DB)).sum() < SHORTEST_S * rate:
        return None
    wanted = without_drift(openings, rate)
    alone, around = features_of(heard, 0), features_of(heard, CONTEXT)
    reach, far = max(1, round(REACH_S * rate)), round(FAR_S * rate)
    shifts = np.arange(-reach, reach + 1)
    curve = np.array([predicted(np.roll(alone, -shift, axis=0), wanted) for shift in shifts])
    at = int(np.argmax(curve - DOUBT * np.minimum(np.abs(shifts), DOUBTED)))
    shift = int(shifts[at])
    others = np.unique(np.linspace(far, len(wanted) - far, CHANCES).astype(int))
    chance = max(predicted(np.roll(around, other, axis=0), wanted) for other in others)
    return shift, predicted(np.roll(around, -shift, axis=0), wanted), float(chance)


def summary(scores: Sequence[SyncScore]) -> dict[str, Any]:
    """Means over the clips, and how many have none: a clip that could not be measured is never left out
    silently.
    """
    known = [score.confidence for score in scores if score.confidence is not None]
    return {
        "clips": len(scores),
        "measured": len(known),
        "mean_confidence": round(float(np.mean(known)), 4) if known else None,
        "in_sync": sum(score.in_sync is True for score in scores),
    }


def failed(clip: Path, measure: str, error: InputError) -> SyncScore:
    """A clip that cannot be looked at, with the sentence that says why."""
    return SyncScore(str(clip), measure, 0, 0, 0.0, reason=str(error))
