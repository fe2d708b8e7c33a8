"""Raw videos for the tests of preparation: one presenter, rendered once, and what can be done to the clip."""

from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.media.write import save_clip
from lipwright.presenter.clip import render_clip
from lipwright.presenter.voice import SAMPLE_RATE, draw_speech

RATE = 25
FRAMES = 80
SIZE = 192
PER_FRAME = SAMPLE_RATE // RATE
QUICK = ("side=64", 'crop="tiny"')
"""Settings of the tests: small crops."""

Pictures = list[NDArray[np.uint8]]


@cache
def _talker(seed: int) -> tuple[tuple[NDArray[np.uint8], ...], NDArray[np.float32]]:
    speech = draw_speech(seed, FRAMES / RATE)
    shown = islice(render_clip(seed, seed, speech, size=SIZE, rate=RATE), FRAMES)
    samples = np.zeros(FRAMES * PER_FRAME, np.float32)
    said = speech.samples[: len(samples)]
    samples[: len(said)] = said
    return tuple(picture for picture, _ in shown), samples


def talker(seed: int = 1_040_000) -> tuple[Pictures, NDArray[np.float32]]:
    """3.2 s of a person who talks: frames and samples."""
    pictures, samples = _talker(seed)
    return list(pictures), samples.copy()


def late(samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """The sound so many frames later, of the same length."""
    return np.concatenate([np.zeros(frames * PER_FRAME, np.float32), samples])[: len(samples)]


def save(file: Path, pictures: Pictures, samples: NDArray[np.float32] | None, crf: int = 14) -> Path:
    """A raw video."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_clip(file, pictures, RATE, samples, SAMPLE_RATE, crf=crf, force=True)
    return file
