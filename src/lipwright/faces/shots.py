"""Where a video cuts from one shot to the next, told while it streams."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.detect import Image

THUMB = (32, 24)  # width, height of the picture that is compared
COLOUR_BINS = 8
FLAT_LEVELS = 4.0  # standard deviation below which a frame is blank (fade to black, white flash)
UNLIKE = 0.5  # correlation below which two pictures show different scenes
ALIKE = 0.8  # above: the same scene
COLOUR_JUMP = 0.35  # share of pixels whose hue class changed
MEMORY = 8  # frames that tell how much this shot changes from frame to frame anyway
FLASH_FRAMES = 3  # a picture that comes back within so many frames was interrupted, not cut


@dataclass(frozen=True)
class _Glance:
    """What is remembered of a frame: normalised grey thumb, hue histogram (sum 1), whether it is blank."""

    grey: NDArray[np.float32]
    hues: NDArray[np.float32]
    blank: bool


@dataclass
class CutFinder:
    """Feed frames in order; `step` says at once whether a frame looks like a new shot.

    Compares gain-free thumbnails (correlation) and hue histograms, so flicker and fades do not count; blank
    frames are skipped over. `cuts` holds the final list: a jump that is undone within FLASH_FRAMES frames
    (flash, dropped picture) is taken out again.
    """

    cuts: list[int] = field(default_factory=list)
    _last: _Glance | None = None
    _changes: list[float] = field(default_factory=list)
    _before: tuple[int, _Glance] | None = None
    _index: int = -1

    def step(self, rgb: Image) -> bool:
        """Whether this frame, compared with the last one that showed something, starts a new shot."""
        self._index += 1
        now = _glance(rgb)
        if now.blank:
            return False
        last, self._last = self._last, now
        if last is None:
            return False
        if self._undo_flash(now):
            return False
        alike = _alike(last, now)
        usual = float(np.median(self._changes)) if self._changes else 0.0
        change = 1 - alike
        self._changes = [*self._changes[-MEMORY + 1 :], change]
        jump = alike < UNLIKE or (alike < ALIKE and _hue_change(last, now) > COLOUR_JUMP)
        if not jump or change < 3 * usual + 0.1:
            return False
        self.cuts.append(self._index)
        self._before = (self._index, last)
        self._changes = []
        return True

    def _undo_flash(self, now: _Glance) -> bool:
        """Take back the last cut if the picture before it is here again."""
        if self._before is None:
            return False
        index, before = self._before
        if self._index - index > FLASH_FRAMES:
            self._before = None
            return False
        if _alike(before, now) < ALIKE or _hue_change(before, now) > COLOUR_JUMP:
            return False
        self.cuts = [cut for cut in self.cuts if cut < index]
        self._before = None
        return True


def _glance(rgb: Image) -> _Glance:
    step = max(1, min(rgb.shape[:2]) // 160)
    thumb = cv2.resize(rgb[::step, ::step], THUMB, interpolation=cv2.INTER_AREA)
    grey = np.asarray(thumb, np.float32).mean(axis=2)
    spread = float(grey.std())
    normal = (grey - float(grey.mean())) / max(spread, 1e-3)
    hsv = cv2.cvtColor(thumb, cv2.COLOR_RGB2HSV).reshape(-1, 3)
    hue = hsv[:, 0].astype(int) * COLOUR_BINS // 180
    chosen = np.where(hsv[:, 1] > 40, hue, COLOUR_BINS)  # pale pixels have no hue worth the name
    hues = np.bincount(chosen, minlength=COLOUR_BINS + 1) / chosen.size
    return _Glance(np.asarray(normal, np.float32), np.asarray(hues, np.float32), spread < FLAT_LEVELS)


def _alike(a: _Glance, b: _Glance) -> float:
    """Correlation -1..1 of two thumbnails."""
    return float((a.grey * b.grey).mean())


def _hue_change(a: _Glance, b: _Glance) -> float:
    return float(np.abs(a.hues - b.hues).sum() / 2)
