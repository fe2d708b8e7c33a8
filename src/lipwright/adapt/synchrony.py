"""Do lips and sound belong together, and by which shift? A test against chance.

The raw correlation of a mouth's opening with what is heard misleads: smiles and nods move the mouth more than
words do. A linear predictor of the opening from the sound, fitted on four fifths of the clip and judged on
the fifth, settles it: at the right shift it does better than at shifts that cannot be right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.personal.wish import Heard, averaged

Floats = NDArray[np.float32]

REACH_S = 0.24  # shifts that are tried
FAR_S = 1.5  # shifts that cannot be right
CHANCES = 40
CHANCE = 97.5  # percentile of what chance reaches
DRIFT_S = 2.0  # slower changes of the opening are the speaker's mood
FOLDS = 5
CONTEXT = 2  # frames to each side that the predictor hears
RIDGE = 0.3
DOUBT = 0.02  # of correlation for each frame of shift
SHORTEST_S = 4.0  # of speech, for a verdict
LOWEST = 0.12  # a correlation below this is no speech, whatever chance says


@dataclass(frozen=True)
class Synchrony:
    """in_sync: None when there is too little speech to say. shift: frames by which the sound is late
    (negative: early) when in sync. best, chance: correlations.
    """

    in_sync: bool | None
    shift: int = 0
    best: float = float("nan")
    chance: float = float("nan")


def synchrony(openings: Floats, heard: Heard, rate: float) -> Synchrony:
    """openings: (n,) px, NaN where there is no face; heard at the same n moments."""
    here = np.isfinite(openings)
    spoken = heard.level_db > -30
    if (here & spoken).sum() < SHORTEST_S * rate:
        return Synchrony(None)
    wanted = without_drift(openings, rate)
    features, alone = features_of(heard, CONTEXT), features_of(heard, 0)
    reach, far = max(1, round(REACH_S * rate)), round(FAR_S * rate)
    shifts = range(-reach, reach + 1)
    found = np.array([predicted(np.roll(features, -shift, axis=0), wanted) for shift in shifts])
    # what is heard around a moment blurs the peak; what is heard at it has a narrow one. No shift is believed
    # that is not better than none
    peak = np.array([predicted(np.roll(alone, -shift, axis=0), wanted) for shift in shifts])
    best = int(np.argmax(peak - DOUBT * np.abs(shifts)))
    others = np.unique(np.linspace(far, len(wanted) - far, CHANCES).astype(int))
    by_chance = [predicted(np.roll(features, shift, axis=0), wanted) for shift in others]
    chance = float(np.percentile(by_chance, CHANCE))
    in_sync = bool(found.max() > max(chance, LOWEST))
    return Synchrony(in_sync, shifts[best] if in_sync else 0, float(found.max()), chance)


def without_drift(openings: Floats, rate: float) -> Floats:
    """Openings (n,) less their slow changes; NaN stays NaN."""
    here = np.isfinite(openings)
    drift = averaged(np.where(here, openings, np.nan), max(3, round(DRIFT_S * rate) // 2 * 2 + 1))
    return np.asarray(np.where(here, openings - drift, np.nan), np.float32)


def features_of(heard: Heard, context: int) -> NDArray[np.float64]:
    """(n, k) what is heard up to `context` frames around each frame, columns with mean 0 and variance 1."""
    base = np.stack([heard.jaw, heard.spread, heard.press, np.maximum(heard.level_db, -45) / 20], axis=1)
    padded = np.pad(base, ((context, context), (0, 0)), mode="edge")
    columns = np.concatenate([padded[k : k + len(base)] for k in range(2 * context + 1)], axis=1)
    return np.asarray((columns - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-6), np.float64)


def predicted(features: NDArray[np.float64], wanted: Floats) -> float:
    """Correlation of the wanted with its prediction, each fifth predicted from the other four."""
    here = np.flatnonzero(np.isfinite(wanted))
    x, y = features[here], wanted[here].astype(np.float64)
    guess = np.empty(len(y))
    for part in np.array_split(np.arange(len(y)), FOLDS):
        rest = np.setdiff1d(np.arange(len(y)), part)
        gram = x[rest].T @ x[rest] / len(rest) + RIDGE * np.eye(x.shape[1])
        slope = np.linalg.solve(gram, x[rest].T @ (y[rest] - y[rest].mean()) / len(rest))
        guess[part] = x[part] @ slope
    spread = guess.std() * y.std()
    return float(((guess - guess.mean()) * (y - y.mean())).mean() / spread) if spread > 1e-9 else 0.0
