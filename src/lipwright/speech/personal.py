"""How far one person opens for each kind of sound, learned from a few seconds of their own clip.

The ears say how far people in general open; a person deviates from that by habit (some hardly open for o,
some smile through every s). Fourteen small corrections, one for each kind of sound, are fitted by ridge
regression on top of the general opening, held back towards zero, and kept only if they are better on parts of
the clip that they were not fitted on: 10 to 20 s seldom are enough for that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from lipwright.errors import OptionError
from lipwright.speech.mouth_track import ROWS_PER_S, MouthTrack, sampled

ROUNDED, SPREAD, BRIGHT = 0.7, 0.1, 0.2
"""What makes an opening of a jaw: rounding takes from it, spreading and a bright sound add (docs/ears.md)."""

STRENGTH_S = 150.0  # seconds of speech that weigh as much as the belief that nobody is special
BLEND_S = 0.02  # probabilities are averaged this widely around a frame
DRIFT_S = 2.0  # slower changes of the opening are moods and poses, not sounds
LEAST_S = 3.0  # of speech; less teaches nothing about a person
PARTS = 4  # of the clip for the test on what was not fitted
APART_S = 0.5  # between what is fitted and what is tested
BETTER = 0.01  # so much better on unseen parts, or the corrections are dropped
CLOSED_PERCENTILE = 5.0
PAUSE_S = 0.24  # the mouth closes in pauses longer than this,
BEFORE_S = 0.16  # but not this shortly before the next word: people open early
AFTER_S = 0.08
_SILENCE = 0  # class of presenter.phonemes.VISEMES

Floats = NDArray[np.floating]
_Rows = Float64[np.ndarray, "n c"]
_Row = Float64[np.ndarray, " n"]
_Kinds = Float64[np.ndarray, " c"]


@dataclass(frozen=True)
class Personal:
    """scale, offset: from the general opening to the person's unit; corrections: one per viseme but silence.

    closed: the opening of the shut mouth, same unit. general, held_out: correlation with the true opening on
    parts of the clip not fitted on, of the general opening and with the corrections; NaN when never tested.
    """

    scale: float
    offset: float
    corrections: tuple[float, ...]
    usual: tuple[float, ...]
    closed: float
    general: float
    held_out: float

    def opening(self, track: MouthTrack, times_s: Floats, *, closes: bool = True) -> NDArray[np.float32]:
        """(f,) predicted openings at these times; with `closes` the mouth is shut in pauses."""
        sounds = _sounds(track, times_s)
        found = self.offset + self.scale * general_opening(track, times_s)
        found = found + (sounds - np.asarray(self.usual)) @ np.asarray(self.corrections)
        if closes:
            found = self.closed + (found - self.closed) * speaking(track, times_s)
        return np.asarray(np.maximum(found, 0.0), np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "scale": self.scale,
            "offset": self.offset,
            "corrections": list(self.corrections),
            "usual": list(self.usual),
            "closed": self.closed,
            "general": None if np.isnan(self.general) else self.general,
            "held_out": None if np.isnan(self.held_out) else self.held_out,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Personal":
        """From `to_json`. Raises OptionError when a value is missing or is no number."""
        try:
            numbers = {
                key: float("nan") if data[key] is None else float(data[key])
                for key in ("scale", "offset", "closed", "general", "held_out")
            }
            corrections = tuple(float(value) for value in data["corrections"])
            usual = tuple(float(value) for value in data["usual"])
        except (KeyError, TypeError, ValueError) as error:
            raise OptionError(
                f"The description of a person's openings is damaged ({error!r}); adapt to the clip again."
            ) from error
        if len(corrections) != len(usual):
            raise OptionError("The description of a person's openings is damaged; adapt to the clip again.")
        return cls(corrections=corrections, usual=usual, **numbers)


def general_opening(track: MouthTrack, times_s: Floats) -> _Row:
    """(f,) how far people in general open: about 0 shut, 1 wide; not clipped."""
    jaw, width, rounding = (track.one(name, times_s).astype(np.float64) for name in ("jaw", "width", "round"))
    both = np.stack([track.brightness, track.visemes[:, _SILENCE]], axis=1)
    bright, silent = sampled(both, times_s, BLEND_S).astype(np.float64).T
    opening = jaw * (1 - ROUNDED * np.clip(rounding, 0, 1)) + SPREAD * width
    return np.asarray(opening + BRIGHT * bright * (1 - silent))


def speaking(track: MouthTrack, times_s: Floats) -> _Row:
    """(f,) 1 while somebody speaks, 0 in pauses, with soft edges that open early and close late."""
    silent = (track.visemes[:, _SILENCE] > 0.5).astype(np.float64)
    length = round(PAUSE_S * ROWS_PER_S)
    silent = maximum_filter1d(minimum_filter1d(silent, length, mode="nearest"), length, mode="nearest")
    before, after = round(BEFORE_S * ROWS_PER_S), round(AFTER_S * ROWS_PER_S)
    spoken = maximum_filter1d(1 - silent, before + after + 1, origin=(after - before) // 2, mode="nearest")
    soft = gaussian_filter1d(spoken, 0.03 * ROWS_PER_S, mode="nearest")
    return np.asarray(sampled(soft[:, None].astype(np.float32), times_s)[:, 0], np.float64)


def fit_personal(
    track: MouthTrack, times_s: Floats, opening: Floats, *, strength_s: float = STRENGTH_S
) -> Personal:
    """Learn a person from their own clip, sound and picture in step.

    opening: (f,) true openings at times_s (any unit, NaN where no face was seen). With less than 3 s of
    speech, or if the corrections do not help on unseen parts, only the general opening is scaled.
    Raises OptionError when no frame has an opening.
    """
    seen = np.isfinite(opening)
    if not seen.any():
        raise OptionError("no frame of the clip has an opening of the mouth; give one with a face in it.")
    times, raw = np.asarray(times_s, np.float64)[seen], np.asarray(opening, np.float64)[seen]
    rate = 1 / max(float(np.median(np.diff(times))), 1e-3) if len(times) > 1 else float(ROWS_PER_S)
    truth = raw - gaussian_filter1d(raw, DRIFT_S * rate, mode="nearest") + raw.mean()
    general, sounds = general_opening(track, times), _sounds(track, times)
    spoken = 1 - sampled(track.visemes[:, :1], times, BLEND_S)[:, 0].astype(np.float64)
    weight = spoken + 0.02
    closed = float(np.percentile(raw, CLOSED_PERCENTILE))
    plain = _plain(general, truth, weight, closed, sounds.shape[1])
    seconds = float(spoken.sum()) / rate
    if seconds < LEAST_S:
        return plain
    strength = strength_s / seconds
    before, after = _tested(general, sounds, truth, weight, strength, round(APART_S * rate))
    if not after >= before + BETTER:
        return replace(plain, general=before, held_out=before)
    scale, offset, usual, corrections = _fitted(general, sounds, truth, weight, strength)
    if scale <= 0:  # the sound says nothing about this mouth: the general way is the better guess
        return replace(plain, general=before, held_out=after)
    numbers = (tuple(corrections.tolist()), tuple(usual.tolist()))
    return Personal(scale, offset, *numbers, closed, before, after)


def _sounds(track: MouthTrack, times_s: Floats) -> _Rows:
    """(f, 14) probability of each kind of sound, silence left out."""
    return sampled(track.visemes[:, _SILENCE + 1 :], times_s, BLEND_S).astype(np.float64)


def _plain(general: _Row, truth: _Row, weight: _Row, closed: float, kinds: int) -> Personal:
    """The general opening brought to the person's spread."""
    share = weight / weight.sum()
    middle, level = float(share @ general), float(share @ truth)
    spread = float(np.sqrt(share @ (general - middle) ** 2))
    scale = float(np.sqrt(share @ (truth - level) ** 2)) / max(spread, 1e-3)
    none = (0.0,) * kinds
    return Personal(scale, level - scale * middle, none, none, closed, float("nan"), float("nan"))


