"""What is heard in a sound, in the terms in which a person's mouth is wished for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lipwright.models.listener import Listener
from lipwright.personal.wish import Heard
from lipwright.speech.loudness import levels
from lipwright.speech.mouth_track import listen
from lipwright.speech.personal import Personal, fit_personal, general_opening, speaking

PAUSE_DB = 60.0  # a pause counts as so much quieter


class Hearing:
    """A whole sound (mono, 16 kHz, 16 bits) that was listened to."""

    def __init__(self, ears: Listener, samples: NDArray[np.int16]) -> None:
        self._track = listen(ears, samples)
        self._samples = samples

    def at(self, times_s: Sequence[float], voice: Personal | None = None) -> Heard:
        """What is heard at growing times; with `voice`, openings as far as this person opens for them."""
        times = np.asarray(times_s, np.float64)
        if voice is None:
            jaw = general_opening(self._track, times)
        else:
            jaw = voice.opening(self._track, times, closes=False).astype(np.float64)
        spread = self._track.one("width", times) - self._track.one("round", times)
        pauses = PAUSE_DB * (speaking(self._track, times) - 1)
        level = np.minimum(levels(self._samples, times.tolist()), pauses)
        press = self._track.one("press", times)
        return Heard(jaw.astype(np.float32), spread, press, level.astype(np.float32))

    def voice_of(self, times_s: Sequence[float], openings: NDArray[np.floating]) -> Personal | None:
        """How this person opens for each kind of sound, from their own openings (NaN: not seen) in step with
        the sound; None when that teaches nothing.
        """
        seen = np.isfinite(openings)
        voice = fit_personal(self._track, np.asarray(times_s, np.float64)[seen], np.asarray(openings)[seen])
        return voice if any(voice.corrections) else None
