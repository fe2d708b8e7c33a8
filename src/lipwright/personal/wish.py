"""From what the ears hear to what one person's mouth shall do.

Ears say how far a mouth opens on their own scale. A person has their own: the n-th widest opening that is
heard becomes the n-th widest that this person was seen to make. Nothing is fitted, so nothing overfits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.personal.library import Library
from lipwright.personal.measures import OPENING, SMILE, WIDTH

Floats = NDArray[np.float32]

SILENT_DB, SPOKEN_DB = -38.0, -30.0  # below the loud parts; between the two the mouth closes gradually
PRESSED, FREE = 0.75, 0.45  # of lip press: closed for p, b and m; not concerned
SOFTENED = np.array([0.13, 0.23, 0.28, 0.23, 0.13])
"""Of what is heard, frame to frame: with less of it lips flicker more than in the clip."""
SOFTENED_PRESS = np.array([0.11, 0.21, 0.36, 0.21, 0.11])
"""Of lip press: closures for p, b and m are short."""
SLOW_S = 1.0  # a smile that comes and goes slower than this belongs to the head, not to the words
QUANTILES = np.linspace(0, 100, 101)
FASTEST = 97  # percentile of the person's own speed of opening that new motion may reach


@dataclass(frozen=True)
class Heard:
    """What is heard at n moments, at a constant rate.

    jaw: (n,) 0 closed .. 1 wide. spread: (n,) -1 rounded .. 1 spread. press: (n,) 0 .. 1 lips on each other.
    level_db: (n,) loudness, 0 where it is loud.
    """

    jaw: Floats
    spread: Floats
    press: Floats
    level_db: Floats

    def percentiles(self) -> Floats:
        """(101, 2) of jaw and spread where something is said; (0, 2) when nothing is."""
        said = self.level_db > SPOKEN_DB
        if not said.any():
            return np.zeros((0, 2), np.float32)
        both = np.stack([soften(self.jaw)[said], soften(self.spread)[said]], axis=1)
        return np.asarray(np.percentile(both, QUANTILES, axis=0), np.float32)

    def ranges(self, openings: Floats) -> Floats:
        """(101, 3) percentiles of jaw, spread and the openings that were seen, (n,) px, where something is
        said: what `Library.heard` keeps. Pauses are left out of both, or a mouth that rests for half a clip
        would be taken for one that mumbles. (0, 3) when nothing is said.
        """
        heard, seen = self.percentiles(), openings[(self.level_db > SPOKEN_DB) & np.isfinite(openings)]
        if not len(heard) or not len(seen):
            return np.zeros((0, 3), np.float32)
        return np.concatenate([heard, np.percentile(seen, QUANTILES)[:, None]], axis=1).astype(np.float32)


def wishes(library: Library, heard: Heard, smile: Floats, rate: float) -> Floats:
    """(n, 3) measures that the person's mouth shall have. smile: (n,) of the frames it is put on."""
    own = library.heard if len(library.heard) else heard.percentiles()
    closed = library.closed()
    if len(own):
        opening = _ranked(soften(heard.jaw), own[:, 0], _open(library))
        spread = soften(heard.spread) - own[50, 1]
        width = spread / max(float(own[95, 1] - own[5, 1]), 0.1)
    else:  # nothing is ever said
        opening, width = np.full(len(heard.jaw), closed), np.zeros(len(heard.jaw))
    spoken = _ramp(heard.level_db, SILENT_DB, SPOKEN_DB)
    free = 1 - _ramp(soften(heard.press, SOFTENED_PRESS), FREE, PRESSED)
    opening = closed + (opening - closed) * np.minimum(soften(spoken), free)
    opening = limited(np.asarray(opening, np.float32), fastest(library))
    low, usual, high = np.percentile(library.measures[:, WIDTH], [10, 50, 90])
    wide = usual + np.clip(width * spoken, -1, 1) * (high - low) / 2
    slow = max(3, round(SLOW_S * rate) // 2 * 2 + 1)
    found = np.empty((len(heard.jaw), 3), np.float32)
    found[:, OPENING], found[:, WIDTH], found[:, SMILE] = opening, wide, averaged(smile, slow)
    return found


def _open(library: Library) -> Floats:
    """(101,) percentiles of the openings of this person: while they spoke, where that is known."""
    if library.heard.shape[1] > 2 and len(library.heard):
        return np.asarray(library.heard[:, 2], np.float32)
    return np.asarray(np.percentile(library.measures[:, OPENING], QUANTILES), np.float32)


def _ranked(values: Floats, scale: Floats, wanted: Floats) -> Floats:
    """Values of one scale (its percentiles) at the same rank of another."""
    rising = scale + np.arange(len(scale), dtype=np.float32) * 1e-6
    return np.asarray(np.interp(values, rising, wanted), np.float32)


def fastest(library: Library) -> float:
    """How far this person's mouth opens or closes from frame to frame at most, px."""
    follows = library.follows()[:-1]
    steps = np.abs(np.diff(library.measures[:, OPENING]))[follows]
    usual = 0.25 * float(np.ptp(library.measures[:, OPENING]))
    return max(float(np.percentile(steps, FASTEST)), 0.3 * usual) if len(steps) > 20 else usual


def limited(values: Floats, step: float) -> Floats:
    """The nearest track that moves by at most `step`: both of its one-sided limits, averaged."""
    low, high = values.copy(), values.copy()
    for order in (range(1, len(values)), range(len(values) - 2, -1, -1)):
        for k in order:
            before = k - 1 if order.step > 0 else k + 1
            low[k] = min(low[k], low[before] + step)
            high[k] = max(high[k], high[before] - step)
    return np.asarray((low + high) / 2, np.float32)


def soften(values: Floats, shares: NDArray[np.float64] = SOFTENED) -> Floats:
    """Values averaged with their neighbours."""
    padded = np.pad(values, len(shares) // 2, mode="edge")
    return np.asarray(np.convolve(padded, shares, "valid"), np.float32)


def averaged(values: Floats, count: int) -> Floats:
    """Running mean over `count` (odd) values; NaN counts as nothing."""
    here = np.isfinite(values)
    padded = np.pad(np.where(here, values, 0), count // 2, mode="edge")
    weight = np.pad(here.astype(np.float64), count // 2, mode="edge")
    box = np.ones(count)
    total, of = np.convolve(padded, box, "valid"), np.convolve(weight, box, "valid")
    return np.asarray(total / np.maximum(of, 1e-9), np.float32)


def _ramp(values: Floats, low: float, high: float) -> Floats:
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