def _fitted(
    general: _Row, sounds: _Rows, truth: _Row, weight: _Row, strength: float
) -> tuple[float, float, _Kinds, _Kinds]:
    """Scale and offset by weighted least squares, then the corrections by ridge on what is left."""
    share = weight / weight.sum()
    usual, middle, level = share @ sounds, float(share @ general), float(share @ truth)
    spread = np.sqrt(share @ (sounds - usual) ** 2) + 0.02  # a sound that hardly occurs teaches little
    apart, wanted = general - middle, truth - level
    scale = float((share * apart) @ wanted / max(float((share * apart) @ apart), 1e-9))
    inputs = (sounds - usual) / spread
    left = wanted - max(scale, 0.0) * apart
    normal = (inputs.T * share) @ inputs + strength * np.eye(inputs.shape[1])
    corrections = np.linalg.solve(normal, (inputs.T * share) @ left) / spread
    return scale, level - scale * middle, usual, np.asarray(corrections)


def _tested(
    general: _Row, sounds: _Rows, truth: _Row, weight: _Row, strength: float, apart: int
) -> tuple[float, float]:
    """Correlation with the truth while speaking, of the general opening and of fits on the other parts."""
    count = len(truth)
    found = np.zeros(count)
    for part in range(PARTS):
        first, stop = part * count // PARTS, (part + 1) * count // PARTS
        rest = np.r_[0 : max(0, first - apart), min(count, stop + apart) : count]
        scale, offset, usual, corrections = _fitted(
            general[rest], sounds[rest], truth[rest], weight[rest], strength
        )
        inside = slice(first, stop)
        found[inside] = offset + max(scale, 0.0) * general[inside] + (sounds[inside] - usual) @ corrections
    return _likeness(general, truth, weight), _likeness(found, truth, weight)


def _likeness(a: _Row, b: _Row, weight: _Row) -> float:
    """Weighted correlation; 0 when one does not move."""
    share = weight / weight.sum()
    a, b = a - share @ a, b - share @ b
    size = float(np.sqrt((share @ a**2) * (share @ b**2)))
    return float(share @ (a * b)) / size if size > 1e-12 else 0.0
