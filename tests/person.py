"""A person to learn: a presenter who talks for a few seconds, as a clip, followed, and as a library."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import tiny
from lipwright.adapt.check import Material
from lipwright.adapt.learn import learn
from lipwright.adapt.read import Footage, follow
from lipwright.faces.detect import FaceReader
from lipwright.media.probe import probe_video
from lipwright.media.write import save_clip
from lipwright.personal.library import Library
from lipwright.personal.seen import Seen, look_at
from lipwright.personal.wish import Heard
from lipwright.pipeline.hear import Hearing
from lipwright.presenter.clip import render_clip
from lipwright.presenter.voice import Speech, draw_speech
from lipwright.progress import Progress
from lipwright.speech.personal import Personal

RATE = 25
SECONDS = 4.4
SIZE = 224


@cache
def said(seed: int = 31) -> Speech:
    """What the person says."""
    return draw_speech(seed, SECONDS)


@cache
def _shown(identity: int, seed: int) -> tuple[tuple[NDArray[np.uint8], ...], NDArray[np.float32]]:
    speech = said(seed)
    frames = list(render_clip(identity, identity, speech, size=SIZE, rate=RATE))
    return tuple(picture for picture, _ in frames), np.asarray(
        [truth.mouth for _, truth in frames], np.float32
    )


def pictures(identity: int = 7, seed: int = 31) -> list[NDArray[np.uint8]]:
    """Frames (SIZE, SIZE, 3) of a talking person."""
    return list(_shown(identity, seed)[0])


def save_talk(path: Path, identity: int = 7, seed: int = 31, *, sound: bool = True) -> Path:
    """Their clip."""
    speech = said(seed)
    samples = speech.samples if sound else None
    save_clip(path, pictures(identity, seed), RATE, samples, tiny.SAMPLE_RATE, crf=12)
    return path


def heard(count: int, seed: int = 31) -> Heard:
    """What perfect ears would hear: the true articulation."""
    mouth = _shown(7, seed)[1]
    mouth = mouth[np.clip(np.arange(count), 0, len(mouth) - 1)]
    level = np.where(mouth[:, 0] > 0.05, 0.0, -60.0)
    return Heard(mouth[:, 0], mouth[:, 1] - mouth[:, 2], mouth[:, 3] * 0, level.astype(np.float32))


class TrueEars(Hearing):
    """Ears that know the articulation of `_shown(7, ...)`, whatever is played to them."""

    def __init__(self) -> None:
        return

    def at(self, times_s: Sequence[float], voice: Personal | None = None) -> Heard:
        return heard(len(times_s))

    def voice_of(self, times_s: Sequence[float], openings: NDArray[np.floating]) -> Personal | None:
        return None


@dataclass(frozen=True)
class Learned:
    """A clip and what was learned from it."""

    clip: Path
    footage: Footage
    library: Library
    material: Material
    seen: Seen


def learned(clip: Path, reader: FaceReader) -> Learned:
    """Follow and learn."""
    footage = follow(probe_video(clip), reader, Progress(), 10_000, lambda: True)
    found = learn(footage, TrueEars(), Progress())
    return Learned(clip, footage, found.library, found.material, look_at(found.library.head, footage.track))
