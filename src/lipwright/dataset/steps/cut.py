"""Step 6: frames straight to aligned crops; crops and sound to files, each encoded once."""

import io
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.dataset.manifest import RATE, SOUND_HZ
from lipwright.errors import MediaError
from lipwright.faces.align import Template, anchors, crop, fit, frame_box
from lipwright.faces.track import FaceTrack
from lipwright.media.frames import Frame
from lipwright.media.output import save_bytes
from lipwright.media.write import save_clip

PER_FRAME = SOUND_HZ // RATE
_MARGIN_PX = 4

Crop = NDArray[np.uint8]
Samples = NDArray[np.float32]


def aligned(frame: Frame, track: FaceTrack, moment: int, template: Template) -> Crop:
    """The crop (side, side, 3) RGB of one moment; the face must be there."""
    matrix = fit(anchors(track.smoothed_at(moment), template), template)
    side = template.resolution
    box = frame_box(matrix, side, frame.width, frame.height, _MARGIN_PX)
    face = crop(frame.rgb_box(box), box, matrix, side)
    return np.asarray(np.clip(face + 0.5, 0, 255), np.uint8)


def crops(
    frames: Iterable[Frame], track: FaceTrack, spans: Sequence[tuple[int, int]], template: Template
) -> Iterable[tuple[int, list[Crop]]]:
    """(number of the span, its crops) for growing spans (start, stop) that do not overlap; one at a time in
    memory. Moments without a face repeat the crop before them. Raises MediaError when frames are missing.
    """
    number, held = 0, list[Crop]()
    for moment, frame in enumerate(frames):
        if number == len(spans):
            return
        start, stop = spans[number]
        if moment < start:
            continue
        if track.present[moment]:
            held.append(aligned(frame, track, moment, template))
        elif held:
            held.append(held[-1])
        else:  # not yet seen: as it looks when it is
            first = start + int(np.flatnonzero(track.present[start:stop])[0])
            held.append(aligned(frame, track, first, template))
        if moment + 1 == stop:
            yield number, held
            number, held = number + 1, []
    if number < len(spans):
        raise MediaError("it gave fewer frames the second time it was read; is it being written?", at_s=0.0)


def sound_between(samples: Samples, start: int, stop: int) -> Samples:
    """The sound of frames `start` to `stop` - 1; silence where there is none."""
    first, last = start * PER_FRAME, stop * PER_FRAME
    inside = samples[max(0, first) : max(0, min(last, len(samples)))]
    before = max(0, min(-first, last - first))
    return np.pad(inside, (before, last - first - before - len(inside)))


def save_pictures(file: Path, pictures: Sequence[Crop], crf: int) -> None:
    """One encode. Raises OutputError, also when the disk is full."""
    save_clip(file, pictures, RATE, None, SOUND_HZ, crf=crf, force=True)


def save_sound(file: Path, samples: Samples) -> None:
    """Mono samples (-1..1) at 16 kHz as 16-bit WAV. Raises OutputError, also when the disk is full."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SOUND_HZ)
        sound.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    save_bytes(file, buffer.getvalue())
