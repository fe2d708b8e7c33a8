"""Step 7: do lips and sound belong together, and at which shift?

By default, with nothing to download: the opening that the ears hear is set against the opening of the lips
in the mesh, at every shift. Drawn people open as the ears' jaw says, real ones as their general opening
does (docs/ears.md); the one that fits better speaks. A SyncNet takes their place when its file is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipwright.dataset.config import EARS, Sync
from lipwright.dataset.manifest import RATE
from lipwright.dataset.steps.cut import PER_FRAME, Crop, Samples
from lipwright.dataset.steps.follow import opening
from lipwright.dataset.verdicts import OFFSET, SILENT, UNSURE, Refused
from lipwright.errors import OptionError
from lipwright.faces.track import FaceTrack
from lipwright.models.listener import Listener
from lipwright.models.stable_syncnet import stack_frames
from lipwright.speech.loudness import levels
from lipwright.speech.mel import syncnet_mel, syncnet_window
from lipwright.speech.mouth_track import MouthTrack, listen
from lipwright.speech.personal import general_opening
from lipwright.weights.judges import PIXEL, SyncJudge, load_syncnet
from lipwright.weights.load_ears import load_ears

Floats = NDArray[np.float64]

DRIFT_S = 0.4  # what moves slower than this, either way, is mood and head, not words
FRAMES_APART = 5.0  # openings of so many frames count as one observation: they follow each other
EARS_CONFIDENCE = 2.4  # of 29 presenters, 3 to 8 s, all reach it; of 145 wrong pairs 2 do
SYNCNET_CONFIDENCE = 0.1
SPOKEN_DB = -30.0
WINDOW = 16  # frames that a SyncNet looks at
STRIDE = 2  # frames between its windows
BATCH = 8


@dataclass(frozen=True)
class Heard:
    """The sound of a whole raw video; track: its mouth by the ears, None when a SyncNet judges."""

    samples: Samples
    track: MouthTrack | None


class Judge(Protocol):
    """Says how well picture and sound agree at each shift."""

    least_confidence: float

    def hear(self, samples: Samples) -> Heard:
        """Listen to the whole sound of a video once."""
        ...

    def agreement(
        self, heard: Heard, track: FaceTrack, start: int, pictures: Sequence[Crop], reach: int
    ) -> tuple[float, int]:
        """(confidence, shift): shift in frames, of -reach..reach, by which the sound comes late."""
        ...


def judge_of(config: Sync) -> Judge:
    """The judge that is named. Raises WeightsError, OptionError."""
    if config.judge == EARS:
        return EarsJudge(load_ears())
    place = Path(config.judge)
    if not place.exists():
        raise OptionError(
            f"sync.judge is {config.judge!r}, but must be {EARS!r} or a SyncNet's file or folder."
        )
    judge = load_syncnet(place)
    if judge.sight.space != PIXEL:
        raise OptionError(f"The SyncNet {place} looks at latents; name one that looks at pixels.")
    return SyncNetJudge(judge)


class EarsJudge:
    """Ours. Confidence: how many standard deviations the correlation lies above chance."""

    least_confidence = EARS_CONFIDENCE

    def __init__(self, ears: Listener) -> None:
        self._ears = ears

    def hear(self, samples: Samples) -> Heard:
        """See Judge."""
        return Heard(samples, listen(self._ears, samples))

    def agreement(
        self, heard: Heard, track: FaceTrack, start: int, pictures: Sequence[Crop], reach: int
    ) -> tuple[float, int]:
        """See Judge."""
        assert heard.track is not None
        seen = opening(track, start, start + len(pictures))
        times = np.arange(start - reach, start + len(pictures) + reach) / RATE
        best = (-1.0, 0)
        for said in (heard.track.one("jaw", times), general_opening(heard.track, times)):
            curve = correlations(seen, np.asarray(said, np.float64), reach)
            at = int(np.argmax(curve))
            best = max(best, (float(curve[at]), at - reach))
        spread = np.sqrt(max(len(pictures) / FRAMES_APART - 3, 1.0))
        return float(np.arctanh(np.clip(best[0], -0.999, 0.999)) * spread), best[1]


def correlations(seen: Floats, said: Floats, reach: int) -> Floats:
    """(2 reach + 1,): openings seen (n,), NaN where not, with what is said (n + 2 reach,), at each shift."""
    here = np.isfinite(seen)
    filled = np.interp(np.arange(len(seen)), np.flatnonzero(here), seen[here])
    steady, moving = _steady(filled), _steady(said)
    found = np.zeros(2 * reach + 1)
    for place in range(len(found)):
        a, b = steady[here], moving[place : place + len(seen)][here]
        spread = a.std() * b.std()
        if spread > 1e-9:
            found[place] = ((a - a.mean()) * (b - b.mean())).mean() / spread
    return found


class SyncNetJudge:
    """A SyncNet. Confidence: mean cosine at the best shift above the median of all shifts.

    The released limit of 3 belongs to the distances of another network, SyncNet v2, which is none of these.
    """

    least_confidence = SYNCNET_CONFIDENCE

    def __init__(self, judge: SyncJudge) -> None:
        self._judge = judge

    def hear(self, samples: Samples) -> Heard:
        """See Judge."""
        return Heard(samples, None)

    def agreement(
        self, heard: Heard, track: FaceTrack, start: int, pictures: Sequence[Crop], reach: int
    ) -> tuple[float, int]:
        """See Judge. A clip with fewer than 16 frames agrees with nothing."""
        starts = range(0, len(pictures) - WINDOW + 1, STRIDE)
        if not len(starts):
            return 0.0, 0
        mel = syncnet_mel(heard.samples)
        sound: dict[int, NDArray[np.float32]] = {}
        for place in range(start - reach, start + len(pictures) + reach):
            window = syncnet_window(mel, place / RATE) if place >= 0 else None
            if window is not None:
                sound[place] = window
        said = dict(zip(sound, self._heard(list(sound.values())), strict=True))
        shown = self._seen(pictures, starts)
        curve = np.full(2 * reach + 1, -1.0)
        for shift in range(-reach, reach + 1):
            pairs = [(k, said.get(start + first + shift)) for k, first in enumerate(starts)]
            cosines = [float(shown[k] @ vector) for k, vector in pairs if vector is not None]
            if 2 * len(cosines) >= len(starts):
                curve[shift + reach] = float(np.mean(cosines))
        tried = curve[curve > -1]
        if not len(tried):
            return 0.0, 0
        best = int(np.argmax(curve))
        return float(curve[best] - np.median(tried)), best - reach

    @torch.no_grad()
    def _heard(self, windows: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        found: list[NDArray[np.float32]] = []
        for first in range(0, len(windows), BATCH):
            batch = torch.from_numpy(np.stack(windows[first : first + BATCH]))[:, None]
            vectors = torch.nn.functional.normalize(self._judge.network.audio_encoder(batch), dim=1)
            found += list(vectors.numpy())
        return found

    @torch.no_grad()
    def _seen(self, pictures: Sequence[Crop], starts: Sequence[int]) -> list[NDArray[np.float32]]:
        sight = self._judge.sight
        top = round(sight.side * sight.top)
        sized = [cv2.resize(p, (sight.side, sight.side), interpolation=cv2.INTER_AREA) for p in pictures]
        pixels = torch.from_numpy(np.stack(sized)).permute(0, 3, 1, 2).float() / 127.5 - 1
        half = pixels[:, :, top : top + sight.side // 2]
        found: list[NDArray[np.float32]] = []
        for first in range(0, len(starts), BATCH):
            batch = torch.stack([half[k : k + WINDOW] for k in starts[first : first + BATCH]])
            encoded = self._judge.network.visual_encoder(stack_frames(batch))
            found += list(torch.nn.functional.normalize(encoded, dim=1).numpy())
        return found


def check_sound(samples: Samples, start: int, stop: int, config: Sync) -> float:
    """Seconds of speech in these frames. Raises Refused when they are silent."""
    said = samples[start * PER_FRAME : stop * PER_FRAME]
    moments = ((np.arange(stop - start) + 0.5) / RATE).tolist()
    loud = float(np.quantile(np.abs(said), 0.98)) if len(said) else 0.0
    loud_db = 20 * np.log10(max(loud, 1e-9))
    if loud_db < config.silent_db:
        raise Refused(SILENT, f"the loud parts are at {max(loud_db, -99):.0f} dB")
    whole = (np.clip(said, -1, 1) * 32767).astype(np.int16)
    seconds = float((levels(whole, moments) > SPOKEN_DB).sum()) / RATE
    if seconds < config.least_speech_s:
        raise Refused(SILENT, f"{seconds:.1f} s of sound, least {config.least_speech_s:g}")
    return seconds


def check_sync(
    judge: Judge, heard: Heard, track: FaceTrack, start: int, pictures: Sequence[Crop], config: Sync
) -> dict[str, Any]:
    """Figures of one clip; `offset` is what is to be corrected. Raises Refused: unsure, or too far apart."""
    confidence, shift = judge.agreement(heard, track, start, pictures, config.reach)
    least = judge.least_confidence if config.least_confidence is None else config.least_confidence
    told = f"confidence {confidence:.2f}, least {least:g}"
    if confidence < least:
        raise Refused(UNSURE, told)
    if abs(shift) > config.most_offset:
        raise Refused(OFFSET, f"{shift:+d} frames, most {config.most_offset}")
    return {"confidence": round(confidence, 2), "offset": shift}


def _steady(values: Floats) -> Floats:
    return np.asarray(values - gaussian_filter1d(values, DRIFT_S * RATE, mode="nearest"), np.float64)
