"""Talking clips of a presenter, with the true mouth of every frame."""

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import InputError, OutputError
from lipwright.media.probe import PRESENTER_COMMENT
from lipwright.media.samples import read_samples
from lipwright.media.write import save_clip
from lipwright.presenter.acoustic import articulate_sound
from lipwright.presenter.articulation import articulate
from lipwright.presenter.identity import draw_identity
from lipwright.presenter.motion import draw_motion
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.portrait import Portrait
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.presenter.voice import SAMPLE_RATE, Speech, Voice, draw_voice, speak
from lipwright.progress import Progress

SIZE_PX = 384
"""Width and height of a clip made without other wishes."""

RATE = 25
"""Frames per second of a clip made without other wishes."""

_SHORTEST_S = 0.04


@dataclass(frozen=True)
class Truth:
    """What one frame shows: its time in seconds, the mouth (7,) float32 in the order of PARAMETERS, and the
    true opening between the inner lips in pixels of that frame.
    """

    time_s: float
    mouth: NDArray[np.float32]
    aperture_px: float


def frame_times(duration_s: float, rate: float) -> NDArray[np.float64]:
    """Times of the frames that cover a duration: frame i is at i / rate."""
    return np.arange(max(int(np.ceil(duration_s * rate - 1e-9)), 1)) / rate


def mouths_of(speech: Speech, times_s: NDArray[np.floating]) -> NDArray[np.float32]:
    """The mouth (t, 7) that says a speech: from its phonemes, or by rule from its sound when it has none."""
    if speech.phonemes:
        return articulate(speech.phonemes, speech.samples, times_s, rate=SAMPLE_RATE)
    return articulate_sound(speech.samples, SAMPLE_RATE, times_s)


def render_clip(
    identity_seed: int, motion_seed: int, speech: Speech, *, size: int = SIZE_PX, rate: float = RATE
) -> Iterator[tuple[NDArray[np.uint8], Truth]]:
    """Render frames (size, size, 3) RGB with their truth, as they are asked for.

    The same identity and motion seeds with another speech differ in nothing but the mouth.
    """
    times = frame_times(speech.duration_s, rate)
    mouths = mouths_of(speech, times)
    poses = draw_motion(motion_seed, times)
    portrait = Portrait(draw_identity(identity_seed), size)
    for time_s, pose, mouth in zip(times, poses, mouths, strict=True):
        yield portrait.render(pose, mouth), Truth(float(time_s), mouth, float(portrait.aperture(pose, mouth)))


def make_clip(
    out: Path | str,
    *,
    text: str | None = None,
    audio: Path | str | NDArray[np.float32] | None = None,
    seed: int = 0,
    size: int = SIZE_PX,
    rate: int = RATE,
    truth: Path | str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write a clip of the presenter of `seed` who says `text`, or speaks with `audio` (a file, or mono
    samples at 16 kHz).

    `truth` names a JSON file for the mouth of every frame. Raises InputError for nothing to say or no
    synthesiser, OutputError when a file exists without `force` or cannot be written, MediaError for an
    unreadable recording.
    """
    progress = Progress() if progress is None else progress
    _check_truth(truth, force)
    speech, said = _speech(text, audio, seed)
    seen: list[Truth] = []
    count = len(frame_times(speech.duration_s, rate))
    progress.start("render", count)

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for picture, moment in render_clip(seed, seed, speech, size=size, rate=rate):
            seen.append(moment)
            progress.advance("render")
            yield picture

    save_clip(
        Path(out),
        pictures(),
        rate,
        speech.samples,
        SAMPLE_RATE,
        duration=Fraction(count, rate),
        comment=PRESENTER_COMMENT,
        force=force,
    )
    if truth is not None:
        about = {"rate": rate, "size": size, "seed": seed, "evaluation": seed >= EVALUATION_SEED, **said}
        write_truth(Path(truth), seen, speech, about)


def write_truth(path: Path, seen: list[Truth], speech: Speech, about: dict[str, Any]) -> None:
    """Write the truth of a clip as JSON; `about` is added at its top. Raises OutputError when it cannot be
    written.
    """
    record = {
        "source": "phonemes" if speech.phonemes else "acoustic",
        **about,
        "parameters": list(PARAMETERS),
        "phonemes": [[label, round(start, 4), round(end, 4)] for label, start, end in speech.phonemes],
        "frames": [
            {
                "time_s": round(moment.time_s, 6),
                "mouth": [round(float(value), 4) for value in moment.mouth],
                "aperture_px": round(moment.aperture_px, 3),
            }
            for moment in seen
        ],
    }
    private = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=".truth-", delete=False, encoding="utf-8"
        ) as file:
            private = file.name
            json.dump(record, file, ensure_ascii=False)
        os.replace(private, path)
    except OSError as error:
        if private is not None:
            Path(private).unlink(missing_ok=True)
        raise OutputError(f"The truth file {path} could not be written: {error.strerror}.") from error


def _speech(
    text: str | None, audio: Path | str | NDArray[np.float32] | None, seed: int
) -> tuple[Speech, dict[str, Any]]:
    """What is said, and a record of where it came from."""
    if (text is None) == (audio is None):
        raise InputError("The presenter needs either a text or a recording, not both and not neither.")
    if text is not None:
        if not any(character.isalnum() for character in text):
            raise InputError(f"The text {text[:40]!r} holds no words; give the presenter something to say.")
        voice: Voice = draw_voice(seed)
        return speak(text, voice, seed), {"text": text, "voice": asdict(voice)}
    assert audio is not None
    samples = audio if isinstance(audio, np.ndarray) else read_samples(Path(audio), SAMPLE_RATE)
    if len(samples) < _SHORTEST_S * SAMPLE_RATE:
        raise InputError(
            f"The recording lasts {len(samples) / SAMPLE_RATE:.3f} s; give {_SHORTEST_S} s of speech or more."
        )
    return Speech(samples.astype(np.float32), ()), {}


def _check_truth(truth: Path | str | None, force: bool) -> None:
    """Refuse a truth file that could not be written, before time is spent on rendering."""
    if truth is None:
        return
    path = Path(truth)
    if path.exists() and not force:
        raise OutputError(f"The truth file {path} exists; choose another name or say --force.")
    if not path.parent.is_dir():
        raise OutputError(f"The folder {path.parent} for the truth file does not exist; make it first.")
