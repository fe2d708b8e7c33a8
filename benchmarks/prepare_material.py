"""Raw videos whose right verdicts are known: rendered people, and what is done to them.

Used by `prepare_check.py`. What was rendered is kept in a folder, so that a second check only copies.
"""

from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.media.write import save_clip
from lipwright.presenter.clip import render_clip
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import SAMPLE_RATE, draw_speech

RATE = 25
SIZE = 256
SECONDS = (3.2, 3.6, 4.0, 4.4, 3.4, 5.2, 3.8, 6.0, 3.2, 4.8, 3.6, 8.0)
"""Lengths of the clips, in turn."""

Pictures = list[NDArray[np.uint8]]


def seed_of(number: int) -> int:
    """The person and the speech of a base clip."""
    return EVALUATION_SEED + 40_000 + 31 * number


def render_base(folder: Path, number: int) -> Path:
    """One talking presenter as base-NNN.mp4; what is there stays."""
    file = folder / f"base-{number:03d}.mp4"
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    seconds, seed = SECONDS[number % len(SECONDS)], seed_of(number)
    speech = draw_speech(seed, seconds)
    frames = round(seconds * RATE)
    shown = islice(render_clip(seed, seed, speech, size=SIZE, rate=RATE), frames)
    samples = np.zeros(frames * SAMPLE_RATE // RATE, np.float32)
    said = speech.samples[: len(samples)]
    samples[: len(said)] = said
    save_clip(file, [picture for picture, _ in shown], RATE, samples, SAMPLE_RATE, crf=12, force=True)
    return file
